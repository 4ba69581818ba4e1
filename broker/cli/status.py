"""`lali status`: what became of one's own alert, asked of a gateway."""

import asyncio
from typing import Annotated
from uuid import UUID

from cyclopts import Parameter
from rich.console import Console

from broker.cli import print_json
from broker.cli.gateway_options import GatewayOptions
from broker.client.http import HttpPublisher
from broker.errors import SettingsInvalid
from broker.model.standing import HELD_FOR, AlertStanding, RevisionStanding
from broker.settings import load_settings

#: What a state means, where its own word does not say it.
_STATES = {
    "PUBLISHED": "published: Kafka has it, and it is not accepted yet",
    "ACCEPTED": "accepted",
    "QUARANTINED": "in quarantine: nobody has received it",
    "CANCELLED": "cancelled: everyone who held it was told to stop using it",
    "EXPIRED": "expired: nobody receives it any more",
    "ERASED": "erased: nobody can read it any more",
    "DUPLICATE": "published again, and taken once",
}
_NO_GATEWAY = GatewayOptions()


def status(  # noqa: D417 - the gateway tells of itself
    alert: UUID,
    unit: Annotated[str, Parameter(name="--as")],
    *,
    gateway: GatewayOptions = _NO_GATEWAY,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Show what became of an alert of one's own: its state, and why, in words.

    Example: `lali status 7b0c1f6e-33a8-4e4f-9a53-1f0d8c1f4d52 --as fiji-police`

    Args:
        alert: The alert's id.
        unit: The unit that published it.
        json: Print one JSON object.
    """
    settings = load_settings()
    url = gateway.url_in(settings)
    if url is None:
        raise SettingsInvalid("a gateway tells it: --url, or the setting gateway_url")
    publisher = HttpPublisher(url, unit, gateway.credentials())
    found = asyncio.run(_asked(publisher, alert))
    if json:
        print_json(found.model_dump(mode="json", exclude_none=True))
    else:
        _show(found)


async def _asked(publisher: HttpPublisher, alert: UUID) -> AlertStanding:
    async with publisher:
        return await publisher.standing(alert)


def _show(found: AlertStanding) -> None:
    console = Console(soft_wrap=True)
    console.print(f"[bold]{found.alert_id}[/] is {_STATES[found.state]}")
    for each in found.revisions:
        console.print(f"revision {each.revision or 'unknown'}, {_line(each)}")
    console.print(
        f"{found.feeds} feeds hold it, {found.recalled} had it and were told to stop; "
        f"{found.delivered} were handed it, {found.acknowledged} acknowledged, "
        f"{found.acted_upon} acted upon it, {found.refused} said it is not for them."
    )
    if found.waiting:
        why = "; ".join(f"{HELD_FOR.get(code, 'held')} ({code})" for code in found.waiting_for)
        console.print(f"{found.waiting} of these do not have it yet: {why}.")


def _line(revision: RevisionStanding) -> str:
    said = f"{revision.at:%Y-%m-%d %H:%M} UTC: {_STATES[revision.state]}"
    if revision.reason is None:
        return said
    where = f" at {revision.path}" if revision.path else ""
    return f"{said}. {revision.explanation} ({revision.reason}{where})"
