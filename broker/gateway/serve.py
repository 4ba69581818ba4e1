"""What may be served of a shelved release now: the ledger and the bundle of today decide.

The same rule as for connectors (`broker.pipeline.redecide`), however old the reader's cursor.
What expired, was superseded or recalled is passed over: the later revision or the recall
stands in the same feed, behind it. What policy no longer permits is served as a recall.
"""

import dataclasses
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from broker.clock import steady_seconds
from broker.errors import OF_BYTES, Rejected
from broker.gateway.shelf import Shelved
from broker.model.reason import Reason
from broker.model.release import Release, ReleaseKind, ReleaseView
from broker.pipeline.holdings import Holdings, LedgerBehind
from broker.pipeline.open_release import ReleaseOpener, refuse_missing_key
from broker.pipeline.preconditions import Preconditions
from broker.pipeline.project import opened, read_release, recall, resealed
from broker.pipeline.redecide import Handover, Stay, confirmed, redecide
from broker.pipeline.reseal import Resealer
from broker.policy.decide import Decider
from broker.protect.recall_seal import RecallSigner, RecallStatement
from broker.wire.alert_codec import decode_release

log = structlog.get_logger()

#: Nothing is served for these: the reader learns what it must from a later record, or from
#: the label that it has.
_PASSED_OVER = frozenset(
    {Reason.RECALLED, Reason.SUPERSEDED, Reason.EXPIRED, Reason.FORGOTTEN, Reason.ERASED,
     Reason.LEDGER_DISAGREES}
)  # fmt: skip
_LEDGER_SECONDS = 10.0
#: A ledger of before is read on to its present end before anything is shown by it.
_READ_ON_SECONDS = 1.0
#: Nothing is shown by a ledger that is older, whatever held the answer up.
OLDEST_SECONDS = 5.0
#: Nothing is served by a ledger whose end was last seen longer ago, milliseconds.
_BLIND_MS = 30_000
_READ_KEPT = 2_000
#: So long may what was opened stay readable in memory, milliseconds: streams share it.
_READ_KEPT_MS = 5_000


@dataclass(frozen=True, slots=True)
class Served:
    """What a reader is shown of one record of its feed.

    Attributes:
        release: As it is handed over: narrowed, and opened where the feed is entrusted.
        view: The same, readable.
        body: The view as JSON, the same bytes for every reader of the feed.
        true_at: The moment whose ledger said so, steady seconds.
    """

    shelved: Shelved
    release: Release
    view: ReleaseView
    body: bytes
    true_at: float

    def shows(self, bundle_digest: bytes, credential: str) -> bytes:
        """Return a name of what is shown to whom: revision, kind, compartments, bundle."""
        release = self.release
        what = f"{release.kind}\n{release.revision}\n{release.profile}\n{credential}\n"
        return hashlib.sha256(what.encode() + bundle_digest).digest()[:16]

    def __repr__(self) -> str:
        return f"Served({self.shelved!r})"


class PolicyFailed(Exception):
    """The bundle errs: nothing is served, and nothing may be passed over."""


