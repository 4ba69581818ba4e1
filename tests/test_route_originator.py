"""A10: a router that meets an originator its bundle does not know waits, and loses nothing."""

import asyncio
import shutil

import pytest
from region import PACIFIC, Region

from broker.pipeline.accept import Accept
from broker.pipeline.router import Router
from broker.policy.bundle import load_bundle
from broker.policy.decide import Decider
from broker.testing import alert_id_of, make_alert

pytestmark = pytest.mark.kafka
UNIT = "fiji-police"
#: In the other partition: what comes behind an alert that waits, waits too.
ELSEWHERE = alert_id_of(7)


def _before(folder):
    """Return the bundle of the day before, when a unit had another id."""
    shutil.copytree(PACIFIC, folder)
    for file in (folder / "community.toml", *(folder / "cases").glob("*.toml")):
        file.write_text(file.read_text().replace(f'"{UNIT}"', '"somebody-else"'))
    return load_bundle(folder)


async def test_a10_alerts_of_a_new_unit_wait_for_the_bundle_that_knows_it(kafka, tmp_path):
    """A10: 3 of 6 were quarantined in a rolling restart, accept being the first."""
    bundle, older = load_bundle(PACIFIC), _before(tmp_path / "before")
    assert UNIT not in older.community.units
    region = Region(kafka, bundle)
    region._roles = [Accept(region.connection, region.topics, region.units)]
    known, new = make_alert(alert_id=alert_id_of(1)), make_alert(
        alert_id=alert_id_of(2), originator=UNIT
    )  # fmt: skip
    async with region:
        late = Router(region.connection, region.topics, Decider(older).plan_known)
        running = asyncio.create_task(late.run())
        places = [await region.publish(each) for each in (new, known)]
        await region.ends(await region.publish(make_alert(alert_id=ELSEWHERE)))
        late.stop()
        await asyncio.wait_for(running, 60)
        assert not await region.quarantined()

        router = Router(region.connection, region.topics, Decider(bundle).plan_known)
        running = asyncio.create_task(router.run())
        entries = await region.ends(*places)
        router.stop()
        await asyncio.wait_for(running, 60)

        assert {entry.kind for entry in entries} == {"DECIDED"}
        assert not await region.quarantined()
