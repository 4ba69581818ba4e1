"""Retention: records are deleted, read and unread."""

import contextlib
import time

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from faults.oracle import records

_PATIENCE_SECONDS = 120


def of_what_is_read(*topics):
    """Delete all records of *topics*, which their readers have read."""

    @contextlib.contextmanager
    def happens(site):
        assert site.settle(site.publish(1)) is not None
        time.sleep(2)  # offsets are committed behind what is written
        site.oracle.look()
        for topic in topics:
            _delete(site, topic)
        yield

    return happens


def of_what_nobody_read(topic, role):
    """Delete records of *topic* while *role*, which reads it, is away: it must be told.

    What was deleted so is lost by the operator's will, and counts as lost where no entry of the
    audit log and no line of the log says how many records of which topic it was.
    """

    @contextlib.contextmanager
    def happens(site):
        before = len(_told(site, topic))
        assert site.settle(list(site.taken)) is not None  # all else is read
        site.crew[role].kill()
        unread = site.publish(3)
        site.taken = [each for each in site.taken if each not in unread]
        time.sleep(5)  # what stands before the role goes as far as it can
        site.oracle.look()  # what was released counts, though it is deleted now
        _delete(site, topic)
        site.crew.start(role)
        yield
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while len(_told(site, topic)) == before:
            assert time.monotonic() < deadline, f"nothing tells what {topic} lost"
            time.sleep(1)
        assert sum(e["next_offset"] - e["offset"] for e in _told(site, topic)[before:]) >= len(
            unread
        )
        audit = records(site.kafka.bootstrap_servers, "audit")["audit"]
        told = [r for r in audit if b"RECORDS_LOST" in r.value and topic.encode() in r.value]
        assert told

    return happens


def _told(site, topic):
    return [each for each in site.crew.events("records.lost") if each["topic"] == topic]


def _delete(site, topic):
    """Delete every record of *topic*."""
    servers = site.kafka.bootstrap_servers.split(",")
    consumer = KafkaConsumer(bootstrap_servers=servers)
    admin = KafkaAdminClient(bootstrap_servers=servers)
    try:
        parts = [TopicPartition(topic, n) for n in range(site.partitions)]
        admin.delete_records(consumer.end_offsets(parts))
    finally:
        admin.close()
        consumer.close()
