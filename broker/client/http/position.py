"""Where a reader stands in its feed, in a file that survives crashes."""

import fcntl
import json
import os
from contextlib import suppress
from pathlib import Path

from broker.client.journal_file import sync_folder
from broker.errors import SettingsInvalid
from broker.private_files import write_private


class Position:
    """The position of one reader; one process uses it at a time.

    Args:
        file: Mode 0600; replaced whole, so that a crash leaves the old or the new one.
        feed: The feed; a position in another one is refused.
    """

    def __init__(self, file: Path, feed: str) -> None:
        self._file = file
        self._feed = feed
        self._lock: int | None = None

    def open(self) -> str | None:
        """Take the position, and return it; None at the first time.

        Raises:
            SettingsInvalid: Another process reads by it, or it is no position in this feed.
        """
        self._file.parent.mkdir(parents=True, exist_ok=True)
        lock = self._file.with_name(self._file.name + ".lock")
        self._lock = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return self._read()
        except BaseException as error:
            self.close()
            if isinstance(error, BlockingIOError):
                text = f"{self._file.name}: another process reads by this position"
                raise SettingsInvalid(text) from None
            raise

    def write(self, cursor: str) -> None:
        """Keep *cursor*; return once it is safe on the disk.

        Raises:
            SettingsInvalid: It cannot be written.
        """
        text = json.dumps({"feed": self._feed, "cursor": cursor}) + "\n"
        try:
            write_private(self._file, text.encode())
            sync_folder(self._file.parent)
        except OSError:
            raise SettingsInvalid(f"{self._file.name}: the position cannot be kept") from None

    def close(self) -> None:
        """Let others use it."""
        if self._lock is not None:
            with suppress(OSError):
                os.close(self._lock)
            self._lock = None

    def _read(self) -> str | None:
        if not self._file.exists():
            return None
        try:
            kept = json.loads(self._file.read_bytes())
            feed, cursor = kept["feed"], str(kept["cursor"])
        except (OSError, ValueError, KeyError, TypeError):
            raise SettingsInvalid(f"{self._file.name} is no position: remove it") from None
        if feed != self._feed:
            raise SettingsInvalid(f"{self._file.name} is a position in another feed")
        return cursor
