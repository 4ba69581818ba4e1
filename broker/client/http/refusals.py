"""What a gateway's answer means for its caller: done, not now, never, or not for us."""

from pydantic import ValidationError

from broker.client.http.retrying import PASSING, retry_after
from broker.errors import (
    GatewayRefused,
    GatewayUnavailable,
    KafkaUnavailable,
    Rejected,
    Unconfirmed,
)
from broker.model.exchange import Fault, ProblemDetails
from broker.model.reason import Reason

#: Statuses that speak of what was sent, not of who sent it.
_OF_THE_CONTENT = frozenset({409, 413, 422})


def error_of(status: int, body: bytes, asked: str | None) -> Rejected | KafkaUnavailable:
    """Return what an answer with *status* 300 or above means.

    Args:
        status: HTTP status.
        body: Problem details (RFC 9457), or whatever a proxy says instead.
        asked: The Retry-After header.
    """
    details = _details(body)
    code = details.code if details else f"HTTP_{status}"
    if status in PASSING:
        return GatewayUnavailable(code, retry_after(asked))
    if status in _OF_THE_CONTENT and details is not None:
        fault = details.errors[0] if details.errors else Fault(path="", code=code)
        if details.code == Reason.WARNINGS_UNCONFIRMED:
            return Unconfirmed((each.path, each.code) for each in details.errors[1:])
        if fault.code in Reason.__members__:
            return Rejected(Reason(fault.code), fault.path)
    return GatewayRefused(code)


def _details(body: bytes) -> ProblemDetails | None:
    try:
        return ProblemDetails.model_validate_json(body, extra="ignore")
    except ValidationError:
        return None
