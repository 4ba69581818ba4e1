"""Route one alert: is it new, who may have it, who must give it back; write all of that.

Everything written for an alert goes into one outbox, and so into one transaction with the
alert's offset: releases, recalls, ledger entry, plan, audit entry, or the quarantine record
that stands in place of them.
"""

from collections.abc import Sequence
from typing import NamedTuple

from broker.errors import OF_BYTES, Rejected
from broker.model.reason import Reason
from broker.pipeline.accepted import Accepted, read_accepted
from broker.pipeline.believed_clock import BelievedClock
from broker.pipeline.known import Decided, Known, KnownLabels, PlanOf, later_tail
from broker.pipeline.ledger import Held, Holder, Ledger
from broker.pipeline.project import Projector
from broker.pipeline.recalls import Recalls, everybody, losing
from broker.pipeline.releases import Releases, releases_of
from broker.pipeline.retention import retain_until
from broker.pipeline.revision import Arrival, arrival, placed
from broker.pipeline.route_records import RouteRecords
from broker.pipeline.route_tally import RouteTally
from broker.pipeline.seal_release import ReleaseSealer
from broker.pipeline.unwritable import Owed
from broker.policy.facts import Facts
from broker.wire.consumer import ConsumerRecord
from broker.wire.layout import layout_of
from broker.wire.outbox import Outbox
from broker.wire.topics import Topics


class _Decided(NamedTuple):
    """An alert that was decided, and how its releases are written; none of a cancel."""

    alert: Accepted
    known: Known
    decided: Decided
    projector: Projector
    releases: Releases | None
    cancels: bool


