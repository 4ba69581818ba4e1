"""The journal's file: encrypted records, one behind the other, and how far they were told.

    header   twice: magic, id of the file, tag
    notes    two: number and end of the last record whose publisher was told that it is kept
    records  length, kind, number, nonce, AES-256-GCM; all but the nonce, and the file's id,
             are bound to the content

The note is written once its record is on the disk, in the place of the older one of the two,
so one of them always stands. What lies behind the newest note and cannot be read is the torn
end of a write that nobody was told of: it is dropped. Before it, that is damage, and nothing
is dropped.
"""

import hmac
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.errors import SettingsInvalid

_MAGIC = b"LALIJNL1"
_ID_BYTES, _TAG_BYTES, _NONCE_BYTES = 16, 16, 12
_HEADER_BYTES = len(_MAGIC) + _ID_BYTES + _TAG_BYTES
_NOTE = struct.Struct(">QQ")
_NOTE_BYTES = _NOTE.size + _TAG_BYTES
_NOTES_AT = 2 * _HEADER_BYTES
RECORDS_AT = _NOTES_AT + 2 * _NOTE_BYTES
_HEAD = struct.Struct(">IBQ")
#: Bytes of a record beside its content.
RECORD_BYTES = _HEAD.size + _NONCE_BYTES + _TAG_BYTES


class JournalDamaged(SettingsInvalid):
    """The journal was changed, or cut, where it had been safe on the disk."""


class Record(NamedTuple):
    """One record, readable.

    Attributes:
        number: Strictly rising in a file.
        end: Where the file goes on behind it.
    """

    kind: int
    number: int
    content: bytes
    end: int = 0

    def __repr__(self) -> str:
        return f"Record({self.kind}, {self.number})"


class Cipher:
    """Seals records for one file.

    Args:
        key: 32 secret bytes.
        file_id: What tells files under the same key apart.
    """

    def __init__(self, key: bytes, file_id: bytes) -> None:
        self.file_id = file_id
        self._gcm = AESGCM(hmac.digest(key, b"journal records\n" + file_id, "sha256"))
        self._tag_key = hmac.digest(key, b"journal notes\n" + file_id, "sha256")

    def header(self) -> bytes:
        """Return the file's header."""
        head = _MAGIC + self.file_id
        return head + self.tag(head)

    def tag(self, said: bytes) -> bytes:
        """Return the tag of *said*."""
        return hmac.digest(self._tag_key, said, "sha256")[:_TAG_BYTES]

    def sealed(self, record: Record) -> bytes:
        """Return *record* as it is written."""
        head = _HEAD.pack(len(record.content) + _TAG_BYTES, record.kind, record.number)
        nonce = os.urandom(_NONCE_BYTES)
        return head + nonce + self._gcm.encrypt(nonce, record.content, self.file_id + head)

    def opened(self, data: bytes, place: int) -> Record | None:
        """Return the record at *place*, or None if there is no whole and authentic one."""
        start = place + _HEAD.size + _NONCE_BYTES
        if start > len(data):
            return None
        head = data[place : place + _HEAD.size]
        length, kind, number = _HEAD.unpack(head)
        if length < _TAG_BYTES or start + length > len(data):
            return None
        nonce = data[start - _NONCE_BYTES : start]
        try:
            content = self._gcm.decrypt(nonce, data[start : start + length], self.file_id + head)
        except InvalidTag:
            return None
        return Record(kind, number, content, start + length)


class JournalFile:
    """One file of records, open for appending.

    Args:
        path: The file; `written` makes one.
        key: 32 secret bytes.

    Raises:
        JournalDamaged: Something that was safe cannot be read, or the key is another.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        data = path.read_bytes()
        self._cipher = cipher_of(data, key)
        self._notes, told = _newest_note(data, self._cipher)
        self.records = list(_in_order(data, self._cipher))
        self.end = self.records[-1].end if self.records else RECORDS_AT
        if self.end < told:
            raise _damaged(f"at byte {self.end}")
        self._number = os.open(path, os.O_RDWR)
        if self.end < len(data):
            os.ftruncate(self._number, self.end)
            os.fsync(self._number)

    @classmethod
    def written(cls, path: Path, key: bytes, records: Iterable[Record]) -> Self:
        """Write a file with *records*, whole or not at all, in the place of *path*; open it."""
        cipher = Cipher(key, os.urandom(_ID_BYTES))
        body, number = bytearray(), 0
        for record in records:
            body += cipher.sealed(record)
            number = record.number
        note = _note(cipher, number, RECORDS_AT + len(body))
        beside = path.with_name(path.name + ".new")
        beside.unlink(missing_ok=True)  # a crash left it, or somebody who would have it read
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(cipher.header() * 2 + note * 2 + body)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        sync_folder(path.parent)
        return cls(path, key)

    def append(self, record: Record, *, told: bool) -> None:
        """Write *record* at the end; if *told*, return only once it is safe on the disk.

        Raises:
            OSError: It is not written, and the file must be opened anew.
        """
        sealed = self._cipher.sealed(record)
        try:
            _write(self._number, sealed, self.end)
            if told:
                os.fsync(self._number)
                self._tell(record.number, self.end + len(sealed))
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._number, self.end)
            raise
        self.end += len(sealed)

    def is_at(self, path: Path) -> bool:
        """Whether *path* still names this file."""
        return os.fstat(self._number).st_ino == path.stat().st_ino

    def close(self) -> None:
        """Close the file."""
        os.close(self._number)

    def _tell(self, number: int, end: int) -> None:
        self._notes += 1
        place = _NOTES_AT + self._notes % 2 * _NOTE_BYTES
        _write(self._number, _note(self._cipher, number, end), place)
        os.fsync(self._number)


def sync_folder(folder: Path) -> None:
    """Make sure that the names of new files in *folder* are on the disk."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _damaged(where: str) -> JournalDamaged:
    return JournalDamaged(f"the journal is damaged {where}: `lali journal mend` saves the rest")


def cipher_of(data: bytes, key: bytes) -> Cipher:
    """Return what seals the records of the file that begins with *data*.

    Raises:
        JournalDamaged: Both headers are gone, or the key is another.
    """
    for place in (0, _HEADER_BYTES):
        header = data[place : place + _HEADER_BYTES]
        cipher = Cipher(key, header[len(_MAGIC) : len(_MAGIC) + _ID_BYTES])
        if hmac.compare_digest(header, cipher.header()):
            return cipher
    raise _damaged("in its header, or its key is another")


def _note(cipher: Cipher, number: int, end: int) -> bytes:
    said = _NOTE.pack(number, end)
    return said + cipher.tag(said)


def _newest_note(data: bytes, cipher: Cipher) -> tuple[int, int]:
    """Return the place, 0 or 1, and the end that the newest note names."""
    found = []
    for place in (0, 1):
        start = _NOTES_AT + place * _NOTE_BYTES
        said, tag = data[start : start + _NOTE.size], data[start + _NOTE.size : start + _NOTE_BYTES]
        if len(tag) == _TAG_BYTES and hmac.compare_digest(tag, cipher.tag(said)):
            found.append((_NOTE.unpack(said)[1], place))
    if not found:
        raise _damaged("in its notes")
    end, place = max(found)
    return place, end


def _in_order(data: bytes, cipher: Cipher) -> Iterator[Record]:
    place, number = RECORDS_AT, 0
    while (record := cipher.opened(data, place)) and record.number > number:
        yield record
        place, number = record.end, record.number


def _write(number: int, data: bytes, place: int) -> None:
    while data:
        count = os.pwrite(number, data, place)
        data, place = data[count:], place + count
