"""`lali dead-letters`: what could not be delivered, and what is to become of it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

import cyclopts
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from broker.app import Parts
from broker.cli import print_json
from broker.cli.commanding import By, Why, command, parts_for
from broker.errors import Rejected, SettingsInvalid
from broker.pipeline.holdings import Holdings
from broker.wire import codec
from broker.wire.tail import read_to_end

app = cyclopts.App(
    name="dead-letters", help="What could not be delivered: list, show, replay, drop."
)

Flag = Annotated[bool, Parameter(negative="")]
_COLUMNS = ("partition", "offset", "alert_id", "revision", "reason", "code", "at", "state")


@app.command(name="list")
def list_letters(feed: str, *, json: Flag = False) -> None:
    """List the dead letters of a feed, and what became of each.

    `waiting` can be replayed or dropped. `done`: it was, or a later revision took its place.

    Example: `lali dead-letters list samoa-tcu-investigate`

    Args:
        feed: Id of the feed.
        json: Print one JSON array.
    """
    found = asyncio.run(_letters(parts_for(feed), feed))
    if json:
        print_json(found)
        return
    table = Table(*_COLUMNS)
    for letter in found:
        table.add_row(*(str(letter[name]) for name in _COLUMNS))
    Console().print(table)


@app.command
def show(feed: str, partition: int, offset: int, *, json: Flag = False) -> None:
    """Show one dead letter: what it is about and why; never its content.

    Example: `lali dead-letters show samoa-tcu-investigate 0 17`

    Args:
        feed: Id of the feed.
        partition: Its partition, as `list` says.
        offset: Its offset, as `list` says.
        json: Print one JSON object.
    """
    letter = _one(parts_for(feed), feed, partition, offset)
    if json:
        print_json(letter)
    else:
        for name, value in letter.items():
            Console().print(f"{name}: {value}", highlight=False, markup=False)


@app.command
def replay(
    feed: str, partition: int, offset: int, *, by: By, reason: Why, json: Flag = False
) -> None:
    """Have deliver hand a dead letter over again; it is decided again before.

    Example: `lali dead-letters replay samoa-tcu-investigate 0 17 --by duty-operator
    --reason PARTNER_MENDED`

    Args:
        feed: Id of the feed.
        partition: Its partition, as `list` says.
        offset: Its offset, as `list` says.
        by: Who does this: letters, digits and hyphens.
        reason: Why, as a code such as PARTNER_ASKED; the audit log keeps both.
        json: Print one JSON object.
    """
    _command(feed, partition, offset, "REPLAY", by, reason, as_json=json)


@app.command
def drop(
    feed: str, partition: int, offset: int, *, by: By, reason: Why, json: Flag = False
) -> None:
    """Have a dead letter never handed over; later revisions of its alert flow again.

    Example: `lali dead-letters drop samoa-tcu-investigate 0 17 --by duty-operator
    --reason OUT_OF_DATE`

    Args:
        feed: Id of the feed.
        partition: Its partition, as `list` says.
        offset: Its offset, as `list` says.
        by: Who does this: letters, digits and hyphens.
        reason: Why, as a code such as PARTNER_ASKED; the audit log keeps both.
        json: Print one JSON object.
    """
    _command(feed, partition, offset, "DROP", by, reason, as_json=json)


def _command(
    feed: str, partition: int, offset: int, action: str, by: str, reason: str, *, as_json: bool
) -> None:
    parts = parts_for(feed)
    letter = _one(parts, feed, partition, offset)
    if letter["state"] != "waiting":
        raise SettingsInvalid(f"this dead letter is {letter['state']}: nothing waits to be done")
    asyncio.run(command(parts, feed, action, by, reason, letter=(partition, offset)))
    if as_json:
        print_json({"feed": feed, "action": action, "partition": partition, "offset": offset})
    else:
        Console().print(f"{feed} {partition} {offset}: {action.lower()} is asked for")


def _one(parts: Parts, feed: str, partition: int, offset: int) -> dict[str, Any]:
    for letter in asyncio.run(_letters(parts, feed)):
        if (letter["partition"], letter["offset"]) == (partition, offset):
            return letter
    raise SettingsInvalid("there is no such dead letter")


async def _letters(parts: Parts, feed: str) -> list[dict[str, Any]]:
    connection = parts.connection("command")
    holdings = Holdings(connection, parts.topics)
    async for record in read_to_end(connection, [parts.topics.ledger]):
        holdings.take(record.key, record.value)
    return [each async for each in _read(parts, feed, holdings)]


async def _read(parts: Parts, feed: str, holdings: Holdings) -> AsyncIterator[dict[str, Any]]:
    connection = parts.connection("command")
    async for record in read_to_end(connection, [parts.topics.dead_letter(feed)]):
        place = {"partition": record.partition, "offset": record.offset}
        try:
            letter = codec.decode_trusted(record.value or b"", "dead-letter")
        except Rejected as rejected:
            yield {**dict.fromkeys(_COLUMNS), **place, "reason": rejected.reason.value,
                   "state": "unreadable"}  # fmt: skip
            continue
        alert_id = UUID(bytes=letter["alert_id"]) if letter["alert_id"] else None
        yield {
            **place,
            "alert_id": str(alert_id) if alert_id else None,
            "revision": letter["revision"],
            "kind": letter["kind"],
            "reason": letter["reason"],
            "code": letter["code"],
            "at": letter["at"].isoformat(),
            "attempts": letter["attempts"],
            "state": _state(holdings, feed, alert_id, record.offset),
        }


def _state(holdings: Holdings, feed: str, alert_id: UUID | None, offset: int) -> str:
    """Return whether anything can be done with a dead letter."""
    if alert_id is None:
        return "unreadable"
    mark = holdings.mark(alert_id, feed)
    if mark is None:
        return "forgotten"
    return "waiting" if mark.state == "PARKED" and mark.letter_offset == offset else "done"
