"""`lali journal`: alerts that wait on this machine for a gateway, and what it refused."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from broker.cli import print_json
from broker.cli.gateway_options import GatewayOptions
from broker.cli.http_publishing import http_publisher, open_journal
from broker.client.http import Credentials
from broker.client.journal import Journal
from broker.client.journal_entry import Entry
from broker.errors import SettingsInvalid
from broker.settings import Settings, load_settings

app = cyclopts.App(name="journal", help="Alerts that wait here for a gateway.")

_Flag = Annotated[bool, Parameter(negative="")]


@app.command
def show(journal: Path, *, json: _Flag = False) -> None:
    """List what waits, and what the gateway refused for good, with the reason.

    Example: `lali journal show waiting`

    Args:
        journal: Folder of the journal.
        json: Print one JSON object.
    """
    with _existing(journal, load_settings()) as opened:
        waiting = [_said(each.number, each.entry, "waits") for each in opened.all_waiting()]
        aside = [
            _said(each.number, each.entry, "refused", f"{each.code} {each.path}".strip())
            for each in opened.set_aside()
        ]
    if json:
        print_json({"waiting": waiting, "refused": aside})
        return
    table = Table("number", "unit", "alert", "revision", "state", "why")
    for each in waiting + aside:
        table.add_row(*map(str, each.values()))
    Console(markup=False, highlight=False).print(table)


@app.command
def send(journal: Path, *, gateway: GatewayOptions | None = None, again: int | None = None) -> None:
    """Send what waits. Exit code 1 if something was refused for good.

    Example: `lali journal send waiting --url https://gateway.example:8440`

    Args:
        journal: Folder of the journal.
        gateway: Where to go.
        again: Number of an alert that was refused, to be tried once more.
    """
    settings, come = load_settings(), gateway or GatewayOptions()
    if (url := come.url_in(settings)) is None:
        raise SettingsInvalid("which gateway? --url, or the setting gateway_url")
    credentials = come.credentials()
    with _existing(journal, settings) as opened:
        if again is not None:
            opened.again(again)
        units = list(dict.fromkeys(each.entry.originator for each in opened.all_waiting()))
        before, known = opened.count, {each.number for each in opened.set_aside()}
    for unit in units:
        asyncio.run(_send(url, credentials, journal, settings, unit))
    with _existing(journal, settings) as opened:
        refused = sum(each.number not in known for each in opened.set_aside())
        left = opened.count
    Console().print(f"{before - left - refused} sent, {refused} refused, {left} wait")
    if refused:
        sys.exit(1)


@app.command
def forget(journal: Path, number: int) -> None:
    """Remove an alert that was refused for good.

    Example: `lali journal forget waiting 7`

    Args:
        journal: Folder of the journal.
        number: Its number, from the list.
    """
    with _existing(journal, load_settings()) as opened:
        opened.forget(number)


@app.command
def mend(journal: Path) -> None:
    """Save what can be read of a damaged journal. The damaged file is kept.

    Example: `lali journal mend waiting`

    Args:
        journal: Folder of the journal.
    """
    found = _existing(journal, load_settings()).mend()
    Console().print(
        f"{found.waiting} wait, {found.set_aside} refused; "
        f"{found.unreadable_bytes} bytes could not be read: they are in {found.kept.name}"
    )


async def _send(
    url: str, credentials: Credentials, journal: Path, settings: Settings, unit: str
) -> None:
    async with http_publisher(url, credentials, journal, settings, unit) as publisher:
        await publisher.send_waiting()


def _existing(folder: Path, settings: Settings) -> Journal:
    if not (folder / "journal").exists():
        raise SettingsInvalid(f"{folder.name}: there is no journal")
    return open_journal(folder, settings)


def _said(number: int, entry: Entry, state: str, why: str = "") -> dict[str, object]:
    it = entry.payload
    return {
        "number": number,
        "unit": entry.originator,
        "alert": str(it.alert_id),
        "revision": it.revision,
        "state": state,
        "why": why,
    }
