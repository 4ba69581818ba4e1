"""Disks that are full for a while: Kafka's; in faults.test_sealed the gateway's and the vault's."""

import contextlib
import time

import pytest

from broker.cluster.local import wait_until_ready
from faults.disks import fill, free, small_disk
from faults.selection import cases
from faults.site import Site, judged

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(1200)]

_FULL_SECONDS = 20


@contextlib.contextmanager
def kafkas_disk_full(site):
    """Leave Kafka no room; when there is room again it is started, if it has ended."""
    disk, node = site.kafka.folder, site.kafka.nodes[0]
    fill(disk)
    try:
        yield
        time.sleep(_FULL_SECONDS)
    finally:
        free(disk)
        if not node.running():
            node.start()
        wait_until_ready(node)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("disk")
    with small_disk(folder / "kafka", 768) as disk, Site(folder, data=disk) as made:
        made.learn()
        yield made


@pytest.mark.parametrize("fault", cases({}, {"kafka's disk full": kafkas_disk_full}))
def test_b20_nothing_is_lost_doubled_or_shown_while(site, fault, tell_fault):
    verdict, seconds = judged(site, fault, tell_fault)

    assert verdict.holds, verdict
    assert seconds is not None
