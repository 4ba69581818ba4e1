"""Every text and every date that an alert holds, each with its path: read from the models.

What is checked over all of an alert is checked here over whatever its models have, so that a
field that is added tomorrow is checked too.
"""

from datetime import date
from enum import Enum
from functools import cache
from types import UnionType
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel

from broker.model.codelists import CLOSED

Kind = Literal["text", "date"]
TEXT: Final = "text"
DATE: Final = "date"
BOTH: Final[frozenset[Kind]] = frozenset({TEXT, DATE})

#: Names of fields and positions in lists, from the model that was asked.
Where = tuple[str | int, ...]


class Leaf(NamedTuple):
    """One value.

    Attributes:
        value: A string, or a date or moment.
        where: Its place.
        kind: Which of both.
        marks: What the field's type is annotated with beside it.
    """

    value: Any
    where: Where
    kind: Kind
    marks: tuple[Any, ...]

    def __repr__(self) -> str:
        return f"Leaf({self.path})"

    @property
    def path(self) -> str:
        """Its place as errors write it, such as ``victims.persons[0].names[1]``."""
        return path_of(self.where)


def path_of(where: Where) -> str:
    """Return a place as errors write it."""
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in where).lstrip(".")


def leaves_of(model: BaseModel, where: Where = (), kinds: frozenset[Kind] = BOTH) -> list[Leaf]:
    """Return the texts and dates of *model*, below *where*, in the order of its fields.

    Codes of enumerations and of closed lists are none of both.
    """
    found: list[Leaf] = []
    _collect(model, where, kinds, found)
    return found


def _collect(model: BaseModel, where: Where, kinds: frozenset[Kind], found: list[Leaf]) -> None:
    # For every alert that is accepted, so what is empty is passed over first.
    held = model.__dict__
    for name, kind, many, marks in _fields(type(model), kinds):
        value = held[name]
        if value is None or value == ():
            continue
        place = (*where, name)
        if not many:
            _put(value, place, kind, marks, kinds, found)
        else:
            for index, item in enumerate(value):
                _put(item, (*place, index), kind, marks, kinds, found)


def _put(
    value: Any,
    place: Where,
    kind: Literal["text", "date", "model"],
    marks: tuple[Any, ...],
    kinds: frozenset[Kind],
    found: list[Leaf],
) -> None:
    if kind == "model":
        _collect(value, place, kinds, found)
    else:
        found.append(Leaf(value, place, kind, marks))


class _Shape(NamedTuple):
    name: str
    kind: Literal["text", "date", "model"]
    many: bool
    marks: tuple[Any, ...]


@cache
def _fields(model: type[BaseModel], kinds: frozenset[Kind]) -> tuple[_Shape, ...]:
    """Return the fields of *model* that hold leaves of *kinds*, by themselves or below."""
    found = []
    for name, field in model.model_fields.items():
        held, many, marks = _kind(field.annotation, tuple(field.metadata))
        if isinstance(held, type):
            if _fields(held, kinds):
                found.append(_Shape(name, "model", many, ()))
        elif held in kinds and not any(getattr(m, "func", None) in CLOSED for m in marks):
            found.append(_Shape(name, held, many, marks))
    return tuple(found)


_Held = type[BaseModel] | Kind | None


def _kind(annotation: Any, marks: tuple[Any, ...]) -> tuple[_Held, bool, tuple[Any, ...]]:
    """Return what a field of this type holds, whether several, and its annotations.

    Raises:
        TypeError: A type that could hide a text: it must be looked at here first.
    """
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(args[0], (*marks, *args[1:]))
    if origin in (Union, UnionType):
        (inner,) = (arg for arg in args if arg is not type(None))
        return _kind(inner, marks)
    if origin is tuple:
        kind, _, inside = _kind(args[0], marks)
        return kind, True, inside
    return _plain(annotation), False, marks


def _plain(annotation: Any) -> _Held:
    if not isinstance(annotation, type):
        raise TypeError(annotation)
    if issubclass(annotation, BaseModel):
        return annotation
    if issubclass(annotation, date):
        return DATE
    return TEXT if issubclass(annotation, str) and not issubclass(annotation, Enum) else None
