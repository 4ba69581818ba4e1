"""Deliver each release to a topic of the recipient's own Kafka cluster.

The key is the alert's id, so one alert's revisions stay in order. The value is JSON, or the
framed Avro release; the header `idempotency-key` is the same in every repetition.

Delivery guarantee: at least once; acknowledged by all in-sync replicas before the receipt.
"""

from datetime import UTC, datetime
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from broker.connector import ConnectorSettings
from broker.errors import (
    KafkaUnavailable,
    RecipientRefused,
    RecipientUnavailable,
    Rejected,
)
from broker.model.release import Receipt, Release
from broker.wire.alert_codec import decode_release
from broker.wire.connection import Connection
from broker.wire.sender import Sender
from connectors.address import is_loopback


class KafkaSettings(ConnectorSettings):
    """Which cluster and topic, in which form."""

    allow_plaintext: bool = Field(
        False, description="Send unencrypted beyond this machine: the network encrypts itself."
    )
    bootstrap_servers: str = Field(description="host:port of the recipient's cluster.")
    topic: str = Field(
        pattern=r"^[A-Za-z0-9._-]{1,249}$", description="Topic to write to. It must exist."
    )
    form: Literal["json", "avro"] = Field("json", description="Form of the value.")

    @field_validator("bootstrap_servers")
    @classmethod
    def _stays_on_this_machine(cls, servers: str, known: ValidationInfo) -> str:
        for server in servers.split(","):
            host, _, port = server.strip().rpartition(":")
            if not host or not port.isdecimal():
                raise ValueError("ADDRESS_INVALID")
            if not known.data.get("allow_plaintext") and not is_loopback(host.strip("[]")):
                raise ValueError("PLAINTEXT_NOT_ALLOWED")
        return servers


class KafkaTopic:
    """Writes the releases of one feed."""

    def __init__(self, settings: KafkaSettings, feed: str) -> None:
        self._settings = settings
        self._feed = feed
        self._sender: Sender | None = None

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
            if self._sender is None:
                connection = Connection(
                    self._settings.bootstrap_servers,
                    "lali-connector",
                    allow_plaintext=self._settings.allow_plaintext,
                )
                sender = Sender(connection)
                await sender.start()
                self._sender = sender
            headers = [("idempotency-key", idempotency_key)]
            sent = await self._sender.send(self._settings.topic, key, value, headers)
        except KafkaUnavailable as error:
            await self.close()
            raise RecipientUnavailable(error.code) from None
        except Rejected as rejected:
            raise RecipientRefused(rejected.reason.value) from None
        return f"{sent.partition}:{sent.offset}"
