"""The folder of a file drop: whole files of one feed, in a folder that others may write into.

Whoever collects the files may add to the folder, rename and remove. So the folder is opened once
and everything is done within it, by names that cannot be foreseen, following no link.
"""

import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from broker.errors import RecipientUnavailable

_MARK = ".lali-feed"
_PARTIAL = ".partial"
_IS_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_NAME = re.compile(r"(?P<alert>[0-9a-f-]{36})\.r(?P<revision>\d{10})(?P<recall>\.recall)?\.json")


class DropFolder:
    """One feed's folder, open.

    Args:
        number: The descriptor of the folder.
        mode: Of the files.
    """

    def __init__(self, number: int, mode: int) -> None:
        self._number = number
        self._mode = mode

    def claim(self, feed: str) -> None:
        """Take the folder for *feed*: two feeds in one would show what one may not see.

        Raises:
            RecipientUnavailable: It is another feed's.
        """
        if _MARK not in self._names():
            self.write(_MARK, feed.encode())
        opened = os.open(_MARK, _READ, dir_fd=self._number)
        with os.fdopen(opened, "rb") as mark:
            is_file = stat.S_ISREG(os.fstat(opened).st_mode)  # a pipe may say anything, or never
            if not is_file or mark.read(1 + len(feed.encode())) != feed.encode():
                raise RecipientUnavailable("FOLDER_OF_ANOTHER_FEED")

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all, in the place of whatever has its name."""
        partial = f".{secrets.token_hex(16)}{_PARTIAL}"
        opened = os.open(partial, _NEW, 0o600, dir_fd=self._number)
        try:
            with os.fdopen(opened, "wb") as file:
                file.write(content)
                os.fchmod(file.fileno(), self._mode)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, name, src_dir_fd=self._number, dst_dir_fd=self._number)
        except BaseException:
            self._remove(partial)
            raise
        os.fsync(self._number)

    def remove_before(self, alert_id: UUID, revision: int, *, recall: bool) -> int:
        """Remove the releases of an alert that another one replaces; return how many.

        Recalls stay: they tell whoever has collected a release.
        """
        gone = [
            name
            for place, name in self._of(alert_id)
            if place < (revision, recall) and not place[1]
        ]
        for name in gone:
            self._remove(name)
        if gone:
            os.fsync(self._number)
        return len(gone)

    def remove_partials(self) -> None:
        """Remove what a crash left half written."""
        for name in self._names():
            if name.startswith(".") and name.endswith(_PARTIAL):
                self._remove(name)

    def _names(self) -> list[str]:
        with os.scandir(self._number) as found:
            return [each.name for each in found]

    def _of(self, alert_id: UUID) -> Iterator[tuple[tuple[int, bool], str]]:
        for name in self._names():
            found = _NAME.fullmatch(name)
            if found and found["alert"] == str(alert_id):
                yield (int(found["revision"]), found["recall"] is not None), name

    def _remove(self, name: str) -> None:
        try:
            os.unlink(name, dir_fd=self._number)
        except FileNotFoundError:
            return


def name_of(alert_id: UUID, revision: int, *, recall: bool) -> str:
    """Return a file's name: a UUID and a number, which cannot leave the folder."""
    return f"{alert_id}.r{revision:010}{'.recall' if recall else ''}.json"


@contextmanager
def open_folder(path: Path, mode: int) -> Iterator[DropFolder]:
    """Open the folder at *path*; its files get *mode*.

    Raises:
        OSError: It is not there, or is a link.
        RecipientUnavailable: Everybody on this machine may write into it.
    """
    number = os.open(path, _IS_FOLDER)
    try:
        if os.fstat(number).st_mode & stat.S_IWOTH:
            raise RecipientUnavailable("FOLDER_OPEN_TO_ALL")
        yield DropFolder(number, mode)
    finally:
        os.close(number)
