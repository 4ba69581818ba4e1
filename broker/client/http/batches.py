"""Alerts of one request, and what the gateway says became of each."""

import hashlib
from collections.abc import Iterable, Sequence

from broker.client.http.answers import told
from broker.client.http.link import Answer, Ask
from broker.client.http.retrying import retry_after
from broker.client.payload import Form, Payload
from broker.client.publisher import Published, State
from broker.errors import (
    GatewayRefused,
    GatewayUnavailable,
    KafkaUnavailable,
    Rejected,
    Unconfirmed,
)
from broker.model.exchange import BatchAnswer, PublishResult, PublishState
from broker.model.reason import Reason

#: What became of one alert.
Outcome = Published | Rejected | KafkaUnavailable

_MEDIA_TYPES = {Form.DRAFT: "application/x-ndjson", Form.SEALED: "application/vnd.lali.alerts"}
_LENGTH_BYTES = 4


class Batch:
    """Alerts that may go in one request.

    All in one form, and no two revisions of one alert: if the first of two is not taken, the
    second must not be before it.

    Args:
        most: Most alerts.
        most_bytes: Most bytes, before compression; a single alert may be larger.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self.most = most
        self._most_bytes = most_bytes
        self._bytes = 0
        self.payloads: list[Payload] = []

    def takes(self, payload: Payload) -> bool:
        """Whether *payload* may go with what is here."""
        if not self.payloads:
            return True
        grown = self._bytes + len(payload.value) + _LENGTH_BYTES
        return (
            len(self.payloads) < self.most
            and grown <= self._most_bytes
            and payload.form is self.payloads[0].form
            and all(each.alert_id != payload.alert_id for each in self.payloads)
        )

    def add(self, payload: Payload) -> None:
        """Put *payload* behind what is here."""
        self.payloads.append(payload)
        self._bytes += len(payload.value) + _LENGTH_BYTES


def ask_of(payloads: Sequence[Payload]) -> Ask:
    """Return the request that publishes *payloads*; the same for the same ones."""
    form = payloads[0].form
    body = _framed(payloads) if form is Form.SEALED else b"\n".join(p.value for p in payloads)
    key = hashlib.sha256(body).hexdigest()[:32]
    headers = {"Idempotency-Key": key}
    return Ask("POST", "/v1/alerts", body, _MEDIA_TYPES[form], headers=headers)


def outcomes_of(payloads: Sequence[Payload], answer: Answer) -> list[Outcome]:
    """Return what became of each of *payloads*.

    Raises:
        GatewayRefused: The answer is none to this request.
    """
    results = told(BatchAnswer, answer.body).results
    if len(results) != len(payloads):
        raise GatewayRefused("ANSWER_UNREADABLE")
    asked = retry_after(answer.headers.get("Retry-After"))
    pairs = zip(payloads, results, strict=True)
    return [_outcome(payload, result, asked) for payload, result in pairs]


def _framed(payloads: Iterable[Payload]) -> bytes:
    return b"".join(
        len(each.value).to_bytes(_LENGTH_BYTES, "big") + each.value for each in payloads
    )


def _outcome(payload: Payload, result: PublishResult, asked: float | None) -> Outcome:
    if result.state is PublishState.UNAVAILABLE:
        return GatewayUnavailable("KAFKA_UNAVAILABLE", asked)
    if result.state is PublishState.REFUSED:
        return _refusal(result)
    state: State = "spooled" if result.state is PublishState.SPOOLED else "published"
    return Published(payload.alert_id, payload.revision, state=state)


def _refusal(result: PublishResult) -> Rejected:
    fault = result.errors[0] if result.errors else None
    if fault is not None and fault.code == Reason.WARNINGS_UNCONFIRMED:
        return Unconfirmed((each.path, each.code) for each in result.errors[1:])
    known = fault is not None and fault.code in Reason.__members__
    if fault is None or not known:
        return Rejected(Reason.UNEXPECTED)
    return Rejected(Reason(fault.code), fault.path)
