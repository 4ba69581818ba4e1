"""Renew the keys that were made for development, before they end.

Only where both officers are of this machine's own making: elsewhere two people agree
(`lali keys rotate`), and the end of a key is announced a month before.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from broker.protect.algorithms import Algorithm
from broker.protect.ceremony import next_register
from broker.protect.change import ChangeKind
from broker.protect.development import agree, is_development
from broker.protect.issue import HUB_TERMS, issue, issue_hub_ahead
from broker.protect.key_folder import KeyFolder
from broker.protect.register import Holder, Key

#: So long before its end a key gets a successor; both count until then.
RENEW_BEFORE = timedelta(days=30)
_Owner = tuple[Holder, str, Algorithm]


def renew_development(folder: KeyFolder, at: datetime) -> tuple[Key, ...]:
    """Give every owner whose last key ends within a month of *at* a next one; return those.

    Nothing is done in a folder whose officers are people. Older keys still open what was
    sealed for them.

    Raises:
        SettingsInvalid: The register in the folder cannot be read.
    """
    if not is_development(folder):
        return ()
    keys = folder.register().keys
    made = tuple(_successors(folder, _last(keys), at))
    if made:
        register = next_register(folder, (*keys, *made))
        agree(folder, ChangeKind.KEYS, register.digest().hex(), register)
    return made


def _last(keys: Iterable[Key]) -> dict[_Owner, Key]:
    """Return each owner's key that ends last, of those that nobody revoked."""
    last: dict[_Owner, Key] = {}
    for key in keys:
        owner = (key.holder, key.owner, key.algorithm)
        if key.revoked_at is None and (owner not in last or last[owner].not_after < key.not_after):
            last[owner] = key
    return last


def _successors(folder: KeyFolder, last: dict[_Owner, Key], at: datetime) -> Iterator[Key]:
    ending = {owner: key for owner, key in last.items() if key.not_after <= at + RENEW_BEFORE}
    if any(holder is Holder.HUB for holder, _, _ in ending):
        yield from issue_hub_ahead(folder.keeper, at, HUB_TERMS)
    for (holder, owner, algorithm), key in sorted(ending.items(), key=lambda each: each[0][:2]):
        if holder is not Holder.HUB:
            yield from issue(
                folder.keeper, holder, owner, at, entrusted=key.entrusted, algorithms=[algorithm]
            )
