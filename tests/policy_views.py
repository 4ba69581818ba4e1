"""What the tests of policy share: the Pacific bundle, small bundles, and any view of an alert."""

import shutil
from enum import StrEnum
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from broker.model.compartment import ALL_COMPARTMENTS, COMPARTMENTS
from broker.model.decision import Outcome, Verdict
from broker.model.label import Distribution, Label
from broker.policy.bundle import Bundle, load_bundle
from broker.policy.cases import ORDINARY
from broker.policy.decide import Decider, view_of
from broker.policy.entities import ATTRIBUTES
from broker.policy.facts import Facts
from broker.resources import shipped

PACIFIC = shipped("policies") / "pacific"

#: What a value outside its code list looks like on its way in.
NOWHERE = "NO_SUCH_CODE"

FACTS = st.builds(
    Facts,
    expired=st.booleans(),
    embargoed=st.booleans(),
    filled=st.integers(0, ALL_COMPARTMENTS),
)


def ordinary(**changes: Any) -> dict[str, Any]:
    """Return the view of the ordinary alert of cases, with *changes*, valid or not."""
    view = view_of(Label.model_validate(ORDINARY), Distribution.model_validate({}))
    assert set(changes) <= set(view)
    return view | changes


def views(decider: Decider, **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return views with any value in every attribute, valid and not; *fixed* are drawn so."""
    community = decider.bundle.community
    units = sorted(community.units)
    known_names = {*units, *community.organisations, *community.communities}
    names = [*sorted(known_names), "nobody-known"]
    countries = [*sorted({u.country for u in community.units.values() if u.country}), "XX"]
    drawn: dict[str, st.SearchStrategy[Any]] = {}
    for name, codes in ATTRIBUTES.items():
        if codes is None:
            known = countries if name.startswith("countries") else names
            drawn[name] = _some(known)
        else:
            values = [*codes.__members__, NOWHERE]
            plural = isinstance(ordinary()[name], tuple)
            drawn[name] = _some(values) if plural else _mostly(name, values)
    drawn["originator"] = st.sampled_from(units)
    return st.fixed_dictionaries(drawn | fixed).map(lambda drawn: ordinary() | drawn)


def _some(values: list[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), max_size=3).map(tuple)


#: Half of all draws take these, or hardly any alert would be released to anybody.
_OPEN = {"status": "ACTUAL", "tlp": "AMBER", "source_type": "AGENCY", "consent": "GIVEN"}


def _mostly(name: str, values: list[str]) -> st.SearchStrategy[str]:
    any_value = st.sampled_from(values)
    return st.just(_OPEN[name]) | any_value if name in _OPEN else any_value


def sees(outcome: Outcome) -> set[str]:
    """Return what *outcome* releases: ``receive`` and the compartments."""
    if outcome.verdict is Verdict.WITHHOLD:
        assert outcome.compartments == 0
        return set()
    seen = {name.value for bit, name in enumerate(COMPARTMENTS) if outcome.compartments >> bit & 1}
    return seen | {"receive"}


SMALL_COMMUNITY = """
communities = [{ id = "ring", name = "Ring" }, { id = "other", name = "Other" }]
organisations = [
  { id = "north", name = "North", kind = "POLICE", country = "FJ", communities = ["ring"] },
  { id = "south", name = "South", kind = "IMMIGRATION", country = "WS" },
]
units = [
  { id = "north-a", name = "A", organisation = "north", kind = "POLICE", publishes = true },
  { id = "north-b", name = "B", organisation = "north", kind = "TCU", duties = ["night"] },
  { id = "south-a", name = "C", organisation = "south", kind = "IMMIGRATION", country = "TO" },
  { id = "south-b", name = "D", organisation = "south", kind = "TCU", communities = ["ring"] },
]
feeds = [
  { id = "f1", unit = "north-a", purpose = "PROTECT_VICTIM" },
  { id = "f2", unit = "north-b", purpose = "INVESTIGATE" },
  { id = "f3", unit = "south-a", purpose = "BORDER_RISK" },
  { id = "f4", unit = "south-b", purpose = "INVESTIGATE" },
  { id = "f5", unit = "south-a", purpose = "EXERCISE", operational = false },
  { id = "f6", unit = "north-a", purpose = "INVESTIGATE" },
]
"""


def small_bundle(folder: Path, rules: str, **files: str) -> Bundle:
    """Write a small bundle with *rules* into *folder* and load it.

    Args:
        folder: Where to write; emptied first.
        rules: Its one rule file.
        files: ``community``, ``schema``, ``cases``: texts in place of the usual ones.
    """
    write_bundle(folder, rules, **files)
    return load_bundle(folder)


def write_bundle(folder: Path, rules: str, **files: str) -> Path:
    """Write the same and return *folder*."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "rules").mkdir(parents=True)
    (folder / "cases").mkdir()
    schema = files.get("schema") or (PACIFIC / "schema.cedarschema").read_text()
    (folder / "schema.cedarschema").write_text(schema)
    (folder / "community.toml").write_text(files.get("community", SMALL_COMMUNITY))
    (folder / "rules" / "all.cedar").write_text(rules)
    (folder / "cases" / "all.toml").write_text(files.get("cases", ""))
    return folder


def listed(codes: type[StrEnum]) -> list[str]:
    """Return the known codes of a list, UNKNOWN left out."""
    return [name for name in codes.__members__ if name != "UNKNOWN"]
