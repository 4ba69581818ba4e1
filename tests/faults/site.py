"""A site on a Kafka of its own, each role a process, which faults happen to."""

import base64
import contextlib
import json
import os
import secrets
import subprocess
import sys
import time

from kafka import KafkaProducer

from broker.cluster.local import LocalKafka
from broker.policy.bundle import load_bundle
from broker.resources import shipped
from broker.testing import make_alert
from broker.trial.roles import Crew
from broker.wire.alert_codec import encode_alert
from faults.oracle import Oracle, Verdict
from faults.posting import Posted

UNIT = "fiji-immigration"
#: Feeds whose partners collect files.
COLLECTED = ("fiji-tcu-investigate", "samoa-tcu-investigate")
#: Feed whose partner takes posts.
POSTED = "ptccc-coordinate"
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
ROLES = ("accept", "route", "deliver")
PATIENCE_SECONDS = 240


class Site:
    """The cluster, the roles, and who publishes.

    Args:
        folder: For logs, data and what partners collect.
        nodes: Of Kafka.
        data: Where Kafka's data lies; below *folder* where it is None.

    Attributes:
        taken: Marks of the alerts that were taken since somebody last emptied it.
    """

    roles = ROLES

    def __init__(self, folder, nodes=1, data=None):
        self.folder = folder
        self.kafka = LocalKafka(data or folder / "kafka", nodes=nodes, heap_mb=384)
        self.partitions = 2
        self.taken = []
        self.folders = {feed: folder / "partners" / feed for feed in (*COLLECTED, POSTED)}

    def __enter__(self):
        for each in self.folders.values():
            each.mkdir(parents=True)
        self.partner = Posted(self.folders[POSTED])
        self.kafka.start()
        self.crew = Crew(self.environment(), self.folder)
        self.prepare()
        self.oracle = Oracle(self.kafka.bootstrap_servers, "", self.feeds(), self.folders)
        for role in self.roles:
            self.crew.start(role)
        return self

    def prepare(self):
        """Make what must be there before any role starts."""
        self.lali("topics", "apply")

    def feeds(self):
        """Return the feeds in which an oracle can read what a release shows."""
        return list(load_bundle(shipped("policies") / "pacific").community.feeds)

    def __exit__(self, *_):
        with contextlib.suppress(Exception):
            self.crew.stop()
        self.kafka.stop()
        self.partner.stop()

    def write_connectors(self):
        """Write where each partner is now; return the file."""
        file = self.folder / "connectors.toml"
        lines = [
            f'[{feed}]\ntype = "filedrop"\nsettings = {{ folder = {json.dumps(str(at))} }}\n'
            for feed, at in self.folders.items()
            if feed != POSTED
        ]
        url = f"http://127.0.0.1:{self.partner.port}/in"
        lines += [
            f'[{POSTED}]\ntype = "webhook"\n[{POSTED}.settings]\nurl = "{url}"\n'
            'secret = { env = "FAULTS_SECRET" }\nallow_loopback = true\n'
        ]
        file.write_text("".join(lines))
        return file

    def environment(self):
        """Return the settings of every role."""
        connectors = self.write_connectors()
        return {
            "FAULTS_SECRET": SECRET,
            "LALI_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "LALI_PARTITIONS": str(self.partitions),
            "LALI_REPLICATION": str(self.kafka.replication),
            "LALI_SESSION_TIMEOUT_MS": "6000",
            "LALI_SETTINGS": os.devnull,
            "LALI_CONNECTORS": str(connectors),
            "LALI_PROTECTION": "off",
        }

    def publish(self, count, unit=UNIT):
        """Publish *count* alerts of one label; return their marks."""
        before = len(self.taken)
        with sending(self.kafka.bootstrap_servers) as send:
            for _ in range(count):
                self.taken.append(send(unit))
        return self.taken[before:]

    def until_taken(self):
        """Wait until an alert is taken: by Kafka at once, or never."""

    def write(self, topic, value, key=None, partition=None):
        """Write anything into a topic, as a fault, or somebody with the right, would."""
        producer = KafkaProducer(bootstrap_servers=self.kafka.bootstrap_servers.split(","))
        try:
            return producer.send(topic, value, key, partition=partition).get(60)
        finally:
            producer.close()

    def settle(self, marks):
        """Wait until nothing of *marks* is outstanding; return seconds, or None."""
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE_SECONDS:
            if self.oracle.has_all(marks):
                return time.monotonic() - began
            time.sleep(1)
        return None

    def learn(self):
        """Learn what must become of each alert, while nothing is wrong."""
        marks = self.publish(3)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(AssertionError):
                self.oracle.learn(marks)
                if self.oracle.has_all(marks):
                    time.sleep(2)  # nothing more comes
                    self.oracle.learn(marks)
                    return
            time.sleep(1)
        raise AssertionError("the site does not come to work")

    def lali(self, *words):
        """Give a command, as an operator does; return what it printed."""
        environment = {**os.environ, **self.environment()}
        command = [sys.executable, "-m", "broker", *words]
        return subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE).stdout


@contextlib.contextmanager
def sending(servers, **options):
    """Publish alerts of one label; the mark of each is returned when Kafka has it."""
    producer = KafkaProducer(
        bootstrap_servers=servers.split(","),
        acks="all",
        enable_idempotence=True,
        delivery_timeout_ms=60_000,
        request_timeout_ms=10_000,
        **options,
    )

    def send(unit):
        mark = secrets.token_hex(6)
        alert = make_alert(mark=f"cnry{mark}", originator=unit)
        key = str(alert.label.alert_id).encode()
        producer.send(f"intake.{unit}", encode_alert(alert), key).get(120)
        return mark

    try:
        yield send
    finally:
        producer.close(timeout=1)


def judged(site, fault, tell, publishes=6):
    """Let *fault* happen to *site* while alerts are published; tell and return the verdict.

    Args:
        site: Which works.
        fault: A name, and a context manager: entering it is the fault, leaving it its end.
        tell: Takes the row of the table.
        publishes: Alerts before, and in the middle of the fault.
    """
    name, happens = fault
    site.taken.clear()
    site.publish(publishes)
    with happens(site), contextlib.suppress(Exception):
        site.publish(publishes)  # what nobody was told is there is not lost
    site.until_taken()
    site.publish(2)
    marks = list(site.taken)
    seconds = site.settle(marks)
    verdict = site.oracle.judge(marks) if seconds is None else _final(site, marks)
    tell(name, len(marks), verdict, seconds)
    return verdict, seconds


def _final(site, marks) -> Verdict:
    time.sleep(1)  # what comes twice comes now
    return site.oracle.judge(marks)
