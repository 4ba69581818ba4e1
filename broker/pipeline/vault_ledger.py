"""Whether ledger and vault belong together: every living alert in one has its key in the other."""

import asyncio
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

import structlog

from broker.clock import epoch_ms
from broker.errors import KafkaUnavailable
from broker.protect.key_folder import KeyFolder
from broker.protect.vault import Vault
from broker.wire.alert_bytes import view_of_ledger
from broker.wire.codec import decode_trusted, name_of
from broker.wire.connection import Connection
from broker.wire.tail import read_to_end
from broker.wire.topics import Topics

log = structlog.get_logger()

_AGAIN_SECONDS = 5.0

#: The hub has no key of these: they are sealed from end to end.
_END_TO_END = frozenset({"RED", "UNKNOWN"})


class Apart(NamedTuple):
    """How far a vault is from the ledger.

    Attributes:
        alerts: Living alerts of which the vault should have a key.
        missing: Those of which it has none, though nobody erased them.
    """

    alerts: int
    missing: int


async def compare(connection: Connection, topics: Topics, vault: Vault, now: int) -> Apart:
    """Compare the ledger with *vault* at *now*, epoch milliseconds.

    Raises:
        KafkaUnavailable: The ledger cannot be read.
    """
    latest: dict[bytes, bytes | None] = {}
    async for record in read_to_end(connection, [topics.ledger]):
        if record.value is None:
            latest.pop(record.key, None)
        elif name_of(record.value) == "ledger-entry":
            latest[record.key] = record.value
    return _compare((each for each in latest.values() if each is not None), vault, now)


def _compare(entries: Iterable[bytes], vault: Vault, now: int) -> Apart:
    wanted = {}
    for value in entries:
        entry = decode_trusted(value, "ledger-entry")
        living = not entry["cancelled"] and entry["expires_at"].timestamp() * 1000 > now
        if living and _tlp(entry) not in _END_TO_END:
            wanted[entry["digest"]] = entry["alert_id"]
    found = vault.find(list(wanted))
    missing = [each for digest, each in wanted.items() if digest not in found]
    return Apart(len(wanted), sum(not vault.is_erased(each) for each in missing))


def _tlp(entry: dict[str, object]) -> object:
    label, distribution = entry["label"], entry["distribution"]
    assert isinstance(label, bytes)
    assert isinstance(distribution, bytes)
    return view_of_ledger(label, distribution)["tlp"]


class VaultWatch:
    """Compares ledger and vault once, when a process starts, and says where they are apart.

    Nothing of it is served as gone: whoever needs a key that is missing waits.

    Args:
        connection: Of a role that may read the ledger.
        topics: The topics.
        keys: The key folder.
    """

    def __init__(self, connection: Connection, topics: Topics, keys: Path) -> None:
        self._connection = connection
        self._topics = topics
        self._keys = keys
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Ask `run` to end."""
        self._stopping.set()

    async def run(self) -> None:
        """Compare as soon as the ledger can be read, then wait to be stopped."""
        while not self._stopping.is_set() and not await self._compared():
            with suppress(TimeoutError):
                async with asyncio.timeout(_AGAIN_SECONDS):
                    await self._stopping.wait()
        await self._stopping.wait()

    async def _compared(self) -> bool:
        try:
            with closing(KeyFolder(self._keys).vault) as vault:
                apart = await compare(self._connection, self._topics, vault, epoch_ms())
        except KafkaUnavailable:
            return False
        except Exception as fault:  # noqa: BLE001 - whoever only looks must stop nobody
            log.warning("vault.not_compared", code=type(fault).__name__)
            return True
        if apart.missing:
            log.error("vault.apart", missing=apart.missing, of=apart.alerts, code="KEY_MISSING")
        return True
