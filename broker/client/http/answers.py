"""Read what a gateway answers; a newer one may say more than this client knows."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from broker.errors import GatewayRefused

M = TypeVar("M", bound=BaseModel)


def told(model: type[M], body: bytes) -> M:
    """Return *body* as *model*; fields that it does not have are passed over.

    Raises:
        GatewayRefused: It is none.
    """
    try:
        return model.model_validate_json(body, extra="ignore")
    except ValidationError:
        raise GatewayRefused("ANSWER_UNREADABLE") from None
