"""The balance: everything published is accounted for, by identity and not only by number.

Reads what was published, what the audit log says of it, and what really stands in the
feeds. It shares nothing with the pipeline but the codecs.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from broker.audit.log import AuditEntry, AuditLog
from broker.errors import Rejected
from broker.wire import codec
from broker.wire.connection import Connection
from broker.wire.tail import read_to_end
from broker.wire.topics import Topics

log = structlog.get_logger()

#: A release or recall in a feed: feed, alert, revision, kind.
Disclosure = tuple[str, UUID, int, str]
#: A record in an intake topic.
Position = tuple[str, int, int]


@dataclass(slots=True)
class Balance:
    """What was counted, and every difference that was found.

    Attributes:
        unaccounted: Published, and the audit log says nothing of it.
        accounted_twice: The audit log says two things of one publication.
        missing: The audit log says released or recalled; the feed does not have it.
        surplus: The feed has it; the audit log does not say so.
        repeated: A feed has it more than once.
        narrowed: Of what was released: behind a recall of what its feed held until then.
        undelivered: Feeds with a connector: released, and no end is recorded.
    """

    published: int = 0
    accepted: int = 0
    duplicates: int = 0
    quarantined: int = 0
    released: int = 0
    withheld: int = 0
    recalled: int = 0
    narrowed: int = 0
    delivered: int = 0
    not_delivered: int = 0
    dead_lettered: int = 0
    unaccounted: list[Position] = field(default_factory=list)
    accounted_twice: list[Position] = field(default_factory=list)
    missing: list[Disclosure] = field(default_factory=list)
    surplus: list[Disclosure] = field(default_factory=list)
    repeated: list[Disclosure] = field(default_factory=list)
    undelivered: list[Disclosure] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """Alerts or releases that did not arrive and have no recorded end."""
        return len(self.unaccounted) + len(self.missing) + len(self.undelivered)

    @property
    def holds(self) -> bool:
        """Whether the books balance."""
        faults = (self.accounted_twice, self.surplus, self.repeated)
        sums = self.published == self.accepted + self.duplicates + self.quarantined
        return sums and self.lost == 0 and not any(faults)


async def read_published(
    connection: Connection, topics: Topics, units: Iterable[str]
) -> set[Position]:
    """Return the position of every record in the intake topics of *units*."""
    names = [topics.intake(unit) for unit in units]
    return {(r.topic, r.partition, r.offset) async for r in read_to_end(connection, names)}


async def read_disclosed(
    connection: Connection, topics: Topics, feeds: Iterable[str]
) -> Counter[Disclosure]:
    """Return what stands in the topics of *feeds*."""
    found: Counter[Disclosure] = Counter()
    for feed in feeds:
        async for record in read_to_end(connection, [topics.feed(feed)]):
            try:
                release = codec.decode_trusted(record.value or b"", "release")
            except Rejected as rejected:
                where = {"feed": feed, "partition": record.partition, "offset": record.offset}
                log.error("release.unreadable", reason=rejected.reason.value, **where)  # noqa: TRY400
                continue  # nobody was told anything by it
            alert_id = UUID(bytes=release["alert_id"])
            found[feed, alert_id, release["revision"], release["kind"]] += 1
    return found


def balance(
    published: set[Position],
    log: AuditLog,
    disclosed: Counter[Disclosure],
    delivering: frozenset[str] = frozenset(),
) -> Balance:
    """Balance what was published against the audit log and the feeds.

    Args:
        published: As `read_published` gives it.
        log: The audit log.
        disclosed: As `read_disclosed` gives it.
        delivering: Feeds that have a connector.
    """
    books = Balance(published=len(published))
    _account_for_intake(books, published, log)
    _account_for_feeds(books, log, disclosed)
    _account_for_deliveries(books, log, disclosed, delivering)
    return books


def _account_for_intake(books: Balance, published: set[Position], log: AuditLog) -> None:
    said: Counter[Position] = Counter()
    for entry in log.of("DECIDED", "DUPLICATE", "QUARANTINED"):
        if entry.source is not None:
            said[entry.source] += 1
        books.accepted += entry.kind == "DECIDED"
        books.duplicates += entry.kind == "DUPLICATE"
        books.quarantined += entry.kind == "QUARANTINED"
    books.unaccounted = sorted(published - said.keys())
    books.accounted_twice = sorted(position for position, times in said.items() if times > 1)


def _account_for_feeds(books: Balance, log: AuditLog, disclosed: Counter[Disclosure]) -> None:
    expected: set[Disclosure] = set()
    held: dict[tuple[str, UUID], int] = {}
    for entry in sorted(log.of("DECIDED"), key=_revision_of):
        for feed, (verdict, _) in log.outcomes(entry).items():
            books.released += verdict in ("released", "narrowed")
            books.withheld += verdict == "withheld"
            books.recalled += verdict == "recalled"
            books.narrowed += verdict == "narrowed"
            expected |= _expected_of(entry, feed, verdict, held)
    expected -= set(_fallen(log))
    books.missing = sorted(expected - disclosed.keys())
    books.surplus = sorted(disclosed.keys() - expected)
    books.repeated = sorted(key for key, times in disclosed.items() if times > 1)


def _fallen(log: AuditLog) -> Iterator[Disclosure]:
    """Yield what a feed was owed and never got: once it could be written it no longer stood."""
    for entry in log.of("NOT_DELIVERED"):
        if entry.stage == "ROUTE" and entry.feed and entry.alert_id and entry.revision:
            yield entry.feed, entry.alert_id, entry.revision, entry.release_kind or ""


def _revision_of(entry: AuditEntry) -> int:
    assert entry.revision is not None
    return entry.revision


def _expected_of(
    entry: AuditEntry, feed: str, verdict: str, held: dict[tuple[str, UUID], int]
) -> set[Disclosure]:
    """Return what a decision puts into a feed, and note in *held* which revision it has then."""
    assert entry.alert_id is not None
    assert entry.revision is not None
    if verdict == "withheld":
        return set()
    if verdict == "recalled":
        return {(feed, entry.alert_id, entry.revision, "RECALL")}
    before = held.get((feed, entry.alert_id), 0)
    held[feed, entry.alert_id] = entry.revision
    released = (feed, entry.alert_id, entry.revision, "RELEASE")
    return (
        {released, (feed, entry.alert_id, before, "RECALL")}
        if verdict == "narrowed"
        else {released}
    )


def _account_for_deliveries(
    books: Balance, log: AuditLog, disclosed: Counter[Disclosure], delivering: frozenset[str]
) -> None:
    ended: set[Disclosure] = set()
    for entry in log.of("DELIVERED", "NOT_DELIVERED", "DEAD_LETTERED"):
        books.delivered += entry.kind == "DELIVERED"
        books.not_delivered += entry.kind == "NOT_DELIVERED"
        books.dead_lettered += entry.kind == "DEAD_LETTERED"
        if entry.feed and entry.alert_id and entry.revision and entry.release_kind:
            ended.add((entry.feed, entry.alert_id, entry.revision, entry.release_kind))
    due = {key for key in disclosed if key[0] in delivering}
    books.undelivered = sorted(due - ended)
