"""The verdict of a trial: by the books, and against what was published."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field

from broker.app import Parts
from broker.audit.balance import Disclosure, balance, read_disclosed, read_published
from broker.audit.log import AuditLog, read_audit, read_entry
from broker.pipeline.ledger import Ledger
from broker.pipeline.project import read_release
from broker.trial.expected import KINDS, Expected, expect
from broker.trial.partners import Partners
from broker.trial.stream import Published
from broker.wire.tail import read_to_end

#: Stages that may write an entry again after a crash, under the same id.
_MAY_REPEAT = frozenset({"ACCEPT", "DELIVER"})
_ENDS = ("DELIVERED", "NOT_DELIVERED", "DEAD_LETTERED")


@dataclass(slots=True)
class Judgement:
    """What was found.

    Attributes:
        faults: Every difference between what is and what must be; none is well.
        figures: What was counted.
    """

    faults: list[str] = field(default_factory=list)
    figures: dict[str, int] = field(default_factory=dict)


async def wait_until_complete(
    parts: Parts, published: Sequence[Published], partners: Partners | None, seconds: float
) -> None:
    """Wait until every publication is accounted for and every release has its end.

    The wait is bounded: it ends when nothing has come to an end for *seconds*, however slow the
    machine is. What is not there by then is for `judge` to find.
    """
    connection = parts.connection("wait")
    due = {each.position for each in published}
    ended, deadline = -1, time.monotonic() + seconds
    while time.monotonic() < deadline:
        log = await read_audit(connection, parts.topics)
        said = {entry.source for entry in log.of(*KINDS.values())}
        feeds = partners.feeds if partners else ()
        disclosed = await read_disclosed(connection, parts.topics, feeds)
        ends = _ends(log)
        if due <= said and not disclosed.keys() - ends.keys():
            return
        if (now := len(said) + len(disclosed) + len(ends)) != ended:
            ended, deadline = now, time.monotonic() + seconds
        await asyncio.sleep(1)


async def judge(
    parts: Parts, published: Sequence[Published], partners: Partners | None
) -> Judgement:
    """Return what differs from what must be; read when all is quiet."""
    connection, topics = parts.connection("judge"), parts.topics
    log = await read_audit(connection, topics)
    disclosed = await read_disclosed(connection, topics, parts.community.feeds)
    intake = await read_published(connection, topics, parts.community.publishers())
    delivering = partners.feeds if partners else frozenset()
    books = balance(intake, log, disclosed, delivering)
    expected = expect(published, parts.decider)
    found = Judgement()
    if not books.holds:
        found.faults.append(f"the books do not balance: {books}")
    found.faults += _said_faults(log, expected)
    found.faults += _feed_faults(disclosed, expected)
    found.faults += _outcome_faults(log, parts)
    found.faults += [fault async for fault in _repetitions(parts)]
    found.faults += [fault async for fault in _order_faults(parts)]
    found.faults += await _ledger_faults(parts, expected)
    if partners:
        found.faults += _end_faults(log, disclosed, partners)
        found.faults += partners.faults(log, set(disclosed))
    found.figures = {
        "published": books.published,
        "decided": books.accepted,
        "duplicates": books.duplicates,
        "quarantined": books.quarantined,
        "released": books.released,
        "recalled": books.recalled,
        "withheld": books.withheld,
        "delivered": books.delivered,
        "not_delivered": books.not_delivered,
        "entries_repeated": log.repeated,
        "webhooks_repeated": partners.desk.repeated if partners else 0,
    }
    return found


def _said_faults(log: AuditLog, expected: Expected) -> Iterator[str]:
    said: dict[object, list[tuple[str, str | None]]] = {}
    for entry in log.of(*KINDS.values()):
        said.setdefault(entry.source, []).append((entry.kind, entry.reason))
    for position, meaning in expected.said.items():
        found = said.pop(position, [])
        if found != [meaning]:
            yield f"{position}: must be {meaning}, the audit log says {found}"
    for source, found in said.items():
        yield f"{source}: nobody published it, the audit log says {found}"


def _feed_faults(disclosed: Counter[Disclosure], expected: Expected) -> Iterator[str]:
    for key in expected.disclosed - disclosed.keys():
        yield f"lost: {key}"
    for key in disclosed.keys() - expected.disclosed:
        yield f"released without need: {key}"
    for key, times in disclosed.items():
        if times > 1:
            yield f"released {times} times: {key}"


def _outcome_faults(log: AuditLog, parts: Parts) -> Iterator[str]:
    feeds = set(parts.community.feeds)
    for entry in log.of("DECIDED"):
        if set(log.outcomes(entry)) != feeds:
            yield f"{entry.alert_id} r{entry.revision}: not one outcome for each feed"


async def _repetitions(parts: Parts) -> AsyncIterator[str]:
    """Yield the entries that stand in the log twice although their stage is transactional."""
    times: Counter[tuple[bytes, str, str]] = Counter()
    async for record in read_to_end(parts.connection("judge"), [parts.topics.audit]):
        entry = read_entry(record.value)
        times[entry.entry_id, entry.stage, entry.kind] += 1
    for (_, stage, kind), count in times.items():
        if count > 1 and stage not in _MAY_REPEAT:
            yield f"{kind} of {stage} stands in the audit log {count} times"


async def _order_faults(parts: Parts) -> AsyncIterator[str]:
    """Yield what stands in a feed behind a later revision of the same alert."""
    for feed in parts.community.feeds:
        latest: dict[bytes, tuple[int, bool]] = {}
        async for record in read_to_end(parts.connection("judge"), [parts.topics.feed(feed)]):
            release = read_release(record.value)
            if release.place <= latest.get(release.identity, (0, False)):
                yield f"{feed}: {release.alert_id} r{release.revision} is out of order"
            latest[release.identity] = release.place


async def _ledger_faults(parts: Parts, expected: Expected) -> list[str]:
    ledger = Ledger()
    async for record in read_to_end(parts.connection("judge"), [parts.topics.ledger]):
        ledger.restore(record.key, record.value)
    faults = []
    for alert_id, revision in expected.latest.items():
        held = ledger.get(alert_id.bytes)
        if held is None or held.revision != revision:
            faults.append(f"{alert_id}: the ledger does not hold revision {revision}")
    return faults


def _end_faults(log: AuditLog, disclosed: Counter[Disclosure], partners: Partners) -> Iterator[str]:
    ends = _ends(log)
    for key in disclosed:
        if key[0] in partners.feeds and ends[key] != 1:
            yield f"{key} has {ends[key]} ends"
    for key in ends.keys() - disclosed.keys():
        yield f"{key} has an end and was never released"


def _ends(log: AuditLog) -> Counter[Disclosure]:
    ends: Counter[Disclosure] = Counter()
    for entry in log.of(*_ENDS):
        if entry.feed and entry.alert_id and entry.revision and entry.release_kind:
            ends[entry.feed, entry.alert_id, entry.revision, entry.release_kind] += 1
    return ends
