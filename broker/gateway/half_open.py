"""Connections that have not brought the head of a request: bounded by address, and in all.

Whoever opens them without end loses its own oldest; who brings a whole head in time is never
one of them. So there is room for a newcomer, whatever strangers do and however few files the
process may have open.
"""

import resource
from collections import OrderedDict
from typing import Protocol

import structlog

from broker.gateway.addresses import site_of

log = structlog.get_logger()

#: Most of one address; of IPv6, of one subscriber's network.
MOST_OF_AN_ADDRESS = 100
#: Most in all, and as a part of the files that the process may have open.
_MOST, _PART = 1_000, 4


def open_files() -> int:
    """Return how many files and sockets this process may have open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class Connection(Protocol):
    """A connection that can be cut."""

    def cut(self) -> None:
        """End it at once."""


class HalfOpen:
    """The connections of one gateway from which a head is awaited, oldest first.

    Args:
        most: Most in all.
        most_of_an_address: Most of one address.
    """

    def __init__(
        self, most: int | None = None, most_of_an_address: int = MOST_OF_AN_ADDRESS
    ) -> None:
        self._most = most or min(_MOST, open_files() // _PART)
        self._most_of_an_address = min(most_of_an_address, self._most)
        self._waiting: OrderedDict[Connection, str] = OrderedDict()
        self._by_address: dict[str, OrderedDict[Connection, None]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, connection: Connection, address: str) -> None:
        """Wait for a head from *connection*; where there are too many, the oldest is cut."""
        self.remove(connection)
        site = site_of(address)
        mine = self._by_address.setdefault(site, OrderedDict())
        mine[connection] = None
        self._waiting[connection] = site
        if len(mine) > self._most_of_an_address:
            self._cut(next(iter(mine)))
        elif len(self._waiting) > self._most:
            self._cut(next(iter(self._waiting)))

    def remove(self, connection: Connection) -> None:
        """Wait no more: its head came, or it is gone."""
        site = self._waiting.pop(connection, None)
        if site is None:
            return
        mine = self._by_address[site]
        del mine[connection]
        if not mine:
            del self._by_address[site]

    def _cut(self, connection: Connection) -> None:
        self.remove(connection)
        log.debug("connection.cut", code="HALF_OPEN")
        connection.cut()
