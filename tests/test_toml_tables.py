"""TOML from outside costs no more than its size allows, and all of it is refused in one way."""

import tomllib
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.toml_tables import MAX_CHARACTERS, MAX_DOTS, MAX_DOTS_IN_ALL, TomlInvalid, read_tables

MOST_BYTES = 64 << 20


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = " + "9" * 5000, "a number is too long"),
        ("a = " + "[" * 100_000, "nested too deep"),
        ("a." * 100_000 + "a = 1", "a key has too many parts"),
        ("[" + "a . " * 20 + "a]", "a key has too many parts"),
        ('"". ' * 20 + '"" = 1', "a key has too many parts"),
        ("# it's a trap '''\n" + "a." * 20 + "a = 1 # '''", "a key has too many parts"),
        ("a = '''\n'''\n" + "a." * 20 + "a = 1", "a key has too many parts"),
        ("#" * (MAX_CHARACTERS + 1), "too large"),
    ],
)
def test_what_would_cost_too_much_is_refused(text, said):
    with pytest.raises(TomlInvalid) as refused:
        read_tables(text)
    assert str(refused.value) == said


@pytest.mark.parametrize("quote", ['"', "'", '"""', "'''"])
def test_dots_within_text_and_comments_do_not_count(quote):
    text = "a.b" * 50

    assert read_tables(f"# {text}\na = {quote}{text}{quote} # {text}") == {"a": text}


@pytest.mark.parametrize(
    "line",
    [
        "[n{0}." + "a." * (MAX_DOTS - 1) + "a]",
        "n{0}." + "a." * (MAX_DOTS - 1) + "a = 1",
        "[n{0}]",
        "n{0} = {{}}",
    ],
)
def test_the_dearest_file_within_bounds_stays_small(line):
    longest = len(line.format(MAX_CHARACTERS)) + 1
    most = MAX_DOTS_IN_ALL // max(line.count("."), 1)
    lines = (line.format(number) for number in range(min(MAX_CHARACTERS // longest, most)))
    text = "\n".join(lines)

    tracemalloc.start()
    assert read_tables(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < MOST_BYTES


@given(st.text(st.sampled_from("ab.=[]{}'\"\\\n# 1,"), max_size=60))
def test_what_is_taken_is_what_toml_says(text):
    try:
        tables = read_tables(text)
    except TomlInvalid:
        return
    assert tables == tomllib.loads(text)
