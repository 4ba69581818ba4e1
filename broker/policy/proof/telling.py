"""A request in words, and as a case to keep."""

import json
from typing import Any

from broker.model.compartment import mask_of
from broker.model.label import Distribution
from broker.policy.cases import ORDINARY_FILLED, ORDINARY_VIEW
from broker.policy.entities import ATTRIBUTES
from broker.policy.filled import FILLED, filled_names
from broker.policy.proof.requests import Request

_SEE = "see_"


def changes(request: Request) -> dict[str, Any]:
    """Return how the alert of *request* differs from the ordinary alert of cases."""
    return {
        name: request.view[name]
        for name in ("originator", *ATTRIBUTES)
        if _plain(request.view[name]) != _plain(ORDINARY_VIEW[name])
    }


def in_words(request: Request, actions: tuple[str, ...], rules: tuple[str, ...]) -> str:
    """Return one sentence: who sees what of which alert, by which rules."""
    feed = request.directory.feeds[request.feed]
    told = [f"{name} is {_value(value)}" for name, value in changes(request).items()]
    told += [f"the alert is {name}" for name in _moment(request)]
    told += [f"{', '.join(filled)} are filled" for filled in _filled(request)]
    which = "an ordinary alert" + (f" but that {', '.join(told)}" if told else "")
    sees = ", ".join(action.removeprefix(_SEE) for action in actions) or "nothing"
    by = f", by {', '.join(rules)}" if rules else ""
    return f"{feed.id} ({_receiver(request)}) sees {sees} of {which}{by}"


def as_case(request: Request, actions: tuple[str, ...], name: str) -> str | None:
    """Return *request* as a ``[[case]]`` that forbids *actions*; None for a made-up community."""
    if request.made_up:
        return None
    found = changes(request)
    wishes = {key: value for key, value in found.items() if key in Distribution.model_fields}
    label = {key: value for key, value in found.items() if key not in wishes}
    facts = dict.fromkeys(_moment(request), True)
    filled = next(iter(_filled(request)), None)
    never = [action.removeprefix(_SEE) for action in actions if action.startswith(_SEE)]
    expect: dict[str, Any] = {"never": never} if never else {"verdict": "WITHHOLD"}
    lines = ["[[case]]", f"name = {json.dumps(name)}"]
    tables = {"label": label, "distribution": wishes, "facts": facts}
    lines += [f"{key} = {_toml(value)}" for key, value in tables.items() if value]
    lines += [] if filled is None else [f"filled = {_toml(filled)}"]
    return "\n".join((*lines, f'feed = "{request.feed}"', f"expect = {_toml(expect)}"))


def _moment(request: Request) -> list[str]:
    """Return what is true of the moment: expired, embargoed."""
    told = request.facts._asdict()
    return [name for name, holds in told.items() if holds and name != FILLED]


def _filled(request: Request) -> list[list[str]]:
    """Return what the alert fills, where the ordinary alert of cases does not fill just that."""
    filled = request.facts.filled
    return [] if filled == mask_of(ORDINARY_FILLED) else [filled_names(filled)]


def _receiver(request: Request) -> str:
    directory = request.directory
    feed = directory.feeds[request.feed]
    unit = directory.units[feed.unit]
    if not request.made_up:
        return f"{feed.unit}, {feed.purpose.value}"
    told = [f"a {unit.kind.value} unit", feed.purpose.value]
    told += ["drills only"] * (not feed.operational)
    told += [f"country {unit.country}"] * (unit.country is not None)
    told += [f"duties {', '.join(unit.duties)}"] * bool(unit.duties)
    source = directory.units[request.view["originator"]]
    whose = "its own" if source.id == unit.id else f"by a {source.kind.value} unit"
    if source.id != unit.id and source.organisation == unit.organisation:
        whose += " of the same organisation"
    return "; ".join((*told, f"the alert is {whose}"))


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else sorted(str(each) for each in value)


def _value(value: Any) -> str:
    if isinstance(value, str):
        return str(value)
    return " and ".join(str(each) for each in value) or "empty"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    return json.dumps(value)
