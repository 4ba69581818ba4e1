"""What became of alerts, as somebody sees it who has none of Lali's code.

Read with kafka-python, judged by marks: each alert carries a mark of its own in each of its
compartments, so what a reader got of it is what marks are in the bytes. Alerts of one label
must all come to the same: a few that are published while nothing is wrong say what that is.
"""

import json
import re
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import cramjam
from kafka import KafkaConsumer, TopicPartition, codec
from kafka.record import default_records

#: Feeds that must never show who a victim is, whatever happens (policies/pacific/README.md).
NEVER_VICTIMS = re.compile(r"border|statistic|ptccc-coordinate")
_MARK = re.compile(rb"cnry([0-9a-f]{12})-([a-z]+)")
_POLL_MS = 500

# kafka-python asks for a package of its own; the one that is here unpacks the same form.
codec.has_zstd = lambda: True
default_records.zstd_decode = lambda packed: bytes(cramjam.zstd.decompress(bytes(packed)))


@dataclass
class Verdict:
    """What was found of some alerts.

    Attributes:
        lost: Feed or partner, and alert that should have come there and has not.
        twice: Releases that stand in a feed more than once, or came under two keys.
        leaked: Feed and alert of which more came than should have.
    """

    lost: list[tuple[str, str]] = field(default_factory=list)
    twice: list[tuple[str, str]] = field(default_factory=list)
    leaked: list[tuple[str, str]] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.twice or self.leaked)


def records(servers: str, *names: str, **options: object) -> dict[str, list[object]]:
    """Return every committed record of the topics called so, by topic."""
    consumer = KafkaConsumer(
        bootstrap_servers=servers.split(","),
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        **options,
    )
    try:
        return _drained(consumer, names)
    finally:
        consumer.close()


def _drained(consumer, names):
    parts = [TopicPartition(n, p) for n in names for p in consumer.partitions_for_topic(n) or ()]
    found = {name: [] for name in names}
    if not parts:
        return found
    consumer.assign(parts)
    ends = consumer.end_offsets(parts)
    consumer.seek_to_beginning(*parts)
    waiting = [each for each in parts if consumer.position(each) < ends[each]]
    while waiting:
        for part, some in consumer.poll(timeout_ms=_POLL_MS).items():
            found[part.topic] += some
        waiting = [each for each in waiting if consumer.position(each) < ends[each]]
    return found


class Oracle:
    """Judges what came to feeds and partners.

    Args:
        servers: The cluster.
        prefix: Of its topics.
        feeds: Every feed.
        folders: Where a partner of a feed collects files.
    """

    def __init__(
        self, servers: str, prefix: str, feeds: list[str], folders: dict[str, Path], **options
    ) -> None:
        self._servers = servers
        self._topics = {f"{prefix}feed.{feed}": feed for feed in feeds}
        self._folders = folders
        self._options = options
        self._seen: dict[tuple[str, int, int], dict[str, frozenset[str]]] = {}
        self.expected: dict[str, frozenset[str]] = {}

    def learn(self, marks: list[str]) -> None:
        """Take what came of *marks*, published while nothing was wrong, for what must come."""
        shown, _ = self.look()
        ways = {tuple(sorted((f, s) for f, s in shown[mark].items())) for mark in marks}
        assert len(ways) == 1, "alerts of one label came to different ends with nothing wrong"
        (only,) = ways
        self.expected = dict(only)
        assert {partner(feed) for feed in self._folders} <= set(self.expected), "who collects"
        assert not any(
            "victims" in slots
            for feed, slots in self.expected.items()
            if NEVER_VICTIMS.search(feed)
        )

    def has_all(self, marks: list[str]) -> bool:
        """Whether nothing of *marks* is outstanding."""
        return not self.judge(marks).lost

    def wait_for(self, marks: list[str], seconds: float) -> None:
        """Wait until nothing of *marks* is outstanding, or nothing has come for *seconds*.

        How long it takes on the whole is the machine's affair: what waits may be much.
        """
        least, deadline = len(marks) * len(self.expected) + 1, time.monotonic() + seconds
        while (lost := len(self.judge(marks).lost)) and time.monotonic() < deadline:
            if lost < least:
                least, deadline = lost, time.monotonic() + seconds
            time.sleep(1)

    def judge(self, marks: list[str]) -> Verdict:
        """Return what is wrong with *marks*."""
        shown, times = self.look()
        verdict = Verdict()
        verdict.twice = [each for each, n in times.items() if n > 1 and each[1] in set(marks)]
        for mark in marks:
            for place, slots in self.expected.items():
                if slots - shown[mark].get(place, frozenset()):
                    verdict.lost.append((place, mark))
            for place, got in shown[mark].items():
                victims = NEVER_VICTIMS.search(place) and "victims" in got
                if victims or got - self.expected.get(place, frozenset()):
                    verdict.leaked.append((place, mark))
        return verdict

    def look(self):
        """Return which compartments of each mark each place has, and how often it is there.

        What was seen in a feed once counts, though retention deletes it.
        """
        for topic, some in records(self._servers, *self._topics, **self._options).items():
            for record in some:
                place = self._topics[topic]
                self._seen[place, record.partition, record.offset] = _marks(record.value or b"")
        held = [(place, marks) for (place, *_), marks in self._seen.items()]
        for feed, folder in self._folders.items():
            held += [(partner(feed), marks) for marks in _files(folder)]
        shown, times = defaultdict(dict), Counter()
        for place, marks in held:
            for mark, slots in marks.items():
                shown[mark][place] = shown[mark].get(place, frozenset()) | slots
                times[place, mark] += 1
        return shown, times


def partner(feed: str) -> str:
    """Return what the place is called where the partner of *feed* has what it collected."""
    return f"partner {feed}"


def _marks(text: bytes) -> dict[str, frozenset[str]]:
    slots = defaultdict(set)
    for mark, slot in _MARK.findall(text):
        slots[mark.decode()].add(slot.decode())
    return {mark: frozenset(those) for mark, those in slots.items()}


def _files(folder: Path) -> list[dict[str, frozenset[str]]]:
    """Return the marks in each file of *folder*, which is whole, or this fails."""
    texts = [file.read_bytes() for file in folder.glob("*.json")]
    for text in texts:
        json.loads(text)
    return [_marks(text) for text in texts]
