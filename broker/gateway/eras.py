"""Which making of each topic the gateway has read.

An offset means something only in the topic that it was read from. Where a topic was made
anew, after a disaster or by a mistake, what is kept of the old one goes, and a reader who
stood somewhere in it starts from the beginning: to wait at an offset of the old topic would
pass over the new one's alerts in silence.
"""

from uuid import UUID

from broker.gateway.database import Database

#: So much of an id tells two makings of one topic apart.
_BYTES = 4


class Eras:
    """The makings of topics, in the gateway's own file."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._numbers: dict[str, int] = {}

    def of(self, topic: str) -> int:
        """Return a number that changes when *topic* is made anew; 0 while none is known."""
        if topic not in self._numbers:
            kept = self._kept(topic) or b""
            self._numbers[topic] = int.from_bytes(kept[:_BYTES], "big")
        return self._numbers[topic]

    def differs(self, topic: str, identity: UUID) -> bool:
        """Whether what is kept of *topic* comes from another making of it."""
        kept = self._kept(topic)
        return kept is not None and kept != identity.bytes

    def keep(self, topic: str, identity: UUID) -> None:
        """Remember which making is read, inside a transaction; `renew` behind it."""
        query = "INSERT OR REPLACE INTO era VALUES(?,?)"
        self._database.writer.execute(query, (topic, identity.bytes))

    def renew(self) -> None:
        """Ask the file again which makings are read: a transaction is over."""
        self._numbers.clear()

    def _kept(self, topic: str) -> bytes | None:
        query = "SELECT id FROM era WHERE topic=?"
        found = self._database.connection.execute(query, (topic,)).fetchone()
        return bytes(found[0]) if found else None
