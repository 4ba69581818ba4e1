"""Records in the audit topic that no role of Lali wrote: counted, told of, and passed over."""

import hashlib
import json
import os
import subprocess
import sys
from uuid import UUID

import pytest
from delivering import Region, producing

from broker.audit.flows import flows
from broker.audit.trace import trace
from broker.testing import alert_id_of, make_alert
from broker.wire import codec

pytestmark = pytest.mark.kafka

ALERT = alert_id_of(1)


def entry(**more) -> bytes:
    """Return an entry as any client could write one."""
    common = {"entry_id": os.urandom(16), "kind": "DECIDED", "stage": "ROUTE", "at": 0}
    return codec.encode("audit-entry", {**common, "recalled": [], **more})


def decision(alert_id: UUID, plan_digest: bytes) -> bytes:
    return entry(
        alert_id=alert_id.bytes,
        revision=9,
        message_type="ALERT",
        bundle_digest=bytes(32),
        plan_digest=plan_digest,
    )


FRAME = entry()[: codec.FRAME_BYTES]
UNREADABLE = {
    "nothing": None,
    "no byte": b"",
    "text": b"SYNTHETIC: not from here",
    "another schema": codec.encode(
        "intake-mark", {"originator": "x", "intake_partition": 0, "offset": 1}
    ),
    "an unknown schema": b"\x00\xff\xff\xff\xff" + bytes(40),
    "a frame alone": FRAME,
    "a frame and noise": FRAME + bytes(range(256)),
    "an entry cut short": entry()[:-3],
    "a decision without a plan": entry(alert_id=ALERT.bytes, revision=9),
    "a decision whose plan is nowhere": decision(ALERT, bytes(32)),
}


@pytest.fixture
async def region(connection, topics):
    made = Region(connection, topics)
    await made.prepare()
    await made.route(make_alert(alert_id=ALERT))
    return made


async def _write(region, topic, *values):
    async with producing(region.connection) as producer:
        for value in values:
            await producer.send_and_wait(topic, value, key=b"SYNTHETIC", partition=0)


async def test_what_is_no_entry_is_counted_and_changes_nothing(region):
    before = await region.audit()

    await _write(region, region.topics.audit, *UNREADABLE.values())
    after = await region.audit()

    assert before.unreadable == 0
    assert after.unreadable == len(UNREADABLE)
    assert trace(after, ALERT) == trace(before, ALERT)
    assert flows(after) == flows(before) | {"unreadable": len(UNREADABLE)}


async def test_what_is_no_plan_is_passed_over(region):
    before = await region.audit()

    await _write(region, region.topics.plans, b"", b"SYNTHETIC", FRAME + b"\x80" * 12)

    assert await region.audit() == before


async def test_a_decision_that_names_a_record_which_is_no_plan_is_left_out(region):
    forged = b"SYNTHETIC"
    await _write(region, region.topics.plans, forged)
    await _write(
        region, region.topics.audit, decision(alert_id_of(2), hashlib.sha256(forged).digest())
    )

    log = await region.audit()

    assert log.unreadable == 1
    assert [e.alert_id for e in log.of("DECIDED")] == [ALERT]


async def test_the_commands_go_on_and_say_how_many_there_are(region, tmp_path):
    refused = {"kind": "QUARANTINED", "alert_id": ALERT.bytes, "reason": "[/red]", "path": "[/]"}
    ended = {"kind": "DEAD_LETTERED", "stage": "DELIVER", "feed": "[/]", "reason": "[/]"}
    marked = [entry(**refused), entry(**ended, alert_id=ALERT.bytes, revision=1)]
    await _write(region, region.topics.audit, *UNREADABLE.values(), *marked)

    for command in ("flows", f"trace {ALERT}"):
        for form in ("", "--json"):
            run = _lali(f"{command} {form}", region, tmp_path)

            assert run.returncode == 0, run.stderr
            told = f"lali: {len(UNREADABLE)} records of the audit log are no entries of Lali"
            assert run.stderr.startswith(told)
            assert "SYNTHETIC" not in run.stdout + run.stderr
            if form:
                json.loads(run.stdout)


def _lali(command, region, folder):
    settings = {
        "LALI_BOOTSTRAP_SERVERS": region.connection.bootstrap_servers,
        "LALI_TOPIC_PREFIX": region.topics.prefix,
        "LALI_PARTITIONS": str(region.topics.partitions),
        "LALI_PROTECTION": "off",
        "COLUMNS": "120",
    }
    return subprocess.run(
        [sys.executable, "-m", "broker", *command.split()],
        cwd=folder, env=os.environ | settings, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip
