"""Whoever should not get in or should not do something is refused, in one clear line."""

import dataclasses
import traceback

import pytest
from pydantic import SecretStr
from secured import by_certificate, forwarded, provisioned

from broker.certificates import DevelopmentCa
from broker.cli import secure
from broker.client import Publisher, Subscriber
from broker.errors import KafkaRefused, KafkaUnavailable, Rejected, SettingsInvalid
from broker.model.reason import Reason
from broker.provisioning import provision
from broker.testing import make_alert
from broker.wire.admin import apply_topics, list_topics
from broker.wire.connection import Connection
from broker.wire.identity import ADMIN
from broker.wire.provision import revoke
from broker.wire.security import Security
from broker.wire.sender import Sender
from broker.wire.topics import TopicSpec
from broker.wire.wide_client import wide_client

pytestmark = pytest.mark.kafka

UNIT, OTHER = "fiji-tcu", "samoa-tcu"
OWN_FEED, OTHERS_FEED = "fiji-tcu-investigate", "samoa-tcu-investigate"


@pytest.fixture(scope="module")
def parts(secure_kafka):
    return provisioned(secure_kafka, "refusals.")


@pytest.fixture
def unit(parts):
    return parts.connection_of(parts.principals().unit(UNIT))


def _with(connection, **changes):
    security = dataclasses.replace(connection.security, **changes)
    return dataclasses.replace(connection, security=security, request_timeout_ms=8_000)


async def _refusal(connection, password):
    """Return why every kind of client is refused: one and the same line, without a secret."""
    said = set()
    for attempt in (_lists, _sends, _follows):
        with pytest.raises(KafkaUnavailable) as refused:
            await attempt(connection)
        said.add(str(refused.value))
        shown = "".join(traceback.format_exception(refused.value))
        assert password.get_secret_value() not in shown
    (line,) = said
    assert "\n" not in line
    return line, refused.type


async def _lists(connection):
    await list_topics(connection)


async def _sends(connection):
    sender = Sender(connection)
    await sender.start()
    await sender.stop()


async def _follows(connection):
    async with Subscriber(connection, OWN_FEED):
        pass


async def test_a_wrong_password_is_refused(unit):
    wrong = SecretStr("not-the-password-of-anybody")

    line, kind = await _refusal(_with(unit, password=wrong), wrong)

    assert line.startswith("AUTHENTICATION_FAILED")
    assert kind is KafkaRefused


async def test_an_unknown_user_is_refused_in_the_same_words_as_a_wrong_password(unit):
    password = unit.security.password

    unknown, _ = await _refusal(_with(unit, user="unit.nobody"), password)
    wrong, _ = await _refusal(_with(unit, password=SecretStr("not-it")), SecretStr("not-it"))

    assert unknown == wrong


async def test_a_broker_of_an_unknown_ca_is_refused_before_the_password_is_sent(unit, tmp_path):
    stranger = DevelopmentCa(tmp_path / "stranger")

    changed = _with(unit, ca_file=stranger.certificate_file)
    line, kind = await _refusal(changed, unit.security.password)

    assert line.startswith("TLS_CERTIFICATE_REFUSED")
    assert kind is KafkaRefused


async def test_a_broker_under_another_name_is_refused(unit):
    port = int(unit.servers()[0].rpartition(":")[2])
    async with forwarded(port, "127.0.0.2") as there:
        moved = dataclasses.replace(_with(unit), bootstrap_servers=f"127.0.0.2:{there}")
        line, kind = await _refusal(moved, unit.security.password)

    assert line.startswith("TLS_NAME_DIFFERS")
    assert kind is KafkaRefused


async def test_plaintext_to_a_tls_port_is_refused_and_says_what_to_try(unit):
    plain = Connection(unit.bootstrap_servers, request_timeout_ms=8_000)

    line, _ = await _refusal(plain, unit.security.password)

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

    line, kind = await _refusal(connection, SecretStr(pair.key.read_text()))

    assert line.startswith("TLS_FAILED")
    assert kind is KafkaRefused


async def test_a_password_is_not_enough_where_a_certificate_is_asked_for(unit, secure_kafka):
    moved = dataclasses.replace(_with(unit), bootstrap_servers=secure_kafka.mtls_servers)

    line, _ = await _refusal(moved, unit.security.password)

    assert line.startswith("TLS_FAILED")


async def test_a_unit_publishes_as_itself_with_a_password_and_with_a_certificate(
    parts, unit, secure_kafka
):
    certificate = by_certificate(secure_kafka, parts.principals().unit(UNIT))

    for connection in (unit, certificate):
        async with Publisher(connection, UNIT, topics=parts.topics) as publisher:
            assert (await publisher.publish(make_alert(originator=UNIT))).offset >= 0


async def test_a_unit_cannot_write_the_intake_of_another(parts, unit):
    with pytest.raises(Rejected) as unseen:
        async with Publisher(unit, OTHER, topics=parts.topics):
            pass
    with pytest.raises(KafkaRefused) as denied:
        await _send(unit, parts.topics.intake(OTHER))

    assert unseen.value.reason is Reason.ORIGINATOR_UNKNOWN
    assert str(denied.value) == "NOT_AUTHORISED: no right to this topic"


@pytest.mark.parametrize("name", ["alerts", "ledger", "audit", "plans", "quarantine"])
async def test_a_unit_can_neither_write_nor_read_what_roles_write(parts, unit, name):
    topic = getattr(parts.topics, name)

    with pytest.raises(KafkaRefused):
        await _send(unit, topic)
    assert topic not in await list_topics(unit)


