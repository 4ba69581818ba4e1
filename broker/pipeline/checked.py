"""What accept asks of one published record before it is an alert.

Only what the bytes themselves deserve is refused here, as `Rejected`. Whatever else is raised
is our own trouble, and no fault of who published.
"""

from typing import NamedTuple

from broker.errors import Rejected
from broker.model.alert import Alert
from broker.model.codes import Consent, MessageType
from broker.model.label import Label
from broker.model.reason import Reason
from broker.pipeline.content_check import refuse_content
from broker.pipeline.retention import check_life
from broker.pipeline.unseal import Unsealed, Unsealer
from broker.wire import codec
from broker.wire.alert_codec import decode_alert
from broker.wire.batches import Unreadable
from broker.wire.consumer import LOG_APPEND_TIME, ConsumerRecord

#: Headers in which other clients name a schema. They choose nothing; one that differs from
#: the frame means that somebody else would read the record as something else.
_SCHEMA_HEADERS = frozenset({"__value_schema_id", "value.schema.id", "schema.id"})


class Checked(NamedTuple):
    """A published alert that may go on.

    Attributes:
        alert: Readable; of an end-to-end sealed one, without content.
        value: What route gets.
        unsealed: What protection found; None where it is off.
    """

    alert: Alert
    value: bytes
    unsealed: Unsealed | None

    def __repr__(self) -> str:
        return "Checked()"


def accept(
    record: ConsumerRecord, originator: str, now: int, unsealer: Unsealer | None = None
) -> Checked:
    """Return the alert in a record of *originator*'s intake topic.

    Args:
        record: What was published.
        originator: The unit that the topic belongs to.
        now: Epoch milliseconds; where the broker dated the record, its times are compared with
            that instead: read again, however late, the same record comes to the same end.
        unsealer: Verifies and opens; None where protection is off.

    Raises:
        Rejected: With the first reason why it is not accepted.
    """
    if isinstance(record.value, Unreadable):
        raise Rejected(record.value.reason)
    _check_headers(record)
    unsealed = unsealer.open(record.value, originator) if unsealer else None
    alert = decode_alert(unsealed.plain if unsealed else record.value)
    if record.key != str(alert.label.alert_id).encode():
        raise Rejected(Reason.KEY_DIFFERS)
    if alert.label.originator != originator:
        raise Rejected(Reason.ORIGINATOR_DIFFERS, "label.originator")
    arrived = record.timestamp if record.timestamp_type == LOG_APPEND_TIME else now
    check_label(alert.label, arrived)
    check_life(alert.label, alert.distribution, arrived)
    refuse_content(alert)
    return Checked(alert, unsealed.forwarded if unsealed else record.value, unsealed)


def check_label(label: Label, now: int) -> None:
    """Check that what *label* says could be acted on when it came at *now*, epoch milliseconds.

    Raises:
        Rejected: CODE_UNKNOWN or EXPIRED_ON_ARRIVAL.
    """
    if label.message_type is MessageType.UNKNOWN:
        raise Rejected(Reason.CODE_UNKNOWN, "label.message_type")
    # What takes back is taken however late: whoever holds the alert must learn of it.
    if not takes_back(label) and label.expires_at.timestamp() * 1000 <= now:
        raise Rejected(Reason.EXPIRED_ON_ARRIVAL, "label.expires_at")


def takes_back(label: Label) -> bool:
    """Whether *label* cancels its alert, or says of an earlier one that consent is withdrawn."""
    withdraws = label.message_type is MessageType.UPDATE and label.consent is Consent.WITHDRAWN
    return withdraws or label.message_type is MessageType.CANCEL


def _check_headers(record: ConsumerRecord) -> None:
    value = record.value or b""
    for name, content in record.headers:
        if name in _SCHEMA_HEADERS and content not in _as_header(value[1 : codec.FRAME_BYTES]):
            raise Rejected(Reason.SCHEMA_HEADER_DIFFERS)


def _as_header(schema_id: bytes) -> tuple[bytes, ...]:
    # As text, as four bytes, and as the whole frame: the forms that clients write.
    number = int.from_bytes(schema_id, "big")
    return (str(number).encode(), schema_id, b"\x00" + schema_id)
