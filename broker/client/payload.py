"""An alert as it is sent to a gateway: sealed here, or as a draft that the gateway seals."""

from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

from broker.client.encoding import AlertEncoder
from broker.model.alert import Alert


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


def payload_of(alert: Alert, encoder: AlertEncoder, form: Form) -> Payload:
    """Return *alert* as it is sent.

    Raises:
        Rejected: ORIGINATOR_DIFFERS or OVERSIZED, or KEY_UNKNOWN where a key is not here.
    """
    value = encoder.encode(alert)  # a draft too: what is wrong is told before anything is sent
    if form is Form.DRAFT:
        value = alert.model_dump_json(exclude_none=True).encode()
    return Payload(alert.label.alert_id, alert.label.revision, form, value)
