"""The Kafka connector on a recipient's cluster that asks for TLS and an identity."""

from typing import Any

import pytest
from connecting import FEED, KafkaPartner, carries_a_code_only, release_of
from secured import by_certificate

from broker.certificates import DevelopmentCa
from broker.errors import RecipientUnavailable
from broker.model.release import Release
from broker.wire.alert_codec import decode_release
from broker.wire.connection import Connection
from broker.wire.identity import ADMIN
from broker.wire.security import Security
from connectors import make_connector

pytestmark = pytest.mark.kafka

VARIABLE = "APIA_KAFKA_PASSWORD"


@pytest.fixture
async def partner(secure_kafka, topics):
    made = secure_kafka.protection
    security = Security(made.ca_file, user=ADMIN, password=made.passwords.read(ADMIN))
    connection = Connection(secure_kafka.bootstrap_servers, security=security)
    partner = KafkaPartner(connection, f"{topics.prefix}partner")
    await partner.start()
    return partner


@pytest.fixture
def by_password(partner, monkeypatch) -> dict[str, Any]:
    security = partner.connection.security
    monkeypatch.setenv(VARIABLE, security.password.get_secret_value())
    return {
        "bootstrap_servers": partner.connection.bootstrap_servers,
        "topic": partner.topic,
        "security_protocol": "SASL_SSL",
        "ca_file": str(security.ca_file),
        "user": security.user,
        "password": {"env": VARIABLE},
    }


async def _deliver(settings: dict[str, Any], release: Release):
    connector = make_connector("kafka", settings, FEED)
    await connector.open()
    try:
        return await connector.deliver(release)
    finally:
        await connector.close()


async def _refusal(settings: dict[str, Any]) -> RecipientUnavailable:
    with pytest.raises(RecipientUnavailable) as refused:
        await _deliver(settings, release_of())
    assert refused.value.__cause__ is None
    return refused.value


async def test_a_release_is_delivered_over_tls_with_a_password(partner, by_password):
    release = release_of()

    receipt = await _deliver(by_password, release)

    (taken,) = await partner.taken()
    assert taken.view == decode_release(release.value, with_record=True)
    assert receipt.reference


async def test_a_release_is_delivered_over_tls_with_a_certificate(partner, secure_kafka):
    certificate = by_certificate(secure_kafka, ADMIN)

    await _deliver(
        {
            "bootstrap_servers": certificate.bootstrap_servers,
            "topic": partner.topic,
            "security_protocol": "SSL",
            "ca_file": str(certificate.security.ca_file),
            "certificate_file": str(certificate.security.certificate_file),
            "key_file": str(certificate.security.key_file),
        },
        release_of(),
    )

    assert len(await partner.taken()) == 1


async def test_a_wrong_password_is_unavailable_and_shows_nothing(partner, by_password, monkeypatch):
    monkeypatch.setenv(VARIABLE, "SYNTHETIC-wrong-password")

    refused = await _refusal(by_password)

    assert refused.code == "AUTHENTICATION_FAILED"
    carries_a_code_only(refused)
    assert await partner.taken() == []


async def test_a_cluster_of_an_unknown_ca_gets_neither_password_nor_release(
    partner, by_password, tmp_path
):
    stranger = DevelopmentCa(tmp_path / "stranger")

    refused = await _refusal(by_password | {"ca_file": str(stranger.certificate_file)})

    assert refused.code == "TLS_CERTIFICATE_REFUSED"
    assert await partner.taken() == []


async def test_a_user_without_the_right_to_write_is_unavailable(partner, by_password, secure_kafka):
    # A principal of no unit, let in by its certificate, that no right was given to.
    certificate = by_certificate(secure_kafka, "stranger")

    refused = await _refusal(
        {
            "bootstrap_servers": certificate.bootstrap_servers,
            "topic": partner.topic,
            "security_protocol": "SSL",
            "ca_file": str(certificate.security.ca_file),
            "certificate_file": str(certificate.security.certificate_file),
            "key_file": str(certificate.security.key_file),
        }
    )

    assert refused.code == "NOT_AUTHORISED"
    assert await partner.taken() == []


async def test_files_that_vanish_under_a_running_role_are_unavailable(
    partner, by_password, tmp_path
):
    copy = tmp_path / "ca.pem"
    copy.write_bytes(partner.connection.security.ca_file.read_bytes())
    connector = make_connector("kafka", by_password | {"ca_file": str(copy)}, FEED)
    await connector.open()
    copy.unlink()

    with pytest.raises(RecipientUnavailable) as away:
        await connector.deliver(release_of())

    assert away.value.code == "CREDENTIALS_UNUSABLE"
    copy.write_bytes(partner.connection.security.ca_file.read_bytes())
    await connector.deliver(release_of())
    await connector.close()
    assert len(await partner.taken()) == 1
