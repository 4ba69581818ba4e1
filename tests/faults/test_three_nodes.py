"""Faults of one node of three: the others go on, and nothing is lost, doubled or shown."""

import pytest

from faults.happenings import node_killed, node_paused
from faults.selection import cases
from faults.site import Site, judged

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(1200)]

REST = {
    "first of three nodes killed": node_killed(0, away_seconds=10),
    "second of three nodes killed": node_killed(1, away_seconds=10),
    "first of three nodes paused": node_paused(0),
    "third of three nodes paused": node_paused(2),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Site(tmp_path_factory.mktemp("three"), nodes=3) as made:
        made.learn()
        yield made


@pytest.mark.parametrize("fault", cases({}, REST))
def test_b20_nothing_is_lost_doubled_or_shown_by_a_fault_of(site, fault, tell_fault):
    verdict, seconds = judged(site, fault, tell_fault)

    assert verdict.holds, verdict
    assert seconds is not None
