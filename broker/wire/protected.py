"""Whether a hub requires protection: asked of the cluster, before anything open is sent to it."""

import asyncio

from kafka.protocol.metadata import MetadataRequest

from broker.errors import KafkaRefused, SettingsInvalid
from broker.wire.connection import Connection
from broker.wire.topics import Topics
from broker.wire.welcome import require_welcome
from broker.wire.wide_client import wide_client

_NONE, _UNKNOWN_TOPIC = 0, 3
_DENIED = (
    "NOT_AUTHORISED: whether this hub requires protection may not be seen, so nothing goes to it "
    "open: give a seal, or have an administrator run `lali secure apply`"
)


async def require_unprotected(connection: Connection, topics: Topics) -> None:
    """Make sure that alerts may go to this hub without signature and seal.

    A hub that requires protection quarantines each of them, and tells nobody who sent it.
    Its operator says so by a topic (`Topics.protected`), made with the others.

    Raises:
        SettingsInvalid: SIGNATURE_MISSING: protection is required.
        KafkaRefused: It may not be seen whether it is.
        KafkaUnavailable: The cluster does not answer.
    """
    await require_welcome(connection)
    code = await asyncio.to_thread(_code_of, connection, topics.protected)
    if code == _NONE:
        raise SettingsInvalid(
            "SIGNATURE_MISSING: this hub requires protection and would quarantine each alert that "
            "comes without: sign and seal with the keys of the unit (LALI_KEYS; in a program "
            "seal=client_protection(load_settings()).originator(unit)). Where protection was "
            f"switched off for good, its operator deletes the topic {topics.protected}"
        )
    if code != _UNKNOWN_TOPIC:
        raise KafkaRefused(_DENIED)


def _code_of(connection: Connection, topic: str) -> int:
    """Return what Kafka says of *topic*; asked by name, which aiokafka would create it by."""
    asked = MetadataRequest(
        topics=[MetadataRequest.MetadataRequestTopic(name=topic)],
        allow_auto_topic_creation=False,
        max_version=9,  # the last that names topics by name only
    )
    with wide_client(connection) as client:
        (found,) = client.ask(asked).topics
    return int(found.error_code)
