"""Which parts of an alert hold words of somebody's own, asked of the models themselves.

Whatever takes a sentence may hold a name or a place, whatever its field is called. Policy keeps
those parts in one group of actions, and `lali policy check` compares it with this.
"""

from collections.abc import Iterator
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError

from broker.model.alert import Compartments
from broker.model.compartment import COMPARTMENTS, Compartment

_SENTENCE = "Kept in Room 4 of Blue Lagoon Guesthouse"


@cache
def free_lines(name: Compartment) -> tuple[str, ...]:
    """Return the paths within a compartment where a sentence can stand, sorted."""
    hint = get_type_hints(Compartments, include_extras=True)[name.value]
    return tuple(sorted(set(_paths(hint, ""))))


def parts_with_free_lines() -> frozenset[Compartment]:
    """Return the compartments in which a sentence can stand."""
    return frozenset(name for name in COMPARTMENTS if free_lines(name))


def _paths(hint: Any, path: str) -> Iterator[str]:
    base = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if get_origin(base) in (Union, UnionType, tuple):
        for part in get_args(base):
            yield from _paths(part, path)
    elif isinstance(base, type) and issubclass(base, BaseModel):
        for name, inner in get_type_hints(base, include_extras=True).items():
            if name in base.model_fields:
                yield from _paths(inner, f"{path}.{name}".lstrip("."))
    elif base is str and _takes_a_sentence(hint):
        yield path


def _takes_a_sentence(hint: Any) -> bool:
    try:
        TypeAdapter(hint).validate_python(_SENTENCE)
    except ValidationError:
        return False
    return True
