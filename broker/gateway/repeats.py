"""Idempotency keys: a request sent again is completed as it was the first time.

What a draft leaves out (its id, the moment) is derived from the unit, the key, the body and the
moment of the first request. So the second publishes the very same bytes, and route takes them
once, however the first one ended: no answer has to be kept.

Gateways of one folder share a file of keys. Those elsewhere share the secret and the audit log:
the first half of an alert's id says which key it came by, the second which body, so what route
took through any gateway of the hub is known at every other.
"""

import hashlib
import hmac
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from broker.gateway.storage import Store
from broker.private_files import private_folder

#: How long a key counts at least, milliseconds.
KEPT_MS = 7 * 86_400_000
_FORGOTTEN_AT_ONCE = 1_000
_HALF = 8
_MIGRATIONS = (
    """CREATE TABLE repeat(unit TEXT, key TEXT, digest BLOB, moment INT,
      PRIMARY KEY(unit, key)) WITHOUT ROWID;
    CREATE INDEX repeat_moment ON repeat(moment)""",
)

#: Returns the alerts of a unit that were taken, with ids from one up to another.
TakenBefore = Callable[[str, bytes, bytes], frozenset[UUID]]


class KeyReused(Exception):
    """The same key came with another body."""


class Asked(NamedTuple):
    """A request that names itself.

    Attributes:
        unit: Whose it is; units do not share keys.
        key: Its name.
        digest: SHA-256 of its body.
    """

    unit: str
    key: str
    digest: bytes

    @classmethod
    def of(cls, unit: str, key: str, body: bytes) -> "Asked":
        """Return the request of *unit* with *body* under *key*."""
        return cls(unit, key, hashlib.sha256(body).digest())


class Repeats:
    """Idempotency keys of all units.

    `known` and `claim` raise `KeyReused` if something else was sent under the key, and
    `StorageUnavailable` while the file cannot be used.

    Args:
        folder: Of the gateways that share it.
        secret: 32 secret bytes, never rotated; ids that are derived cannot be guessed without
            them.
        taken_before: What the audit log says of ids.
    """

    def __init__(
        self,
        folder: Path,
        secret: bytes,
        taken_before: TakenBefore = lambda _unit, _first, _end: frozenset(),
    ) -> None:
        self.store = Store(private_folder(folder) / "repeats.db", _MIGRATIONS)
        self._secret = hmac.digest(secret, b"lali repeats 2", "sha256")
        self._taken_before = taken_before

    async def known(self, asked: Asked) -> datetime | None:
        """Return when *asked* came first, or None if it is new to these gateways."""
        return await self.store.run(_known, asked)

    async def claim(self, asked: Asked, moment: datetime) -> datetime:
        """Remember that *asked* came at *moment*; return when it came first."""
        return await self.store.run(_claim, asked, moment)

    async def release(self, asked: Asked) -> None:
        """Forget *asked*: nothing of it was published, so its key is free."""
        await self.store.run(_release, asked)

    async def forget(self, now: int) -> None:
        """Forget keys that count no more at *now*, epoch milliseconds, some at a time."""
        while await self.store.run(_forget, now - KEPT_MS):
            pass

    def close(self) -> None:
        """Let go of the file."""
        self.store.close()

    def alert_id(self, asked: Asked, index: int) -> UUID:
        """Return the id of the alert number *index* of a request (RFC 9562, version 4 form)."""
        said = f"{index}\n".encode() + asked.digest
        return UUID(bytes=self._first_half(asked) + self._digest(asked, said)[:_HALF], version=4)

    def taken(self, asked: Asked, count: int) -> frozenset[UUID]:
        """Return which of the *count* alerts of a request route has taken already.

        Raises:
            KeyReused: It took what another body under this key became.
        """
        first = UUID(bytes=self._first_half(asked) + bytes(_HALF), version=4).bytes[:_HALF]
        end = (int.from_bytes(first, "big") + 1).to_bytes(_HALF + 1, "big")[-_HALF:]
        taken = self._taken_before(asked.unit, first, end)
        if not taken <= {self.alert_id(asked, index) for index in range(count)}:
            raise KeyReused
        return taken

    def _first_half(self, asked: Asked) -> bytes:
        return self._digest(asked, b"")[:_HALF]

    def _digest(self, asked: Asked, said: bytes) -> bytes:
        name = f"{asked.unit}\n{asked.key}\n".encode()
        return hmac.digest(self._secret, name + said, "sha256")


def _known(sql: sqlite3.Connection, asked: Asked) -> datetime | None:
    query = "SELECT digest, moment FROM repeat WHERE unit=? AND key=?"
    row = sql.execute(query, asked[:2]).fetchone()
    if row is None:
        return None
    if not hmac.compare_digest(row[0], asked.digest):
        raise KeyReused
    return datetime.fromtimestamp(row[1] / 1000, UTC)


def _claim(sql: sqlite3.Connection, asked: Asked, moment: datetime) -> datetime:
    at = round(moment.timestamp() * 1000)
    sql.execute("INSERT OR IGNORE INTO repeat VALUES(?,?,?,?)", (*asked, at))
    first = _known(sql, asked)
    assert first is not None
    return first


def _release(sql: sqlite3.Connection, asked: Asked) -> None:
    sql.execute("DELETE FROM repeat WHERE unit=? AND key=? AND digest=?", tuple(asked))


def _forget(sql: sqlite3.Connection, before: int) -> int:
    chosen = "SELECT unit, key FROM repeat WHERE moment<? ORDER BY moment LIMIT ?"
    query = f"DELETE FROM repeat WHERE (unit, key) IN ({chosen})"  # noqa: S608
    return sql.execute(query, (before, _FORGOTTEN_AT_ONCE)).rowcount
