"""B16: quarantine has a way back, by right, in the record, and through accept alone."""

import asyncio
import json
import os
import sys

import pytest
import pytest_asyncio
from poisons import neighbour
from region import PACIFIC, Region
from sealed import protection

from broker.audit.log import read_audit
from broker.clock import epoch_ms
from broker.errors import Rejected
from broker.model.reason import Reason
from broker.pipeline import accept
from broker.pipeline.replay import Gone, Quarantine
from broker.policy.bundle import load_bundle
from broker.protect.original import kept_original
from broker.wire import codec

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]

UNIT = "fiji-immigration"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def region(kafka):
    async with Region(kafka, load_bundle(PACIFIC), partitions=2) as running:
        yield running


def quarantine_of(region, unwrapper=None):
    return Quarantine(region.connection, region.topics, unwrapper, epoch_ms)


async def set_aside(region, monkeypatch, reason):
    """Publish an alert that is set aside for *reason*; return its id and what is kept."""
    checks = accept.accept
    alert = neighbour(UNIT)

    def refuse(record, *rest):
        if record.key == str(alert.label.alert_id).encode():
            raise Rejected(reason, "label")
        return checks(record, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(accept, "accept", refuse)
        position = await region.publish(alert)
        (entry,) = await region.ends(position)
    assert (entry.kind, entry.reason) == ("QUARANTINED", reason)
    (kept,) = [e async for e in quarantine_of(region).kept() if e.source == position]
    return alert, kept


async def replayed(region):
    log = await read_audit(region.connection, region.topics)
    return {entry.source: entry for entry in log.of("REPLAYED")}


async def latest_end(region, alert, times):
    found = []
    while len(found) < times:
        log = await read_audit(region.connection, region.topics)
        found = [e for e in log.of("DECIDED", "QUARANTINED") if e.alert_id == alert.label.alert_id]
    return found[-1]


async def test_b16_what_was_mended_goes_through_accept_again_and_is_decided(region, monkeypatch):
    alert, kept = await set_aside(region, monkeypatch, Reason.KEY_UNKNOWN)

    await quarantine_of(region).replay(kept, "KEY_REGISTERED", "admin")

    end = await latest_end(region, alert, 2)
    assert (end.kind, end.source[:2]) == ("DECIDED", kept.source[:2])
    assert end.source[2] > kept.source[2]  # a place of its own in the intake
    said = (await replayed(region))[kept.source]
    assert (said.stage, said.reason, said.reference, said.credential, said.alert_id) == (
        "OPERATOR",
        "KEY_UNKNOWN",
        "KEY_REGISTERED",
        "admin",
        alert.label.alert_id,
    )


async def test_b16_what_is_still_wrong_comes_back_and_no_check_is_gone_around(region):
    poison = await region.send(UNIT, b"no-alert", b"\x00\x00\x00\x00\x01no alert")
    await region.ends(poison)
    (kept,) = [e async for e in quarantine_of(region).kept() if e.source == poison]

    await quarantine_of(region).replay(kept, "TRIED", "admin")

    again = (poison[0], poison[1], poison[2] + 1)
    (entry,) = await region.ends(again)
    assert (entry.kind, entry.reason) == ("QUARANTINED", kept.reason)


async def test_b16_a_replay_that_is_repeated_is_taken_once(region, monkeypatch):
    alert, kept = await set_aside(region, monkeypatch, Reason.KEY_UNKNOWN)
    for _ in range(2):
        await quarantine_of(region).replay(kept, "KEY_REGISTERED", "admin")

    await latest_end(region, alert, 2)
    log = await read_audit(region.connection, region.topics)
    mine = [e.kind for e in log.of("DECIDED") if e.alert_id == alert.label.alert_id]
    assert mine == ["DECIDED"]


async def test_b16_a_sealed_original_is_opened_where_the_intake_has_it_no_more(region, monkeypatch):
    keys = protection().folder
    topic = region.topics.intake(UNIT)
    where = f"{topic}/0/999999"
    held = {
        "reason": "KEY_UNKNOWN", "path": "", "stage": "ACCEPT", "at": epoch_ms(), "topic": topic,
        "partition": 0, "offset": 999_999, "alert_id": None, "originator": UNIT,
        **kept_original(keys.register, where, b"key", b"value"),
    }  # fmt: skip
    await region.sender.send(region.topics.quarantine, None, codec.encode("quarantine", held))
    (kept,) = [e async for e in quarantine_of(region).kept() if e.source[2] == 999_999]

    opened = await quarantine_of(region, keys.keeper)._original(kept)

    assert opened == (b"key", b"value", [])
    with pytest.raises(Gone, match="KEYS_ELSEWHERE"):
        await quarantine_of(region)._original(kept)
    with pytest.raises(Gone, match="RETENTION"):
        await quarantine_of(region, keys.keeper)._original(kept._replace(stage="ROUTE"))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"reason": "BATCH_TOO_LARGE"}, "BATCH"),
        ({"originator": None}, "NOT_PUBLISHED"),
        ({"source": ("alerts", 0, 1)}, "NOT_PUBLISHED"),
    ],
)
async def test_b16_what_was_never_one_alert_of_an_intake_has_no_way_back(
    region, monkeypatch, changes, code
):
    _, kept = await set_aside(region, monkeypatch, Reason.KEY_UNKNOWN)

    with pytest.raises(Gone, match=code):
        await quarantine_of(region).replay(kept._replace(**changes), "TRIED", "admin")


async def test_b16_the_commands_list_show_and_replay_without_content(region, monkeypatch, tmp_path):
    alert, kept = await set_aside(region, monkeypatch, Reason.KEY_EXPIRED)

    async def lali(*words):
        return await run(region, tmp_path, *words)

    code, out, err = await lali("quarantine", "list", "--reason", "KEY_EXPIRED", "--json")
    assert code == 0, err
    assert [each["place"] for each in json.loads(out)["quarantine"]] == [kept.name]
    code, out, err = await lali("quarantine", "show", kept.name)
    assert code == 0, err
    assert "The key that signed it has ended." in out
    assert "SYNTHETIC" not in out
    code, _, err = await lali("quarantine", "replay", kept.name, "--reason", "for Ana")
    assert code == 2
    assert "Ana" not in err
    code, _, err = await lali("quarantine", "replay", "0/987654", "--reason", "TRIED")
    assert (code, "0/987654" in err) == (2, True)
    code, out, err = await lali(
        "quarantine", "replay", kept.name, "--reason", "KEY_RENEWED", "--json"
    )
    assert (code, json.loads(out)["replayed"][0]["code"]) == (0, None), err
    assert (await latest_end(region, alert, 2)).kind == "DECIDED"
    log = await read_audit(region.connection, region.topics)
    assert len(list(log.of("QUARANTINE_READ"))) >= 2


async def run(region, folder, *words):
    env = {name: text for name, text in os.environ.items() if not name.startswith("LALI_")}
    env |= {
        "LALI_BOOTSTRAP_SERVERS": region.connection.bootstrap_servers,
        "LALI_TOPIC_PREFIX": region.topics.prefix,
        "LALI_PARTITIONS": str(region.topics.partitions),
        "LALI_PROTECTION": "off",
        "LALI_SETTINGS": os.devnull,
    }
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "broker", *words,
        cwd=folder, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(child.communicate(), 200)
    return child.returncode, out.decode(), err.decode()
