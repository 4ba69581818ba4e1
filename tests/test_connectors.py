"""Every connector keeps one contract; each is asked against a real recipient."""

import socket
from typing import Any

import pytest
from connecting import (
    ALERT,
    FEED,
    FolderPartner,
    HttpPartner,
    KafkaPartner,
    carries_a_code_only,
    release_of,
)

from broker.errors import RecipientRefused, RecipientUnavailable
from broker.model.alert import Compartments
from broker.model.compartment import ALL_COMPARTMENTS, COMPARTMENTS, Compartment, mask_of
from broker.model.release import ReleaseKind
from broker.testing import make_alert, make_recall, make_release
from broker.wire.admin import apply_topics
from broker.wire.alert_codec import decode_release
from broker.wire.tail import read_to_end
from broker.wire.topics import TopicSpec
from connectors import CONNECTORS, make_connector


@pytest.fixture(params=sorted(CONNECTORS))
async def partner(request, tmp_path, monkeypatch):
    match request.param:
        case "filedrop":
            made: Any = FolderPartner(tmp_path)
        case "webhook":
            made = HttpPartner(monkeypatch)
        case "kafka":
            topics = request.getfixturevalue("topics")
            connection = request.getfixturevalue("connection")
            made = KafkaPartner(connection, f"{topics.prefix}partner")
        case other:
            pytest.fail(f"no partner is written for {other}: the contract must run over it")
    made.settings = await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def connector(partner):
    made = make_connector(partner.protocol, partner.settings, FEED)
    await made.open()
    yield made
    await made.close()


@pytest.mark.kafka
async def test_a_release_is_handed_over_whole(connector, partner):
    release = release_of()

    receipt = await connector.deliver(release)

    (taken,) = await partner.taken()
    assert taken.view == decode_release(release.value, with_record=True)
    assert taken.view.compartments.mask == ALL_COMPARTMENTS
    assert (receipt.feed, receipt.alert_id, receipt.revision) == (FEED, ALERT, 1)
    assert receipt.kind is ReleaseKind.RELEASE
    assert receipt.reference
    assert "SYNTHETIC" not in receipt.reference


@pytest.mark.kafka
async def test_only_what_was_released_is_handed_over(connector, partner):
    shown = (Compartment.SUMMARY, Compartment.MOVEMENT)
    mask = mask_of(shown)

    await connector.deliver(make_release(make_alert(alert_id=ALERT), mask))

    (taken,) = await partner.taken()
    held = {name for name in COMPARTMENTS if getattr(taken.view.compartments, name.value)}
    assert held == set(shown)


@pytest.mark.kafka
async def test_a_repetition_is_harmless_or_known_by_its_key(connector, partner):
    release = release_of()

    for _ in range(3):
        await connector.deliver(release)

    taken = await partner.taken()
    assert len({each.key for each in taken}) == 1
    assert all(each.view == taken[0].view for each in taken)


@pytest.mark.kafka
async def test_a_later_revision_has_another_key(connector, partner):
    for revision in (1, 2):
        await connector.deliver(release_of(revision))
    await connector.deliver(make_recall(ALERT, 3))

    taken = await partner.taken()
    assert len({each.key for each in taken}) == len(taken)
    assert taken[-1].view.kind is ReleaseKind.RECALL


@pytest.mark.kafka
async def test_a_recall_arrives_without_content(connector, partner):
    await connector.deliver(make_recall(ALERT, 2))

    (taken,) = await partner.taken()
    assert taken.view.kind is ReleaseKind.RECALL
    assert (taken.view.alert_id, taken.view.revision) == (ALERT, 2)
    assert taken.view.label is None
    assert taken.view.compartments == Compartments()


@pytest.mark.kafka
async def test_a_connector_opens_and_closes_without_its_recipient(partner):
    await partner.stop()
    made = make_connector(partner.protocol, partner.settings, FEED)
    await made.open()
    await made.close()
    await made.close()


@pytest.mark.parametrize("protocol", ["filedrop", "webhook"])
async def test_a_recipient_that_is_away_is_unavailable(protocol, tmp_path, monkeypatch):
    partner = FolderPartner(tmp_path) if protocol == "filedrop" else HttpPartner(monkeypatch)
    made = make_connector(protocol, await partner.start(), FEED)
    await made.open()
    await made.deliver(release_of())
    await partner.go_away()

    with pytest.raises(RecipientUnavailable) as away:
        await made.deliver(release_of())

    await made.close()
    carries_a_code_only(away.value, tmp_path)


async def test_a_cluster_that_is_away_is_unavailable(tmp_path):
    settings = {"bootstrap_servers": f"127.0.0.1:{_closed_port()}", "topic": "t"}
    made = make_connector("kafka", settings, FEED)
    await made.open()

    with pytest.raises(RecipientUnavailable) as away:
        await made.deliver(release_of())

    await made.close()
    carries_a_code_only(away.value, tmp_path)


@pytest.mark.kafka
async def test_a_release_too_large_for_the_cluster_is_refused(connection, topics):
    topic = f"{topics.prefix}small"
    await apply_topics(connection, [TopicSpec(topic, 1, {"max.message.bytes": "200"})])
    settings = {"bootstrap_servers": connection.bootstrap_servers, "topic": topic}
    made = make_connector("kafka", settings, FEED)

    with pytest.raises(RecipientRefused) as refused:
        await made.deliver(release_of())

    await made.close()
    assert refused.value.code == "OVERSIZED"


@pytest.mark.kafka
async def test_the_avro_form_is_the_release_as_it_stands(connection, topics):
    partner = KafkaPartner(connection, f"{topics.prefix}avro")
    made = make_connector("kafka", await partner.start() | {"form": "avro"}, FEED)
    release = release_of()

    receipt = await made.deliver(release)

    await made.close()
    (record,) = [r async for r in read_to_end(connection, [partner.topic])]
    assert record.value == release.value
    assert record.key == str(ALERT).encode()
    assert receipt.reference == f"{record.partition}:{record.offset}"


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
