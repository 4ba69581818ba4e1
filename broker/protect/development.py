"""Keys for development: every owner's, and two officers', all on this machine.

Whoever can read this folder is everybody at once. It says so in its officers' names.
"""

import base64
import os
from collections.abc import Iterable, Iterator
from datetime import timedelta

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from broker.model.base import Model
from broker.protect.ceremony import OfficerKey, apply, approve, next_register, propose
from broker.protect.change import ChangeKind, Officer
from broker.protect.issue import HUB_TERMS, issue, issue_hub_ahead
from broker.protect.keeper import public_bytes, write_private
from broker.protect.key_folder import KeyFolder, now
from broker.protect.model_files import write_whole
from broker.protect.register import Holder, Key

FIRST, SECOND = "first-officer", "second-officer"

#: Keys count from a little before they were made: clocks differ.
_BEFORE = timedelta(days=120)


class _OfficersFile(Model):
    officers: tuple[Officer, ...]


def init_development(
    folder: KeyFolder,
    units: Iterable[str],
    feeds: Iterable[str],
    bundle_digest: bytes,
    entrusted: Iterable[str] = (),
) -> None:
    """Make two officers, every key that the community needs, and the bundle's approval.

    Args:
        folder: An empty key folder.
        units: Ids of the units that publish or are named.
        feeds: Ids of the feeds.
        bundle_digest: The bundle that may decide.
        entrusted: Feeds whose private key the hub keeps for its connectors.
    """
    officers = tuple(_officer(folder, name) for name in (FIRST, SECOND))
    write_whole(folder.path / "officers.json", _OfficersFile(officers=officers))
    keys = tuple(_keys(folder, units, feeds, frozenset(entrusted)))
    register = next_register(folder, keys)
    agree(folder, ChangeKind.KEYS, register.digest().hex(), register)
    agree(folder, ChangeKind.BUNDLE, bundle_digest.hex())


def is_development(folder: KeyFolder) -> bool:
    """Whether the keys in *folder* were made here, both officers' among them."""
    return all((folder.path / "officers" / f"{name}.pem").exists() for name in (FIRST, SECOND))


def agree(folder: KeyFolder, kind: ChangeKind, digest: str, register: object = None) -> None:
    """Let both development officers agree to a change, and apply it."""
    first, second = (development_key(folder, name) for name in (FIRST, SECOND))
    record = propose(folder, first, kind, digest, register=register)  # type: ignore[arg-type]
    apply(folder, approve(folder, second, record))


def development_key(folder: KeyFolder, officer: str) -> OfficerKey:
    """Return the key of a development officer."""
    return OfficerKey(officer, folder.path / "officers" / f"{officer}.pem")


def _keys(
    folder: KeyFolder, units: Iterable[str], feeds: Iterable[str], entrusted: frozenset[str]
) -> Iterator[Key]:
    at = now() - _BEFORE
    yield from issue_hub_ahead(folder.keeper, at + _BEFORE, HUB_TERMS)
    for unit in sorted(units):
        yield from issue(folder.keeper, Holder.UNIT, unit, at)
    for feed in sorted(feeds):
        yield from issue(folder.keeper, Holder.FEED, feed, at, entrusted=feed in entrusted)


def _officer(folder: KeyFolder, name: str) -> Officer:
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    os.makedirs(folder.path / "officers", mode=0o700, exist_ok=True)  # noqa: PTH103
    write_private(folder.path / "officers" / f"{name}.pem", pem)
    public = base64.b64encode(public_bytes(private)).decode()
    return Officer(id=name, name=f"{name} (development)", public=public)
