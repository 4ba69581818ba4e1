"""An alert as it lies on `alerts`: what accept wrote, cut at its head.

Accept alone may write there, and names in a header where the alert was published. A record
without that header did not come through accept, so it was never checked, and is no alert.
"""

import hashlib
from typing import NamedTuple

from broker.errors import Rejected
from broker.model.reason import Reason
from broker.wire.alert_bytes import LAST_MS, read_head
from broker.wire.consumer import ConsumerRecord
from broker.wire.cutting import OF_CUTTING

#: Header that accept writes: partition and offset in the originator's intake topic.
INTAKE_HEADER = "lali-intake"
#: Header that accept writes of a signed alert: digest of the statement that it verified, and
#: the commitment to the distribution within.
STATEMENT_HEADER = "lali-statement"
_DIGEST_BYTES = 32
#: Revisions are Avro ints.
_NO_REVISION = 1 << 31


class Accepted(NamedTuple):
    """An accepted alert, not decoded.

    Attributes:
        value: The framed alert.
        key: Its record key.
        alert_id: 16 bytes.
        revision: Counts from 1.
        digest: SHA-256 of the originator's statement, the same however it is sealed; of the
            framed alert where protection is off.
        expires_at: Epoch milliseconds.
        start: Where the label's attributes start in `value`.
        partition: Where it was published: partition of the originator's intake.
        offset: And offset there.
        distribution_commitment: Of a sealed alert: what its releases carry of the distribution.
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
    distribution_commitment: bytes | None = None


def intake_header(partition: int, offset: int) -> tuple[str, bytes]:
    """Return the header that says where an alert was published."""
    return INTAKE_HEADER, f"{partition}:{offset}".encode()


def statement_header(digest: bytes, distribution_commitment: bytes) -> tuple[str, bytes]:
    """Return the header by which accept says what it verified."""
    return STATEMENT_HEADER, digest + distribution_commitment


def statement_digest(record: ConsumerRecord) -> bytes | None:
    """Return the digest of the statement that accept verified, or None."""
    try:
        statement = _statement(dict(record.headers))
    except ValueError:
        return None
    return statement[:_DIGEST_BYTES] if statement else None


def read_accepted(record: ConsumerRecord) -> Accepted:
    """Return the alert in a record of `alerts`.

    Raises:
        Rejected: NOT_ACCEPTED: the record did not come through accept. FIELD_INVALID: a number in
            its head is beyond what the ledger's readers take.
    """
    value, headers = record.value, dict(record.headers)
    came_from = headers.get(INTAKE_HEADER)
    if not isinstance(value, bytes) or came_from is None:
        raise Rejected(Reason.NOT_ACCEPTED)
    try:
        alert_id, revision, expires_at, start = read_head(value)
        partition, offset = _position(came_from)
        statement = _statement(headers)
    except OF_CUTTING:
        raise Rejected(Reason.NOT_ACCEPTED) from None
    if not (0 < revision < _NO_REVISION and 0 <= expires_at <= LAST_MS):
        raise Rejected(Reason.FIELD_INVALID)
    digest = statement[:_DIGEST_BYTES] if statement else hashlib.sha256(value).digest()
    commitment = statement[_DIGEST_BYTES:] if statement else None
    return Accepted(
        value,
        record.key,
        alert_id,
        revision,
        digest,
        expires_at,
        start,
        partition,
        offset,
        commitment,
    )


def _statement(headers: dict[str, bytes | None]) -> bytes | None:
    if STATEMENT_HEADER not in headers:
        return None
    statement = headers[STATEMENT_HEADER]
    # Kafka lets a header have no value; half a statement would be no digest of anything.
    if statement is None or len(statement) != 2 * _DIGEST_BYTES:
        raise ValueError(STATEMENT_HEADER)
    return bytes(statement)


def _position(header: bytes) -> tuple[int, int]:
    partition, _, offset = header.partition(b":")
    return int(partition), int(offset)
