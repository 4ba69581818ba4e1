"""What operators want of deliver: kept in the ledger, so that whoever has the feed obeys it.

A command is one record under a key that says what it is about, so the latest one counts.
"""

from typing import Any, NamedTuple
from uuid import UUID

from broker.wire.codec import Record

#: Where one dead letter lies among those of its feed: partition and offset.
Place = tuple[int, int]


class Control(NamedTuple):
    """What is wanted of a feed.

    Attributes:
        action: PAUSE, RESUME or RETRY.
        at: When, as the record has it; tells one command from the next.
    """

    action: str
    at: Any


class FeedCommands:
    """The latest commands, by feed."""

    def __init__(self) -> None:
        self._controls: dict[str, Control] = {}
        self._letters: dict[str, dict[Place, str]] = {}
        self._given_up: dict[str, set[bytes]] = {}

    def take(self, record: Record) -> None:
        """Take in a command."""
        feed, action = record["feed"], record["action"]
        match action:
            case "PAUSE" | "RESUME" | "RETRY":
                self._controls[feed] = Control(action, record["at"])
            case "REPLAY" | "DROP":
                place = (record["partition"], record["offset"])
                self._letters.setdefault(feed, {})[place] = action
            case "GIVE_UP":
                self._given_up.setdefault(feed, set()).add(record["alert_id"])

    def control(self, feed: str) -> Control | None:
        """Return what is wanted of *feed*; None where nobody has said."""
        return self._controls.get(feed)

    def letters(self, feed: str) -> dict[Place, str]:
        """Return what is wanted of the dead letters of *feed*: REPLAY or DROP."""
        return self._letters.get(feed, {})

    def given_up(self, feed: str) -> set[bytes]:
        """Return the alerts whose recall *feed* need not take any more."""
        return self._given_up.get(feed, set())


def key_of_command(record: Record) -> bytes:
    """Return the key of a command in the ledger: what it is about."""
    feed = record["feed"]
    if record["alert_id"] is not None:
        return f"give-up/{feed}/{UUID(bytes=record['alert_id'])}".encode()
    if record["offset"] is not None:
        return f"letter/{feed}/{record['partition']}/{record['offset']}".encode()
    return f"feed/{feed}".encode()
