"""A cursor says the same on every gateway with the secret, and nothing to anybody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.gateway.cursor import CursorInvalid, Cursors

SECRET = b"s" * 32
OURS = Cursors(lambda: (SECRET,))
POSITIONS = st.dictionaries(st.integers(0, 255), st.integers(0, 2**62), max_size=8)
FEEDS = st.from_regex(r"[a-z]{1,12}(-[a-z]{1,12})?", fullmatch=True)


@given(feed=FEEDS, position=POSITIONS, extra=st.integers(0, 2**40))
def test_a_cursor_opens_to_what_was_sealed(feed, position, extra):
    sealed = OURS.sealed(feed, position, extra)

    assert Cursors(lambda: (SECRET,)).opened(feed, sealed) == (position, extra)


@given(position=POSITIONS, extra=st.integers(0, 2**40))
def test_where_the_topic_was_made_anew_a_cursor_is_the_beginning(position, extra):
    old, new, unknown = (
        Cursors(lambda: (SECRET,), era_of=lambda _, era=era: era) for era in (7, 8, 0)
    )

    assert new.opened("a-feed", old.sealed("a-feed", position, extra)) == ({}, 0)
    # A gateway that has just begun may not have asked Kafka yet.
    for here, there in ((old, unknown), (unknown, old), (old, old)):
        assert here.opened("a-feed", there.sealed("a-feed", position, extra)) == (position, extra)


@given(feed=FEEDS, other=FEEDS, position=POSITIONS)
def test_a_cursor_is_none_in_another_feed(feed, other, position):
    sealed = OURS.sealed(feed, position)
    if feed == other:
        return
    with pytest.raises(CursorInvalid):
        OURS.opened(other, sealed)


@given(position=POSITIONS, where=st.integers(0), change=st.integers(1, 127))
def test_a_cursor_that_was_changed_is_none(position, where, change):
    sealed = OURS.sealed("a-feed", position)
    place = where % len(sealed)
    changed = sealed[:place] + chr(ord(sealed[place]) ^ change) + sealed[place + 1 :]

    with pytest.raises(CursorInvalid):
        OURS.opened("a-feed", changed)


@pytest.mark.parametrize("text", ["", "=", "A", "éé", "A" * 5000, "-_-_", "AAAA\n", "a b"])
def test_what_was_never_sealed_is_no_cursor(text):
    with pytest.raises(CursorInvalid):
        OURS.opened("a-feed", text)


@given(st.text(max_size=200))
def test_any_text_is_refused_and_nothing_else_happens(text):
    with pytest.raises(CursorInvalid):
        OURS.opened("a-feed", text)


def test_another_secret_or_another_use_makes_other_cursors():
    sealed = OURS.sealed("a-feed", {0: 1})
    for other in (Cursors(lambda: (b"t" * 32,)), Cursors(lambda: (SECRET,), "taxii")):
        with pytest.raises(CursorInvalid):
            other.opened("a-feed", sealed)
