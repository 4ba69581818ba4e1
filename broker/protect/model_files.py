"""Models in files of the key folder: read strictly, written whole or not at all."""

import json
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from broker import private_files
from broker.errors import SettingsInvalid

M = TypeVar("M", bound=BaseModel)


def read_model(file: Path, model: type[M]) -> M:
    """Return what *file* holds.

    Raises:
        SettingsInvalid: It cannot be read as *model*; the text names the file, the field and
            what is wrong, and no value.
    """
    try:
        return model.model_validate_json(file.read_bytes())
    except OSError as error:
        raise SettingsInvalid(f"{file.name}: {type(error).__name__}") from None
    except ValidationError as error:
        raise SettingsInvalid(f"{file.name}: {_first_fault(error)}") from None


def _first_fault(error: ValidationError) -> str:
    fault = error.errors(include_input=False, include_url=False)[0]
    # Our own validators raise ValueError(CODE). The name of an unknown field is a value, too.
    what = str(fault.get("ctx", {}).get("error") or fault["type"])
    known = fault["loc"][:-1] if fault["type"] == "extra_forbidden" else fault["loc"]
    where = ".".join(map(str, known))
    return f"{what} at {where}" if where else what


def write_whole(file: Path, model: BaseModel) -> None:
    """Write *model* as JSON, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Public halves and signatures: units that read their register are no owners of it.
    text = json.dumps(model.model_dump(mode="json"), indent=1)
    private_files.write_whole(file, text.encode(), 0o644)
