"""The key register: every public key, whose it is, what for, and from when to when.

Public, and the same for everybody. Who may change it is a matter of two officers
(`broker.protect.change`); what this module answers is whether a key counts now.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from broker.errors import Rejected
from broker.model.base import Base64, Id, Model, Moment
from broker.model.reason import Reason
from broker.protect.algorithms import Algorithm
from broker.protect.public_key import is_public_key

KeyId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]

#: The hub's own name among owners of keys.
HUB = "hub"


class Holder(StrEnum):
    """What kind of owner a key has."""

    UNIT = "UNIT"
    FEED = "FEED"
    HUB = "HUB"


class Key(Model):
    """One public key.

    Its id is the start of the SHA-256 over algorithm, owner and key, so it names one key only.
    """

    id: KeyId
    holder: Holder
    owner: Id
    algorithm: Algorithm
    public: Base64 = Field(description="Raw X25519 key, or DER SubjectPublicKeyInfo; base64.")
    not_before: Moment
    not_after: Moment
    revoked_at: Moment | None = None
    entrusted: bool = Field(
        False, description="Of a feed: the hub keeps the private key, to open for plain formats."
    )

    @model_validator(mode="after")
    def _is_a_key_under_its_own_id(self) -> Self:
        if not is_public_key(self.algorithm, self.public_bytes):
            raise ValueError("NOT_A_PUBLIC_KEY")
        if self.id != key_id_of(self.algorithm, self.owner, self.public_bytes):
            raise ValueError("KEY_ID_DIFFERS")
        return self

    @cached_property
    def public_bytes(self) -> bytes:
        """The key itself."""
        return base64.b64decode(self.public)

    def fault(self, at: datetime) -> Reason | None:
        """Return why the key does not count at *at*, or None."""
        if self.revoked_at is not None and at >= self.revoked_at:
            return Reason.KEY_REVOKED
        if at < self.not_before:
            return Reason.KEY_NOT_YET_VALID
        return Reason.KEY_EXPIRED if at >= self.not_after else None


def key_id_of(algorithm: Algorithm, owner: str, public: bytes) -> str:
    """Return the id of a key."""
    named = f"{algorithm.value}\n{owner}\n".encode() + public
    return hashlib.sha256(named).hexdigest()[:16]


class Register(Model):
    """All keys, in one version of the register.

    Attributes:
        version: Counts up; an older version never replaces a newer one.
    """

    version: int = Field(ge=1)
    keys: tuple[Key, ...] = ()

    @model_validator(mode="after")
    def _names_each_key_once(self) -> Self:
        if len(self.by_id) != len(self.keys):
            raise ValueError("two keys have one id")
        return self

    @cached_property
    def by_id(self) -> dict[str, Key]:
        """The keys, by id."""
        return {key.id: key for key in self.keys}

    def digest(self) -> bytes:
        """Return the SHA-256 that approvals of this version name."""
        return hashlib.sha256(self.model_dump_json().encode()).digest()

    def signing_key(
        self,
        key_id: str,
        owner: str,
        algorithm: str,
        at: datetime,
        holder: Holder = Holder.UNIT,
    ) -> Key:
        """Return the key by which *owner* signed, if it counts at *at*.

        Raises:
            Rejected: KEY_UNKNOWN, KEY_OF_OTHER_UNIT, ALGORITHM_DIFFERS, KEY_REVOKED,
                KEY_NOT_YET_VALID, KEY_EXPIRED.
        """
        key = self.by_id.get(key_id)
        if key is None:
            raise Rejected(Reason.KEY_UNKNOWN, "signature.key_id")
        if (key.holder, key.owner) != (holder, owner):
            raise Rejected(Reason.KEY_OF_OTHER_UNIT, "signature.key_id")
        if algorithm != key.algorithm or key.algorithm is not Algorithm.ECDSA_P256_SHA256:
            raise Rejected(Reason.ALGORITHM_DIFFERS, "signature.algorithm")
        if fault := key.fault(at):
            raise Rejected(fault, "signature.key_id")
        return key

    def current(
        self, holder: Holder, owner: str, algorithm: Algorithm, at: datetime | None = None
    ) -> Key:
        """Return the newest key of *owner* that counts.

        Raises:
            Rejected: KEY_EXPIRED: they have all ended. KEY_UNKNOWN: there is none.
        """
        at = at or datetime.now(UTC)
        found = list(self.of(holder, owner, algorithm))
        counting = [key for key in found if key.fault(at) is None]
        if not counting:
            ended = any(key.fault(at) is Reason.KEY_EXPIRED for key in found)
            reason = Reason.KEY_EXPIRED if ended else Reason.KEY_UNKNOWN
            raise Rejected(reason, f"{holder.value.lower()}.{owner}")
        return max(counting, key=lambda key: (key.not_before, key.id))

    def next_change(self, at: datetime) -> datetime | None:
        """Return the next moment after *at* at which a key begins or ends; None: none does."""
        moments = (
            moment
            for key in self.keys
            for moment in (key.not_before, key.not_after, key.revoked_at)
        )
        return min((moment for moment in moments if moment and moment > at), default=None)

    def to_keep_under(self, at: datetime | None = None) -> Key:
        """Return the hub's sealing key for what it keeps itself: an ended one where none counts.

        Quarantine must not stop because a date has passed. A key that was revoked is in other
        hands, or destroyed: nothing is sealed for it.

        Raises:
            Rejected: KEY_UNKNOWN: there is none but revoked ones.
        """
        at = at or datetime.now(UTC)
        usable = (None, Reason.KEY_EXPIRED)
        sealing = self.of(Holder.HUB, HUB, Algorithm.HPKE_X25519)
        found = [key for key in sealing if key.fault(at) in usable]
        if not found:
            raise Rejected(Reason.KEY_UNKNOWN, HUB)
        return max(found, key=lambda key: (key.fault(at) is None, key.not_before, key.id))

    def of(self, holder: Holder, owner: str, algorithm: Algorithm) -> Iterator[Key]:
        """Yield every key of *owner* for *algorithm*, whether it counts or not."""
        return (
            key
            for key in self.keys
            if (key.holder, key.owner, key.algorithm) == (holder, owner, algorithm)
        )


RegisterOf = Callable[[], Register]
