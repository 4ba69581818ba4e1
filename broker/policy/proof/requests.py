"""A request out of a solver's model: an alert, a moment, who asks, in which community.

The model is made as ordinary as it can be first, so that a reader sees what matters: each
value of the ordinary alert of cases is tried, and kept where the solver allows it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import z3

from broker.model.codes import Purpose, RecipientClass
from broker.model.community import Community, Feed, Organisation, Unit
from broker.model.compartment import Compartment, mask_of
from broker.policy.bundle import Bundle
from broker.policy.cases import ORDINARY_FILLED, ORDINARY_VIEW
from broker.policy.directory import Directory
from broker.policy.facts import Facts
from broker.policy.filled import FILLED
from broker.policy.proof.values import Text, TextSet, Value
from broker.policy.proof.worlds import World

_FILLED = f"resource.{FILLED}"
#: Stands for any string that nothing names.
_SOME_NAME, _SOME_COUNTRY = "somebody-else", "AQ"


@dataclass(frozen=True)
class Request:
    """One thing that may be asked.

    Attributes:
        view: The alert's label and distribution, as rules see them.
        facts: What is true of the moment.
        feed: Who would receive.
        directory: The community that the feed is in.
        made_up: Whether that community was made up for this request.
    """

    view: dict[str, Any]
    facts: Facts
    feed: str
    directory: Directory
    made_up: bool

    def bundle_with(self, bundle: Bundle) -> Bundle:
        """Return *bundle* with the community of this request."""
        return replace(bundle, community=self.directory) if self.made_up else bundle


def request_in(world: World, solver: z3.Solver, assumed: Iterable[z3.BoolRef]) -> Request | None:
    """Return an ordinary request for which *assumed* holds, or None where there is none."""
    kept = list(assumed)
    if solver.check(*kept) != z3.sat:
        return None
    model = solver.model()
    for wish in _wishes(world):
        if z3.is_true(model.eval(z3.And(wish), model_completion=True)):
            kept += wish
        elif solver.check(*kept, *wish) == z3.sat:
            kept += wish
            model = solver.model()
    solver.check(*kept)
    return _read(world, solver.model())


def _wishes(world: World) -> Iterator[list[z3.BoolRef]]:
    """Yield what would be ordinary, the most telling first."""
    for name, value in world.symbols.values.items():
        if isinstance(value, z3.BoolRef):
            yield [value if name == "context.operational" else z3.Not(value)]
    filled = world.value(_FILLED)
    assert isinstance(filled, TextSet)
    yield [_equals(filled, {name.value for name in ORDINARY_FILLED})]
    yield from ([z3.Not(member)] for member in filled.members.values())
    for attribute, usual in ORDINARY_VIEW.items():
        value = world.symbols.values.get(f"resource.{attribute}")
        if isinstance(value, Text) and usual in value.options:
            yield [value.options[usual]]
        elif isinstance(value, TextSet):
            wanted = {str(each) for each in usual}
            yield [_equals(value, wanted)]
            yield [_equals(value, set())]
            yield from ([z3.Not(member)] for name, member in value.members.items())
            yield [z3.Not(value.other)]
    for name, value in world.symbols.values.items():
        if name.endswith((".communities", ".duties")) and isinstance(value, TextSet):
            yield from ([z3.Not(member)] for member in (*value.members.values(), value.other))


def _equals(value: TextSet, wanted: set[str]) -> z3.BoolRef:
    unwanted = (z3.Not(member) for name, member in value.members.items() if name not in wanted)
    return z3.And(
        *(value.members.get(name, z3.BoolVal(False)) for name in wanted),
        *unwanted,
        z3.Not(value.other),
    )


def _read(world: World, model: z3.ModelRef) -> Request:
    read = _Reader(model)
    view = dict(ORDINARY_VIEW)
    for name, value in world.symbols.values.items():
        if name.startswith("resource.") and name != _FILLED:
            attribute = name.removeprefix("resource.")
            view[attribute] = read.alert(attribute, value)
    view["originator"] = read.text(world.originator.id)
    facts = {
        name: read.plain(world.value(f"context.{name}"))
        for name in Facts._fields
        if f"context.{name}" in world.symbols.values
    }
    facts[FILLED] = mask_of(Compartment(name) for name in read.plain(world.value(_FILLED)))
    if world.directory is not None:
        feed = read.text(_text(world.value("feed")))
        return Request(view, Facts(**facts), feed, world.directory, made_up=False)
    return Request(view, Facts(**facts), "receiving-feed", _made_up(world, read), made_up=True)


class _Reader:
    """Reads values out of a model."""

    def __init__(self, model: z3.ModelRef) -> None:
        self._model = model

    def truth(self, condition: z3.BoolRef) -> bool:
        return bool(z3.is_true(self._model.eval(condition, model_completion=True)))

    def text(self, text: Text) -> str:
        return next(value for value, option in text.options.items() if self.truth(option))

    def members(self, one: TextSet) -> tuple[str, ...]:
        return tuple(sorted(v for v, member in one.members.items() if self.truth(member)))

    def plain(self, value: Value) -> Any:
        if isinstance(value, Text):
            return self.text(value)
        return self.members(value) if isinstance(value, TextSet) else self.truth(value)

    def alert(self, attribute: str, value: Value) -> Any:
        found = self.plain(value)
        if isinstance(value, TextSet) and self.truth(value.other):
            # A recipient must be a unit that exists: the originator is the only other one.
            other = _SOME_COUNTRY if attribute.startswith("countries") else _SOME_NAME
            return (*found, other)
        return found


def _made_up(world: World, read: _Reader) -> Directory:
    """Return the community of the two units that the model speaks of, and nobody else."""
    units: dict[str, Unit] = {}
    organisations: dict[str, Organisation] = {}
    communities: dict[str, Community] = {}
    for symbols in (world.originator, world.principal):
        seen = {name: read.plain(value) for name, value in symbols.attributes.items()}
        body, name = seen["organisation"], read.text(symbols.id)
        groups = [
            group
            for (kind, group), member in symbols.parents.items()
            if kind == "Community" and read.truth(member)
        ]
        communities |= {group: Community(id=group, name=group) for group in groups}
        organisations[body] = Organisation(
            id=body, name=body, kind=RecipientClass(seen["organisation_kind"])
        )
        units[name] = Unit(
            id=name,
            name=name,
            organisation=body,
            kind=RecipientClass(seen["kind"]),
            country=seen["country"] or None,
            communities=tuple(groups),
            publishes=True,
            duties=tuple(seen["duties"]),
        )
    # Somebody whom lists may name without meaning either of the two.
    units[_SOME_NAME] = units[read.text(world.originator.id)].model_copy(
        update={"id": _SOME_NAME, "communities": ()}
    )
    feed = Feed(
        id="receiving-feed",
        unit=read.text(world.principal.id),
        purpose=Purpose(read.text(_text(world.value("context.purpose")))),
        operational=read.plain(world.value("context.operational")),
    )
    return Directory(communities, organisations, units, {feed.id: feed})


def _text(value: Value) -> Text:
    assert isinstance(value, Text)
    return value
