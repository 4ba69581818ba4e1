"""What a recipient did not take yet: when each alert is tried again, and when it goes aside.

One alert that fails is told from a recipient that is away by what passes beside it: while
others are taken, the fault is this alert's. While nothing is taken, the link is at fault, and
nothing goes aside for a long time. A recall never goes aside, nor does what we fail at ourselves.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from broker.clock import steady_seconds
from broker.model.reason import Reason
from broker.model.release import Release, ReleaseKind
from broker.pipeline.breaker import Patience
from broker.wire.consumer import ConsumerRecord

#: Alerts that may wait beside one feed while others of it go on.
MOST_WAITING = 100
#: So often must an alert have failed, at least, before it goes aside.
_FEWEST_REFUSALS, _FEWEST_FAILURES = 2, 3


@dataclass(frozen=True, slots=True)
class Item:
    """A release, and the record that it came in."""

    release: Release
    record: ConsumerRecord

    @property
    def is_recall(self) -> bool:
        """Whether it takes something back."""
        return self.release.kind is ReleaseKind.RECALL


@dataclass(slots=True)
class Waiting:
    """One alert that waits, with its later revisions behind it.

    Attributes:
        queue: What is to be handed over, in order.
        since: When its first failed, steady seconds.
        next_at: When it is tried again, steady seconds.
        refused: Its last attempt was refused, not only in vain.
        ours: Its last attempt failed through a fault of our own.
        code: Of its last attempt.
        others_took: Releases of other alerts that the recipient took since.
    """

    queue: deque[Item]
    since: float
    next_at: float = 0.0
    attempts: int = 0
    refused: bool = False
    ours: bool = False
    code: str = ""
    others_took: int = 0

    @property
    def head(self) -> Item:
        """What is tried next."""
        return self.queue[0]

    @property
    def owes_a_recall(self) -> bool:
        """Whether a recall waits here."""
        return any(each.is_recall for each in self.queue)


@dataclass(slots=True)
class WaitingRoom:
    """The alerts of one feed that wait.

    Args:
        patience: How a feed waits.
        clock: Steady seconds.
    """

    patience: Patience
    clock: Callable[[], float] = steady_seconds
    _waiting: dict[bytes, Waiting] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self._waiting.values())

    def clear(self) -> None:
        """Drop everything."""
        self._waiting.clear()

    @property
    def is_full(self) -> bool:
        """Whether nothing more is read until something is done with."""
        return len(self._waiting) >= MOST_WAITING

    def of(self, release: Release) -> Waiting | None:
        """Return what waits of the same alert."""
        return self._waiting.get(release.identity)

    def put(self, item: Item) -> Waiting:
        """Let *item* wait behind what waits of its alert already."""
        waiting = self.of(item.release)
        if waiting is None:
            waiting = Waiting(deque(), self.clock())
            self._waiting[item.release.identity] = waiting
        waiting.queue.append(item)
        return waiting

    def failed(self, waiting: Waiting, code: str, *, refused: bool, ours: bool = False) -> None:
        """Note that the first of *waiting* was not taken."""
        waiting.attempts += 1
        waiting.code, waiting.refused, waiting.ours = code, refused, ours
        # Twice the feed's own wait: in between, the next alert shows who is at fault.
        seconds = 2 * self.patience.first_seconds * float(1 << min(waiting.attempts - 1, 30))
        waiting.next_at = self.clock() + min(seconds, self.patience.longest_seconds)

    def ended(self, waiting: Waiting) -> Item | None:
        """Drop the first of *waiting*, which came to its end; return what is next."""
        gone = waiting.queue.popleft()
        waiting.attempts, waiting.refused, waiting.others_took = 0, False, 0
        waiting.since, waiting.next_at = self.clock(), 0.0
        if waiting.queue:
            return waiting.head
        del self._waiting[gone.release.identity]
        return None

    def took(self, identity: bytes, *, after_outage: bool) -> None:
        """Note that the recipient took a release of the alert *identity*."""
        for other, waiting in self._waiting.items():
            if other != identity:
                if after_outage and waiting.others_took == 0:
                    waiting.next_at = 0.0  # the link was at fault: now it works
                waiting.others_took += 1

    def due(self) -> list[Waiting]:
        """Return what is to be tried now: recalls first, then what waits longest."""
        now = self.clock()
        due = [each for each in self._waiting.values() if each.next_at <= now]
        return sorted(due, key=lambda each: (not each.owes_a_recall, each.since))

    def next_at(self) -> float | None:
        """Return when something is due, steady seconds; None where nothing waits."""
        return min((each.next_at for each in self._waiting.values()), default=None)

    def hurry(self) -> None:
        """Let everything be tried now."""
        for waiting in self._waiting.values():
            waiting.next_at = 0.0

    def aside(self, waiting: Waiting) -> Reason | None:
        """Return why the first of *waiting* goes aside now, or None: it is tried again."""
        if waiting.head.is_recall or waiting.ours:
            return None
        waited = self.clock() - waiting.since
        if waiting.refused and waiting.others_took and waiting.attempts >= _FEWEST_REFUSALS:
            return Reason.RECIPIENT_REFUSED
        often = waiting.attempts >= _FEWEST_FAILURES
        if waiting.others_took and often and waited >= self.patience.aside_after_seconds:
            return Reason.RECIPIENT_FAILS
        if often and waited >= self.patience.aside_at_last_seconds:
            return Reason.LINK_IN_DOUBT
        return None

    def forget(self, partitions: Iterable[int]) -> None:
        """Drop what is of *partitions*: others take it up."""
        gone = set(partitions)
        kept = {
            identity: waiting
            for identity, waiting in self._waiting.items()
            if waiting.head.record.partition not in gone
        }
        self._waiting = kept

    def recalls(self) -> int:
        """Return how many recalls wait."""
        return sum(item.is_recall for each in self._waiting.values() for item in each.queue)

    def oldest_ms(self) -> int | None:
        """Return when the oldest record that waits was written, epoch milliseconds."""
        return min((each.head.record.timestamp for each in self._waiting.values()), default=None)
