"""Idempotency keys: a request sent again is completed as it was the first time.

What a draft leaves out (its id, the moment) is derived from the unit, the key and the moment
of the first request. So the second publishes the very same bytes, and route takes them once,
however the first one ended: no answer has to be kept.
"""

import hashlib
import hmac
from datetime import UTC, datetime
from uuid import UUID

from broker.gateway.database import Database

_KEPT_MS = 7 * 86_400_000


class KeyReused(Exception):
    """The same key came with another body."""


class Repeats:
    """Idempotency keys of all units.

    Args:
        database: The gateway's file.
        secret: 32 secret bytes; ids that are derived cannot be guessed without them.
    """

    def __init__(self, database: Database, secret: bytes) -> None:
        self._database = database
        self._secret = hmac.digest(secret, b"lali repeats 1", "sha256")

    def first_seen(self, unit: str, key: str, body: bytes, now: int) -> datetime:
        """Return when *unit* first sent *body* under *key*.

        Raises:
            KeyReused: It sent something else under it.
        """
        digest = hashlib.sha256(body).digest()
        with self._database.transaction(durable=True) as sql:
            sql.execute("DELETE FROM repeat WHERE moment<?", (now - _KEPT_MS,))
            sql.execute("INSERT OR IGNORE INTO repeat VALUES(?,?,?,?)", (unit, key, digest, now))
            query = "SELECT digest, moment FROM repeat WHERE unit=? AND key=?"
            found, moment = sql.execute(query, (unit, key)).fetchone()
        if not hmac.compare_digest(found, digest):
            raise KeyReused
        return datetime.fromtimestamp(moment / 1000, UTC)

    def alert_id(self, unit: str, key: str, index: int) -> UUID:
        """Return the id of the alert number *index* of a request (RFC 9562, version 4 form)."""
        said = f"{unit}\n{key}\n{index}".encode()
        return UUID(bytes=hmac.digest(self._secret, said, "sha256")[:16], version=4)