async def test_a_unit_cannot_write_into_a_feed_nor_into_its_dead_letters(parts, unit):
    for topic in (parts.topics.feed(OWN_FEED), parts.topics.dead_letter(OWN_FEED)):
        with pytest.raises(KafkaRefused):
            await _send(unit, topic)


@pytest.mark.parametrize("group", [None, "desk"])
async def test_a_unit_cannot_read_the_feed_of_another(parts, unit, group):
    group = group and parts.topics.unit_group(UNIT, group)

    with pytest.raises(KafkaRefused, match="NOT_AUTHORISED: no right to this topic"):
        await _read(unit, OTHERS_FEED, group, parts)


@pytest.mark.parametrize("group", ["unit.samoa-tcu.desk", "unit.fiji-tcu", "lali.accept", "mine"])
async def test_a_unit_cannot_join_a_group_that_is_not_its_own(parts, unit, group):
    with pytest.raises(KafkaRefused, match="NOT_AUTHORISED: no right to this group"):
        await _read(unit, OWN_FEED, f"{parts.topics.prefix}{group}", parts)


async def test_a_unit_reads_its_own_feed_in_a_group_of_its_own(parts, unit):
    group = parts.topics.unit_group(UNIT, "desk")

    assert await _read(unit, OWN_FEED, group, parts) == []


async def test_a_unit_sees_no_topic_but_its_own(parts, unit):
    topics = parts.topics
    feeds = {f.id for f in parts.community.feeds.values() if f.unit == UNIT}

    assert await list_topics(unit) == {topics.intake(UNIT), *map(topics.feed, feeds)}


async def test_a_unit_creates_no_topic(parts, unit):
    with pytest.raises(KafkaRefused, match="NOT_AUTHORISED: no right to create"):
        await apply_topics(unit, [TopicSpec("refusals.unit.fiji-tcu.own", 1)])


async def test_a_revoked_unit_is_refused_also_on_a_connection_it_has_open(parts, secure_kafka):
    principal = parts.principals().unit("tonga-tcu")
    connection = parts.connection_of(principal)
    async with Publisher(connection, "tonga-tcu", topics=parts.topics) as open_before:
        await open_before.publish(make_alert(originator="tonga-tcu"))
        with wide_client(parts.connection_of(ADMIN)) as client:
            revoke(client, principal)

        with pytest.raises(KafkaUnavailable):
            await open_before.publish(make_alert(originator="tonga-tcu"))

    line, kind = await _refusal(_with(connection), connection.security.password)
    assert line.startswith("AUTHENTICATION_FAILED")
    assert kind is KafkaRefused


async def test_a_certificate_of_a_revoked_unit_connects_and_may_do_nothing(parts, secure_kafka):
    unit, feed = "kiribati-tcu", "kiribati-tcu-investigate"
    principal = parts.principals().unit(unit)
    certificate = by_certificate(secure_kafka, principal)
    group = parts.topics.unit_group(unit, "desk")
    assert await _read(certificate, feed, group, parts) == []
    async with Publisher(certificate, unit, topics=parts.topics) as open_before:
        await open_before.publish(make_alert(originator=unit))
        with wide_client(parts.connection_of(ADMIN)) as client:
            revoke(client, principal)

        with pytest.raises(KafkaRefused):
            await open_before.publish(make_alert(originator=unit))

    assert await list_topics(certificate) == set()
    for topic in (parts.topics.intake(unit), parts.topics.feed(feed)):
        with pytest.raises(KafkaRefused):
            await _send(certificate, topic)
    for each in (None, group):
        with pytest.raises(KafkaRefused):
            await _read(certificate, feed, each, parts)


def test_the_command_says_what_a_revocation_does_not_do(parts, monkeypatch, capsys):
    monkeypatch.setattr(secure, "load_settings", lambda: parts.settings)
    principal = parts.principals().unit("tuvalu-tcu")

    secure.revoke(principal)

    said = " ".join(capsys.readouterr().out.split())
    assert f"{principal} has neither password nor rights, on every broker" in said
    assert "a certificate of its connects until it ends, and may do nothing" in said
    assert "`lali secure apply` gives them again" in said
    with pytest.raises(SettingsInvalid):
        secure.revoke("admin")


def test_a_revoked_unit_is_let_in_again_by_apply(parts):
    principal = parts.principals().unit("vanuatu-tcu")
    with wide_client(parts.connection_of(ADMIN)) as client:
        revoke(client, principal)

    done = provision(parts)

    assert principal in done.users_added
    assert any(line.startswith(f"User:{principal} ") for line in done.acls_added)


@pytest.mark.parametrize("server", ["10.0.0.1:9092", "kafka.example:9092", "[2001:db8::1]:9092"])
def test_plaintext_to_another_machine_is_refused_before_anything_is_sent(server):
    with pytest.raises(SettingsInvalid, match="plaintext to another machine is refused"):
        Connection(f"127.0.0.1:9092,{server}")

    assert Connection(server, allow_plaintext=True).servers() == [server]


@pytest.mark.parametrize("server", ["127.0.0.1:9092", "localhost:9092", "[::1]:9092"])
def test_plaintext_to_this_machine_needs_no_permission(server):
    assert Connection(server).security is None


async def _send(connection, topic):
    sender = Sender(connection)
    await sender.start()
    try:
        await sender.send(topic, b"key", b"value")
    finally:
        await sender.stop()


async def _read(connection, feed, group, parts):
    async with Subscriber(connection, feed, group, topics=parts.topics, to_end=True) as releases:
        return [release async for release in releases]
