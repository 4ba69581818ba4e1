"""Do with one feed what operators want: pause it, try again at once, replay, drop, give up.

A dead letter that is replayed goes the way of every release: decided again, handed over, and
recorded. What became of it before says whether it is a repetition.
"""

import structlog

from broker.errors import OF_BYTES
from broker.model.reason import Reason
from broker.pipeline.delivery_desk import Desk
from broker.pipeline.feed_commands import Control, Place
from broker.pipeline.feed_ends import FeedEnds
from broker.pipeline.project import read_release
from broker.pipeline.waiting_room import Item, WaitingRoom
from broker.wire import codec
from broker.wire.consumer import remade_record
from broker.wire.tail import read_one

log = structlog.get_logger()


class Obeying:
    """The commands of one feed.

    Args:
        desk: What all feeds share.
        feed: The feed.
        ends: Writes what becomes of its releases.
        room: What waits.
    """

    def __init__(self, desk: Desk, feed: str, ends: FeedEnds, room: WaitingRoom) -> None:
        self._desk = desk
        self._feed = feed
        self._ends = ends
        self._room = room
        self._done: set[tuple[Place, str]] = set()
        self._obeyed: Control | None = None

    @property
    def is_paused(self) -> bool:
        """Whether nothing may be handed over now."""
        control = self._desk.holdings.commands.control(self._feed)
        return control is not None and control.action == "PAUSE"

    def is_hurried(self) -> bool:
        """Whether everything is to be tried at once; once for each time that it was asked for."""
        control = self._desk.holdings.commands.control(self._feed)
        is_new, self._obeyed = control != self._obeyed, control
        return is_new and control is not None and control.action == "RETRY"

    def begin(self) -> None:
        """Forget what was done: partitions have come or gone."""
        self._done.clear()

    async def obey(self, partition: int) -> None:
        """Do what is wanted with dead letters and owed recalls of *partition*.

        Raises:
            KafkaUnavailable: A dead letter cannot be read now.
        """
        for place, action in list(self._desk.holdings.commands.letters(self._feed).items()):
            if place[0] == partition and (place, action) not in self._done:
                await self._letter(place, drop=action == "DROP")
                self._done.add((place, action))
        for waiting in list(self._room):
            item = waiting.head
            given_up = self._desk.holdings.commands.given_up(self._feed)
            if item.is_recall and item.release.identity in given_up:
                await self._ends.give_up(item)
                self._room.ended(waiting)

    async def replay_doubtful(self, partitions: set[int]) -> None:
        """Try again what went aside while nothing was taken: now something is.

        Raises:
            KafkaUnavailable: A dead letter cannot be read now.
        """
        for mark in self._desk.holdings.parked(self._feed, Reason.LINK_IN_DOUBT):
            for number in partitions if mark.letter_offset is not None else ():
                await self._letter((number, mark.letter_offset or 0), drop=False)

    async def _letter(self, place: Place, *, drop: bool) -> None:
        item = await self._read(place)
        mark = self._ends.mark(item.release) if item else None
        if item is None or mark is None:
            return
        is_it = mark.state == "PARKED" and mark.letter_offset == place[1]
        if not is_it or mark.place != item.release.place:
            log.info("dead_letter.passed_over", feed=self._feed, state=mark.state)
            return  # replayed or dropped before, or a later revision took its place
        if drop:
            await self._ends.drop(item)
        elif self._room.of(item.release) is None:
            self._room.put(item)

    async def _read(self, place: Place) -> Item | None:
        """Return the release in a dead letter; None where there is none that can be read."""
        topic, (partition, offset) = self._desk.topics.dead_letter(self._feed), place
        record = await read_one(self._desk.connection, topic, partition, offset)
        try:
            letter = codec.decode_trusted((record.value if record else None) or b"", "dead-letter")
            release = read_release(letter["release"])
        except OF_BYTES:
            log.warning("dead_letter.unreadable", feed=self._feed, offset=offset)
            return None
        key = str(release.alert_id).encode()
        stamp = record.timestamp if record else 0
        return Item(release, remade_record(topic, partition, stamp, key, release.value))
