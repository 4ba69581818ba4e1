"""What README and docs promise: each sentence that says never or always names what holds it.

`promises.toml` has, page by page, how each such sentence begins, and the test files that hold it;
none where it promises nothing (a heading, a cell that lists rights, what is not held). A new
sentence of the kind fails here until somebody has written down its test.
"""

import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent
#: docs/schema.md is made from the schemas, whose sentences test_schemas.py compares.
PAGES = [
    ROOT / "README.md",
    *(p for p in sorted((ROOT / "docs").glob("*.md")) if p.stem != "schema"),
]
HELD = tomllib.loads((HERE / "promises.toml").read_text())

_WORDS = re.compile(r"\b(never|nothing|always|every|safe)\b", re.IGNORECASE)
_BLOCKS = re.compile(r"```.*?```", re.DOTALL)
_ENDS = re.compile(r"(?<=[.!?:;])\s+(?=[A-Z`\[*])")


def promises(page: Path) -> list[str]:
    """Return the sentences of *page* that say never, nothing, always, every or safe."""
    lines = (line.strip() for line in _BLOCKS.sub("", page.read_text()).splitlines())
    cells = chain.from_iterable(
        line.strip("|").split(" | ") if line.startswith("|") else [line] for line in lines
    )
    sentences = chain.from_iterable(_ENDS.split(cell) for cell in cells)
    return [each.strip(" |-") for each in sentences if _WORDS.search(each)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_promise_of_a_page_names_what_holds_it(page):
    said, known = promises(page), HELD.get(page.name, {})
    assert [each for each in said if not each.startswith(tuple(known))] == [], "no test is named"
    assert [begin for begin in known if not any(s.startswith(begin) for s in said)] == [], "gone"


def test_what_is_named_is_there():
    named = {name for page in HELD.values() for names in page.values() for name in names}
    assert len(named) > 100
    assert [name for name in sorted(named) if not (HERE / f"test_{name}.py").is_file()] == []


def test_a_sentence_without_a_test_would_be_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("It is quick. It never lies; nothing is lost.\n```\nevery line of code\n```\n")
    assert promises(page) == ["It never lies; nothing is lost."]
