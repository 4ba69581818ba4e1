"""Peers that send clients elsewhere, or announce more than anybody should hold."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

from attack.partners import METADATA
from attack.site import until
from attack.trying import NotHeld, NotRun, attack, held
from broker.errors import SettingsInvalid
from connectors import make_connector

#: What one hostile answer may add to the process, bytes.
BOUND = 256 << 20
#: How /proc writes the address that the hostile broker names.
_ELSEWHERE = "010200C0"
_INSIDE = ("１２７.0.0.1", "①②⑦.⓪.⓪.①", "127。0。0。1", "０x7f.1", "２１３０７０６４３３")


class _Grown:
    """How much more memory a process holds than at first."""

    def __init__(self, site, bound):
        self._site, self._bound = site, bound
        self._first = site.memory_bytes()
        self.most = 0

    def look(self):
        """Look once.

        Raises:
            NotHeld: Beyond the bound; the process is ended, or this machine would be.
        """
        self.most = max(self.most, self._site.memory_bytes() - self._first)
        if self.most > self._bound:
            self._site.process.kill()
            raise NotHeld(f"the site's memory grew by {self.most >> 20} MiB")

    def watch(self, seconds):
        """Look for so long."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            self.look()
            time.sleep(0.1)


@contextlib.contextmanager
def growth(site, bound):
    """Yield what watches the memory of *site*; look a last time at the end."""
    grown = _Grown(site, bound)
    yield grown
    grown.look()


@attack(3, "a partner's cluster that says to go elsewhere, in plaintext", "nobody goes there")
def an_advertised_listener_elsewhere(site):
    site.kafka.floods, before = False, site.kafka.seen[METADATA]
    site.publish()
    if not until(lambda: site.kafka.seen[METADATA] > before, 60):
        raise NotRun("the Kafka connector did not come to the hostile broker")
    ends, went = time.monotonic() + 8, 0
    while time.monotonic() < ends:
        went += _connections_to(site, _ELSEWHERE)
        time.sleep(0.05)
    refused = "PLAINTEXT_REFUSED" in site.said()
    return held(
        not went and refused,
        f"asked {site.kafka.seen[METADATA]} times; connections there: {went}; "
        f"refusal in the log: {refused}",
    )


def _connections_to(site, address):
    table = Path(f"/proc/{site.process.pid}/net/tcp").read_text().splitlines()[1:]
    return sum(line.split()[2].startswith(address) for line in table)


@attack(3, "a command whose broker says to go elsewhere", "it does not, and says so")
def a_command_sent_elsewhere(site):
    site.kafka.floods = False
    ours = {name: text for name, text in os.environ.items() if not name.startswith("LALI_")}
    done = subprocess.run(
        [sys.executable, "-m", "broker", "topics", "apply"],
        cwd=site.folder, capture_output=True, text=True, timeout=90, check=False,
        env=ours | {"LALI_BOOTSTRAP_SERVERS": f"127.0.0.1:{site.kafka.port}",
                    "LALI_SETTINGS": os.devnull, "LALI_DATA_FOLDER": "elsewhere"},
    )  # fmt: skip
    last = (done.stderr.strip().splitlines() or [""])[-1]
    return held(done.returncode == 1, f"exit code 1: {last[:80]}")


@attack(4, "a broker's answer that announces 2³¹−1 bytes", "memory stays bounded")
def a_brokers_endless_answer(site):
    site.kafka.floods, before = True, site.kafka.seen["floods"]
    try:
        with growth(site, BOUND) as grown:
            site.publish()
            came = until(lambda: grown.look() or site.kafka.seen["floods"] > before, 90)
            if not came:
                raise NotRun("the Kafka connector did not come to the hostile broker")
            grown.watch(8)
    finally:
        site.kafka.floods = False
    return f"memory + {grown.most >> 20} MiB; {site.kafka.seen['floods'] - before} floods offered"


@attack(4, "a webhook's answer of 2³¹−1 bytes", "memory stays bounded")
def a_webhooks_endless_answer(site):
    before = site.webhook.seen["posts"]
    with growth(site, BOUND) as grown:
        site.publish()
        came = until(lambda: grown.look() or site.webhook.seen["posts"] > before, 60)
        if not came:
            raise NotRun("the webhook was not posted to")
        grown.watch(5)
    return f"memory + {grown.most >> 20} MiB; {site.webhook.poured >> 20} MiB of the flood left us"


@attack(4, "an issuer's JWKS file that never ends", "memory stays bounded; nobody comes in by it")
def an_endless_jwks(site):
    file = site.folder / "issuer.jwks.json"
    kept = file.read_bytes()
    token = {"Authorization": f"Bearer {site.issuer.token()}"}
    good = site.ask("GET", "/v1/feeds", headers=token).status
    file.unlink()
    file.symlink_to("/dev/zero")
    try:
        with growth(site, BOUND) as grown, site.connect() as connection:
            connection.sendall(
                f"GET /v1/feeds HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nConnection: close\r\n"
                f"Authorization: {token['Authorization']}\r\n\r\n".encode()
            )
            grown.watch(5)
            status = int(([*connection.recv(1 << 12).split(b" "), b"0", b"0"])[1])
    finally:
        file.unlink()
        file.write_bytes(kept)
    return held(
        good == 200 and status in (401, 503),
        f"before: {good}; then {status}, memory + {grown.most >> 20} MiB",
    )


@attack(
    11, "webhooks to this machine in other digits", "refused before anything is sent", quick=True
)
def addresses_in_other_digits(site):
    posts, taken = site.webhook.seen["posts"], []
    for host in _INSIDE:
        url = f"https://{host}:{site.webhook.port}/in"
        settings = {"url": url, "secret": site.webhook.SECRET}
        try:
            make_connector("webhook", settings, "made-up-feed")
        except SettingsInvalid:
            continue
        taken.append(host)
    came = site.webhook.seen["posts"] - posts
    return held(
        not taken and not came, f"taken of {len(_INSIDE)}: {taken or 'none'}; posts: {came}"
    )
