"""The journal keeps what it was told to keep, in order and over restarts, until it is sent."""

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_entries import UNIT, entry, values

from broker.client.journal import Journal, JournalFull
from broker.client.journal_file import RECORDS_AT
from broker.client.payload import Form
from broker.errors import SettingsInvalid


def test_what_was_kept_is_there_after_a_restart_in_its_order(tmp_path):
    kept = [entry(n, os.urandom(n), f"unit-{n % 2}", n, Form(1 + n % 2)) for n in range(1, 30)]
    with Journal(tmp_path) as journal:
        for each in kept:
            journal.append(each)

    with Journal(tmp_path) as journal:
        assert [each.entry for each in journal.all_waiting()] == kept
        assert [each.entry for each in journal.waiting("unit-1", 5)] == kept[0:9:2]


def test_what_was_sent_leaves_and_the_rest_stays(tmp_path):
    with Journal(tmp_path) as journal:
        for number in range(1, 6):
            journal.append(entry(number, b"%d" % number))
        journal.sent(each.number for each in journal.waiting(UNIT, 2))
        assert values(journal) == [b"3", b"4", b"5"]

    with Journal(tmp_path) as journal:
        assert values(journal) == [b"3", b"4", b"5"]
        journal.append(entry(6, b"6"))
        assert values(journal) == [b"3", b"4", b"5", b"6"]


def test_once_all_is_sent_nothing_of_it_lies_on_the_disk_not_even_sealed(tmp_path):
    with Journal(tmp_path) as journal:
        journal.append(entry(1, b"x" * 5000))
        journal.sent([each.number for each in journal.all_waiting()])

        assert (tmp_path / "journal").stat().st_size == RECORDS_AT


def test_what_is_refused_is_set_aside_with_its_reason_until_somebody_looks(tmp_path):
    with Journal(tmp_path) as journal:
        journal.append(entry(1, b"bad"))
        journal.append(entry(2, b"good"))
        (bad, _) = journal.waiting(UNIT, 2)
        journal.refuse(bad.number, "FIELD_INVALID", "label.tlp")
        journal.sent([each.number for each in journal.waiting(UNIT, 1)])

    for _ in range(2):  # compacted, and read anew
        with Journal(tmp_path) as journal:
            (aside,) = journal.set_aside()
            assert (aside.entry, aside.code, aside.path) == (
                entry(1, b"bad"), "FIELD_INVALID", "label.tlp",
            )  # fmt: skip
            assert values(journal) == []

    with Journal(tmp_path) as journal:
        journal.again(aside.number)
        assert (journal.set_aside(), values(journal)) == ([], [b"bad"])
        journal.refuse(journal.waiting(UNIT, 1)[0].number, "EXPIRED_ON_ARRIVAL")
        journal.forget(journal.set_aside()[0].number)
        with pytest.raises(SettingsInvalid):
            journal.forget(aside.number)

    with Journal(tmp_path) as journal:
        assert (journal.set_aside(), journal.count) == ([], 0)


def test_it_holds_no_more_than_it_may_and_says_so(tmp_path):
    with Journal(tmp_path, most_bytes=4000) as journal:
        journal.append(entry(1, b"a" * 1500))
        journal.append(entry(2, b"b" * 1500))
        with pytest.raises(JournalFull):
            journal.append(entry(3, b"c" * 1500))
        journal.sent([journal.waiting(UNIT, 1)[0].number])
        journal.append(entry(3, b"c" * 1500))  # written anew without what was sent

        assert values(journal) == [b"b" * 1500, b"c" * 1500]
        assert (tmp_path / "journal").stat().st_size <= 4000


def test_one_process_uses_it_at_a_time(tmp_path):
    other = (
        "import sys; from pathlib import Path; from broker.client.journal import Journal\n"
        "Journal(Path(sys.argv[1])).__enter__()"
    )
    with Journal(tmp_path):
        with pytest.raises(SettingsInvalid, match="another process"):
            Journal(tmp_path).__enter__()
        ran = subprocess.run(
            [sys.executable, "-c", other, str(tmp_path)],
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )
        assert "another process uses this journal" in ran.stderr

    with Journal(tmp_path):
        pass


@given(st.lists(st.tuples(st.sampled_from("ASRGF"), st.integers(0, 5)), max_size=40))
@settings(max_examples=80)
def test_any_history_is_the_same_after_a_restart(tmp_path_factory, history):
    """A: append, S: sent, R: refused, G: again, F: forget; the model is two lists."""
    folder = tmp_path_factory.mktemp("history")
    waiting, aside = [], []
    for number, (what, index) in enumerate(history):
        with Journal(folder) as journal:
            mine, theirs = journal.all_waiting(), journal.set_aside()
            if what == "A":
                journal.append(entry(number, b"%d" % number * (index + 1)))
                waiting.append(b"%d" % number * (index + 1))
            elif what in "SR" and index < len(waiting):
                (journal.sent([mine[index].number])) if what == "S" else journal.refuse(
                    mine[index].number, "OVERSIZED"
                )
                gone = waiting.pop(index)
                aside += [gone] if what == "R" else []
            elif what in "GF" and index < len(aside):
                (journal.again if what == "G" else journal.forget)(theirs[index].number)
                gone = aside.pop(index)
                waiting += [gone] if what == "G" else []
        with Journal(folder) as journal:
            assert [each.entry.payload.value for each in journal.all_waiting()] == waiting
            assert sorted(e.entry.payload.value for e in journal.set_aside()) == sorted(aside)
            aside = [e.entry.payload.value for e in journal.set_aside()]
