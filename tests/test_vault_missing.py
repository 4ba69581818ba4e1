"""C27: a vault without a key is no erased alert: nothing is ended, and everything waits."""

import asyncio

import pytest
from delivering import FEED, Partner, Region, alert_of, until
from sealed import ALL, ENTRUSTED, protection, scratch
from test_quiet_channel import AT, to_feed
from test_servings_sealed import Fails, serve

from broker.errors import KeeperUnavailable, KeyMissing, Rejected
from broker.pipeline.open_release import read_verified, vault_share
from broker.protect.vault import FileVault, missing


def test_c27_what_was_erased_is_told_from_what_is_missing():
    vault, alert_id = FileVault(scratch()), AT["alert_id"].bytes
    assert isinstance(missing(vault, alert_id), KeyMissing)

    vault.erase([alert_id], 0)

    assert isinstance(missing(vault, alert_id), Rejected)


def test_c27_the_share_of_a_lost_key_is_no_share_of_an_erased_one():
    share_of = vault_share(FileVault(scratch()))

    with pytest.raises(KeyMissing):
        share_of(bytes(32), AT["alert_id"].bytes, 1)


async def test_c27_a_gateway_passes_over_nothing_whose_key_is_missing():
    with pytest.raises(KeeperUnavailable):
        await serve(ENTRUSTED, ALL, lambda _feed: Fails(KeyMissing()))


def test_c27_a_reader_of_kafka_gets_the_label_and_is_not_ended():
    class Lost:
        register = staticmethod(protection().folder.register)

        def open(self, _parts):
            raise KeyMissing

    view = read_verified(to_feed(ALL, ALL, ENTRUSTED), Lost())

    assert view.sealed
    assert view.label is not None


class Restored:
    """Stands for an opener whose vault has no key until it is restored."""

    register = None

    def __init__(self):
        self.asked, self.restored = 0, False

    def doubt(self, _recall):
        return None

    def may_open(self, _parts):
        self.asked += 1
        if not self.restored:
            raise KeyMissing
        return False


@pytest.mark.kafka
async def test_c27_deliver_waits_for_the_vault_and_ends_nothing(connection, topics):
    """C27: deliver wrote NOT_DELIVERED ERASED, for good."""
    region = Region(connection, topics)
    await region.prepare()
    await region.route(alert_of())
    partner, opener = Partner(), Restored()
    async with region.delivering({FEED: partner}, openers={FEED: opener}):
        await until(lambda: opener.asked > 2)
        assert await region.ends() == []
        assert partner.seen() == []

        opener.restored = True
        await until(lambda: partner.seen() == [(1, "RELEASE")])
        await region.recorded(1)

    await asyncio.sleep(0)
    assert await region.ends() == [("DELIVERED", 1, None)]
