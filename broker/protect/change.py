"""Changes that need two people: keys, bundles, erasure.

One officer proposes, another approves; both sign. What is signed names the exact digest of
what will be, so an approval is good for one thing, once, and for nothing else.

    change    "lali change 1" LF | the change without its signature, as JSON
    approval  "lali approval 1" LF | the approval without its signature, as JSON
"""

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID, uuid4

from pydantic import Field, StringConstraints

from broker.errors import Rejected
from broker.model.base import Base64, Id, Line, Model, Moment
from broker.model.reason import Reason
from broker.protect.signature import is_valid, same_key

DigestHex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

Subject = Annotated[str, StringConstraints(pattern=r"^[0-9a-f-]{0,36}$")]

_UNSIGNED = ""


class ChangeKind(StrEnum):
    """What is changed."""

    KEYS = "KEYS"
    BUNDLE = "BUNDLE"
    ERASURE = "ERASURE"


class Officer(Model):
    """A person who may propose and approve changes.

    Pinned in a file of their own, so that no change can make its own approver.
    """

    id: Id
    name: Line
    public: Base64 = Field(description="DER SubjectPublicKeyInfo of a P-256 key, base64.")

    @property
    def public_bytes(self) -> bytes:
        """The key itself."""
        return base64.b64decode(self.public)


class Change(Model):
    """What one officer proposes.

    Attributes:
        id: Random; a change is applied once.
        digest: SHA-256 of what will be, hexadecimal: the register, or the bundle.
        subject: Of an erasure: the alert. Its digest is that of the register that comes with
            it, in which the hub has a new key.
        place: Of a bundle: its place in the order of approvals, from 1; each ends the one
            before. 0 of changes of other kinds, and of bundles approved by older versions.
    """

    id: UUID = Field(default_factory=uuid4)
    kind: ChangeKind
    digest: DigestHex
    subject: Subject = ""
    place: int = Field(0, ge=0)
    proposer: Id
    proposed_at: Moment = Field(default_factory=lambda: datetime.now(UTC))
    signature: str = _UNSIGNED

    def signed(self) -> bytes:
        """Return the bytes that its proposer signs."""
        return b"lali change 1\n" + self._written(without={"signature"}).encode()

    def own_digest(self) -> str:
        """Return what an approval names: the SHA-256 of the whole change, hexadecimal."""
        return hashlib.sha256(self._written(without=set()).encode()).hexdigest()

    def _written(self, without: set[str]) -> str:
        # A change without a place is written as before there were places: it stays signed.
        unplaced = set() if self.place else {"place"}
        return self.model_dump_json(exclude=without | unplaced)


class Approval(Model):
    """What another officer says to it."""

    change: DigestHex
    digest: DigestHex
    approver: Id
    approved_at: Moment = Field(default_factory=lambda: datetime.now(UTC))
    signature: str = _UNSIGNED

    def signed(self) -> bytes:
        """Return the bytes that its approver signs."""
        return b"lali approval 1\n" + self.model_dump_json(exclude={"signature"}).encode()


class Approved(Model):
    """A change with its approval, as it is kept beside what it made."""

    change: Change
    approval: Approval


Officers = Mapping[str, Officer]


def check_proposed(officers: Officers, change: Change) -> None:
    """Check that an officer proposed *change*.

    Raises:
        Rejected: OFFICER_UNKNOWN, SIGNATURE_INVALID.
    """
    _check(officers, change.proposer, change.signature, change.signed(), "change")


def check_approved(officers: Officers, approved: Approved, kind: ChangeKind, digest: str) -> None:
    """Check that two officers agreed to exactly *digest*.

    Raises:
        Rejected: APPROVAL_DIFFERS: for another thing. SELF_APPROVED, OFFICER_UNKNOWN,
            SIGNATURE_INVALID.
    """
    change, approval = approved.change, approved.approval
    check_proposed(officers, change)
    named = (change.kind, change.digest, approval.digest, approval.change)
    if named != (kind, digest, digest, change.own_digest()):
        raise Rejected(Reason.APPROVAL_DIFFERS, "approval")
    if approval.approver == change.proposer or _same_key(officers, approved):
        raise Rejected(Reason.SELF_APPROVED, "approval.approver")
    _check(officers, approval.approver, approval.signature, approval.signed(), "approval")


def _same_key(officers: Officers, approved: Approved) -> bool:
    one = officers.get(approved.change.proposer)
    other = officers.get(approved.approval.approver)
    if one is None or other is None:
        return False
    return same_key(one.public_bytes, other.public_bytes)


def _check(officers: Officers, who: str, signature: str, signed: bytes, path: str) -> None:
    officer = officers.get(who)
    if officer is None:
        raise Rejected(Reason.OFFICER_UNKNOWN, path)
    try:
        value = base64.b64decode(signature, validate=True)
    except ValueError:
        raise Rejected(Reason.SIGNATURE_INVALID, f"{path}.signature") from None
    if not is_valid(officer.public_bytes, value, signed):
        raise Rejected(Reason.SIGNATURE_INVALID, f"{path}.signature")
