"""Read the grid of ordinary alerts that a bundle must serve.

    [[alert]]
    name = "an agency tells of adults on a boat"
    label = { conveyance_kinds = ["VESSEL"] }
    vary = { tlp = ["GREEN", "AMBER"], urgency = ["EXPECTED", "IMMEDIATE"] }
    must = [{ feed = "samoa-tcu-investigate", sees = ["suspects", "movement"] }]

They stand in ``ordinary/*.toml``. Every combination of `vary` is tried, on top of `label` and
`distribution`, which override the ordinary alert of cases, and of `filled`, which names the
compartments that it fills. Each must reach somebody besides
its originator, unless `nobody` says why it does not; `must` names feeds and what they see.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import Field

from broker.errors import BundleInvalid, Rejected
from broker.model.base import Model
from broker.model.compartment import Compartment
from broker.model.label import Distribution, Label
from broker.policy.cases import ORDINARY, ORDINARY_FILLED
from broker.policy.decide import view_of
from broker.policy.files import read_bytes, tables_in, text_of
from broker.wire.refusal import validated


class Must(Model):
    """One feed that must receive, and what it must see at least."""

    feed: str
    sees: tuple[Compartment, ...] = ()


class OrdinaryAlert(Model):
    """Alerts alike but in what varies."""

    name: str
    label: dict[str, Any] = Field(default_factory=dict)
    distribution: dict[str, Any] = Field(default_factory=dict)
    filled: tuple[Compartment, ...] = ORDINARY_FILLED
    vary: dict[str, list[Any]] = Field(default_factory=dict)
    must: tuple[Must, ...] = ()
    nobody: str | None = Field(None, description="Why it reaches nobody, where that is meant.")


def read_ordinary(folder: Path) -> list[tuple[str, OrdinaryAlert]]:
    """Return the ordinary alerts of the bundle in *folder*, with their file names.

    Raises:
        BundleInvalid: A file cannot be read, or an entry does not fit.
    """
    found: list[tuple[str, OrdinaryAlert]] = []
    findings: list[str] = []
    for file in sorted((folder / "ordinary").glob("*.toml")):
        tables = tables_in(file, text_of(file, read_bytes(file)))
        findings += [f"{file.name}: unknown table {n}" for n in sorted(set(tables) - {"alert"})]
        for index, row in enumerate(tables.get("alert", [])):
            try:
                found.append((file.name, validated(OrdinaryAlert, row, f"alert[{index}]")))
            except Rejected as rejected:
                findings.append(f"{file.name}: {rejected}")
    if findings:
        raise BundleInvalid(findings)
    return found


def views_of(alert: OrdinaryAlert) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each combination: what varies, in words, and its view.

    Raises:
        Rejected: A field or a code does not exist.
    """
    for values in product(*alert.vary.values()):
        varied = dict(zip(alert.vary, values, strict=True))
        wishes = {k: v for k, v in varied.items() if k in Distribution.model_fields}
        label = {k: v for k, v in varied.items() if k not in wishes}
        said = ", ".join(f"{name} = {value}" for name, value in varied.items())
        yield (
            said,
            view_of(
                validated(Label, ORDINARY | alert.label | label, "label"),
                validated(Distribution, alert.distribution | wishes, "distribution"),
            ),
        )
