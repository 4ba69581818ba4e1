"""Server-sent events, as far as a gateway sends them (WHATWG HTML, section 9.2)."""

from typing import NamedTuple

from broker.errors import GatewayRefused

#: A release is far below it.
_LARGEST_BYTES = 16 << 20


class Event(NamedTuple):
    """One event."""

    id: str
    data: bytes
    name: str = ""

    def __repr__(self) -> str:
        return "Event()"


class EventParser:
    """Puts events together from a stream's pieces, wherever it was cut."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> list[Event]:
        """Return the events that *piece* completes.

        Raises:
            GatewayRefused: An event without end.
        """
        self._rest += piece
        *blocks, self._rest = self._rest.split(b"\n\n")
        if len(self._rest) > _LARGEST_BYTES:
            raise GatewayRefused("ANSWER_TOO_LARGE")
        return [event for block in blocks if (event := _event(block))]


def _event(block: bytes) -> Event | None:
    fields: dict[bytes, bytes] = {}
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        fields[name] = value.removeprefix(b" ")
    if b"data" not in fields or b"id" not in fields:
        return None  # a comment: the stream lives
    kind = fields.get(b"event", b"").decode("ascii", "replace")
    return Event(fields[b"id"].decode(), fields[b"data"], kind)
