"""`lali erase`: make every copy of an alert at the hub unreadable; two people."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

from rich.console import Console

from broker.cli.change import (
    Key,
    flush,
    journal,
    noted,
    officer_connection,
    officer_key,
    open_folder,
    say_proposed,
)
from broker.errors import LaliError
from broker.pipeline.erase import destroy_alert_keys, destroy_hub_keys, propose_erasure
from broker.protect.ceremony import ChangeRecord, apply
from broker.protect.key_folder import KeyFolder
from broker.settings import Settings, load_settings
from broker.wire.admin import committed_offsets
from broker.wire.tail import ends_of
from broker.wire.topics import Topics

_WAIT_SECONDS = 30


class AcceptBehind(LaliError):
    """Accept has not taken everything that was sealed for the hub's older keys."""


def erase(alert: UUID, *, officer: str, key: Key = None) -> None:
    """Propose that an alert is erased: its keys destroyed, every copy at the hub unreadable.

    Another officer then approves it with `lali change approve`. Publish a CANCEL first: what
    recipients hold already is recalled by that, not by erasing. Entitled partners that hold
    their own keys can open what stands in their feed until its retention ends.

    Example: `lali erase 0b7f3c1e-5a2d-4c1b-9e6f-2d1a7c3b4e5f --officer first-officer`

    Args:
        alert: Id of the alert.
        officer: Id of the officer who proposes.
        key: Their private key; by default the development key in the key folder.
    """
    settings = load_settings()
    folder = open_folder(settings)
    signer = officer_key(folder, officer, key)
    record = noted(
        folder, officer, "CHANGE_PROPOSED", lambda: propose_erasure(folder, signer, alert)
    )
    say_proposed(settings, folder, record)


def carry_out(settings: Settings, folder: KeyFolder, record: ChangeRecord, officer: str) -> None:
    """Erase, as two officers agreed; begun before and not finished, finish it.

    Raises:
        AcceptBehind: The vault's keys are gone. Destroying the hub's older keys now would
            lose alerts that are under way: approve once more when accept has taken them.
        KafkaUnavailable: Nobody can say whether it would.
    """
    if record.state != "applied":
        noted(folder, officer, "CHANGE_APPLIED", lambda: apply(folder, record), record.change)
    alert_id = UUID(record.change.subject)
    rows = destroy_alert_keys(folder, alert_id, datetime.now(UTC))
    asyncio.run(_wait_for_accept(settings))
    keys = destroy_hub_keys(folder, datetime.now(UTC))
    journal(folder).note("ERASED", officer, record.change)
    flush(settings, folder)
    Console().print(f"{rows} alert keys and {keys} older hub keys destroyed")


async def _wait_for_accept(settings: Settings) -> None:
    """Wait, a while, until accept has taken what stood in the intake topics at the call."""
    connection = officer_connection(settings)
    topics = Topics(settings.topic_prefix, settings.partitions)
    ends = await ends_of(connection, topics.intake(""))
    behind = 0
    for _ in range(_WAIT_SECONDS):
        taken = await committed_offsets(connection, topics.accept_group())
        behind = sum(max(0, end - taken.get(partition, 0)) for partition, end in ends.items())
        if not behind:
            return
        await asyncio.sleep(1)
    raise AcceptBehind(f"accept has {behind} records to take first: is it running?")
