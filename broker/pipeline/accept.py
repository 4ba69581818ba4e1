"""Accept: what is published becomes an alert, or waits in quarantine with a reason code.

At-least-once with deterministic output: a repetition after a crash writes the same records
again, and route recognises them by alert, revision and digest. The topic is the sender; no
header decides anything. Whatever fails, the original is kept untouched and neighbours flow.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import structlog

from broker.clock import epoch_ms
from broker.errors import KeeperUnavailable, Rejected
from broker.metrics.flow import count_forwarded, count_quarantined
from broker.model.alert import Alert
from broker.model.codes import MessageType
from broker.model.label import Label
from broker.model.reason import Reason
from broker.pipeline.accepted import intake_header, statement_header
from broker.pipeline.restarts import Restarts
from broker.pipeline.retention import retained_until
from broker.pipeline.set_aside import SetAside
from broker.pipeline.unseal import Unsealed, Unsealer
from broker.protect.vault import Row
from broker.tracing import span
from broker.wire import codec
from broker.wire.alert_codec import decode_alert
from broker.wire.connection import Connection
from broker.wire.consumer import Consumer, ConsumerRecord, group_consumer
from broker.wire.outbox import Fanout, Outbox
from broker.wire.partition import Target, partition_of
from broker.wire.producer import Producer, idempotent_producer, send_in_order
from broker.wire.topics import Topics

log = structlog.get_logger()

#: Headers in which other clients name a schema. They choose nothing; one that differs from
#: the frame means that somebody else would read the record as something else.
_SCHEMA_HEADERS = frozenset({"__value_schema_id", "value.schema.id", "schema.id"})
_ALERTS_AT_ONCE = 500
_FORGET_EVERY_MS = 3_600_000


class Checked(NamedTuple):
    """A published alert that may go on.

    Attributes:
        alert: Readable; of an end-to-end sealed one, without content.
        value: What route gets.
        unsealed: What protection found; None where it is off.
    """

    alert: Alert
    value: bytes
    unsealed: Unsealed | None

    def __repr__(self) -> str:
        return "Checked()"


def accept(
    record: ConsumerRecord, originator: str, now: int, unsealer: Unsealer | None = None
) -> Checked:
    """Return the alert in a record of *originator*'s intake topic.

    Args:
        record: What was published.
        originator: The unit that the topic belongs to.
        now: Epoch milliseconds.
        unsealer: Verifies and opens; None where protection is off.

    Raises:
        Rejected: With the first reason why it is not accepted.
    """
    _check_headers(record)
    unsealed = unsealer.open(record.value, originator) if unsealer else None
    alert = decode_alert(unsealed.plain if unsealed else record.value)
    if record.key != str(alert.label.alert_id).encode():
        raise Rejected(Reason.KEY_DIFFERS)
    if alert.label.originator != originator:
        raise Rejected(Reason.ORIGINATOR_DIFFERS, "label.originator")
    check_label(alert.label, now)
    return Checked(alert, unsealed.forwarded if unsealed else record.value, unsealed)


def check_label(label: Label, now: int) -> None:
    """Check that what *label* says can be acted on at *now*, epoch milliseconds.

    Raises:
        Rejected: CODE_UNKNOWN or EXPIRED_ON_ARRIVAL.
    """
    if label.message_type is MessageType.UNKNOWN:
        raise Rejected(Reason.CODE_UNKNOWN, "label.message_type")
    # A cancel is taken however late: whoever holds the alert must learn of it.
    cancels = label.message_type is MessageType.CANCEL
    if not cancels and label.expires_at.timestamp() * 1000 <= now:
        raise Rejected(Reason.EXPIRED_ON_ARRIVAL, "label.expires_at")


class Accept:
    """The role that accepts, for every intake topic of the community.

    Attributes:
        counts: How many were accepted and quarantined since the start.
    """

    def __init__(
        self,
        connection: Connection,
        topics: Topics,
        originators: Sequence[str],
        clock: Callable[[], int] = epoch_ms,
        unsealer: Unsealer | None = None,
    ) -> None:
        self._connection = connection
        self._topics = topics
        self._originators: Mapping[str, str] = {topics.intake(unit): unit for unit in originators}
        self._clock = clock
        self._unsealer = unsealer
        self._keys: list[Row] = []
        self._forget_at = 0
        numbers = range(topics.partitions)
        self._alerts = [Fanout(Target(topics.alerts, n)) for n in numbers]
        register = unsealer.register if unsealer else None
        self._set_aside = SetAside(topics, self._originators, register)
        self._stopping = asyncio.Event()
        self.counts = {"accepted": 0, "quarantined": 0}
        self._forwarded: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()

    def stop(self) -> None:
        """Ask `run` to end after the batch under way."""
        self._stopping.set()

    async def run(self) -> None:
        """Accept until stopped; start anew after any fault, waiting longer each time."""
        restarts = Restarts("accept", self._stopping)
        while not self._stopping.is_set():
            before = sum(self.counts.values())
            try:
                await self._run_once(restarts)
            except Exception as fault:  # noqa: BLE001 - nothing is committed, so nothing is lost
                await restarts.wait(fault, worked=sum(self.counts.values()) > before)

    async def _run_once(self, restarts: Restarts) -> None:
        consumer = group_consumer(self._connection, self._topics.accept_group())
        producer = idempotent_producer(self._connection)
        try:
            await producer.start()
            await consumer.start()
            restarts.reached()
            consumer.subscribe(sorted(self._originators))
            while not self._stopping.is_set():
                self._forget_what_is_over()
                await self._accept_next(consumer, producer)
        finally:
            await consumer.stop()
            await producer.stop()

    def _forget_what_is_over(self) -> None:
        """Destroy the keys of alerts whose retention has ended, now and then."""
        now = self._clock()
        if self._unsealer is not None and now >= self._forget_at:
            self._forget_at = now + _FORGET_EVERY_MS
            if gone := self._unsealer.vault.forget(now):
                log.info("keys.destroyed", count=gone)

    async def _accept_next(self, consumer: Consumer, producer: Producer) -> None:
        fetched = await consumer.getmany(timeout_ms=100, max_records=_ALERTS_AT_ONCE)
        if not fetched:
            return
        outbox = Outbox(producer.create_batch)
        self._forwarded.clear()
        self._refused.clear()
        with span("accept.batch", records=sum(map(len, fetched.values()))):
            for records in fetched.values():
                for record in records:
                    self._take(record, outbox)
                    await asyncio.sleep(0)  # heartbeats share this loop
            self._keep_keys()
            # In order, batch after batch: route takes an offset below one it has seen for a
            # repeat.
            await send_in_order(producer, outbox)
            await consumer.commit({tp: taken[-1].offset + 1 for tp, taken in fetched.items()})
        count_forwarded(self._forwarded)
        count_quarantined("ACCEPT", self._refused)

    def _take(self, record: ConsumerRecord, outbox: Outbox) -> None:
        try:
            originator, now = self._originators[record.topic], self._clock()
            checked = accept(record, originator, now, self._unsealer)
        except Rejected as rejected:
            self._quarantine(record, outbox, rejected)
        except KeeperUnavailable:
            raise  # the keys are away, and the input may be right: nothing is committed
        except Exception as fault:  # noqa: BLE001 - one bad input must not hold up the others
            log.error("alert.failed", code=type(fault).__name__)  # noqa: TRY400
            self._quarantine(record, outbox, Rejected(Reason.UNEXPECTED))
        else:
            self.counts["accepted"] += 1
            self._forwarded[originator] += 1
            self._forward(record, outbox, checked)

    def _forward(self, record: ConsumerRecord, outbox: Outbox, checked: Checked) -> None:
        key = str(checked.alert.label.alert_id).encode()
        headers = [intake_header(record.partition, record.offset)]
        unsealed = checked.unsealed
        if unsealed is not None:
            statement = unsealed.statement
            headers.append(statement_header(statement.digest, statement.distribution_commitment))
            if unsealed.alert_key is not None:
                label, distribution = checked.alert.label, checked.alert.distribution
                until = retained_until(label, distribution, self._clock())
                row = Row(statement.digest, unsealed.alert_id, unsealed.alert_key, until)
                self._keys.append(row)
        fanout = self._alerts[partition_of(key, self._topics.partitions)]
        outbox.add(fanout, key, checked.value, headers)

    def _keep_keys(self) -> None:
        """Put the keys into the vault before anything that they open is written."""
        if self._unsealer is not None and self._keys:
            self._unsealer.vault.keep(self._keys)
        self._keys = []

    def _quarantine(self, record: ConsumerRecord, outbox: Outbox, rejected: Rejected) -> None:
        self.counts["quarantined"] += 1
        self._refused[rejected.reason.value] += 1
        self._set_aside.write(record, outbox, rejected, self._clock())


def _check_headers(record: ConsumerRecord) -> None:
    value = record.value or b""
    for name, content in record.headers:
        if name in _SCHEMA_HEADERS and content not in _as_header(value[1 : codec.FRAME_BYTES]):
            raise Rejected(Reason.SCHEMA_HEADER_DIFFERS)


def _as_header(schema_id: bytes) -> tuple[bytes, ...]:
    # As text, as four bytes, and as the whole frame: the forms that clients write.
    number = int.from_bytes(schema_id, "big")
    return (str(number).encode(), schema_id, b"\x00" + schema_id)
