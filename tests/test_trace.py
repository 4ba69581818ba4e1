"""The trace of an alert and the flows between units: whole, for people and for machines."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from delivering import FEED as REFUSES
from delivering import OTHER as TAKES
from delivering import Partner, Region, until
from rich.console import Console

from broker.audit.flows import flows
from broker.audit.log import AuditEntry, AuditLog
from broker.audit.trace import trace, trace_tree
from broker.errors import RecipientRefused
from broker.model.compartment import COMPARTMENTS
from broker.model.decision import Outcome, Plan, PlanGroup, Recipient, Verdict
from broker.testing import alert_id_of, make_alert

pytestmark = pytest.mark.kafka

ALERT = alert_id_of(1)
WIDTHS = (80, 120)
_SAID = {"delivery", "reference", "delivery_reason", "attempts"}


@pytest.fixture
async def region(connection, topics):
    """One alert, sealed twice under one revision, cancelled; one feed takes it, one refuses."""
    made = Region(connection, topics)
    await made.prepare()
    alert = make_alert(alert_id=ALERT)
    taking, refusing = Partner(), Partner()
    refusing.judge = lambda release: (
        RecipientRefused("HTTP_422") if release.alert_id == ALERT else None
    )
    await made.route(alert, alert, make_alert(alert_id=alert_id_of(2)))
    async with made.delivering({TAKES: taking}) as role:
        await until(lambda: role.status()[TAKES].delivered == 2)
    async with made.delivering({REFUSES: refusing}) as role:
        await until(lambda: role.status()[REFUSES].dead_lettered == 1)
    await made.route(make_alert(alert_id=ALERT, revision=2, message_type="CANCEL"))
    return made


def _groups(revision):
    return {each["feed"]: group for group in revision["groups"] for each in group["feeds"]}


def _delivery(revision, feed):
    (found,) = [each for each in _groups(revision)[feed]["feeds"] if each["feed"] == feed]
    return {name: value for name, value in found.items() if name in _SAID}


def _drawn(what, width):
    console = Console(width=width, record=True, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    console.print(what)
    return console.export_text()


async def test_a_trace_says_of_each_feed_what_it_saw_and_what_became_of_it(region):
    found = trace(await region.audit(), ALERT)

    first, second = found["revisions"]
    assert (first["revision"], first["message_type"]) == (1, "ALERT")
    group = _groups(first)[TAKES]
    assert group["outcome"] == "released"
    assert set(group["sees"]) | set(group["does_not_see"]) == {c.value for c in COMPARTMENTS}
    assert not set(group["sees"]) & set(group["does_not_see"])
    assert group["rules"]
    assert set(_groups(first)) == set(region.decider.bundle.community.feeds)
    assert _delivery(first, TAKES) == {
        "delivery": "delivered", "reference": "TAKEN", "delivery_reason": None, "attempts": 1,
    }  # fmt: skip
    assert _delivery(first, REFUSES)["delivery_reason"] == "RECIPIENT_REFUSED"
    assert [each["reason"] for each in found["quarantined"]] == ["REVISION_CONFLICT"]
    recalled = _groups(second)[TAKES]
    assert (recalled["outcome"], recalled["reason"], recalled["sees"]) == (
        "recalled", "CANCELLED", [],
    )  # fmt: skip


@pytest.mark.parametrize("width", WIDTHS)
async def test_the_tree_fits_the_terminal_and_names_every_feed(region, width):
    found = trace(await region.audit(), ALERT)

    drawn = _drawn(trace_tree(found), width)

    assert max(map(len, drawn.splitlines())) <= width
    for feed in region.decider.bundle.community.feeds:
        assert feed in drawn
    for said in (str(ALERT), "revision 1 ALERT", "revision 2 CANCEL", "REVISION_CONFLICT"):
        assert said in drawn
    assert "RECIPIENT_REFUSED" in drawn


def test_what_stands_in_an_entry_cannot_colour_the_tree():
    """A path and a reference may hold brackets."""
    fields = dict.fromkeys(AuditEntry.__dataclass_fields__)
    at = datetime(2026, 6, 1, tzinfo=UTC)
    known = {"kind": "QUARANTINED", "stage": "ROUTE", "at": at, "alert_id": ALERT, "recalled": ()}
    path = "compartments.victims.persons[0].documents[1].mrz"
    entry = AuditEntry(**(fields | known | {"reason": "FIELD_INVALID", "path": path}))

    assert path in _drawn(trace_tree(trace(AuditLog([entry]), ALERT)), 120)


def test_a_duplicate_stands_in_the_tree():
    fields = dict.fromkeys(AuditEntry.__dataclass_fields__)
    at = datetime(2026, 6, 1, tzinfo=UTC)
    known = {"kind": "DUPLICATE", "stage": "ROUTE", "at": at, "alert_id": ALERT, "revision": 1}
    log = AuditLog([AuditEntry(**(fields | known | {"recalled": ()}))])

    assert "duplicate of revision 1, 2026-06-01 00:00:00Z" in _drawn(
        trace_tree(trace(log, ALERT)), 80
    )


def test_of_an_alert_nobody_knows_the_tree_says_so():
    assert "nothing is known of it" in _drawn(trace_tree(trace(AuditLog(), ALERT)), 80)


async def test_flows_count_each_alert_by_originator_feed_and_pair(region):
    found = flows(await region.audit())

    assert found["originators"] == {
        "fiji-immigration": {"accepted": 3, "quarantined": 1, "published": 4}
    }
    assert found["feeds"][TAKES] == {"released": 2, "recalled": 1, "delivered": 2}
    assert found["feeds"][REFUSES] == {
        "released": 2, "recalled": 1, "delivered": 1, "dead_lettered": 1,
    }  # fmt: skip
    pairs = {each["feed"]: each["released"] for each in found["between"]}
    released = {feed for feed, counts in found["feeds"].items() if counts.get("released")}
    assert pairs == dict.fromkeys(released, 2)


@pytest.mark.parametrize("command", ["flows", f"trace {ALERT}"])
async def test_the_commands_say_the_same_to_people_and_to_machines(region, command, tmp_path):
    log = await region.audit()
    expected = flows(log) if command == "flows" else trace(log, ALERT)

    said = json.loads(_lali(f"{command} --json", region, tmp_path, 80))
    drawn = {width: _lali(command, region, tmp_path, width) for width in WIDTHS}

    assert said == expected
    for width, text in drawn.items():
        assert max(map(len, text.splitlines())) <= width
        assert "…" not in text
        for feed in region.decider.bundle.community.feeds:
            assert feed in text


def _lali(command, region, folder, width):
    environment = {
        **os.environ,
        "COLUMNS": str(width),
        "LALI_BOOTSTRAP_SERVERS": region.connection.bootstrap_servers,
        "LALI_TOPIC_PREFIX": region.topics.prefix,
        "LALI_PARTITIONS": str(region.topics.partitions),
    }
    done = subprocess.run(
        [sys.executable, "-m", "broker", *command.split()],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return done.stdout


def _entry(kind, stage, second, **more):
    fields = dict.fromkeys(AuditEntry.__dataclass_fields__)
    at = datetime(2026, 6, 1, 0, 0, second, tzinfo=UTC)
    known = {"entry_id": bytes([second]), "kind": kind, "stage": stage, "at": at,
             "alert_id": ALERT, "revision": 1, "recalled": ()}  # fmt: skip
    return AuditEntry(**(fields | known | more))


def test_c40_what_was_read_is_shown_though_a_connector_was_refused_later_and_so_are_receipts():
    outcome = Outcome(Verdict.RELEASE, 0b11, ("permits",))
    group = PlanGroup(outcome, (Recipient(REFUSES, "a-unit", "investigate"),))
    plan = Plan(b"b" * 32, (group,), b"p" * 32)
    decided = _entry(
        "DECIDED", "ROUTE", 1, present=0b11, message_type="ALERT", originator="fiji-immigration",
        bundle_digest=b"b" * 32, plan_digest=b"p" * 32,
    )  # fmt: skip
    release = {"feed": REFUSES, "release_kind": "RELEASE"}
    entries = [
        decided,
        _entry("DELIVERED", "GATEWAY", 2, reference="HTTP", compartments=0b1, **release),
        _entry("ACKNOWLEDGED", "GATEWAY", 3, feed=REFUSES),
        _entry("ACTED_UPON", "GATEWAY", 4, feed=REFUSES),
        _entry("DEAD_LETTERED", "DELIVER", 5, reason="RECIPIENT_REFUSED", **release),
    ]
    log = AuditLog(entries, {b"p" * 32: plan})

    found = trace(log, ALERT)

    ((feed,),) = [group["feeds"] for group in found["revisions"][0]["groups"]]
    assert feed["delivery"] == "delivered"
    assert [each["delivery"] for each in feed["entries"]] == [
        "delivered", "acknowledged", "acted_upon", "dead_lettered",
    ]  # fmt: skip
    assert feed["entries"][0]["compartments"] == ["summary"]
    drawn = _drawn(trace_tree(found), 300)
    for said in ("delivered", "acknowledged", "acted upon", "dead lettered", "RECIPIENT_REFUSED"):
        assert said in drawn
    counts = flows(log)["feeds"][REFUSES]
    assert counts["acknowledged"] == counts["acted_upon"] == counts["delivered"] == 1
