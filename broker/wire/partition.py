"""Which partition an alert belongs to: the same in `alerts`, every feed and the ledger."""

from aiokafka import TopicPartition
from aiokafka.partitioner import murmur2

#: One partition of one topic.
Target = TopicPartition


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of *key* as Kafka's default partitioner chooses it.

    The mask is Kafka's ``toPositive``.
    """
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)
