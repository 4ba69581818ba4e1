"""B20: where only Kafka dies, `lali up` starts it again by itself, with all that it had."""

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest

from faults.selection import WHOLE
from faults.site import PATIENCE_SECONDS
from faults.test_power_cuts import Machine, _learnt, _oracle

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(1800)]

KILLS = 2 if WHOLE else 1


def _all_below(pid):
    """Return every process below *pid*, whichever of its threads has started it."""
    found = []
    for said in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, said.read_text().split()):
                found += [child, *_all_below(child)]
    return found


def _kafka_below(pid):
    """Return the Java process of `lali up`."""
    for child in _all_below(pid):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{child}/exe").resolve().name == "java":
                return child
    return None


def _another(machine, killed):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = _kafka_below(machine._up.pid)
        if found not in (None, killed):
            return found
        time.sleep(0.2)
    raise AssertionError(f"Kafka was not started again: {machine.said()}")


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "secure"])
def test_b20_kafka_alone_is_killed_and_comes_back_with_its_data(secure, tmp_path, tell_fault):
    machine = Machine(tmp_path, secure=secure)
    try:
        expected = _learnt(machine, machine.power_on()).expected
        address, marks, slowest = machine.options()[0], [], 0.0
        for _ in range(KILLS):
            marks += machine.publish(time.monotonic() + 1)
            began, killed = time.monotonic(), _kafka_below(machine._up.pid)
            os.kill(killed, signal.SIGKILL)
            _another(machine, killed)
            marks.append(machine._first_taken())
            slowest = max(slowest, time.monotonic() - began)
        assert machine.options()[0] == address  # every program finds it where it was
        oracle = _oracle(machine, expected)
        oracle.wait_for(marks, PATIENCE_SECONDS)
        verdict = oracle.judge(marks)
        said = (machine.folder / "up.log").read_text()
    finally:
        machine.cut()
    kind = "secure" if secure else "plain"
    tell_fault(f"{KILLS} times Kafka alone, {kind}", len(marks), verdict, slowest)
    assert verdict.holds, verdict
    assert said.count('"kafka.started_again"') == KILLS
