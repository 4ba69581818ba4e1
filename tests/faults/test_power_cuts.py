"""B20: a site without staff comes up again after any power cut, by itself, with all it had.

Every process of `lali up` is killed at once, at any moment, while alerts are published; then it
is started again, as a machine does that has power again.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from broker.policy.bundle import load_bundle
from broker.resources import shipped
from faults.oracle import Oracle
from faults.selection import WHOLE
from faults.site import COLLECTED, PATIENCE_SECONDS, UNIT, sending

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(7200)]

CUTS = int(os.environ.get("LALI_POWER_CUTS", "50" if WHOLE else "1"))
_LONGEST_SECONDS = 12.0  # roles take a few seconds to be at work
_BETWEEN_SECONDS = 0.1  # what fifty short lives leave undone, the last one has to do


class Machine:
    """A machine on which nothing but `lali up` runs."""

    def __init__(self, folder, *, secure):
        self.folder = folder
        self.secure = secure
        self.folders = {feed: folder / "partners" / feed for feed in COLLECTED}
        for each in self.folders.values():
            each.mkdir(parents=True)
        (folder / "connectors.toml").write_text(
            "".join(
                f'[{feed}]\ntype = "filedrop"\nsettings = {{ folder = {json.dumps(str(at))} }}\n'
                for feed, at in self.folders.items()
            )
        )
        self._up = None

    def power_on(self):
        """Start it, and wait until it takes an alert; return its mark."""
        ours = {name: text for name, text in os.environ.items() if not name.startswith("LALI_")}
        ours |= {name: os.environ[name] for name in ("LALI_CACHE_DIR",) if name in os.environ}
        settings = {
            "LALI_PROTECTION": "off",
            "LALI_GATEWAY_PORT": "0",
            "LALI_PARTITIONS": "2",
            "LALI_SETTINGS": os.devnull,
            "LALI_CONNECTORS": str(self.folder / "connectors.toml"),
            "LALI_LOG_FORM": "json",
        }
        words = ["up", *(["--secure"] if self.secure else [])]
        self._note().unlink(missing_ok=True)  # an older one names ports that may have changed
        with (self.folder / "up.log").open("ab") as log:
            self._up = subprocess.Popen(
                [sys.executable, "-m", "broker", *words],
                cwd=self.folder,
                env=ours | settings,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self._first_taken()

    def cut(self):
        """Kill every process of it at once."""
        for pid in [*_below(self._up.pid), self._up.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._up.wait(60)

    def options(self):
        """Return how kafka-python reaches it, as its administrator."""
        note = json.loads(self._note().read_text())
        servers = note["bootstrap_servers"]
        if not self.secure:
            return servers, {}
        password = self.folder / ".lali" / note["credentials"] / "admin.password"
        return servers, {
            "security_protocol": "SASL_SSL",
            "ssl_cafile": note["ca_file"],
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": "admin",
            "sasl_plain_password": password.read_text().strip(),
        }

    def publish(self, until):
        """Publish one alert after the other until *until*; return the marks that Kafka took."""
        servers, options = self.options()
        taken = []
        with contextlib.suppress(Exception), sending(servers, **options) as send:
            while time.monotonic() < until or not taken:
                mark = send(UNIT)
                taken.append(mark)
                time.sleep(_BETWEEN_SECONDS)
        return taken

    def _first_taken(self):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            assert self._up.poll() is None, f"it ended: {self.said()}"
            with contextlib.suppress(Exception):
                servers, options = self.options()
                with sending(servers, **options) as send:
                    return send(UNIT)
            time.sleep(0.5)
        raise AssertionError(f"it does not come up: {self.said()}")

    def said(self):
        """Return the end of what it wrote."""
        return (self.folder / "up.log").read_text(errors="replace")[-2000:]

    def keep(self, seed):
        """Keep its logs where no later run removes them; return that folder."""
        kept = Path(tempfile.gettempdir()) / f"lali-power-cuts-{seed}"
        for log in [*self.folder.glob("*.log"), *self.folder.glob(".lali/**/kafka.log*")]:
            copied = kept / log.relative_to(self.folder)
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(log, copied)
        return kept

    def _note(self):
        return self.folder / ".lali" / "running.json"


def _below(pid):
    """Return every process that descends from *pid*."""
    found = []
    with contextlib.suppress(OSError), Path(f"/proc/{pid}/task/{pid}/children").open() as said:
        for child in map(int, said.read().split()):
            found += [child, *_below(child)]
    return found


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "secure"])
def test_b20_it_comes_up_by_itself_after_every_power_cut(secure, tmp_path, tell_fault, say):
    seed = int(os.environ.get("LALI_CHAOS_SEED", random.randrange(10**6)))
    say(f"power cuts: seed {seed}")
    chance = random.Random(seed)
    machine = Machine(tmp_path, secure=secure)
    try:
        first = machine.power_on()
        oracle = _learnt(machine, first)
        marks, slowest = [], 0.0
        for _ in range(CUTS):
            marks += machine.publish(time.monotonic() + chance.random() * _LONGEST_SECONDS)
            machine.cut()
            began = time.monotonic()
            marks.append(machine.power_on())
            slowest = max(slowest, time.monotonic() - began)
        oracle = _oracle(machine, oracle.expected)
        oracle.wait_for(marks, PATIENCE_SECONDS)
        verdict = oracle.judge(marks)
    except BaseException:
        say(f"power cuts: logs in {machine.keep(seed)}")
        raise
    finally:
        machine.cut()
    kind = "secure" if secure else "plain"
    tell_fault(f"power cut, {kind}, {CUTS} times (slowest start)", len(marks), verdict, slowest)
    if not verdict.holds:
        say(f"power cuts: logs in {machine.keep(seed)}")
    assert verdict.holds, verdict


def _oracle(machine, expected):
    servers, options = machine.options()
    feeds = list(load_bundle(shipped("policies") / "pacific").community.feeds)
    made = Oracle(servers, "", feeds, machine.folders, **options)
    made.expected = expected
    return made


def _learnt(machine, mark):
    oracle = _oracle(machine, {})
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(AssertionError):
            oracle.learn([mark])
            if oracle.has_all([mark]):
                return oracle
        time.sleep(1)
    raise AssertionError(f"nothing comes of an alert: {machine.said()}")
