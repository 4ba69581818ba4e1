"""Accept: what is published becomes an alert, or waits in quarantine with a reason code.

At-least-once with deterministic output: a repetition after a crash writes the same records
again, and route recognises them by alert, revision and digest. The topic is the sender; no
header decides anything. Whatever fails, the original is kept untouched and neighbours flow.

Set aside is what the bytes deserve (`OF_BYTES`), and nothing else: our own trouble, known or
not, makes the partition wait where it is (`broker.pipeline.waiting`).
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import structlog

from broker.clock import epoch_ms
from broker.errors import OF_BYTES, Rejected
from broker.metrics.flow import count_forwarded, count_quarantined
from broker.pipeline.accepted import intake_header, statement_header
from broker.pipeline.checked import Checked, accept
from broker.pipeline.lost_records import tell_lost
from broker.pipeline.preconditions import Confirm, unchecked
from broker.pipeline.restarts import Restarts
from broker.pipeline.retention import retained_until
from broker.pipeline.set_aside import SetAside
from broker.pipeline.supervise import supervise
from broker.pipeline.unseal import Unsealer
from broker.pipeline.waiting import Waits
from broker.protect.vault import Row, Vault
from broker.tracing import span
from broker.wire.bounded_producer import Producer
from broker.wire.connection import Connection
from broker.wire.consumer import Consumer, ConsumerRecord, group_consumer
from broker.wire.outbox import Fanout, Outbox
from broker.wire.partition import Target, partition_of
from broker.wire.producer import idempotent_producer, send_in_order
from broker.wire.topics import Topics

log = structlog.get_logger()

_ALERTS_AT_ONCE = 500
_FORGET_EVERY_MS = 3_600_000


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
        confirm: Confirm = unchecked,
    ) -> None:
        self._confirm = confirm
        self._connection = connection
        self._topics = topics
        self._originators: Mapping[str, str] = {topics.intake(unit): unit for unit in originators}
        self._clock = clock
        self._unsealer = unsealer
        self._keys: list[Row] = []
        self._forget_at = 0
        self._forgetting: asyncio.Task[None] | None = None
        numbers = range(topics.partitions)
        self._alerts = [Fanout(Target(topics.alerts, n)) for n in numbers]
        register = unsealer.register if unsealer else None
        self._set_aside = SetAside(topics, self._originators, register)
        self._waits = Waits("accept")
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
        await supervise(
            lambda: self._run_once(restarts),
            self._stopping,
            restarts,
            progress=lambda: sum(self.counts.values()),
        )

    async def _run_once(self, restarts: Restarts) -> None:
        consumer = group_consumer(self._connection, self._topics.accept_group())
        producer = idempotent_producer(self._connection)
        try:
            await producer.start()
            await consumer.start()
            restarts.reached()
            consumer.subscribe(sorted(self._originators))
            while not self._stopping.is_set():
                await self._forget_what_is_over()
                await self._accept_next(consumer, producer)
        finally:
            await consumer.stop()
            await producer.stop()

    async def _forget_what_is_over(self) -> None:
        """Destroy the keys of alerts whose retention has ended, now and then."""
        now = self._clock()
        if self._unsealer is not None and now >= self._forget_at:
            await self._confirm()
            self._forget_at = now + _FORGET_EVERY_MS
            if self._forgetting is None or self._forgetting.done():
                self._forgetting = asyncio.create_task(_forget(self._unsealer.vault, now))

    async def _accept_next(self, consumer: Consumer, producer: Producer) -> None:
        for each in self._waits.over(consumer.paused()):
            consumer.resume(each)
        fetched = await consumer.getmany(timeout_ms=100, max_records=_ALERTS_AT_ONCE)
        gaps = consumer.met()
        await tell_lost("accept", gaps, self._connection, self._topics, self._clock())
        if not fetched:
            return
        await self._confirm()
        outbox = Outbox(producer.create_batch)
        self._forwarded.clear()
        self._refused.clear()
        self._keys = []
        with span("accept.batch", records=sum(map(len, fetched.values()))):
            next_offsets = {
                partition: await self._take_all(partition, records, outbox)
                for partition, records in fetched.items()
            }
            self._keep_keys()
            # In order, batch after batch: route takes an offset below one it has seen for a
            # repeat.
            await send_in_order(producer, outbox)
            await consumer.commit(next_offsets)
        _hold(consumer, fetched, next_offsets)
        count_forwarded(self._forwarded)
        count_quarantined("ACCEPT", self._refused)

    async def _take_all(
        self, partition: Target, records: Sequence[ConsumerRecord], outbox: Outbox
    ) -> int:
        """Take *records* up to the first that must wait; return the offset to go on from."""
        for record in records:
            try:
                self._take(record, outbox)
            except Exception as fault:  # noqa: BLE001 - not what the bytes deserve: they wait
                self._waits.begin(partition, record.offset, fault)
                return int(record.offset)
            await asyncio.sleep(0)  # heartbeats share this loop
        self._waits.passed(partition)
        return int(records[-1].offset) + 1

    def _take(self, record: ConsumerRecord, outbox: Outbox) -> None:
        """Accept *record*, or set it aside for what it is.

        Raises:
            Exception: Whatever else is the matter, known or not: it is no fault of the record.
        """
        originator, now = self._originators[record.topic], self._clock()
        try:
            checked = accept(record, originator, now, self._unsealer)
        except OF_BYTES as rejected:
            self._quarantine(record, outbox, rejected)
        else:
            self._forward(record, outbox, checked)
            self.counts["accepted"] += 1
            self._forwarded[originator] += 1

    def _forward(self, record: ConsumerRecord, outbox: Outbox, checked: Checked) -> None:
        key = str(checked.alert.label.alert_id).encode()
        headers = [intake_header(record.partition, record.offset)]
        unsealed = checked.unsealed
        if unsealed is not None:
            statement = unsealed.statement
            headers.append(statement_header(statement.digest, statement.distribution_commitment))
            if unsealed.alert_key is not None:
                until = retained_until(checked.alert.distribution, self._clock())
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
        self._set_aside.write(record, outbox, rejected, self._clock())
        self.counts["quarantined"] += 1
        self._refused[rejected.reason.value] += 1


def _hold(
    consumer: Consumer,
    fetched: Mapping[Target, Sequence[ConsumerRecord]],
    next_offsets: Mapping[Target, int],
) -> None:
    """Go back to the records that wait, and fetch none behind them until they are tried again."""
    for partition in consumer.assignment() & fetched.keys():
        if next_offsets[partition] <= fetched[partition][-1].offset:
            consumer.seek(partition, next_offsets[partition])
            consumer.pause(partition)


async def _forget(vault: Vault, now: int) -> None:
    """Destroy what is over, beside the event loop: the vault's key is renewed row by row."""
    try:
        gone = await asyncio.to_thread(vault.forget_over, now)
    except Exception as fault:  # noqa: BLE001 - what is over is destroyed an hour later
        log.error("keys.not_destroyed", code=type(fault).__name__)  # noqa: TRY400
        return
    if gone:
        log.info("keys.destroyed", count=gone)
