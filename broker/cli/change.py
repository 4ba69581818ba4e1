"""`lali change`: what needs two people: keys, bundles, erasure."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import cyclopts
from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from broker.audit.changes import ChangeJournal
from broker.cli import print_json
from broker.errors import KafkaUnavailable, Rejected, SettingsInvalid
from broker.policy.bundle import load_bundle
from broker.policy.fitness import require_fit
from broker.protect.ceremony import (
    ChangeRecord,
    OfficerKey,
    apply,
    approve,
    propose,
    read_record,
    records,
)
from broker.protect.change import Approved, Change, ChangeKind
from broker.protect.key_folder import KeyFolder
from broker.settings import Settings, load_settings
from broker.wire.access import OFFICER, Principals
from broker.wire.connection import Connection
from broker.wire.identity import connection_as
from broker.wire.topics import Topics

app = cyclopts.App(name="change", help="What needs two people: keys, bundles, erasure.")

_Act = Callable[[], ChangeRecord]

Key = Annotated[Path | None, Parameter(name="--key")]


@app.command(name="propose-bundle")
def propose_bundle(*, officer: str, key: Key = None) -> None:
    """Propose that the bundle of the settings comes into force; the one before ends then.

    It must pass `lali policy check` and `lali policy test`.

    Example: `lali change propose-bundle --officer first-officer`

    Args:
        officer: Id of the officer who proposes.
        key: Their private key; by default the development key in the key folder.
    """
    settings = load_settings()
    folder = open_folder(settings)
    bundle = load_bundle(settings.bundle)
    require_fit(bundle)
    digest = bundle.digest.hex()
    signer = officer_key(folder, officer, key)
    kind = ChangeKind.BUNDLE
    record = noted(
        folder, officer, "CHANGE_PROPOSED", lambda: propose(folder, signer, kind, digest)
    )
    say_proposed(settings, folder, record)


@app.command(name="approve")
def approve_change(change: str, *, officer: str, key: Key = None) -> None:
    """Approve a change that another officer proposed, and put it in force.

    Example: `lali change approve 5f0c --officer second-officer`

    Args:
        change: Id of the change, or its beginning.
        officer: Id of the officer who approves.
        key: Their private key; by default the development key in the key folder.
    """
    settings = load_settings()
    folder = open_folder(settings)
    signer = officer_key(folder, officer, key)
    record = read_record(folder, change)
    if record.change.kind is ChangeKind.BUNDLE:
        _require_fit(settings, record.change.digest)
    erasing = record.change.kind is ChangeKind.ERASURE
    if record.state == "proposed" or (record.state == "applied" and not erasing):
        known = record
        record = noted(
            folder, officer, "CHANGE_APPROVED", lambda: approve(folder, signer, known), known.change
        )
    if erasing:
        from broker.cli.erase import carry_out

        carry_out(settings, folder, record, officer)
    else:
        approved = record
        noted(folder, officer, "CHANGE_APPLIED", lambda: apply(folder, approved), approved.change)
    flush(settings, folder)
    Console().print(f"change {str(record.change.id)[:8]} is in force")


def _require_fit(settings: Settings, digest: str) -> None:
    """Refuse what its approver has not before them, or what its own checks refuse."""
    bundle = load_bundle(settings.bundle)
    if bundle.digest.hex() != digest:
        raise SettingsInvalid(
            f"this change is about bundle {digest[:12]}, and `bundle` (LALI_BUNDLE) is "
            f"{bundle.digest.hex()[:12]}: set it to the folder that is to be approved"
        )
    require_fit(bundle)


@app.command(name="list")
def list_changes(*, json: Annotated[bool, Parameter(negative="")] = False) -> None:
    """List all changes, the oldest first.

    Example: `lali change list`

    Args:
        json: Print one JSON object.
    """
    folder = open_folder(load_settings())
    found = list(records(folder))
    in_force = folder.bundle.approved()
    if json:
        print_json([_shown(record, in_force) for record in found])
        return
    table = Table("change", "kind", "digest", "proposed by", "approved by", "state")
    for record in found:
        change = record.change
        by = record.approval.approver if record.approval else "–"
        digest = change.subject or change.digest[:12]
        table.add_row(
            str(change.id)[:8], change.kind, digest, change.proposer, by, _state(record, in_force)
        )
    Console().print(table)


def _shown(record: ChangeRecord, in_force: Approved | None) -> dict[str, Any]:
    shown = record.model_dump(mode="json", exclude={"register_"})
    return {**shown, "state": _state(record, in_force)}


def _state(record: ChangeRecord, in_force: Approved | None) -> str:
    """Return the state of a change; of a bundle that was in force and is no more: ``ended``."""
    ended = in_force is not None and record.change.id != in_force.change.id
    if record.change.kind is ChangeKind.BUNDLE and record.state == "applied" and ended:
        return "ended"
    return record.state


def open_folder(settings: Settings) -> KeyFolder:
    """Return the key folder of *settings*.

    Raises:
        SettingsInvalid: There is no register in it, or it is not in order.
    """
    folder = KeyFolder(settings.key_folder(), settings.keeper_socket, settings.keeper_user)
    folder.register()
    return folder


def officer_key(folder: KeyFolder, officer: str, file: Path | None) -> OfficerKey:
    """Return the officer's key from *file*, or the development key in the folder."""
    return OfficerKey(officer, file or folder.path / "officers" / f"{officer}.pem")


def journal(folder: KeyFolder) -> ChangeJournal:
    """Return where audit entries of changes wait."""
    return ChangeJournal(folder.path / "changes" / "audit")


def noted(
    folder: KeyFolder, officer: str, kind: str, act: _Act, change: Change | None = None
) -> ChangeRecord:
    """Do *act*, and record that it was done, or that it was refused and why.

    Raises:
        Rejected: It was refused.
    """
    try:
        record = act()
    except Rejected as rejected:
        journal(folder).note("CHANGE_REFUSED", officer, change, rejected.reason)
        flush(load_settings(), folder)
        raise
    journal(folder).note(kind, officer, record.change)
    return record


def say_proposed(settings: Settings, folder: KeyFolder, record: ChangeRecord) -> None:
    """Print what another officer has to do."""
    flush(settings, folder)
    short = str(record.change.id)[:8]
    Console().print(
        f"change {short} is proposed: {record.change.kind} {record.change.digest[:12]}\n"
        f"another officer: [bold]lali change approve {short} --officer …[/]"
    )


def flush(settings: Settings, folder: KeyFolder) -> None:
    """Write waiting audit entries, if the cluster can be reached now; later, if not."""
    with suppress(KafkaUnavailable, SettingsInvalid):
        topics = Topics(settings.topic_prefix, settings.partitions)
        asyncio.run(journal(folder).flush(officer_connection(settings), topics))


def officer_connection(settings: Settings) -> Connection:
    """Return how officers' commands reach the cluster.

    Raises:
        SettingsInvalid: No cluster is known, or its credentials are missing.
    """
    principal = Principals(settings.topic_prefix).role(OFFICER)
    return connection_as(settings, "lali-officer", principal)
