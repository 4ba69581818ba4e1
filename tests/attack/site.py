"""`lali up --secure` in a folder of its own, on free ports, with TLS and hostile partners."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

from client_paths import REFUSED, pem
from credentials import TokenIssuer, certificate_in
from cryptography.hazmat.primitives.serialization import Encoding

from attack.asking import HOST, Target
from attack.beside import Beside
from attack.partners import HostileKafka, HostileWebhook
from broker.app import make_parts
from broker.certificates import DevelopmentCa
from broker.gateway.identity.peer import peer_in
from broker.settings import load_settings
from broker.testing import make_label

FEED, READER, ORIGINATOR = "samoa-tcu-investigate", "samoa-tcu", "fiji-immigration"
#: Feeds whose partners are hostile: a folder, a web server, a cluster.
DROPPED, POSTED, SENT = "fiji-tcu-investigate", "ptccc-coordinate", "fiji-immigration-border"
#: Client certificates that must not count, though their authority is among ours.
WEAK = (
    "authority_expired", "unknown_critical_in_authority", "may_not_sign", "unknown_critical",
    "weak_key", "outside_name_constraints", "for_servers", "path_too_long", "expired",
)  # fmt: skip
#: A proxy is believed from here, and only with its certificate; another was refused.
PROXY, BALANCER = "127.9.0.1", "127.9.0.2"
_UP_SECONDS = 180
_STOP_SECONDS = 60


class Site(Target):
    """A real site, started and stopped here.

    Args:
        folder: Of its own.

    Attributes:
        process: `lali up --secure`.
        webhook, kafka: The hostile partners.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.data = folder / ".lali"
        self.drop = folder / "partners" / DROPPED
        self.process = None

    def __enter__(self):
        self.drop.mkdir(parents=True)
        self.ca = DevelopmentCa(self.folder / "ca")
        self.ca_file = self.ca.certificate_file
        self.server = self.ca.issue_server("gateway", [HOST])
        self.proxy, self.refused_proxy = (
            self.ca.issue_client(name) for name in ("the-proxy", "the-refused-proxy")
        )
        self.issuer = TokenIssuer(self.folder)
        self.weak = {kind: REFUSED[kind]() for kind in WEAK}
        self._write_client_ca()
        self._write_identities()
        with contextlib.ExitStack() as partners:
            self.webhook = partners.enter_context(HostileWebhook())
            self.kafka = partners.enter_context(HostileKafka())
            self._write_connectors()
            self.port = _free_port()
            partners.callback(self.stop)
            self.start()
            self._partners = partners.pop_all()
        return self

    def __exit__(self, *_):
        self._partners.close()

    def start(self):
        """Start it; wait until the gateway has read what there is."""
        with (self.folder / "up.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "broker", "up", "--secure"],
                cwd=self.folder, env=self._environment(), stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + _UP_SECONDS
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the site does not come up: {self.said()[-2000:]}")
            time.sleep(0.3)

    def stop(self):
        """Stop it as an operator does; return after how many seconds it had ended."""
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return time.monotonic() - began

    def is_ready(self):
        """Whether it answers that it is."""
        with contextlib.suppress(OSError):
            return self.ask("GET", "/readyz").status == 200
        return False

    def said(self):
        """Return what it wrote."""
        return (self.folder / "up.log").read_text(errors="replace")

    def headers(self, unit):
        """Return the credential of *unit*."""
        return {"Authorization": f"Bearer {self.key(unit)}"}

    def key(self, unit):
        """Return the API key of *unit*."""
        return (self.data / "api-keys" / unit).read_text().strip()

    def fingerprint(self, pair):
        """Return how the identities file names a certificate."""
        return peer_in(certificate_in(pair).public_bytes(Encoding.DER)).fingerprint

    def settings(self):
        """Return the settings of the site, for commands beside it."""
        return load_settings(data_folder=self.data, partitions=2).in_effect()

    def parts(self):
        """Return the site as a command beside it has it."""
        return make_parts(self.settings())

    def publish(self, originator=ORIGINATOR, headline="SYNTHETIC: a longliner", **label):
        """Publish an alert by HTTP; return its id."""
        answer = self.ask(
            "POST", "/v1/alerts", headers=self.headers(originator),
            body=draft(originator, headline, **label),
        )  # fmt: skip
        if answer.status != 202:
            raise RuntimeError(f"an ordinary alert was answered {answer.status} {answer.code}")
        return answer.json()["alert_id"]

    def memory_bytes(self):
        """Return what the process holds in memory now."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGESIZE")

    def _environment(self):
        ours = {name: text for name, text in os.environ.items() if not name.startswith("LALI_")}
        ours |= {name: os.environ[name] for name in ("LALI_CACHE_DIR",) if name in os.environ}
        return ours | {
            "LALI_SETTINGS": os.devnull,
            "LALI_PARTITIONS": "2",
            "LALI_LOG_FORM": "json",
            "LALI_GATEWAY_PORT": str(self.port),
            "LALI_GATEWAY_CERTIFICATE": str(self.server.certificate),
            "LALI_GATEWAY_KEY": str(self.server.key),
            "LALI_GATEWAY_CLIENT_CA": str(self.folder / "clients.pem"),
            "LALI_GATEWAY_IDENTITIES": str(self.folder / "identities.toml"),
            "LALI_CONNECTORS": str(self.folder / "connectors.toml"),
            "ATTACK_SECRET": HostileWebhook.SECRET,
        }

    def _write_client_ca(self):
        roots = b"".join(pem(root.certificate) for root, _, _ in self.weak.values())
        (self.folder / "clients.pem").write_bytes(self.ca_file.read_bytes() + roots)

    @contextlib.contextmanager
    def beside(self, role, **settings):
        """Run another process of *role* at this site, with other settings; yield it."""
        changed = {"LALI_GATEWAY_PORT": "0"} | {name: str(v) for name, v in settings.items()}
        with Beside(self.folder, self._environment() | changed, role) as process:
            yield process

    def _write_identities(self):
        (self.folder / "identities.toml").write_text(
            f"[certificates]\nrefused = ['{self.fingerprint(self.refused_proxy)}']\n"
            + self.issuer.entry()
            + f"[[proxies]]\nnetworks = ['{PROXY}/32']\n"
            + f"certificate = '{self.fingerprint(self.proxy)}'\n"
            + f"[[proxies]]\nnetworks = ['{PROXY}/32']\n"
            + f"certificate = '{self.fingerprint(self.refused_proxy)}'\n"
            + f"[[proxies]]\nnetworks = ['{BALANCER}/32']\n"
        )

    def _write_connectors(self):
        (self.folder / "connectors.toml").write_text(
            f'[{DROPPED}]\ntype = "filedrop"\n[{DROPPED}.settings]\n'
            f"folder = {json.dumps(str(self.drop))}\n"
            f'[{POSTED}]\ntype = "webhook"\n[{POSTED}.settings]\n'
            f'url = "http://{HOST}:{self.webhook.port}/in"\n'
            'secret = { env = "ATTACK_SECRET" }\nallow_loopback = true\n'
            f'[{SENT}]\ntype = "kafka"\n[{SENT}.settings]\n'
            f'bootstrap_servers = "{HOST}:{self.kafka.port}"\ntopic = "alerts"\n'
        )


def draft(originator=ORIGINATOR, headline="SYNTHETIC: a longliner", **label):
    """Return a draft of an ordinary alert."""
    written = make_label(originator=originator, **label)
    for name in ("alert_id", "originated_at", "expires_at"):
        value = written[name]
        written[name] = value.isoformat() if isinstance(value, datetime) else str(value)
    return {
        "label": written,
        "distribution": {"retention_class": "YEARS_5"},
        "compartments": {"summary": {"headline": headline}},
    }


def until(condition, seconds=60):
    """Wait until *condition* gives something that counts; return the last it gave."""
    deadline = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def _free_port():
    with socket.socket() as found:
        found.bind((HOST, 0))
        return found.getsockname()[1]
