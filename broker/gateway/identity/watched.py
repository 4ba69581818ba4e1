"""A file that is read anew as soon as it has changed: what is revoked there ends at once."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")

#: Younger changes may hide behind the same time stamp, nanoseconds: file systems count coarsely.
_YOUNG_NS = 2_000_000_000

_Stamp = tuple[int, int, int, int] | None


class Watched(Generic[T]):
    """What *read* makes of files, read again whenever one of them has changed.

    Args:
        read: Reads them. What it raises is raised to whoever asks, and it is tried again
            at the next question: an answer from before a damaged file would hide what the
            file should revoke.
        files: Returns the files, given what was read from them last.
    """

    def __init__(self, read: Callable[[], T], files: Callable[[T], Iterable[Path]]) -> None:
        self._read = read
        self._files = files
        self._kept: tuple[T, list[tuple[Path, _Stamp]]] | None = None

    def now(self) -> T:
        """Return what the files say now."""
        if self._kept is not None:
            value, stamps = self._kept
            if all(_stamp(file) == stamp for file, stamp in stamps):
                return value
        began = time.time_ns()
        value = self._read()
        stamps = [(file, _stamp(file)) for file in self._files(value)]
        if all(stamp is None or stamp[0] < began - _YOUNG_NS for _, stamp in stamps):
            self._kept = (value, stamps)
        return value


def _stamp(file: Path) -> _Stamp:
    try:
        status = file.stat()
    except OSError:
        return None
    newest = max(status.st_mtime_ns, status.st_ctime_ns)
    return (newest, status.st_mtime_ns, status.st_size, status.st_ino)
