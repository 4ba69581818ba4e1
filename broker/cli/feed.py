"""`lali feed`: pause, resume and retry one feed; the recalls that it is owed."""

import asyncio
from typing import Annotated
from uuid import UUID

import cyclopts
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from broker.app import Parts
from broker.cli import print_json
from broker.cli.commanding import By, Why, command, parts_for
from broker.errors import SettingsInvalid
from broker.pipeline.holdings import Holdings
from broker.wire.tail import read_to_end

app = cyclopts.App(name="feed", help="Pause, resume and retry one feed; recalls that it is owed.")

Flag = Annotated[bool, Parameter(negative="")]


@app.command
def pause(feed: str, *, by: By, reason: Why, json: Flag = False) -> None:
    """Hand nothing over to one feed until it is resumed; recalls wait, too.

    Example: `lali feed pause samoa-tcu-investigate --by duty-operator --reason PARTNER_ASKED`

    Args:
        feed: Id of the feed.
        by: Who does this: letters, digits and hyphens.
        reason: Why, as a code such as PARTNER_ASKED; the audit log keeps both.
        json: Print one JSON object.
    """
    _command(feed, "PAUSE", by, reason, as_json=json)


@app.command
def resume(feed: str, *, by: By, reason: Why, json: Flag = False) -> None:
    """Go on with a feed that was paused.

    Example: `lali feed resume samoa-tcu-investigate --by duty-operator --reason PARTNER_MENDED`

    Args:
        feed: Id of the feed.
        by: Who does this: letters, digits and hyphens.
        reason: Why, as a code such as PARTNER_ASKED; the audit log keeps both.
        json: Print one JSON object.
    """
    _command(feed, "RESUME", by, reason, as_json=json)


@app.command
def retry(feed: str, *, by: By, reason: Why, json: Flag = False) -> None:
    """Open the feed's connector anew and try all that waits at once; a paused feed goes on.

    Other feeds are left alone. What went aside while nothing was taken is tried again, too.

    Example: `lali feed retry samoa-tcu-investigate --by duty-operator --reason PARTNER_MENDED`

    Args:
        feed: Id of the feed.
        by: Who does this: letters, digits and hyphens.
        reason: Why, as a code such as PARTNER_ASKED; the audit log keeps both.
        json: Print one JSON object.
    """
    _command(feed, "RETRY", by, reason, as_json=json)


@app.command
def owed(feed: str, *, json: Flag = False) -> None:
    """List the recalls that a feed's recipient has not taken.

    Example: `lali feed owed samoa-tcu-investigate`

    Args:
        feed: Id of the feed.
        json: Print one JSON array.
    """
    found = asyncio.run(_owed(parts_for(feed), feed))
    if json:
        print_json([{"alert_id": str(alert), "revision": revision} for alert, revision in found])
        return
    table = Table("alert", "revision")
    for alert, revision in found:
        table.add_row(str(alert), str(revision))
    Console().print(table)


@app.command(name="give-up")
def give_up(feed: str, alert: UUID, *, by: By, reason: Why, json: Flag = False) -> None:
    """Try the recall of an alert no more: its recipient was told by another way.

    Example: `lali feed give-up samoa-tcu-investigate 7b0c1f6e-33a8-4e4f-9a53-1f0d8c1f4d52
    --by duty-operator --reason TOLD_BY_TELEPHONE`

    Args:
        feed: Id of the feed.
        alert: The alert's id.
        by: Who does this: letters, digits and hyphens.
        reason: Why, as a code such as PARTNER_ASKED; the audit log keeps both.
        json: Print one JSON object.
    """
    parts = parts_for(feed)
    if alert not in {each for each, _ in asyncio.run(_owed(parts, feed))}:
        raise SettingsInvalid("no recall of this alert is owed to this feed")
    asyncio.run(command(parts, feed, "GIVE_UP", by, reason, alert_id=alert))
    _say(feed, "GIVE_UP", as_json=json)


async def _owed(parts: Parts, feed: str) -> list[tuple[UUID, int]]:
    connection = parts.connection("command")
    holdings = Holdings(connection, parts.topics)
    async for record in read_to_end(connection, [parts.topics.ledger]):
        holdings.take(record.key, record.value)
    return [(UUID(bytes=each), mark.owed or 0) for each, mark in holdings.owed(feed)]


def _command(feed: str, action: str, by: str, reason: str, *, as_json: bool) -> None:
    asyncio.run(command(parts_for(feed), feed, action, by, reason))
    _say(feed, action, as_json=as_json)


def _say(feed: str, action: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"feed": feed, "action": action})
    else:
        Console().print(f"{feed}: {action.lower().replace('_', ' ')} is asked for")