class PartitionRouter:
    """Routes the alerts of one partition, in order.

    Attributes:
        ledger: The partition's ledger.
        clock: Says whether the ledger may forget by the clock.
        owed: The feeds that cannot be written, and what they have yet to get.
        counts: How many were decided, duplicates, refused; for status and logs.
    """

    def __init__(
        self,
        topics: Topics,
        partition: int,
        plan_of: PlanOf,
        sealer: ReleaseSealer | None = None,
    ) -> None:
        self.ledger = Ledger()
        self.clock = BelievedClock()
        self.counts = {"decided": 0, "duplicate": 0, "refused": 0}
        self._known = KnownLabels(plan_of, topics, partition)
        self._records = RouteRecords(topics, partition, sealer.register if sealer else None)
        self._tally = RouteTally()
        self._sealer = sealer
        self.owed = Owed(topics, partition, self.ledger, self._known.fanout, sealer)
        self._recalls = Recalls(self.owed, sealer)
        self._plans_written: set[bytes] = set()
        self._plans_staged: set[bytes] = set()

    def begin(self, now: int, records: Sequence[ConsumerRecord] = ()) -> None:
        """Start a transaction of *records* at *now*, epoch milliseconds."""
        self._records.begin(now)
        if self._sealer is not None:
            self._sealer.expect(records, now)

    def renew_keys(self, now: int) -> None:
        """Look which feeds have a key at *now*, epoch milliseconds."""
        if self._sealer is not None:
            self._sealer.renew(now)

    def commit(self) -> None:
        """Take what was staged as written."""
        self.ledger.commit()
        self.owed.commit()
        self._plans_written |= self._plans_staged
        self._plans_staged.clear()
        self._tally.count()

    def rollback(self) -> None:
        """Forget what was staged: the transaction did not come to pass."""
        self.ledger.rollback()
        self._plans_staged.clear()
        self._tally.forget()

    def take(self, record: ConsumerRecord, outbox: Outbox) -> None:
        """Route one record of `alerts` into *outbox*.

        Raises:
            FeedsKeyless: What some feeds get must wait; nothing was written.
        """
        try:
            alert = read_accepted(record)
            known = self._known.find(alert.value, alert.start)
        except Rejected as rejected:
            self._set_aside(record, outbox, rejected.reason)
            return
        match arrival(self.ledger, alert, known):
            case Arrival.REPEAT:
                return
            case Arrival.DUPLICATE:
                self._note_duplicate(outbox, alert, known.originator)
            case Reason() as refusal:
                self._quarantine(outbox, alert, known.originator, refusal)
            case Arrival.NEW:
                self._decide(outbox, alert, known, self.ledger.get(alert.alert_id))
            case Arrival.WITHDRAWAL:
                held = self.ledger.get(alert.alert_id)
                self._decide(outbox, alert, known, held, cancels=True)
            case Arrival.BLIND_CANCEL:
                # Of any of its facts: everybody is told, whatever they are.
                plan = self._known.decided(known, self._facts(alert, known, 0)).plan
                held = everybody(plan, alert, known.originator)
                self._decide(outbox, alert, known, held, cancels=True)

    def refuse(self, record: ConsumerRecord, outbox: Outbox, reason: Reason) -> None:
        """Quarantine one record of `alerts`, untouched, with *reason*, whatever it is."""
        try:
            alert = read_accepted(record)
            originator = self._known.find(alert.value, alert.start).originator
        except OF_BYTES:  # what cannot be read is set aside as it is
            self._set_aside(record, outbox, reason)
            return
        self._quarantine(outbox, alert, originator, reason)

    def close_books(self, outbox: Outbox) -> None:
        """Add what a transaction owes once: intake marks, and tombstones of the forgotten."""
        for key, offset in self.ledger.staged_marks().items():
            self._records.intake_mark(outbox, key, offset)
        self.owed.say(outbox, self._records.now)
        if not self.clock.may_forget(self._records.now):
            return
        for alert_id, held in self.ledger.sweep(self._records.now):
            self._records.forgotten(outbox, alert_id, held.holders)

    def _decide(
        self, outbox: Outbox, alert: Accepted, known: Known, held: Held | None,
        *, cancels: bool = False,
    ) -> None:  # fmt: skip
        cancels = cancels or known.cancels
        alert = placed(alert, held, cancels=cancels)
        try:
            routed = self._prepared(alert, known, cancels=cancels)
        except Rejected as rejected:
            self._quarantine(outbox, alert, known.originator, rejected.reason)
            return
        if routed.releases is not None:
            self.owed.require_keys(routed.releases, routed.decided.audiences)
        self._write_plan(outbox, routed.decided)
        if held is None and not routed.cancels:
            self._write_first(outbox, routed)
        else:
            self._write_later(outbox, routed, held)
        self.ledger.stage_mark((known.originator, alert.partition), alert.offset)
        self.counts["decided"] += 1

    def _facts(self, alert: Accepted, known: Known, filled: int) -> Facts:
        now = self._records.now
        return Facts(alert.expires_at <= now, known.embargo_until > now, filled)

    def _projector(self, alert: Accepted, known: Known) -> Projector:
        label_end = alert.start + known.label_length
        slots_start = alert.start + known.length
        return Projector(alert.value, alert.revision, label_end, slots_start, self._records.at)

    def _write_plan(self, outbox: Outbox, decided: Decided) -> None:
        digest = decided.plan.digest
        if digest not in self._plans_written and digest not in self._plans_staged:
            self._records.plan(outbox, decided)
            self._plans_staged.add(digest)

    def _prepared(self, alert: Accepted, known: Known, *, cancels: bool) -> _Decided:
        """Return *alert* decided.

        Raises:
            Rejected: It cannot be cut into its parts, or policy fails, or it cannot be released.
        """
        projector = self._projector(alert, known)
        decided = self._known.decided(known, self._facts(alert, known, projector.filled))
        if decided.failed:
            raise Rejected(Reason.POLICY_ERROR)
        releases = None
        if decided.audiences and not cancels:
            fanout = self._known.fanout
            releases = releases_of(alert, known, projector, self._sealer, fanout)
        return _Decided(alert, known, decided, projector, releases, cancels)

    def _write_first(self, outbox: Outbox, routed: _Decided) -> None:
        """Write a first revision: nobody holds anything, so most bytes are known before."""
        alert, known, decided, projector, releases, _ = routed
        if releases is not None:
            for audience in decided.audiences:
                self.owed.write(releases, outbox, projector, audience)
        layout = layout_of(alert.value)
        first = self._known.first(known, decided, projector.present, alert.revision, layout)
        self._stage(outbox, routed, first.ledger_tail, first.holders)
        self._records.first_decided(outbox, alert, known.originator, first.audit_tail)
        self._tally.first(known, decided)

    def _write_later(self, outbox: Outbox, routed: _Decided, held: Held | None) -> None:
        """Write an update or a cancel: decided anew, and recalled from who may no longer."""
        alert, known, decided, projector, releases, cancels = routed
        recalls, now = self._recalls, self._records.now
        if self.ledger.is_staged(alert.alert_id):
            outbox.seal()  # the revision before is in the same transaction, and comes first
        holders = {h.feed: h for h in held.holders} if held else {}
        less = losing(holders, decided.audiences, projector.present) if releases else ()
        narrowed = recalls.narrow(outbox, alert, less, now)
        released = self._release(outbox, routed)
        gone = [h for h in holders.values() if not h.recalled and h.feed not in released]
        recalled = recalls.write(outbox, alert, gone, now)
        holders |= released | recalled
        kept = self.ledger.share(tuple(sorted(holders.values())))
        tail = later_tail(known, decided, projector.present, kept, cancels=cancels)
        self._stage(outbox, routed, tail, kept)
        feeds = sorted([*narrowed, *recalled])
        self._records.later_decided(
            outbox, alert, known, decided, feeds, projector.present, cancels=cancels
        )
        self._tally.later(known, decided, list(released), feeds, cancels=cancels)

    def _release(self, outbox: Outbox, routed: _Decided) -> dict[str, Holder]:
        released: dict[str, Holder] = {}
        if routed.releases is None:
            return released
        for audience in routed.decided.audiences:
            release = self.owed.write(routed.releases, outbox, routed.projector, audience)
            for feed in audience.feeds:
                released[feed] = Holder(
                    feed, routed.alert.revision, release.profile, recalled=False
                )
        return released

    def _stage(
        self, outbox: Outbox, routed: _Decided, tail: bytes, holders: tuple[Holder, ...]
    ) -> None:
        """Write the ledger entry, and stage the same for this router's own memory."""
        alert, known = routed.alert, routed.known
        until = retain_until(known.retention_ms, self._records.now)
        self._records.ledger_entry(outbox, alert, known, until, tail)
        held = Held(
            alert.revision, alert.digest, known.originator, routed.cancels, until, holders,
            known.withdraws,
        )  # fmt: skip
        self.ledger.stage(alert.alert_id, held)

    def _note_duplicate(self, outbox: Outbox, alert: Accepted, originator: str) -> None:
        self._records.duplicate(outbox, alert, originator)
        self.ledger.stage_mark((originator, alert.partition), alert.offset)
        self._tally.duplicate(originator)
        self.counts["duplicate"] += 1

    def _quarantine(self, outbox: Outbox, alert: Accepted, originator: str, reason: Reason) -> None:
        self._records.quarantined(outbox, alert, originator, reason)
        self._tally.quarantined(reason)
        self.ledger.stage_mark((originator, alert.partition), alert.offset)
        self.counts["refused"] += 1

    def _set_aside(self, record: ConsumerRecord, outbox: Outbox, reason: Reason) -> None:
        self._records.unreadable(outbox, record, reason)
        self._tally.quarantined(reason)
        self.counts["refused"] += 1
