"""Turn pydantic's refusals into ours: a reason code and a field path, never a value."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from broker.errors import Rejected
from broker.model.reason import Reason

M = TypeVar("M", bound=BaseModel)

_BY_TYPE = {
    "missing": Reason.FIELD_MISSING,
    "extra_forbidden": Reason.FIELD_UNKNOWN,
    "enum": Reason.CODE_UNKNOWN,
    "json_invalid": Reason.JSON_SYNTAX,
}


def refusal(error: ValidationError, prefix: str = "") -> Rejected:
    """Return the first fault of *error* as `Rejected`, its path below *prefix*."""
    first = error.errors(include_input=False, include_url=False, include_context=True)[0]
    path = prefix
    where = first["loc"]
    if first["type"] == "extra_forbidden":
        # A name that is no field's may be anything, a person's too.
        where = (*where[:-1], "?")
    for part in where:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return Rejected(_reason(first), path.lstrip("."))


def validated(model: type[M], values: Any, prefix: str = "") -> M:
    """Return *values* as *model*.

    Raises:
        Rejected: They do not fit.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise refusal(error, prefix) from None


def _reason(fault: Any) -> Reason:
    # Our own validators raise ValueError(CODE); anything else they say is not repeated.
    said = str(fault.get("ctx", {}).get("error", ""))
    if said in Reason.__members__:
        return Reason(said)
    return _BY_TYPE.get(fault["type"], Reason.FIELD_INVALID)
