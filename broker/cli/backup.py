"""`lali backup` and `lali restore`: what is a site's own, there and back."""

import asyncio
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from broker.app import make_parts
from broker.audit.log import read_audit
from broker.clock import epoch_ms
from broker.errors import KafkaUnavailable, SettingsInvalid
from broker.pipeline.vault_ledger import Apart, compare
from broker.policy.bundle import load_bundle
from broker.protect.key_folder import KeyFolder
from broker.settings import Settings, load_settings
from broker.site_backup import back_up
from broker.site_restore import erase_again, restore

Flag = Annotated[bool, Parameter(negative="")]


def backup(archive: Path, *, keys: Path | None = None, kafka: Flag = False) -> None:
    """Write what is this site's own into an archive; what opens alerts into another, or nowhere.

    Settings, connectors, bundle, key register and the gateway's files go into the first. Topics
    are the cluster's: replicate them, or take along the folder of a Kafka that `lali up` started.

    Example: `lali backup site.tar --keys keys.tar`

    Args:
        archive: The file; it must not be there.
        keys: File for private keys, vault, passwords and secrets. Guard it as the key folder, and
            keep it no longer than alerts may be kept: it holds what an erasure destroys.
        kafka: With the folder of this machine's Kafka, which must be stopped.
    """
    settings = load_settings()
    if kafka and (settings.data_folder / "running.json").exists():
        raise SettingsInvalid("--kafka: this machine's Kafka runs; stop `lali up` first")
    bundle = load_bundle(settings.bundle).digest
    for manifest in back_up(settings, bundle, archive, keys, kafka=kafka):
        file = keys if manifest.secret else archive
        Console().print(f"{file}: {len(manifest.files)} files", soft_wrap=True)
    if keys is None:
        Console().print("keys and vault are not in it: without them no kept alert can be opened")


def restore_site(
    archive: Path | None = None, *, keys: Path | None = None, check: Flag = False
) -> None:
    """Put a backup back, then compare the vault with the ledger.

    Everything is checked before anything is placed, and nothing that is there is replaced. What
    was erased since the backup is erased again, as the audit log has it.

    Example: `lali restore site.tar --keys keys.tar`

    Args:
        archive: What `lali backup` wrote.
        keys: Its archive of keys.
        check: Only compare what is here with the ledger.
    """
    settings = load_settings()
    console = Console()
    if check == (archive is not None):
        raise SettingsInvalid("name an archive, or --check what is here")
    if archive is not None:
        for placed in restore(settings, archive, keys):
            console.print(f"restored: {placed}", soft_wrap=True)
    if keys is None and archive is not None:
        console.print("[yellow]without keys[/]: roles wait until keys and vault are restored, too")
        return
    try:
        apart = asyncio.run(_compared(settings, console))
    except (KafkaUnavailable, SettingsInvalid) as away:
        console.print(
            f"not compared with the ledger ({away}): once Kafka runs: lali restore --check"
        )
        sys.exit(1)
    console.print(f"{apart.alerts} living alerts in the ledger, {apart.missing} without their key")
    if apart.missing:
        console.print("[red]ledger and vault are apart[/]: roles wait with those, none is ended")
        sys.exit(1)


async def _compared(settings: Settings, console: Console) -> Apart:
    parts = make_parts(settings)
    await parts.compare("judge")
    entries = (await read_audit(parts.connection("audit"), parts.topics)).of("ERASED")
    erased = [entry.alert_id.bytes for entry in entries if entry.alert_id is not None]
    at = int(datetime.now(UTC).timestamp() * 1000)
    with closing(KeyFolder(settings.key_folder()).vault) as vault:
        erase_again(vault, erased, at, lambda n: console.print(f"erased again: {n} keys"))
        return await compare(parts.connection("judge"), parts.topics, vault, epoch_ms())
