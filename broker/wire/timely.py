"""A producer that hands a record to the network until a moment, and never after it.

What a producer takes lies in a queue of its own until it is sent, and is sent again after
faults. A process that was paused meanwhile would send what it may no longer. Whether it is
still time is asked where the bytes go to the socket (`broker.wire.guarded`), each time.
"""

from typing import Any

from aiokafka import TopicPartition
from aiokafka.producer.sender import SendProduceReqHandler

from broker.wire.bounded_producer import Producer
from broker.wire.connection import Connection
from broker.wire.producer import idempotent_options


class TimelyProducer(Producer):
    """An idempotent producer of single records, with a moment for each.

    Attributes:
        by: Nothing leaves after it, steady seconds. What does not leave fails with `TooLate`,
            and the producer must be thrown away: a number of its sequence is missing then.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(**idempotent_options(connection), linger_ms=0)
        self.by = float("inf")
        self._sender._send_produce_req = self._send_in_time  # noqa: SLF001

    async def ready(self, topic: str) -> None:
        """Have everything ready that sending to *topic* waits for, but the record.

        Raises:
            KafkaError: The cluster does not answer.
        """
        for partition in await self.partitions_for(topic):
            leader = self.client.cluster.leader_for_partition(TopicPartition(topic, partition))
            if leader not in (None, -1):
                await self.client.ready(leader)

    async def _send_in_time(self, node_id: int, batches: dict[Any, Any]) -> None:
        """Do as `aiokafka.producer.sender.Sender` does, with a moment in the request."""
        sender = self._sender
        await _Handler(sender, batches, self).do(node_id)
        sender._in_flight.remove(node_id)  # noqa: SLF001
        for partition in batches:
            sender._muted_partitions.remove(partition)  # noqa: SLF001


class _Handler(SendProduceReqHandler):  # type: ignore[misc]
    def __init__(self, sender: Any, batches: dict[Any, Any], producer: TimelyProducer) -> None:
        super().__init__(sender, batches)
        self._producer = producer

    def create_request(self) -> Any:
        request = super().create_request()
        request.by = self._producer.by
        return request
