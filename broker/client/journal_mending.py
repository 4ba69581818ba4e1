"""Save what can be read of a damaged journal."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from broker.client.journal_file import RECORDS_AT, JournalFile, Record, cipher_of
from broker.client.journal_folder import JournalFolder


class Mended(NamedTuple):
    """What a damaged journal gave.

    Attributes:
        waiting: Alerts that wait still.
        set_aside: Alerts that were refused.
        unreadable_bytes: How much of the file could not be read.
        kept: The damaged file, as it was.
    """

    waiting: int
    set_aside: int
    unreadable_bytes: int
    kept: Path


def mended(folder: JournalFolder) -> tuple[int, Path]:
    """Write the journal anew with every record that is whole; keep the damaged file.

    Returns:
        How many bytes could not be read, and where the damaged file is.

    Raises:
        SettingsInvalid: Another process has the journal, or nothing can be read.
    """
    folder.lock()
    try:
        key = folder.key()
        records, lost = _salvaged(folder.journal, key)
        kept = folder.unused()
        kept.hardlink_to(folder.journal)
        JournalFile.written(folder.journal, key, _risen(records)).close()
    finally:
        folder.unlock()
    return lost, kept


def _salvaged(path: Path, key: bytes) -> tuple[list[Record], int]:
    """Return the authentic records of a damaged file, and how many bytes are none.

    Raises:
        JournalDamaged: Both headers are gone, or the key is another: nothing can be read.
    """
    data = path.read_bytes()
    cipher = cipher_of(data, key)
    found: list[Record] = []
    place, lost = RECORDS_AT, 0
    while place < len(data):
        record = cipher.opened(data, place)
        if record is None:
            place, lost = place + 1, lost + 1
        else:
            found.append(record)
            place = record.end
    return found, lost


def _risen(records: Iterable[Record]) -> Iterator[Record]:
    """Yield *records* as far as their numbers rise: a copy of one is none."""
    last = 0
    for record in records:
        if record.number > last:
            last = record.number
            yield record
