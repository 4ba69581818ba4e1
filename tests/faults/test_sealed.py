"""Faults of a site with sealed alerts: full disks of gateway, spool and vault, kills, a clock.

What was answered 202 reaches its partners, spooled or not; what was not taken is not counted.
"""

import contextlib
import time

import pytest

from faults.clocks import clock_set
from faults.disks import fill, free
from faults.happenings import killed, paused
from faults.sealed_site import SealedSite
from faults.selection import cases
from faults.site import judged

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(1200)]

_FULL_SECONDS = 15


def disk_full(disk):
    """Leave no room on one of the site's disks for a while."""

    @contextlib.contextmanager
    def happens(site):
        fill(getattr(site, disk))
        yield
        time.sleep(_FULL_SECONDS)
        free(getattr(site, disk))

    return happens


@contextlib.contextmanager
def spooled_then_killed_and_full(site):
    """Spool alerts while Kafka is away; then fill the disk, and kill and start the gateway."""
    node = site.kafka.nodes[0]
    node.pause()
    try:
        spooled = site.publish(4)
        fill(site.data)
        yield
        site.crew["gateway"].kill()
        site.crew.start("gateway")
        time.sleep(_FULL_SECONDS)
    finally:
        node.go_on()
        free(site.data)
    assert spooled, "nothing was spooled"


REST = {
    "gateway killed": killed("gateway"),
    "gateway paused": paused("gateway"),
    "gateway's disk full": disk_full("data"),
    "spool full, gateway killed": spooled_then_killed_and_full,
    "vault's disk full": disk_full("keys"),
    "gateway's clock an hour ahead": clock_set("gateway", 3600),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with SealedSite(tmp_path_factory.mktemp("sealed")) as made:
        made.until_taken()
        made.learn()
        yield made


@pytest.mark.parametrize("fault", cases({}, REST))
def test_b20_nothing_that_was_taken_is_lost_by(site, fault, tell_fault):
    verdict, seconds = judged(site, fault, tell_fault)

    assert verdict.holds, verdict
    assert seconds is not None
