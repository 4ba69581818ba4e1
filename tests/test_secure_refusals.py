"""Whoever should not get in or should not do something is refused, in one clear line."""

import dataclasses

import pytest
from pydantic import SecretStr
from secure_attempts import OTHER, OTHERS_FEED, OWN_FEED, UNIT, read, refusal, send, with_security
from secured import by_certificate, forwarded, provisioned

from broker.certificates import DevelopmentCa
from broker.client import Publisher
from broker.errors import KafkaRefused, Rejected
from broker.model.reason import Reason
from broker.testing import make_alert
from broker.wire.admin import apply_topics, list_topics
from broker.wire.connection import Connection
from broker.wire.identity import ADMIN
from broker.wire.security import Security
from broker.wire.topics import TopicSpec

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def parts(secure_kafka):
    return provisioned(secure_kafka, "refusals.")


@pytest.fixture
def unit(parts):
    return parts.connection_of(parts.principals().unit(UNIT))


async def test_a_wrong_password_is_refused(unit):
    wrong = SecretStr("not-the-password-of-anybody")

    line, kind = await refusal(with_security(unit, password=wrong), wrong)

    assert line.startswith("AUTHENTICATION_FAILED")
    assert kind is KafkaRefused


async def test_an_unknown_user_is_refused_in_the_same_words_as_a_wrong_password(unit):
    password = unit.security.password

    unknown, _ = await refusal(with_security(unit, user="unit.nobody"), password)
    wrong, _ = await refusal(with_security(unit, password=SecretStr("not-it")), SecretStr("not-it"))

    assert unknown == wrong


async def test_a_broker_of_an_unknown_ca_is_refused_before_the_password_is_sent(unit, tmp_path):
    stranger = DevelopmentCa(tmp_path / "stranger")

    changed = with_security(unit, ca_file=stranger.certificate_file)
    line, kind = await refusal(changed, unit.security.password)

    assert line.startswith("TLS_CERTIFICATE_REFUSED")
    assert kind is KafkaRefused


async def test_a_broker_under_another_name_is_refused(unit):
    port = int(unit.servers()[0].rpartition(":")[2])
    async with forwarded(port, "127.0.0.2") as there:
        moved = dataclasses.replace(with_security(unit), bootstrap_servers=f"127.0.0.2:{there}")
        line, kind = await refusal(moved, unit.security.password)

    assert line.startswith("TLS_NAME_DIFFERS")
    assert kind is KafkaRefused


async def test_plaintext_to_a_tls_port_is_refused_and_says_what_to_try(unit):
    plain = Connection(unit.bootstrap_servers, request_timeout_ms=8_000)

    line, _ = await refusal(plain, unit.security.password)

    assert line == "CONNECTION_CLOSED: does the server want TLS?"


async def test_a_client_certificate_of_an_unknown_ca_is_refused(secure_kafka, tmp_path):
    pair = DevelopmentCa(tmp_path / "stranger").issue_client(ADMIN)
    security = Security(
        secure_kafka.protection.ca_file,
        "SSL",
        certificate_file=pair.certificate,
        key_file=pair.key,
    )
    connection = Connection(secure_kafka.mtls_servers, security=security, request_timeout_ms=8_000)

    line, kind = await refusal(connection, SecretStr(pair.key.read_text()))

    assert line.startswith("TLS_FAILED")
    assert kind is KafkaRefused


async def test_a_password_is_not_enough_where_a_certificate_is_asked_for(unit, secure_kafka):
    moved = dataclasses.replace(with_security(unit), bootstrap_servers=secure_kafka.mtls_servers)

    line, _ = await refusal(moved, unit.security.password)

    assert line.startswith("TLS_FAILED")


async def test_a_unit_publishes_as_itself_with_a_password_and_with_a_certificate(
    parts, unit, secure_kafka
):
    certificate = by_certificate(secure_kafka, parts.principals().unit(UNIT))

    for connection in (unit, certificate):
        async with Publisher(connection, UNIT, topics=parts.topics, unprotected=True) as publisher:
            assert (await publisher.publish(make_alert(originator=UNIT))).offset >= 0


async def test_a_unit_cannot_write_the_intake_of_another(parts, unit):
    with pytest.raises(Rejected) as unseen:
        async with Publisher(unit, OTHER, topics=parts.topics, unprotected=True):
            pass
    with pytest.raises(KafkaRefused) as denied:
        await send(unit, parts.topics.intake(OTHER))

    assert unseen.value.reason is Reason.ORIGINATOR_UNKNOWN
    assert str(denied.value) == "NOT_AUTHORISED: no right to this topic"


@pytest.mark.parametrize("name", ["alerts", "ledger", "audit", "plans", "quarantine"])
async def test_a_unit_can_neither_write_nor_read_what_roles_write(parts, unit, name):
    topic = getattr(parts.topics, name)

    with pytest.raises(KafkaRefused):
        await send(unit, topic)
    assert topic not in await list_topics(unit)


async def test_a_unit_cannot_write_into_a_feed_nor_into_its_dead_letters(parts, unit):
    for topic in (parts.topics.feed(OWN_FEED), parts.topics.dead_letter(OWN_FEED)):
        with pytest.raises(KafkaRefused):
            await send(unit, topic)


@pytest.mark.parametrize("group", [None, "desk"])
async def test_a_unit_cannot_read_the_feed_of_another(parts, unit, group):
    group = group and parts.topics.unit_group(UNIT, group)

    with pytest.raises(KafkaRefused, match="NOT_AUTHORISED: no right to this topic"):
        await read(unit, OTHERS_FEED, group, parts)


@pytest.mark.parametrize("group", ["unit.samoa-tcu.desk", "unit.fiji-tcu", "lali.accept", "mine"])
async def test_a_unit_cannot_join_a_group_that_is_not_its_own(parts, unit, group):
    with pytest.raises(KafkaRefused, match="NOT_AUTHORISED: no right to this group"):
        await read(unit, OWN_FEED, f"{parts.topics.prefix}{group}", parts)


async def test_a_unit_reads_its_own_feed_in_a_group_of_its_own(parts, unit):
    group = parts.topics.unit_group(UNIT, "desk")

    assert await read(unit, OWN_FEED, group, parts) == []


async def test_a_unit_sees_no_topic_but_its_own(parts, unit):
    topics = parts.topics
    feeds = {f.id for f in parts.community.feeds.values() if f.unit == UNIT}

    assert await list_topics(unit) == {topics.intake(UNIT), *map(topics.feed, feeds)}


async def test_a_unit_creates_no_topic(parts, unit):
    with pytest.raises(KafkaRefused, match="NOT_AUTHORISED: no right to create"):
        await apply_topics(unit, [TopicSpec("refusals.unit.fiji-tcu.own", 1)])
