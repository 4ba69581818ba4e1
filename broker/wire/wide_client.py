"""A client for what aiokafka cannot say: ACLs, passwords, quotas, authorised operations.

kafka-python, in pure Python, speaks every request of Kafka 4. It blocks: call it in a
thread. Its own log shows passwords at level debug, so that log is silenced.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from broker.errors import KafkaUnavailable
from broker.wire.connection import Connection
from broker.wire.guarded import MOST_ANSWER_BYTES

_START_MS = 15_000
#: Requests under way at once; the client refuses one more.
_AT_ONCE = 100


class WideClient:
    """One connection to a cluster, as one principal."""

    def __init__(self, client: KafkaAdminClient) -> None:
        self.admin = client
        # The admin client offers no call for requests without a method of their own.
        self._manager = client._manager  # noqa: SLF001

    def ask(self, request: Any, node: int | None = None) -> Any:
        """Send one request and return the answer.

        Args:
            request: One of kafka-python's requests.
            node: Which broker; any if None.

        Raises:
            KafkaUnavailable: There was none.
        """
        return self.ask_all([request], node)[0]

    def ask_all(self, requests: Sequence[Any], node: int | None = None) -> list[Any]:
        """Send requests one behind the other and return the answers in the same order.

        Raises:
            KafkaUnavailable: One had no answer.
        """

        async def answers() -> list[Any]:
            found: list[Any] = []
            for start in range(0, len(requests), _AT_ONCE):
                some = requests[start : start + _AT_ONCE]
                sent = [self._manager.send(request, node) for request in some]
                found += [await each for each in sent]
            return found

        with errors_named():
            answered: list[Any] = self._manager.run(answers)
            return answered

    def nodes(self) -> list[int]:
        """Return the ids of the brokers."""
        return [broker.node_id for broker in self._manager.cluster.brokers()]

    def hosts(self) -> list[str]:
        """Return where the brokers say that they are."""
        return [broker.host for broker in self._manager.cluster.brokers()]


@contextmanager
def wide_client(connection: Connection) -> Iterator[WideClient]:
    """Open a client; ask `require_welcome` first, which says why it cannot be opened.

    Raises:
        KafkaUnavailable: It cannot be opened.
    """
    silence(logging.getLogger("kafka"))
    with errors_named():
        client = KafkaAdminClient(
            **connection.options(),
            bootstrap_timeout_ms=_START_MS,
            max_in_flight_requests_per_connection=_AT_ONCE,
            receive_message_max_bytes=MOST_ANSWER_BYTES,
        )
    try:
        made = WideClient(client)
        if not all(connection.may_reach(host) for host in made.hosts()):
            raise KafkaUnavailable("PLAINTEXT_REFUSED")
        yield made
    finally:
        client.close()


@contextmanager
def errors_named() -> Iterator[None]:
    """Let errors of the client through as their name only: their texts hold configuration.

    Raises:
        KafkaUnavailable: In place of any of them.
    """
    try:
        yield
    except (KafkaError, OSError) as error:
        raise KafkaUnavailable(type(error).__name__) from None


def silence(logger: logging.Logger) -> None:
    """Let nothing of *logger* out, whatever its handlers and those above it."""
    logger.setLevel(logging.CRITICAL + 1)
    logger.propagate = False
