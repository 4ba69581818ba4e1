"""Every text and every date that an alert holds, each with its path: read from the models.

What is checked over all of an alert is checked here over whatever its models have, so that a
field that is added tomorrow is checked too.
"""

from collections.abc import Iterator
from datetime import date
from enum import Enum
from functools import cache
from types import UnionType
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel

Kind = Literal["text", "date"]
TEXT: Final = "text"
DATE: Final = "date"

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


def leaves_of(model: BaseModel, where: Where = ()) -> Iterator[Leaf]:
    """Yield the texts and dates of *model*, below *where*; codes of enumerations are none."""
    for name, kind, many, marks in _fields(type(model)):
        value = getattr(model, name)
        if value is None:
            continue
        place = (*where, name)
        if not many:
            yield from _leaves(value, place, kind, marks)
        else:
            for index, item in enumerate(value):
                yield from _leaves(item, (*place, index), kind, marks)


def _leaves(value: Any, where: Where, kind: str, marks: tuple[Any, ...]) -> Iterator[Leaf]:
    if kind == "model":
        yield from leaves_of(value, where)
    elif kind == TEXT:
        yield Leaf(value, where, TEXT, marks)
    else:
        yield Leaf(value, where, DATE, marks)


class _Shape(NamedTuple):
    name: str
    kind: str
    many: bool
    marks: tuple[Any, ...]


@cache
def _fields(model: type[BaseModel]) -> tuple[_Shape, ...]:
    found = []
    for name, field in model.model_fields.items():
        kind, many, marks = _kind(field.annotation, tuple(field.metadata))
        if kind is not None:
            found.append(_Shape(name, kind, many, marks))
    return tuple(found)


def _kind(annotation: Any, marks: tuple[Any, ...]) -> tuple[str | None, bool, tuple[Any, ...]]:
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


def _plain(annotation: Any) -> str | None:
    if not isinstance(annotation, type):
        raise TypeError(annotation)
    if issubclass(annotation, BaseModel):
        return "model"
    if issubclass(annotation, date):
        return DATE
    return TEXT if issubclass(annotation, str) and not issubclass(annotation, Enum) else None
