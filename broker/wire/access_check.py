"""Compare what each principal should be able to do with what the cluster lets it do.

One cell for each principal, operation and name, and one for whether the principal gets in
at all. Names of others and Kafka's own topics are asked for too: a right too many is found
as surely as one that is missing.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from broker.errors import KafkaUnavailable
from broker.wire.access import Access
from broker.wire.connection import Connection
from broker.wire.observe import ASKED, Observed, observe
from broker.wire.rights import CLUSTER_NAME, Kind, Operation, Right
from broker.wire.welcome import require_welcome
from broker.wire.wide_client import wide_client

CONNECT = "CONNECT"
_KAFKAS_OWN = ("__consumer_offsets", "__transaction_state")


@dataclass(frozen=True, slots=True)
class Cell:
    """One principal, one operation, one name.

    Attributes:
        operation: One of Kafka's, or CONNECT.
        observed: None: there is no such topic, or the principal does not get in.
    """

    principal: str
    kind: Kind
    name: str
    operation: str
    expected: bool
    observed: bool | None

    @property
    def wrong(self) -> bool:
        """Whether the cluster differs from what should be."""
        return self.observed is not self.expected


@dataclass(slots=True)
class Matrix:
    """All cells, and why principals did not get in."""

    cells: list[Cell] = field(default_factory=list)
    shut_out: dict[str, str] = field(default_factory=dict)

    def wrong(self) -> list[Cell]:
        """Return the cells in which the cluster differs."""
        return [cell for cell in self.cells if cell.wrong]


ConnectionOf = Callable[[str], Connection]


async def check_access(
    access: Access,
    connection_of: ConnectionOf,
    principals: Iterable[str] | None = None,
    at_once: int = 2,
) -> Matrix:
    """Ask the cluster as each principal, and compare.

    Args:
        access: What should be.
        connection_of: How a principal connects, with credentials of its own.
        principals: Which to ask as; all if None.
        at_once: How many are asked at the same time.
    """
    matrix, turns = Matrix(), asyncio.Semaphore(at_once)
    rights = _by_principal(access.rights())

    async def ask(principal: str) -> None:
        async with turns:
            observed, reason = await _observe(access, connection_of, principal)
        if reason:
            matrix.shut_out[principal] = reason
        matrix.cells += _compare(access, principal, rights.get(principal, []), observed)

    await asyncio.gather(*map(ask, access.principals() if principals is None else principals))
    matrix.cells.sort(key=lambda cell: (cell.principal, cell.kind, cell.name, cell.operation))
    return matrix


def names_asked(access: Access) -> dict[Kind, list[str]]:
    """Return the names of each kind that every principal is asked about."""
    beyond = access.topics.route_transaction(access.topics.partitions)
    return {
        Kind.TOPIC: [*access.topic_names(), *_KAFKAS_OWN],
        Kind.GROUP: access.groups(),
        Kind.TRANSACTION: [*access.transactions(), beyond],
        Kind.CLUSTER: [CLUSTER_NAME],
    }


async def _observe(
    access: Access, connection_of: ConnectionOf, principal: str
) -> tuple[Observed | None, str]:
    try:
        connection = connection_of(principal)
        await require_welcome(connection)
        return await asyncio.to_thread(_observe_now, access, connection), ""
    except KafkaUnavailable as error:
        return None, str(error)


def _observe_now(access: Access, connection: Connection) -> Observed:
    names = names_asked(access)
    with wide_client(connection) as client:
        return observe(client, names[Kind.TOPIC], names[Kind.GROUP], names[Kind.TRANSACTION])


def _by_principal(rights: Iterable[Right]) -> dict[str, list[Right]]:
    found: dict[str, list[Right]] = {}
    for right in rights:
        found.setdefault(right.principal, []).append(right)
    return found


def _compare(
    access: Access, principal: str, rights: list[Right], observed: Observed | None
) -> list[Cell]:
    inside = observed is not None
    cells = [Cell(principal, Kind.CLUSTER, CLUSTER_NAME, CONNECT, True, inside)]
    for kind, names in names_asked(access).items():
        for name in names:
            for operation in ASKED[kind]:
                expected = any(right.covers(kind, name, operation) for right in rights)
                seen = _seen(observed, kind, name, operation)
                cells.append(Cell(principal, kind, name, operation, expected, seen))
    return cells


def _seen(observed: Observed | None, kind: Kind, name: str, operation: Operation) -> bool | None:
    # Who does not get in can do nothing: only what they should be able to do is wrong then.
    if observed is None:
        return False
    if name in _KAFKAS_OWN and observed.get((kind, name, operation)) is None:
        return False  # Kafka makes its own topics when they are first needed
    return observed.get((kind, name, operation))
