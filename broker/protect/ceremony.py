"""Propose, approve and apply changes, in a key folder.

A change waits in ``changes/`` until another officer approves it; it is applied once. What
is refused stays refused: nothing is applied, and the caller records it.
"""

import base64
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from broker.errors import Rejected, SettingsInvalid
from broker.model.base import Model, Moment
from broker.model.reason import Reason
from broker.protect.change import (
    Approval,
    Approved,
    Change,
    ChangeKind,
    check_approved,
    check_proposed,
)
from broker.protect.keeper import load_private
from broker.protect.key_folder import KeyFolder, now
from broker.protect.model_files import read_model, write_whole
from broker.protect.register import Key, Register
from broker.protect.signature import SIGN


class ChangeRecord(Model):
    """A change and what became of it.

    Attributes:
        register_: The register that it puts in force, if it is about keys.
    """

    change: Change
    register_: Register | None = None
    approval: Approval | None = None
    applied_at: Moment | None = None

    @property
    def state(self) -> str:
        """``proposed``, ``approved`` or ``applied``."""
        if self.applied_at is not None:
            return "applied"
        return "approved" if self.approval is not None else "proposed"


class OfficerKey:
    """The private key of one officer, from a file that only they can read.

    Args:
        officer: Who they say they are.
        file: The key; it is used here and not kept.
    """

    def __init__(self, officer: str, file: Path) -> None:
        self.officer = officer
        if not file.exists():
            raise SettingsInvalid(f"no private key of officer {officer}: name it with --key")
        if file.stat().st_mode & 0o077:
            raise SettingsInvalid(f"{file.name} is open to others: chmod go-rwx it")
        key = load_private(file.read_bytes())
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise SettingsInvalid(f"{file.name} does not sign")
        self._key = key

    def sign(self, message: bytes) -> str:
        """Return the signature of *message*, base64."""
        return base64.b64encode(self._key.sign(message, SIGN)).decode()


def propose(
    folder: KeyFolder,
    officer: OfficerKey,
    kind: ChangeKind,
    digest: str,
    *,
    subject: str = "",
    register: Register | None = None,
) -> ChangeRecord:
    """Write down what *officer* proposes.

    Raises:
        Rejected: OFFICER_UNKNOWN, SIGNATURE_INVALID: not an officer, or not their key.
    """
    change = Change(
        kind=kind,
        digest=digest,
        subject=subject,
        place=folder.bundle.place() + 1 if kind is ChangeKind.BUNDLE else 0,
        proposer=officer.officer,
        proposed_at=now(),
    )
    change = Change.model_validate(
        change.model_dump() | {"signature": officer.sign(change.signed())}
    )
    check_proposed(folder.officers, change)
    record = ChangeRecord(change=change, register_=register)
    _write(folder, record)
    return record


def approve(folder: KeyFolder, officer: OfficerKey, record: ChangeRecord) -> ChangeRecord:
    """Write down that *officer* agrees to *record*, to the byte.

    Raises:
        Rejected: SELF_APPROVED, APPROVAL_REPLAYED, APPROVAL_DIFFERS, OFFICER_UNKNOWN,
            SIGNATURE_INVALID.
    """
    if record.applied_at is not None:
        raise Rejected(Reason.APPROVAL_REPLAYED, "change")
    change = record.change
    approval = Approval(
        change=change.own_digest(),
        digest=change.digest,
        approver=officer.officer,
        approved_at=now(),
    )
    signed = {"signature": officer.sign(approval.signed())}
    approval = Approval.model_validate(approval.model_dump() | signed)
    approved = Approved(change=change, approval=approval)
    check_approved(folder.officers, approved, change.kind, change.digest)
    record = ChangeRecord(change=change, register_=record.register_, approval=approval)
    _write(folder, record)
    return record


def apply(folder: KeyFolder, record: ChangeRecord) -> ChangeRecord:
    """Put an approved change in force: its register, or its bundle.

    Raises:
        Rejected: NOT_APPROVED, APPROVAL_REPLAYED, APPROVAL_DIFFERS, or what is wrong.
    """
    if record.approval is None:
        raise Rejected(Reason.NOT_APPROVED, "change")
    if read_record(folder, str(record.change.id)).applied_at is not None:
        raise Rejected(Reason.APPROVAL_REPLAYED, "change")
    change = record.change
    approved = Approved(change=change, approval=record.approval)
    check_approved(folder.officers, approved, change.kind, change.digest)
    if change.kind is ChangeKind.BUNDLE:
        folder.bundle.put(approved)
    else:
        _apply_register(folder, record, approved)
    done = ChangeRecord.model_validate(record.model_dump() | {"applied_at": now()})
    _write(folder, done)
    return done


def _apply_register(folder: KeyFolder, record: ChangeRecord, approved: Approved) -> None:
    register = record.register_
    if register is None or register.digest().hex() != record.change.digest:
        raise Rejected(Reason.APPROVAL_DIFFERS, "register")
    if folder.exists and register.version != folder.register().version + 1:
        raise Rejected(Reason.APPROVAL_REPLAYED, "register.version")
    folder.write_register(register, approved)


def next_register(folder: KeyFolder, keys: tuple[Key, ...]) -> Register:
    """Return the register that would follow the one in force, with *keys*."""
    version = folder.register().version + 1 if folder.exists else 1
    return Register(version=version, keys=keys)


def revoked(key: Key, at: datetime) -> Key:
    """Return *key* as it counts no more from *at* on."""
    return Key.model_validate(key.model_dump() | {"revoked_at": at})


def read_record(folder: KeyFolder, change_id: str) -> ChangeRecord:
    """Return the change whose id begins with *change_id*.

    Raises:
        SettingsInvalid: There is none, or more than one.
    """
    found = [r for r in records(folder) if str(r.change.id).startswith(change_id)]
    if len(found) != 1:
        raise SettingsInvalid(f"{len(found)} changes begin with {change_id}")
    return found[0]


def records(folder: KeyFolder) -> Iterator[ChangeRecord]:
    """Yield all changes, the oldest first."""
    files = (folder.path / "changes").glob("*.json")
    found = [read_model(file, ChangeRecord) for file in files]
    yield from sorted(found, key=lambda record: record.change.proposed_at)


def _write(folder: KeyFolder, record: ChangeRecord) -> None:
    write_whole(folder.path / "changes" / f"{record.change.id}.json", record)
