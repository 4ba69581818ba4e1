"""The gateway's secrets: what it signs with, what counts a while longer, what drafts derive from.

Three files, mode 0600, beside one another; gateways that stand for one another share all three:

- ``secret``: cursors and sessions of the form are signed by keys derived from it, one for each
  use. Rotated by `rotate`.
- ``secret-older``: the one before, and until when cursors that it signed count.
- ``secret-drafts``: ids, salts and seals of drafts by HTTP derive from it, so it makes a request
  that is sent again the same alert. It is never rotated: whoever has it can confirm a guess of
  a whole draft, and foresee the id that a request gets; it signs nothing.
"""

import fcntl
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from broker.client.salts import KEY_BYTES, kept_key
from broker.clock import epoch_ms
from broker.errors import SettingsInvalid
from broker.gateway.identity.watched import Watched
from broker.private_files import open_lock, write_private

#: So long counts an older secret unless an operator says otherwise, days: no feed keeps longer.
OLDER_DAYS = 14
#: Longest that an operator may say, days.
LONGEST_OLDER_DAYS = 30
_DAY_MS = 86_400_000
_UNTIL_BYTES = 8


class _Kept(NamedTuple):
    present: bytes
    older: bytes | None
    until: int


class GatewaySecret:
    """The secrets in *file* and beside it, made where there are none.

    Read anew when they change, so a rotation needs no restart.

    Args:
        file: The present one.
        clock: Epoch milliseconds.

    Raises:
        SettingsInvalid: One is no secret, others may read it, or that of drafts is missing
            though the secret was rotated: drafts would be published a second time.
    """

    def __init__(self, file: Path, clock: Callable[[], int] = epoch_ms) -> None:
        self._clock = clock
        is_new = not file.exists()
        present = kept_key(file)
        self._drafts = _kept_drafts(file, None if is_new else present)
        files = (file, _beside(file, "older"))
        self._watched = Watched(lambda: _read(file), lambda _: files)

    @property
    def drafts(self) -> bytes:
        """What drafts derive from."""
        return self._drafts

    def present(self) -> bytes:
        """Return the secret of now: it alone signs, and opens what an older one must not."""
        return self._watched.now().present

    def counting(self) -> tuple[bytes, ...]:
        """Return the secrets that count, the present one first."""
        kept = self._watched.now()
        if kept.older is None or self._clock() >= kept.until:
            return (kept.present,)
        return kept.present, kept.older


@lru_cache(maxsize=256)
def derived(secret: bytes, use: bytes) -> bytes:
    """Return the 32 bytes that *secret* gives for *use* alone (HKDF-SHA256, RFC 5869)."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"lali gateway\n" + use).derive(secret)


def rotate(file: Path, older_days: int, clock: Callable[[], int] = epoch_ms) -> int:
    """Make a new secret in *file*; return until when the one before counts, epoch milliseconds.

    Sessions of the form end, cursors go on for *older_days* days; drafts are not touched.

    Raises:
        SettingsInvalid: As `GatewaySecret`, or there is no secret yet.
    """
    if not file.exists():
        raise SettingsInvalid(f"{file.name}: there is none yet; a gateway makes it at its start")
    with open_lock(_beside(file, "rotating").with_suffix(".lock")) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        present = GatewaySecret(file, clock).present()
        until = clock() + older_days * _DAY_MS
        # The older one first: what breaks off between leaves one secret, twice.
        older = present + until.to_bytes(_UNTIL_BYTES, "big")
        write_private(_beside(file, "older"), older)
        write_private(file, os.urandom(KEY_BYTES))
    return until


def _beside(file: Path, what: str) -> Path:
    return file.with_name(f"{file.name}-{what}")


def _kept_drafts(file: Path, before: bytes | None) -> bytes:
    """Return the secret of drafts; *before* is the secret of a gateway that had no other."""
    drafts = _beside(file, "drafts")
    if not drafts.exists() and _beside(file, "older").exists():
        raise SettingsInvalid(
            f"{drafts.name} is missing, and {file.name} was rotated: restore it from a backup or "
            "from another gateway; without it what is sent again would be published again"
        )
    try:
        return kept_key(drafts, before)
    except OSError:
        raise SettingsInvalid(
            f"{drafts.name} cannot be made: copy {file.name} to it, before that is rotated"
        ) from None


def _read(file: Path) -> _Kept:
    # In this order: a rotation writes the older one first, so one of the two is always found.
    present = kept_key(file, make=False)
    older = _beside(file, "older")
    if not older.exists():
        return _Kept(present, None, 0)
    both = kept_key(older, make=False, more=_UNTIL_BYTES)
    return _Kept(present, both[:KEY_BYTES], int.from_bytes(both[KEY_BYTES:], "big"))
