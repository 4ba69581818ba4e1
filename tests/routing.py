"""One partition's router without Kafka: records in, and what each topic would hold out."""

from collections import defaultdict
from types import SimpleNamespace

from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from broker.model.decision import Outcome, PlanGroup, Recipient, Verdict
from broker.model.reason import Reason
from broker.pipeline.accepted import intake_header
from broker.pipeline.ledger import Ledger
from broker.pipeline.route import PartitionRouter
from broker.wire import codec
from broker.wire.alert_codec import encode_alert
from broker.wire.outbox import Outbox
from broker.wire.plan_codec import make_plan
from broker.wire.topics import Topics

BUNDLE = b"\1" * 32
TOPICS = Topics("", 1)


def plan_for(masks, feeds):
    """Return a plan that releases to each feed in *masks* what its mask names, to others nothing.

    A mask may be 0: the feed knows of the alert and sees none of it.
    """
    groups = []
    for feed in feeds:
        recipients = (Recipient(feed, feed, "PROTECT_VICTIM"),)
        if feed in masks:
            outcome = Outcome(Verdict.RELEASE, masks[feed], ("shows",))
        else:
            outcome = Outcome(Verdict.WITHHOLD, 0, (), Reason.NO_RULE_PERMITS)
        groups.append(PlanGroup(outcome, recipients))
    return make_plan(BUNDLE, tuple(groups))


def records_in(outbox):
    """Return what *outbox* would write: topic to its (key, value) pairs, in order."""
    found = defaultdict(list)
    for target, batch in outbox.batches():
        batch.close()
        parsed = MemoryRecords(bytes(batch._build()))
        while parsed.has_next():
            found[target.topic] += [(record.key, record.value) for record in parsed.next_batch()]
    return found


class Lane:
    """Routes alerts one transaction after the other, and keeps what was written.

    Attributes:
        written: Topic to its (key, value) pairs.
        masks: What the plan releases next: feed to mask.
    """

    def __init__(self, feeds=("alpha", "beta"), sealer=None, now=1_780_000_000_000):
        self.feeds = tuple(feeds)
        self.masks = {}
        self.now = now
        self.written = defaultdict(list)
        self.offset = 0
        self.router = PartitionRouter(TOPICS, 0, self._plan, sealer)

    def _plan(self, _view, _facts):
        return plan_for(self.masks, self.feeds)

    def route(self, *alerts):
        """Route *alerts* in one transaction, each with the masks that stand now."""
        return self.take(*(self.record(alert) for alert in alerts))

    def take(self, *records):
        """Route *records* in one transaction, each with its masks or alone; return them."""
        outbox = Outbox(lambda: BatchBuilder(1 << 19, 0, is_transactional=True))
        self.router.begin(self.now, records)
        for each in records:
            if isinstance(each, tuple):
                self.decide(each[1])
            self.router.take(each[0] if isinstance(each, tuple) else each, outbox)
        self.router.close_books(outbox)
        self.router.commit()
        wrote = records_in(outbox)
        for topic, pairs in wrote.items():
            self.written[topic] += pairs
        return wrote

    def decide(self, masks):
        """From now on release what *masks* name, whatever was remembered of equal labels."""
        self.masks = masks
        self.router._known._index = type(self.router._known._index)()

    def record(self, alert):
        """Return *alert* as it lies on `alerts`."""
        self.offset += 1
        return SimpleNamespace(
            topic=TOPICS.alerts,
            partition=0,
            offset=self.offset,
            key=str(alert.label.alert_id).encode(),
            value=encode_alert(alert),
            headers=(intake_header(0, self.offset),),
        )

    def feed(self, feed):
        """Return what stands in the topic of *feed*: (revision, kind, profile) in order."""
        views = [codec.decode(value, "release") for _, value in self.written[TOPICS.feed(feed)]]
        return [(view["revision"], view["kind"], view["profile"]) for view in views]

    def entries(self):
        """Return the audit entries, in order."""
        return [codec.decode(value, "audit-entry") for _, value in self.written[TOPICS.audit]]

    def restored(self):
        """Return the ledger as another router would restore it from what was written."""
        ledger = Ledger()
        for key, value in self.written[TOPICS.ledger]:
            ledger.restore(key, value)
        return ledger
