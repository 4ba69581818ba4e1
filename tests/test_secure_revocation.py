"""A revoked unit can do nothing, by password or certificate, until it is given rights again."""

import pytest
from secure_attempts import read, refusal, send, with_security
from secured import by_certificate, provisioned

from broker.cli import secure
from broker.client import Publisher
from broker.errors import KafkaRefused, KafkaUnavailable, SettingsInvalid
from broker.provisioning import provision
from broker.testing import make_alert
from broker.wire.admin import list_topics
from broker.wire.identity import ADMIN
from broker.wire.provision import revoke
from broker.wire.wide_client import wide_client

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def parts(secure_kafka):
    # The prefix of test_secure_refusals: on one cluster, the second of the two finds all set up.
    return provisioned(secure_kafka, "refusals.")


async def test_a_revoked_unit_is_refused_also_on_a_connection_it_has_open(parts, secure_kafka):
    principal = parts.principals().unit("tonga-tcu")
    connection = parts.connection_of(principal)
    async with Publisher(
        connection, "tonga-tcu", topics=parts.topics, unprotected=True
    ) as open_before:
        await open_before.publish(make_alert(originator="tonga-tcu"))
        with wide_client(parts.connection_of(ADMIN)) as client:
            revoke(client, principal)

        with pytest.raises(KafkaUnavailable):
            await open_before.publish(make_alert(originator="tonga-tcu"))

    line, kind = await refusal(with_security(connection), connection.security.password)
    assert line.startswith("AUTHENTICATION_FAILED")
    assert kind is KafkaRefused


async def test_a_certificate_of_a_revoked_unit_connects_and_may_do_nothing(parts, secure_kafka):
    unit, feed = "kiribati-tcu", "kiribati-tcu-investigate"
    principal = parts.principals().unit(unit)
    certificate = by_certificate(secure_kafka, principal)
    group = parts.topics.unit_group(unit, "desk")
    assert await read(certificate, feed, group, parts) == []
    async with Publisher(certificate, unit, topics=parts.topics, unprotected=True) as open_before:
        await open_before.publish(make_alert(originator=unit))
        with wide_client(parts.connection_of(ADMIN)) as client:
            revoke(client, principal)

        with pytest.raises(KafkaRefused):
            await open_before.publish(make_alert(originator=unit))

    assert await list_topics(certificate) == set()
    for topic in (parts.topics.intake(unit), parts.topics.feed(feed)):
        with pytest.raises(KafkaRefused):
            await send(certificate, topic)
    for each in (None, group):
        with pytest.raises(KafkaRefused):
            await read(certificate, feed, each, parts)


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
