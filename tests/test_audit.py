"""The audit log, read while route goes on writing it."""

import pytest
from delivering import Region, producing

from broker.audit import log as audit_log
from broker.audit.log import read_audit
from broker.testing import alert_id_of, make_alert

ALERT, OTHER = alert_id_of(1), alert_id_of(2)


@pytest.mark.kafka
async def test_a_plan_written_while_the_log_is_read_is_in_it(connection, topics, monkeypatch):
    """Between the reading of one topic and of the other, route goes on."""
    region = Region(connection, topics)
    await region.prepare()
    await region.route(make_alert(alert_id=ALERT))
    read, between = audit_log.read_to_end, []

    async def read_slowly(connection, names, **more):
        if len(between) == 1:
            await region.route(make_alert(alert_id=OTHER, source_type="HOTLINE"))
        between.append(names)
        async for record in read(connection, names, **more):
            yield record

    monkeypatch.setattr(audit_log, "read_to_end", read_slowly)
    found = await read_audit(connection, topics)
    later = await read_audit(connection, topics)

    assert (len(found.plans), len(later.plans)) == (1, 2)  # those that its entries name
    for log in (found, later):
        assert all(log.outcomes(entry) for entry in log.of("DECIDED"))
    assert [entry.alert_id for entry in later.of("DECIDED")] == [ALERT, OTHER]


@pytest.mark.kafka
async def test_repeated_entries_are_counted_once(connection, topics):
    region = Region(connection, topics)
    await region.prepare()
    await region.route(make_alert(alert_id=ALERT))
    records = [r async for r in audit_log.read_to_end(connection, [topics.audit])]
    async with producing(connection) as producer:
        for record in records:
            await producer.send_and_wait(topics.audit, record.value, key=record.key)

    found = await region.audit()

    assert found.repeated == len(records) > 0
    assert len(list(found.of("DECIDED"))) == 1


@pytest.mark.kafka
async def test_a_plan_that_is_seen_a_moment_after_its_entry_is_waited_for(
    connection, topics, monkeypatch
):
    """A transaction shows in one topic a moment before it shows in another."""
    region = Region(connection, topics)
    await region.prepare()
    await region.route(make_alert(alert_id=ALERT))
    read, late = audit_log.read_to_end, [topics.plans, topics.plans]

    async def read_late(connection, names, **more):
        if names[0] in late:
            late.remove(names[0])
            return
        async for record in read(connection, names, **more):
            yield record

    monkeypatch.setattr(audit_log, "read_to_end", read_late)
    log = await read_audit(connection, topics)

    assert late == []
    assert [len(log.outcomes(entry)) > 0 for entry in log.of("DECIDED")] == [True]
