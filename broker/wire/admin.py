"""Create topics and ask the cluster about itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)

from broker.errors import KafkaRefused, KafkaUnavailable
from broker.wire.connection import Connection
from broker.wire.topics import TopicSpec
from broker.wire.welcome import unavailable


@asynccontextmanager
async def admin(connection: Connection) -> AsyncIterator[AIOKafkaAdminClient]:
    """Open an admin client.

    Raises:
        KafkaRefused: The cluster does not let us in, or do what is asked.
        KafkaUnavailable: No broker answers, now or to what is asked later.
    """
    client = AIOKafkaAdminClient(**connection.options())
    try:
        await client.start()
        yield client
    except KafkaError as error:
        raise await unavailable(connection, error) from None
    finally:
        await client.close()


async def apply_topics(
    connection: Connection, specs: list[TopicSpec], replication: int = 1
) -> list[str]:
    """Create the topics that are missing; return their names.

    Raises:
        KafkaUnavailable: The cluster refused to create one.
    """
    async with admin(connection) as client:
        present = set(await client.list_topics())
        missing = [spec for spec in specs if spec.name not in present]
        if missing:
            await _create(client, missing, replication)
            await _wait_until_listed(client, {spec.name for spec in missing})
        return [spec.name for spec in missing]


async def list_topics(connection: Connection) -> set[str]:
    """Return the names of all topics of the cluster."""
    async with admin(connection) as client:
        return set(await client.list_topics())


async def committed_offsets(connection: Connection, group: str) -> dict[TopicPartition, int]:
    """Return where *group* stands in each partition that it has committed.

    Raises:
        KafkaUnavailable: Nobody can say, as while a cluster is starting.
    """
    async with admin(connection) as client:
        try:
            found = await client.list_consumer_group_offsets(group)
        except KafkaError as error:
            raise KafkaUnavailable(type(error).__name__) from None
    return {partition: at.offset for partition, at in found.items() if at.offset >= 0}


async def _create(client: AIOKafkaAdminClient, specs: list[TopicSpec], replication: int) -> None:
    topics = [
        NewTopic(spec.name, spec.partitions, replication, topic_configs=spec.config)
        for spec in specs
    ]
    response = await client.create_topics(topics, timeout_ms=30_000)
    for name, code, *_ in response.topic_errors:
        error = for_code(code)
        if error is TopicAuthorizationFailedError:
            raise KafkaRefused(f"NOT_AUTHORISED: no right to create {name}")
        if code and error is not TopicAlreadyExistsError:
            raise KafkaUnavailable(f"{name}: {error.__name__}")


async def _wait_until_listed(client: AIOKafkaAdminClient, names: set[str]) -> None:
    for _ in range(100):
        if names <= set(await client.list_topics()):
            return
        await asyncio.sleep(0.1)
    raise KafkaUnavailable("created topics do not appear")
