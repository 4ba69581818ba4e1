"""What the documents say exists: links, settings, codes, topics, connectors, commands."""

import json
import re
from pathlib import Path

import pytest

from broker.cli import make_app
from broker.model.reason import Reason
from broker.pipeline.publish import split
from broker.settings import Settings
from broker.wire.alert_codec import encode_alert
from broker.wire.topics import Topics
from connectors import CONNECTORS

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [ROOT / "README.md"]
    + [page for folder in ("docs", "policies", "schemas") for page in (ROOT / folder).rglob("*.md")]
)
OPERATING = (ROOT / "docs/operating.md").read_text()
LIFE = (ROOT / "docs/life-of-an-alert.md").read_text()


def _links(page: Path) -> list[str]:
    found = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    return [link.partition("#")[0] for link in found if "://" not in link and link[0] != "#"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    assert [link for link in _links(page) if not (page.parent / link).exists()] == []


def test_links_are_found_at_all() -> None:
    assert len(_links(ROOT / "README.md")) > 5


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described_with_its_default(name: str) -> None:
    field = Settings.model_fields[name]
    row = next(line for line in OPERATING.splitlines() if line.startswith(f"| `{name}` |"))
    default = row.split("|")[2].strip()

    assert field.description is not None
    assert field.description in row
    assert default == _shown(name, field.default)


def _shown(name: str, default: object) -> str:
    if name == "bundle":
        return "`policies/pacific`"
    if default is None:
        return "none"
    if default in ("", ()):
        return "empty"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_code_is_described(reason: Reason) -> None:
    assert f"`{reason}`" in OPERATING.partition("## Reason codes")[2]


def test_every_kind_of_topic_has_a_row() -> None:
    specs = Topics().specs(["<originator>"], ["<feed>"], protected=True)
    kinds = {spec.name for spec in specs}
    rows = {line.split("`")[1] for line in OPERATING.splitlines() if line.startswith("| `")}

    assert len(kinds) == 11
    assert kinds <= rows


@pytest.mark.parametrize("name", CONNECTORS)
def test_every_connector_is_described(name: str) -> None:
    assert f"`{name}`" in (ROOT / "docs/connectors.md").read_text()


def test_every_command_in_a_shell_block_exists() -> None:
    blocks = [
        block
        for page in PAGES
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL)
    ]
    named = {
        word
        for block in blocks
        for word in re.findall(r"^(?:\S*/)?lali ([a-z][a-z-]*)", block, re.MULTILINE)
    }

    assert len(named) > 3
    assert named - set(make_app(None)) == set()


def test_the_bytes_shown_are_the_samples_bytes() -> None:
    draft = json.loads((ROOT / "schemas/alert/samples/minor-in-transit.json").read_text())
    block = next(part for part in LIFE.split("```") if "schema id: alert" in part)
    shown = bytes.fromhex("".join(re.findall(r"^((?:[0-9a-f]{2} ?)+)", block, re.MULTILINE)))

    assert len(shown) == 34
    assert encode_alert(split(draft)).startswith(shown)
