"""The id that Kafka gives a topic when it is made (KIP-516): a topic made anew has another."""

import asyncio
from collections.abc import Iterable
from uuid import UUID

from broker.wire.connection import Connection
from broker.wire.wide_client import errors_named, wide_client


async def topic_ids(connection: Connection, topics: Iterable[str]) -> dict[str, UUID]:
    """Return the ids of those of *topics* that are there and that we may know of.

    Raises:
        KafkaUnavailable: The cluster does not answer.
    """
    return await asyncio.to_thread(_ask, connection, list(topics))


def _ask(connection: Connection, topics: list[str]) -> dict[str, UUID]:
    with wide_client(connection) as client, errors_named():
        described = client.admin.describe_topics(topics)
    return {
        each["name"]: UUID(str(each["topic_id"])) for each in described if not each["error_code"]
    }
