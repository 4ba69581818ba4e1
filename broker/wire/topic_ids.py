"""The id that Kafka gives a topic when it is made (KIP-516): a topic made anew has another."""

import asyncio
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from uuid import UUID

from broker.wire.connection import Connection
from broker.wire.wide_client import errors_named, wide_client


async def topic_ids(connection: Connection, topics: Iterable[str]) -> dict[str, UUID]:
    """Return the ids of those of *topics* that are there and that we may know of.

    Raises:
        KafkaUnavailable: The cluster does not answer.
    """
    answer: Future[dict[str, UUID]] = Future()
    # While Kafka is away an answer takes long: nobody who stops may have to wait for it.
    asked = (answer, connection, list(topics))
    threading.Thread(target=_answer, args=asked, name="topic-ids", daemon=True).start()
    return await asyncio.wrap_future(answer)


def _answer(answer: "Future[dict[str, UUID]]", connection: Connection, topics: list[str]) -> None:
    answer.set_running_or_notify_cancel()  # from now on it takes an answer that nobody awaits
    try:
        answer.set_result(_ask(connection, topics))
    except Exception as fault:  # noqa: BLE001 - it is raised where the answer is awaited
        answer.set_exception(fault)


def _ask(connection: Connection, topics: list[str]) -> dict[str, UUID]:
    with wide_client(connection) as client, errors_named():
        described = client.admin.describe_topics(topics)
    return {
        each["name"]: UUID(str(each["topic_id"])) for each in described if not each["error_code"]
    }
