"""What lies in folders that others write, and what others of this machine may read."""

import os
from pathlib import Path

from attack.peers import growth
from attack.site import FEED, READER, until
from attack.trying import NotRun, attack, held

#: What one hostile file or answer may add to the process, bytes.
BOUND = 128 << 20
_STOP_SECONDS = 45  # 25 of the roles, and Kafka's own


def _put(site, what):
    mark = site.drop / ".lali-feed"
    mark.unlink(missing_ok=True)
    if what == "a pipe":
        os.mkfifo(mark)
    else:
        mark.symlink_to("/dev/zero")


@attack(5, "a link to /dev/zero and a pipe where a feed's mark should be", "bounded; others flow")
def devices_in_a_partners_folder(site):
    seen = []
    for what in ("a link to /dev/zero", "a pipe"):
        _put(site, what)
        written, said = len(list(site.drop.glob("*.json"))), len(site.said())
        with growth(site, BOUND) as grown:
            alert_id = site.publish()
            path = f"/v1/feeds/{FEED}/alerts/{alert_id}"
            flows = until(lambda at=path: _reads(site, at))
            waits = until(lambda since=said: "FOLDER_" in site.said()[since:], 40)
            grown.watch(3)
        files = len(list(site.drop.glob("*.json"))) - written
        seen.append((what, bool(flows), bool(waits), files, f"{grown.most >> 20} MiB"))
    good = all(flows and waits and not files for _, flows, waits, files, _ in seen)
    return held(good, f"mark, others flow, feed waits, files, memory: {seen}")


def _reads(site, path):
    return site.ask("GET", path, headers=site.headers(READER)).status == 200


@attack(5, "SIGTERM while a partner's folder holds a pipe", "it ends by itself", last=True)
def a_stop_while_a_folder_hangs(site):
    _put(site, "a pipe")
    site.publish()
    took = site.stop()
    code = site.process.returncode
    (site.drop / ".lali-feed").unlink()
    site.start()
    return held(code != -9 and took < _STOP_SECONDS, f"exit code {code} after {took:.0f} s")


@attack(23, "modes of the data of Kafka, keys and secrets", "their owner's alone", quick=True)
def modes_of_the_data_folder(site):
    looked, loose = 0, []
    for top in ("kafka-secure", "keys/private", "api-keys", "gateway"):
        root = site.data / top
        for path in (root, *root.rglob("*")):
            looked += 1
            if _is_open(path):
                loose.append(str(path.relative_to(site.data)))
    if looked < 20:
        raise NotRun(f"only {looked} files were found to look at")
    return held(
        not loose,
        f"{looked} looked at, certificates left out; open to others: {loose[:3] or 'none'}",
    )


def _is_public(path: Path):
    """Whether it is a certificate and no key: everybody is shown it in a handshake."""
    if path.suffix != ".pem" or not path.is_file():
        return False
    text = path.read_text()
    return "BEGIN CERTIFICATE" in text and "PRIVATE" not in text


def _is_open(path: Path):
    try:
        return bool(path.lstat().st_mode & 0o077) and not _is_public(path)
    except FileNotFoundError:
        return False  # Kafka removes what it is done with
