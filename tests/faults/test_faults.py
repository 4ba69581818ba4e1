"""Faults that happen to a site at work: nothing is lost, nothing comes twice, nothing leaks.

A few run in `make test`; `make faults` runs all, and prints their table.
"""

import pytest

from faults.happenings import damaged, killed, node_killed, node_paused, paused
from faults.selection import cases
from faults.site import Site, judged

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(1200)]

SHORT = {
    "accept paused": paused("accept"),
    "deliver killed": killed("deliver"),
    "kafka killed": node_killed,
    "damaged intake record": damaged("intake.fiji-immigration"),
}
REST = {
    "route paused": paused("route"),
    "deliver paused": paused("deliver"),
    "accept killed": killed("accept"),
    "route killed": killed("route"),
    "kafka paused": node_paused,
    "damaged alert": damaged("alerts"),
    "damaged ledger record": damaged("ledger"),
    "empty ledger record": damaged("ledger", b""),
    "ledger tombstone without an id": damaged("ledger", None),
    "damaged plan": damaged("plans"),
    "damaged audit entry": damaged("audit"),
    "damaged record in a feed": damaged("feed.fiji-tcu-investigate"),
    "damaged bundle": damaged("bundles"),
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