class Servings:
    """Serves the feeds of a community.

    Args:
        holdings: The ledger, followed.
        decider: The bundle of today.
        openers: What opens the releases of each feed; None where protection is off.
        clock: Epoch milliseconds.
        resealers: What seals anew those of which less is served; None where protection is off.
        signer: What signs the recalls that stand in a release's place; None where it is off.
        preconditions: Say whether anything may be decided now; None: it may.
    """

    def __init__(
        self,
        holdings: Holdings,
        decider: Decider,
        openers: Mapping[str, ReleaseOpener] | None,
        clock: Callable[[], int],
        resealers: Mapping[str, Resealer] | None = None,
        signer: RecallSigner | None = None,
        preconditions: Preconditions | None = None,
    ) -> None:
        self._preconditions = preconditions
        self._holdings = holdings
        self._decider = decider
        self._openers = openers or {}
        self._resealers = resealers or {}
        self._signer = signer
        self._clock = clock
        self._read: OrderedDict[Hashable, tuple[int, Served]] = OrderedDict()

    @property
    def is_blind(self) -> bool:
        """Whether the ledger's end was last seen too long ago for anything to be served."""
        return self._clock() - self._holdings.seen_ms > _BLIND_MS

    async def serve(self, shelved: Shelved) -> Served | None:
        """Return what may be shown of *shelved* now, or None to pass it over.

        Passed over is what is no release, and nothing else that fails.

        Raises:
            LedgerBehind: The ledger could not be read so far; ask again.
            PolicyFailed: The bundle errs; ask again once it does not.
            KeeperUnavailable: A key is not here; ask again.
        """
        try:
            whole = read_release(shelved.value)
        except OF_BYTES as rejected:
            _log_unreadable(shelved, rejected)
            return None
        release = await self._permitted(whole, shelved)
        if release is None:
            return None
        return self._served(shelved, release, narrowed=release is not whole)

    async def confirm(self, served: Sequence[Served]) -> None:
        """Make sure that *served* may be shown still: this process may have been paused.

        Raises:
            LedgerBehind: It may not, as it is; read anew.
            PolicyFailed: The bundle errs.
        """
        while any(each.true_at < steady_seconds() - OLDEST_SECONDS for each in served):
            served = [await self._confirmed(each) for each in served]

    async def _confirmed(self, served: Served) -> Served:
        release = await self._permitted(read_release(served.shelved.value), served.shelved)
        before = served.release
        if release is None or (release.kind, release.profile) != (before.kind, before.profile):
            raise LedgerBehind
        return dataclasses.replace(served, true_at=self._true_at(served.shelved, release))

    def _true_at(self, shelved: Shelved, release: Release) -> float:
        """Return the moment whose ledger decided; a recall that stands there needs none."""
        if shelved.kind == ReleaseKind.RECALL and release.kind is ReleaseKind.RECALL:
            return float("inf")
        return self._holdings.true_at(shelved.partition)

    async def _permitted(self, release: Release, shelved: Shelved) -> Release | None:
        is_recall = release.kind is ReleaseKind.RECALL
        if is_recall and self._is_signed(release, shelved):
            return release
        if self.is_blind:
            raise LedgerBehind  # cut off from Kafka: what is here may have been recalled
        if self._preconditions is not None and self._preconditions.fault() is not None:
            raise LedgerBehind  # nobody can say by a wrong clock, or another bundle
        if is_recall:
            newest = await self._holdings.latest(release.alert_id, _LEDGER_SECONDS)
            verdict = confirmed(release, shelved.feed, newest)
            return verdict.release if isinstance(verdict, Handover) else None
        oldest = steady_seconds() - _READ_ON_SECONDS
        await self._holdings.no_older_than(oldest, shelved.partition, _LEDGER_SECONDS)
        found = await self._holdings.find(release.alert_id, release.revision, _LEDGER_SECONDS)
        if found is None:
            return None  # long past its expiry and its retention
        verdict = redecide(release, shelved.feed, found, self._decider, self._clock())
        if isinstance(verdict, Handover):
            return verdict.release
        return self._instead(release, verdict, shelved)

    def _is_signed(self, recall: Release, shelved: Shelved) -> bool:
        """Whether the hub signed *recall*, or nothing is signed here."""
        opener = self._openers.get(shelved.feed)
        doubt = opener.doubt(recall.value) if opener else None
        if doubt is not None:
            log.warning("recall.doubtful", feed=shelved.feed, reason=doubt.value)
        return doubt is None

    def _instead(self, release: Release, stay: Stay, shelved: Shelved) -> Release | None:
        if stay.reason is Reason.POLICY_ERROR:
            raise PolicyFailed
        if stay.reason in _PASSED_OVER:
            return None
        moment = shelved.added // 1000
        said = RecallStatement(shelved.feed, release.identity, release.revision, moment)
        return recall(said, self._signer)

    def _served(self, shelved: Shelved, release: Release, *, narrowed: bool) -> Served | None:
        place = (shelved.feed, shelved.partition, shelved.offset)
        # In a topic made anew another release stands at the same place.
        key = (*place, release.identity, release.revision, release.kind, release.profile)
        kept_at, kept = self._read.get(key, (0, None))
        if kept is not None and self._clock() - kept_at < _READ_KEPT_MS:
            return dataclasses.replace(kept, true_at=self._true_at(shelved, release))
        served = self._readable(shelved, release, narrowed=narrowed)
        if served is not None:
            self._read[key] = (self._clock(), served)
            self._drop_old()
        return served

    def _drop_old(self) -> None:
        oldest = self._clock() - _READ_KEPT_MS
        while self._read:
            kept_at, _ = next(iter(self._read.values()))
            if kept_at > oldest and len(self._read) <= _READ_KEPT:
                break
            self._read.popitem(last=False)

    def _readable(self, shelved: Shelved, release: Release, *, narrowed: bool) -> Served | None:
        try:
            shown = self._shown(release, shelved, narrowed=narrowed)
            view = decode_release(shown.value, with_record=True)
        except OF_BYTES as rejected:
            refuse_missing_key(rejected)
            if rejected.reason is not Reason.ERASED:
                _log_unreadable(shelved, rejected)
            return None
        body = view.model_dump_json(exclude_none=True).encode()
        return Served(shelved, shown, view, body, self._true_at(shelved, release))

    def _shown(self, release: Release, shelved: Shelved, *, narrowed: bool) -> Release:
        """Return *release* opened where its feed is entrusted, and else sealed for what is left.

        One that should open and does not is shown as it is, sealed: its reader learns from the
        label that there is something, and can ask its originator.
        """
        opener, resealer = self._openers.get(shelved.feed), self._resealers.get(shelved.feed)
        try:
            plain = opened(release, opener) if opener else release
        except OF_BYTES as rejected:
            if rejected.reason is Reason.ERASED:
                raise
            _log_unreadable(shelved, rejected)
            plain = release
        if narrowed and plain is release and resealer is not None:
            return resealed(release, resealer)
        return plain


def _log_unreadable(shelved: Shelved, rejected: Rejected) -> None:
    log.error(
        "release.unreadable",
        feed=shelved.feed,
        partition=shelved.partition,
        offset=shelved.offset,
        reason=rejected.reason.value,
    )
