"""Issue keys: make them, and enter them into a register."""

import base64
from collections.abc import Iterable
from datetime import datetime, timedelta

from broker.protect.algorithms import Algorithm
from broker.protect.keeper import Keeper
from broker.protect.register import HUB, Holder, Key

#: How long a key of each kind of owner counts unless said otherwise.
LIFETIME = {
    Holder.UNIT: timedelta(days=365),
    Holder.FEED: timedelta(days=365),
    Holder.HUB: timedelta(days=90),
}

_HUB_OVERLAP = timedelta(days=14)
#: Terms of the hub's keys that are made at once: nearly two years.
HUB_TERMS = 9

#: What each kind of owner needs.
ALGORITHMS = {
    Holder.UNIT: (Algorithm.ECDSA_P256_SHA256, Algorithm.HPKE_X25519),
    Holder.FEED: (Algorithm.HPKE_X25519,),
    Holder.HUB: (Algorithm.HPKE_X25519, Algorithm.ECDSA_P256_SHA256),
}


def issue(
    keeper: Keeper,
    holder: Holder,
    owner: str,
    at: datetime,
    *,
    entrusted: bool = False,
    algorithms: Iterable[Algorithm] | None = None,
) -> Iterable[Key]:
    """Make the keys that *owner* needs, and yield them as a register has them.

    Args:
        keeper: Where the private halves stay.
        holder: What kind of owner.
        owner: Its id.
        at: From when they count.
        entrusted: Of a feed: the hub keeps the private key.
        algorithms: What for; by default for all that an owner of its kind needs.
    """
    for algorithm in algorithms or ALGORITHMS[holder]:
        key_id, public = keeper.generate(algorithm, owner)
        yield make_key(key_id, holder, owner, algorithm, public, at, entrusted=entrusted)


def issue_hub_ahead(keeper: Keeper, at: datetime, terms: int) -> Iterable[Key]:
    """Make the hub's keys for *terms* terms, one after the other, the first from *at*.

    Each counts from two weeks before the one before it ends, so the newest is used and the
    older still opens. Two officers agree to all of them at once: the hub then rotates by itself.
    """
    for term in range(terms):
        begins = at + term * (LIFETIME[Holder.HUB] - _HUB_OVERLAP)
        yield from issue(keeper, Holder.HUB, HUB, begins)


def make_key(
    key_id: str,
    holder: Holder,
    owner: str,
    algorithm: Algorithm,
    public: bytes,
    at: datetime,
    *,
    entrusted: bool = False,
) -> Key:
    """Return a public key as a register has it."""
    return Key(
        id=key_id,
        holder=holder,
        owner=owner,
        algorithm=algorithm,
        public=base64.b64encode(public).decode(),
        not_before=at,
        not_after=at + LIFETIME[holder],
        entrusted=entrusted,
    )
