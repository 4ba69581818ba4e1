"""What a cluster lets one principal do: asked as that principal, by trying.

Reading is tried by fetching from beyond a topic's end, writing by a batch with no record in
it, joining a group by a heartbeat of nobody, committing by ending a transaction of nobody.
Kafka checks the right first and the rest afterwards, so each answer says whether the right
is there, and nothing is read, written, joined or fenced. What cannot be tried harmlessly is
what Kafka says of it: the authorised operations in its answers about topics and cluster.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kafka.protocol.admin import DescribeClusterRequest
from kafka.protocol.consumer import FetchRequest, HeartbeatRequest
from kafka.protocol.metadata import FindCoordinatorRequest, MetadataRequest
from kafka.protocol.producer import EndTxnRequest, ProduceRequest

from broker.wire.rights import CLUSTER_NAME, Kind, Operation
from broker.wire.wide_client import WideClient

#: What is asked of each kind of resource.
ASKED: dict[Kind, tuple[Operation, ...]] = {
    Kind.TOPIC: (
        Operation.READ,
        Operation.WRITE,
        Operation.CREATE,
        Operation.DELETE,
        Operation.ALTER,
        Operation.DESCRIBE,
        Operation.DESCRIBE_CONFIGS,
        Operation.ALTER_CONFIGS,
    ),
    Kind.GROUP: (Operation.READ, Operation.DESCRIBE),
    Kind.TRANSACTION: (Operation.WRITE, Operation.DESCRIBE),
    Kind.CLUSTER: (
        Operation.CREATE,
        Operation.ALTER,
        Operation.DESCRIBE,
        Operation.CLUSTER_ACTION,
        Operation.DESCRIBE_CONFIGS,
        Operation.ALTER_CONFIGS,
        Operation.IDEMPOTENT_WRITE,
    ),
}

#: Kafka's codes of operations.
_CODES = {
    Operation.CREATE: 5,
    Operation.DELETE: 6,
    Operation.ALTER: 7,
    Operation.DESCRIBE: 8,
    Operation.CLUSTER_ACTION: 9,
    Operation.DESCRIBE_CONFIGS: 10,
    Operation.ALTER_CONFIGS: 11,
    Operation.IDEMPOTENT_WRITE: 12,
}
_NONE, _UNKNOWN_TOPIC = 0, 3
_TOPIC_DENIED, _GROUP_DENIED, _TRANSACTION_DENIED = 29, 30, 53
_GROUP_KEYS, _TRANSACTION_KEYS = 0, 1
#: Beyond any offset: the answer carries no record.
_BEYOND = 1 << 62
#: A producer id that the cluster has given to nobody.
_NOBODY = 1 << 61

#: Whether the principal may; None if the cluster has no such topic.
Observed = dict[tuple[Kind, str, Operation], bool | None]


def observe(
    client: WideClient,
    topics: Sequence[str],
    groups: Sequence[str],
    transactions: Sequence[str],
) -> Observed:
    """Return what the principal of *client* may do with each of these names.

    Raises:
        KafkaUnavailable: The cluster did not answer.
    """
    found: Observed = {}
    found |= _described(client, topics)
    found |= _of(Kind.TOPIC, Operation.READ, _fetched(client, topics))
    found |= _of(Kind.TOPIC, Operation.WRITE, _produced(client, topics))
    found |= _of(Kind.GROUP, Operation.READ, _joined(client, groups))
    found |= _of(Kind.GROUP, Operation.DESCRIBE, _located(client, groups, _GROUP_KEYS))
    found |= _of(Kind.TRANSACTION, Operation.WRITE, _ended(client, transactions))
    located = _located(client, transactions, _TRANSACTION_KEYS)
    return found | _of(Kind.TRANSACTION, Operation.DESCRIBE, located) | _on_cluster(client)


def _of(kind: Kind, operation: Operation, allowed: Mapping[str, bool]) -> Observed:
    return {(kind, name, operation): may for name, may in allowed.items()}


def _described(client: WideClient, topics: Iterable[str]) -> Observed:
    asked = [MetadataRequest.MetadataRequestTopic(name=name) for name in topics]
    answer = client.ask(
        MetadataRequest(
            topics=asked,
            allow_auto_topic_creation=False,
            include_topic_authorized_operations=True,
            max_version=9,  # the last that names topics by name only
        )
    )
    found: Observed = {}
    for topic in answer.topics:
        for operation in ASKED[Kind.TOPIC]:
            if operation in _CODES:
                found[Kind.TOPIC, topic.name, operation] = _may(topic, operation)
    return found


def _may(topic: Any, operation: Operation) -> bool | None:
    match topic.error_code:
        case code if code == _TOPIC_DENIED:
            return False
        case code if code == _UNKNOWN_TOPIC:
            return None
        case _:
            return _CODES[operation] in (topic.authorized_operations or ())


def _fetched(client: WideClient, topics: Iterable[str]) -> dict[str, bool]:
    partition = {"partition": 0, "fetch_offset": _BEYOND, "partition_max_bytes": 1}
    asked = [
        FetchRequest.FetchTopic(
            topic=name, partitions=[FetchRequest.FetchTopic.FetchPartition(**partition)]
        )
        for name in topics
    ]
    answer = client.ask(
        FetchRequest(max_wait_ms=0, min_bytes=0, max_bytes=1, topics=asked, max_version=12)
    )
    return {each.topic: each.partitions[0].error_code != _TOPIC_DENIED for each in answer.responses}


def _produced(client: WideClient, topics: Iterable[str]) -> dict[str, bool]:
    topic_data = ProduceRequest.TopicProduceData
    asked = [
        topic_data(
            name=name, partition_data=[topic_data.PartitionProduceData(index=0, records=b"")]
        )
        for name in topics
    ]
    answer = client.ask(ProduceRequest(acks=-1, timeout_ms=1000, topic_data=asked, max_version=9))
    return {
        each.name: each.partition_responses[0].error_code != _TOPIC_DENIED
        for each in answer.responses
    }


def _joined(client: WideClient, groups: Sequence[str]) -> dict[str, bool]:
    asked = [
        HeartbeatRequest(group_id=group, generation_id=-1, member_id="nobody") for group in groups
    ]
    answers = client.ask_all(asked)
    return {
        group: answer.error_code != _GROUP_DENIED
        for group, answer in zip(groups, answers, strict=True)
    }


def _located(client: WideClient, names: Sequence[str], kind: int) -> dict[str, bool]:
    denied = _GROUP_DENIED if kind == _GROUP_KEYS else _TRANSACTION_DENIED
    answer = client.ask(
        FindCoordinatorRequest(key_type=kind, coordinator_keys=list(names), min_version=4)
    )
    return {each.key: each.error_code != denied for each in answer.coordinators}


def _ended(client: WideClient, transactions: Sequence[str]) -> dict[str, bool]:
    asked = [
        EndTxnRequest(
            transactional_id=name,
            producer_id=_NOBODY,
            producer_epoch=0,
            committed=False,
            max_version=3,
        )
        for name in transactions
    ]
    answers = client.ask_all(asked)
    return {
        name: answer.error_code != _TRANSACTION_DENIED
        for name, answer in zip(transactions, answers, strict=True)
    }


def _on_cluster(client: WideClient) -> Observed:
    answer = client.ask(DescribeClusterRequest(include_cluster_authorized_operations=True))
    allowed = answer.authorized_operations or ()
    return {
        (Kind.CLUSTER, CLUSTER_NAME, operation): _CODES[operation] in allowed
        for operation in ASKED[Kind.CLUSTER]
    }
