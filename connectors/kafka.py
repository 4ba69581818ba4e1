"""Deliver each release to a topic of the recipient's own Kafka cluster.

The key is the alert's id, so one alert's revisions stay in order. The value is JSON, or the
framed Avro release; the header `idempotency-key` is the same in every repetition. To another
machine it speaks TLS, and proves who it is by a password (SCRAM-SHA-512) or a certificate.

Delivery guarantee: at least once; acknowledged by all in-sync replicas before the receipt. What
did not leave this machine soon after it was asked whether it may is asked for again.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from broker.clock import steady_seconds
from broker.connector import ConnectorSettings, Secret, permitted
from broker.errors import (
    KafkaUnavailable,
    RecipientRefused,
    RecipientUnavailable,
    Rejected,
    SettingsInvalid,
)
from broker.model.release import Receipt, Release
from broker.wire.alert_codec import decode_release
from broker.wire.connection import Connection
from broker.wire.security import Security
from broker.wire.sender import TimelySender
from connectors.address import is_loopback

#: So long after it was asked for may a record leave: this process may be paused at any moment.
_LEAVES_SECONDS = 2.0

#: What each protocol needs; whatever else is given would be left unused, so it is refused.
_NEEDS: Mapping[str, frozenset[str]] = {
    "PLAINTEXT": frozenset(),
    "SASL_SSL": frozenset({"ca_file", "user", "password"}),
    "SSL": frozenset({"ca_file", "certificate_file", "key_file"}),
}


class KafkaSettings(ConnectorSettings):
    """Which cluster and topic, as whom, in which form."""

    allow_plaintext: bool = Field(
        False, description="Send unencrypted beyond this machine: the network encrypts itself."
    )
    security_protocol: Literal["PLAINTEXT", "SASL_SSL", "SSL"] = Field(
        "PLAINTEXT",
        description="SASL_SSL: TLS with user and password (SCRAM-SHA-512). SSL: TLS with a client "
        "certificate. PLAINTEXT: to this machine only.",
    )
    ca_file: Path | None = Field(
        None, validate_default=True, description="PEM: the CA of the recipient's brokers."
    )
    user: str | None = Field(None, validate_default=True, description="Who we are there.")
    password: Secret | None = Field(None, validate_default=True, description="Its password.")
    certificate_file: Path | None = Field(
        None, validate_default=True, description="PEM: our certificate there."
    )
    key_file: Path | None = Field(None, validate_default=True, description="PEM: its private key.")
    bootstrap_servers: str = Field(description="host:port of the recipient's cluster.")
    topic: str = Field(
        pattern=r"^[A-Za-z0-9._-]{1,249}$", description="Topic to write to. It must exist."
    )
    form: Literal["json", "avro"] = Field("json", description="Form of the value.")

    @field_validator("ca_file", "user", "password", "certificate_file", "key_file")
    @classmethod
    def _belongs_to_the_protocol(cls, value: Any, known: ValidationInfo) -> Any:
        # An unknown protocol is a fault of its own.
        needs = _NEEDS.get(known.data.get("security_protocol", ""))
        if needs is None or (value is not None) == (known.field_name in needs):
            return value
        raise ValueError("NEEDED_BY_PROTOCOL" if value is None else "UNUSED_BY_PROTOCOL")

    @field_validator("bootstrap_servers")
    @classmethod
    def _is_encrypted_or_stays_here(cls, servers: str, known: ValidationInfo) -> str:
        open_to_all = known.data.get("security_protocol") == "PLAINTEXT"
        allowed = known.data.get("allow_plaintext")
        for server in servers.split(","):
            host, _, port = server.strip().rpartition(":")
            if not host or not port.isdecimal():
                raise ValueError("ADDRESS_INVALID")
            if open_to_all and not allowed and not is_loopback(host.strip("[]")):
                raise ValueError("PLAINTEXT_NOT_ALLOWED")
        return servers

    def connection(self) -> Connection:
        """Return how the recipient's cluster is reached.

        Raises:
            SettingsInvalid: A certificate or key file cannot be used.
        """
        security = None
        if self.security_protocol != "PLAINTEXT":
            assert self.ca_file is not None
            security = Security(
                self.ca_file,
                self.security_protocol,
                user=self.user,
                password=self.password,
                certificate_file=self.certificate_file,
                key_file=self.key_file,
            )
            security.context()
        return Connection(
            self.bootstrap_servers,
            "lali-connector",
            security=security,
            allow_plaintext=self.allow_plaintext,
        )


class KafkaTopic:
    """Writes the releases of one feed.

    Raises:
        SettingsInvalid: A certificate or key file cannot be used.
    """

    def __init__(self, settings: KafkaSettings, feed: str) -> None:
        self._settings = settings
        self._feed = feed
        settings.connection()
        self._sender: TimelySender | None = None

    async def open(self) -> None:
        """Nothing is opened yet: the cluster may be down, and that is `deliver`'s to say."""

    async def deliver(self, release: Release) -> Receipt:
        """Write *release*; its receipt names partition and offset.

        Raises:
            RecipientUnavailable: The cluster does not answer.
            RecipientRefused: It does not take this record.
        """
        value = release.value
        if self._settings.form == "json":
            value = decode_release(value, with_record=True).model_dump_json().encode()
        key = release.idempotency_key(self._feed).encode()
        reference = await self._send(str(release.alert_id).encode(), value, key)
        now = datetime.now(UTC)
        return Receipt(self._feed, release.alert_id, release.revision, release.kind, now, reference)

    async def close(self) -> None:
        """Close the connection."""
        if self._sender is not None:
            await self._sender.stop()
            self._sender = None

    async def _send(self, key: bytes, value: bytes, idempotency_key: bytes) -> str:
        try:
            sender = self._sender or await self._connected()
            topic, headers = self._settings.topic, [("idempotency-key", idempotency_key)]
            await sender.ready(topic)
            asked = steady_seconds()
            await permitted()  # connecting may have taken long
            sent = await sender.send_by(asked + _LEAVES_SECONDS, topic, key, value, headers)
        except SettingsInvalid:
            # The files were right when the role started: somebody is changing them now.
            raise RecipientUnavailable("CREDENTIALS_UNUSABLE") from None
        except KafkaUnavailable as error:
            await self.close()
            raise RecipientUnavailable(error.code) from None
        except Rejected as rejected:
            raise RecipientRefused(rejected.reason.value) from None
        return f"{sent.partition}:{sent.offset}"

    async def _connected(self) -> TimelySender:
        # Files are read anew, so that a renewed certificate counts from the next connection.
        sender = TimelySender(self._settings.connection())
        await sender.start()
        self._sender = sender
        return sender
