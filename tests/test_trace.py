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
from broker.testing import alert_id_of, make_alert

pytestmark = pytest.mark.kafka

ALERT = alert_id_of(1)
WIDTHS = (80, 120)


@pytest.fixture
async def region(connection, topics):
    """One alert, sealed twice under one revision, cancelled; one feed takes it, one refuses."""
    made = Region(connection, topics)
    await made.prepare()
    alert = make_alert(alert_id=ALERT)
    taking, refusing = Partner(), Partner(always=RecipientRefused("HTTP_422"))
    await made.route(alert, alert)
    async with made.delivering({TAKES: taking}) as role:
        await until(lambda: role.status()[TAKES].delivered == 1)
    async with made.delivering({REFUSES: refusing}) as role:
        await until(lambda: role.status()[REFUSES].dead_lettered == 1)
    await made.route(make_alert(alert_id=ALERT, revision=2, message_type="CANCEL"))
    return made


def _groups(revision):
    return {each["feed"]: group for group in revision["groups"] for each in group["feeds"]}


def _delivery(revision, feed):
    (found,) = [each for each in _groups(revision)[feed]["feeds"] if each["feed"] == feed]
    return {name: value for name, value in found.items() if name not in {"feed", "delivered_at"}}


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
        "fiji-immigration": {"accepted": 2, "quarantined": 1, "published": 3}
    }
    assert found["feeds"][TAKES] == {"released": 1, "recalled": 1, "delivered": 1}
    assert found["feeds"][REFUSES] == {"released": 1, "recalled": 1, "dead_lettered": 1}
    pairs = {each["feed"]: each["released"] for each in found["between"]}
    released = {feed for feed, counts in found["feeds"].items() if counts.get("released")}
    assert pairs == dict.fromkeys(released, 1)


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
