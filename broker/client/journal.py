"""The journal: alerts that wait on this machine's disk until the gateway answers.

For offices that are offline for hours or days. An alert in it is encrypted, and on the disk
before its publisher is told so; it leaves once the gateway has it. What the gateway refuses
for good stays, set aside with its reason, until somebody looks at it. One process uses a
journal at a time.

"""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from broker.client.journal_entry import Entry, Kind, SetAside, Waiting, read_numbered, written
from broker.client.journal_file import (
    RECORD_BYTES,
    JournalFile,
    Record,
)
from broker.client.journal_folder import JournalFolder
from broker.client.journal_mending import Mended, mended
from broker.errors import SettingsInvalid

#: A file with this many bytes that nobody needs is written anew.
_WORTH_COMPACTING = 1 << 18


class JournalFull(Exception):
    """It holds as much as it may, or the disk takes no more; the alert is not kept."""


class Journal:
    """Alerts that wait, oldest first; a context manager.

    Args:
        folder: Where it is; made with mode 0700.
        key_file: Its key, mode 0600; made at the first use. None: in the folder itself, which
            protects copies of the journal alone, not the folder. Keep the key elsewhere
            where the disk may be lost.
        most_bytes: Most that its file may hold.
    """

    def __init__(
        self, folder: Path, *, key_file: Path | None = None, most_bytes: int = 64 << 20
    ) -> None:
        self._folder = JournalFolder(folder, key_file or folder / "key")
        self._most = most_bytes
        self._path = self._folder.journal
        self._file: JournalFile | None = None
        self._secret = b""
        self._number = 0
        self._waiting: dict[int, Entry] = {}
        self._aside: dict[int, SetAside] = {}
        self._spare = 0  # bytes of records that are needed no more

    def __enter__(self) -> Self:
        """Open it.

        Raises:
            SettingsInvalid: Another process has it, or its key or file cannot be used;
                `JournalDamaged` where something in it was changed.
        """
        self._folder.lock()
        try:
            self._open()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Close it, and let others use it."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._folder.unlock()

    @property
    def count(self) -> int:
        """How many alerts wait."""
        return len(self._waiting)

    def count_of(self, originator: str) -> int:
        """Return how many alerts of *originator* wait."""
        return sum(each.originator == originator for each in self._waiting.copy().values())

    def append(self, entry: Entry) -> None:
        """Keep *entry* behind all others; return once it is safe on the disk.

        Raises:
            JournalFull: There is no room; nothing was kept.
        """
        content = entry.content()
        file = self._opened()
        if file.end + len(content) + RECORD_BYTES > self._most:
            file = self._compacted()
        if file.end + len(content) + RECORD_BYTES > self._most:
            raise JournalFull
        number = self._write(Kind.ALERT, content, told=True)
        self._waiting[number] = entry

    def waiting(self, originator: str, count: int) -> list[Waiting]:
        """Return the alerts of *originator* that wait longest, at most *count*, in their order."""
        own = (each for each in self._waiting.items() if each[1].originator == originator)
        return [Waiting(*each) for each in islice(own, count)]

    def set_aside(self) -> list[SetAside]:
        """Return what was refused for good, and not looked at since."""
        return list(self._aside.values())

    def all_waiting(self) -> list[Waiting]:
        """Return all that wait, of every originator, in their order."""
        return [Waiting(number, entry) for number, entry in self._waiting.items()]

    def sent(self, numbers: Iterable[int]) -> None:
        """Let go of alerts that the gateway has.

        If the process dies before this is on the disk they are sent again, the same bytes,
        and are taken once.
        """
        for number in numbers:
            self._apply(Kind.SENT, number)
        if not self._waiting or self._spare > _WORTH_COMPACTING:
            self._compacted()

    def refuse(self, number: int, code: str, path: str = "") -> None:
        """Set an alert aside that was refused for good, with the reason."""
        self._apply(Kind.REFUSED, number, f"{code}\n{path}".encode())

    def again(self, number: int) -> None:
        """Let an alert that was set aside wait once more, behind all others.

        Raises:
            SettingsInvalid: There is none of this number.
        """
        self.append(self._found(number).entry)
        self._apply(Kind.FORGOTTEN, number)

    def forget(self, number: int) -> None:
        """Remove an alert that was set aside.

        Raises:
            SettingsInvalid: There is none of this number.
        """
        self._found(number)
        self._apply(Kind.FORGOTTEN, number)
        self._compacted()

    def mend(self) -> Mended:
        """Save what can be read of a damaged journal, which must not be open; keep the rest.

        Raises:
            SettingsInvalid: Another process has it, or nothing can be read.
        """
        lost, kept = mended(self._folder)
        with self:
            return Mended(self.count, len(self._aside), lost, kept)

    def _open(self) -> None:
        self._secret = self._folder.key()
        self._path.with_name("journal.new").unlink(missing_ok=True)
        if self._path.exists():
            self._file = JournalFile(self._path, self._secret)
        else:
            self._file = JournalFile.written(self._path, self._secret, [])
        self._replay(self._file.records)
        if self._spare:
            self._compacted()

    def _replay(self, records: Iterable[Record]) -> None:
        self._waiting.clear()
        self._aside.clear()
        self._spare = 0
        for record in records:
            self._number = record.number
            if record.kind == Kind.ALERT:
                self._waiting[record.number] = Entry.read(record.content)
            else:
                self._take(Kind(record.kind), *read_numbered(record.content))

    def _take(self, kind: Kind, number: int, said: bytes) -> None:
        entry = self._waiting.pop(number, None)
        if kind is Kind.REFUSED and entry is not None:
            code, _, path = said.decode().partition("\n")
            self._aside[number] = SetAside(number, entry, code, path)
            return
        aside = self._aside.pop(number, None) if kind is Kind.FORGOTTEN else None
        gone = aside.entry if aside else entry
        self._spare += RECORD_BYTES + (len(gone.payload.value) if gone else 0)

    def _apply(self, kind: Kind, number: int, said: bytes = b"") -> None:
        self._write(kind, written(number, said), told=kind is not Kind.SENT)
        self._take(kind, number, said)

    def _write(self, kind: Kind, content: bytes, *, told: bool) -> int:
        number = self._number + 1
        file = self._opened()
        try:
            file.append(Record(kind, number, content), told=told)
        except OSError:
            self._abandon(file)
            raise JournalFull from None
        self._number = number
        return number

    def _opened(self) -> JournalFile:
        if self._file is None:
            raise JournalFull
        return self._file

    def _compacted(self) -> JournalFile:
        """Write the file anew with what is needed of it."""
        file = self._opened()
        records = list(self._live())
        try:
            self._file = JournalFile.written(self._path, self._secret, records)
        except OSError:
            if file.is_at(self._path):
                return file  # it is whole, if long
            self._abandon(file)
            raise JournalFull from None
        self._number = max(self._number, records[-1].number if records else 0)
        self._spare = 0
        file.close()
        return self._file

    def _abandon(self, file: JournalFile) -> None:
        # What the disk holds now is not known: it is read when the journal is opened anew.
        file.close()
        self._file = None

    def _live(self) -> Iterator[Record]:
        entries = self._waiting | {number: each.entry for number, each in self._aside.items()}
        for number in sorted(entries):
            yield Record(Kind.ALERT, number, entries[number].content())
        for count, each in enumerate(self._aside.values(), start=1):
            said = f"{each.code}\n{each.path}".encode()
            yield Record(Kind.REFUSED, self._number + count, written(each.number, said))

    def _found(self, number: int) -> SetAside:
        if number not in self._aside:
            raise SettingsInvalid(f"nothing is set aside under number {number}")
        return self._aside[number]
