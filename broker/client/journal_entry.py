"""What the records of a journal say."""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, Self
from uuid import UUID

from broker.client.payload import Form, Payload

_HEAD = struct.Struct(">B16sIB")
_NUMBER = struct.Struct(">Q")


class Kind(IntEnum):
    """Kinds of records."""

    ALERT = 1
    SENT = 2
    REFUSED = 3
    FORGOTTEN = 4


@dataclass(frozen=True, slots=True)
class Entry:
    """One alert that waits, as it will be sent.

    Attributes:
        originator: Id of the unit that publishes it.
    """

    originator: str
    payload: Payload

    def content(self) -> bytes:
        """Return it as a record's content."""
        it, unit = self.payload, self.originator.encode()
        head = _HEAD.pack(it.form, it.alert_id.bytes, it.revision, len(unit))
        return head + unit + it.value

    @classmethod
    def read(cls, content: bytes) -> Self:
        """Return what `content` wrote."""
        form, alert_id, revision, length = _HEAD.unpack_from(content)
        end = _HEAD.size + length
        unit = content[_HEAD.size : end].decode()
        return cls(unit, Payload(UUID(bytes=alert_id), revision, Form(form), content[end:]))


class Waiting(NamedTuple):
    """One alert that waits, under its number."""

    number: int
    entry: Entry


@dataclass(frozen=True, slots=True)
class SetAside:
    """One alert that was refused for good.

    Attributes:
        code: Reason code.
        path: Field at fault, where there is one.
    """

    number: int
    entry: Entry
    code: str
    path: str


def written(number: int, said: bytes = b"") -> bytes:
    """Return the content of a record about the alert of *number*."""
    return _NUMBER.pack(number) + said


def read_numbered(content: bytes) -> tuple[int, bytes]:
    """Return the number and the rest of a record about an alert."""
    (number,) = _NUMBER.unpack_from(content)
    return number, content[_NUMBER.size :]
