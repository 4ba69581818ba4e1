"""An alert as it is sent to a gateway: sealed here, or as a draft that the gateway seals."""

from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

from broker.client.encoding import AlertEncoder
from broker.model.alert import Alert
from broker.pipeline.content_check import check_content


class Form(IntEnum):
    """How an alert is written."""

    DRAFT = 1
    SEALED = 2


class Payload(NamedTuple):
    """One alert, ready to be sent; the same bytes each time."""

    alert_id: UUID
    revision: int
    form: Form
    value: bytes

    def __repr__(self) -> str:
        return f"Payload({self.alert_id}, {self.revision})"


def payload_of(
    alert: Alert, encoder: AlertEncoder, form: Form, *, confirmed: bool = False
) -> Payload:
    """Return *alert* as it is sent.

    Args:
        alert: What is published.
        encoder: Encodes and seals.
        form: How it is sent.
        confirmed: Its warnings are meant. A draft says so to the gateway; of what is sealed
            here, nobody else sees the content before accept.

    Raises:
        Unconfirmed: It has warnings that must be confirmed.
        Rejected: Its content must not be; ORIGINATOR_DIFFERS or OVERSIZED, or KEY_UNKNOWN
            where a key is not here.
    """
    value = encoder.encode(alert)  # a draft too: what is wrong is told before anything is sent
    check_content(alert, confirmed=confirmed)
    if form is Form.DRAFT:
        value = alert.model_dump_json(exclude_none=True).encode()
        if confirmed:
            value = value[:-1] + b',"confirm_warnings":true}'
    return Payload(alert.label.alert_id, alert.label.revision, form, value)
