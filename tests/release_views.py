"""Hypothesis strategies for what a feed may see: any label, any compartments that a model takes."""

import types
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Annotated, Union, get_args, get_origin
from uuid import UUID

from annotated_types import Ge, Le, MinLen
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, StringConstraints, ValidationError

from broker.model.alert import Compartments
from broker.model.label import Label
from broker.model.release import ReleaseKind, ReleaseView

#: What the rule for all text takes, as far as one character tells.
_TEXT = st.characters(exclude_categories=["C", "Z", "M"], max_codepoint=0x24F)
#: The same, for what has a form.
_WRITTEN = st.characters(exclude_categories=["C"], min_codepoint=32, max_codepoint=0x24F)
_MOMENTS = st.integers(0, 2_000_000_000_000).map(
    lambda ms: datetime(2026, 2, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)
_PLAIN = {
    bool: st.booleans(),
    UUID: st.uuids(version=4),
    date: st.dates(date(1900, 1, 1), date(2100, 1, 1)),
    datetime: _MOMENTS,
    type(None): st.none(),
}


def models(model):
    """Return a strategy for instances of *model*, as people write them."""
    fields = {
        name: _of(field.annotation, field.metadata) for name, field in model.model_fields.items()
    }
    return st.fixed_dictionaries(fields).map(lambda values: _valid(model, values)).filter(bool)


def _valid(model, values):
    try:
        return model.model_validate(values)
    except ValidationError:
        return None  # what a rule over several fields refuses


def _of(annotation, metadata):
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        return _of(inner, [*more, *metadata])
    if origin in (Union, types.UnionType):
        return st.one_of([_of(each, metadata) for each in get_args(annotation)])
    if origin is tuple:
        return _many(annotation, metadata)
    return _PLAIN[annotation] if annotation in _PLAIN else _single(annotation, metadata)


def _single(annotation, metadata):
    if issubclass(annotation, Enum):
        return st.sampled_from(annotation)
    if issubclass(annotation, BaseModel):
        return models(annotation)
    return _numbers(metadata) if annotation is int else _texts(metadata)


def _many(annotation, metadata):
    least = next((each.min_length for each in metadata if isinstance(each, MinLen)), 0)
    return st.lists(_of(get_args(annotation)[0], []), min_size=least, max_size=3).map(tuple)


def _numbers(metadata):
    least = next((each.ge for each in metadata if isinstance(each, Ge)), 0)
    most = next((each.le for each in metadata if isinstance(each, Le)), 1 << 31)
    return st.integers(least, most)


def _texts(metadata):
    for each in metadata:
        if isinstance(each, AfterValidator) and each.func.__closure__:
            return st.sampled_from(sorted(each.func.__closure__[0].cell_contents))
        if isinstance(each, StringConstraints) and each.pattern:
            most = each.max_length or 1000
            found = st.from_regex(each.pattern.removesuffix("$") + r"\Z", alphabet=_WRITTEN)
            return found.filter(lambda text, most=most: len(text) <= most)
    return st.text(_TEXT, min_size=1, max_size=30)


@st.composite
def compartments(draw):
    """Return compartments that keep victims apart from suspects."""
    found = {}
    for name, field in Compartments.model_fields.items():
        if draw(st.booleans()):
            found[name] = draw(models(get_args(field.annotation)[0]))
    made = _valid(Compartments, found)
    if made is None:  # a role or a pid in the wrong place
        for name in ("victims", "suspects", "documents"):
            found.pop(name, None)
        made = Compartments.model_validate(found)
    return made


@st.composite
def labels(draw):
    """Return labels that end after they begin."""
    fields = {n: _of(f.annotation, f.metadata) for n, f in Label.model_fields.items()}
    fields.pop("expires_at")
    values = draw(st.fixed_dictionaries(fields))
    values["expires_at"] = values["originated_at"].replace(year=2100)
    return Label.model_validate(values)


@st.composite
def views(draw):
    """Return what some feed may see of some release."""
    label = draw(labels())
    return ReleaseView(
        kind=ReleaseKind.RELEASE,
        alert_id=label.alert_id,
        revision=label.revision,
        released_at=draw(_MOMENTS),
        acknowledge_within_seconds=draw(st.none() | st.integers(0, 1 << 30)),
        label=label,
        compartments=draw(compartments()),
    )
