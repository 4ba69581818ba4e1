"""Faults that happen to a site at work: nothing is lost, nothing comes twice, nothing leaks.

A few run in `make test`; `make faults` runs all, and prints their table.
"""

import pytest

from faults.clocks import clock_set
from faults.happenings import damaged, killed, node_killed, node_paused, paused
from faults.refusals import answering, moving, redirecting, refusing_some
from faults.retention import of_what_is_read, of_what_nobody_read
from faults.selection import cases
from faults.site import POSTED, Site, judged

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(1200)]

HOUR, DAY = 3600, 86_400
SHORT = {
    "accept paused": paused("accept"),
    "deliver killed": killed("deliver"),
    "kafka killed": node_killed(),
    "damaged intake record": damaged("intake.fiji-immigration"),
}
REST = {
    "partner answers 404 for a moment": answering(404),
    "route paused": paused("route"),
    "deliver paused": paused("deliver"),
    "accept killed": killed("accept"),
    "route killed": killed("route"),
    "kafka paused": node_paused(),
    "damaged alert": damaged("alerts"),
    "damaged ledger record": damaged("ledger"),
    "empty ledger record": damaged("ledger", b""),
    "ledger tombstone without an id": damaged("ledger", None),
    "damaged plan": damaged("plans"),
    "damaged audit entry": damaged("audit"),
    "damaged record in a feed": damaged("feed.fiji-tcu-investigate"),
    "damaged bundle": damaged("bundles"),
    "partner answers 401 for a moment": answering(401),
    "partner answers 500 for a moment": answering(500),
    "partner redirects": redirecting,
    "partner changes its address": moving,
    "partner refuses some, replayed": refusing_some,
    "accept's clock an hour ahead": clock_set("accept", HOUR),
    "accept's clock a day behind": clock_set("accept", -DAY),
    "route's clock an hour ahead": clock_set("route", HOUR),
    "route's clock a day behind": clock_set("route", -DAY),
    "deliver's clock a year ahead": clock_set("deliver", 365 * DAY),
    "deliver's clock an hour behind": clock_set("deliver", -HOUR),
    "retention of what is read": of_what_is_read(
        "intake.fiji-immigration", "alerts", f"feed.{POSTED}"
    ),
    "retention of an unread intake": of_what_nobody_read("intake.fiji-immigration", "accept"),
    "retention of unread alerts": of_what_nobody_read("alerts", "route"),
    "retention of an unread feed": of_what_nobody_read(f"feed.{POSTED}", "deliver"),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Site(tmp_path_factory.mktemp("site")) as made:
        made.learn()
        yield made


@pytest.mark.parametrize("fault", cases(SHORT, REST))
def test_b20_nothing_is_lost_doubled_or_shown_by(site, fault, tell_fault):
    verdict, seconds = judged(site, fault, tell_fault)

    assert verdict.holds, verdict
    assert seconds is not None
