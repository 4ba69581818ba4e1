"""The table of attacks names tests that exist, for every number, or says that nothing holds."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SECURITY = (HERE.parent / "docs" / "security.md").read_text()
TABLE = SECURITY.partition("## Attacks, and what holds them")[2].partition("\n## ")[0]
ROWS = {row.split("|")[1].strip(): row for row in TABLE.splitlines() if re.match(r"\| [AB]\d", row)}
NAMED = re.findall(r"`((?:faults/)?test_\w+\.py)::(test_\w+)`", TABLE)
NOT_HELD = TABLE.partition("Not held:")[2]


def test_every_number_has_one_row():
    numbers = [f"A{n}" for n in range(1, 25)] + [f"B{n}" for n in range(1, 26)]

    assert list(ROWS) == numbers


@pytest.mark.parametrize("number", ROWS)
def test_every_row_names_a_test_or_says_that_nothing_holds(number):
    *_, holds, tests, _end = ROWS[number].split("|")

    assert ("**not held**" in holds) != ("::test_" in tests)
    if "**not held**" in holds or "see below" in holds:
        assert re.search(rf"\b{number}\b", NOT_HELD)


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_every_test_that_is_named_exists(file, name):
    assert re.search(rf"^ *(async )?def {name}\(", (HERE / file).read_text(), re.MULTILINE)


def test_tests_are_found_at_all():
    assert len(NAMED) > 50
