"""An alert as it lies on `alerts`: what accept wrote, cut at its head.

Accept alone may write there, and names in a header where the alert was published. A record
without that header did not come through accept, so it was never checked, and is no alert.
"""

import hashlib
from typing import NamedTuple

from broker.errors import Rejected
from broker.model.reason import Reason
from broker.wire.alert_bytes import read_head
from broker.wire.consumer import ConsumerRecord

#: Header that accept writes: partition and offset in the originator's intake topic.
INTAKE_HEADER = "lali-intake"


class Accepted(NamedTuple):
    """An accepted alert, not decoded.

    Attributes:
        value: The framed alert.
        key: Its record key.
        alert_id: 16 bytes.
        revision: Counts from 1.
        digest: SHA-256 of the framed alert.
        expires_at: Epoch milliseconds.
        start: Where the label's attributes start in `value`.
        partition: Where it was published: partition of the originator's intake.
        offset: And offset there.
    """

    value: bytes
    key: bytes
    alert_id: bytes
    revision: int
    digest: bytes
    expires_at: int
    start: int
    partition: int
    offset: int


def intake_header(partition: int, offset: int) -> tuple[str, bytes]:
    """Return the header that says where an alert was published."""
    return INTAKE_HEADER, f"{partition}:{offset}".encode()


def read_accepted(record: ConsumerRecord) -> Accepted:
    """Return the alert in a record of `alerts`.

    Raises:
        Rejected: NOT_ACCEPTED: the record did not come through accept.
    """
    try:
        value = record.value
        alert_id, revision, expires_at, start = read_head(value)
        partition, offset = _position(record)
    except (IndexError, TypeError, ValueError):
        raise Rejected(Reason.NOT_ACCEPTED) from None
    digest = hashlib.sha256(value).digest()
    return Accepted(
        value, record.key, alert_id, revision, digest, expires_at, start, partition, offset
    )


def _position(record: ConsumerRecord) -> tuple[int, int]:
    for name, position in record.headers:
        if name == INTAKE_HEADER:
            partition, _, offset = position.partition(b":")
            return int(partition), int(offset)
    raise ValueError(INTAKE_HEADER)
