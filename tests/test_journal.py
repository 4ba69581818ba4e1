"""The journal: what was told to be kept is kept, or its loss is told; nothing readable is there."""

import os
import subprocess
import sys
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.client.journal import Journal, JournalFull
from broker.client.journal_entry import Entry
from broker.client.journal_file import RECORDS_AT, JournalDamaged
from broker.client.payload import Form, Payload
from broker.errors import SettingsInvalid
from broker.testing import alert_id_of

UNIT = "fiji-immigration"
CANARY = b"CANARYNAME-Jone-Specimen"


def entry(number=1, value=b"an alert", unit=UNIT, revision=1, form=Form.DRAFT):
    return Entry(unit, Payload(alert_id_of(number), revision, form, value))


def values(journal, unit=UNIT):
    return [each.entry.payload.value for each in journal.waiting(unit, 10_000)]


def filled(folder, *contents):
    with Journal(folder) as journal:
        for number, value in enumerate(contents, start=1):
            journal.append(entry(number, value))
    return folder / "journal"


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


def test_nothing_readable_lies_in_its_folder(tmp_path):
    folder, key = tmp_path / "journal", tmp_path / "key"
    with Journal(folder, key_file=key) as journal:
        for number in range(5):
            journal.append(entry(number, CANARY * 20, unit="canary-unit"))
        journal.refuse(journal.all_waiting()[0].number, "FIELD_INVALID", "canary.path")
        journal.sent([journal.all_waiting()[0].number])
        for file in folder.rglob("*"):
            content = file.read_bytes()
            assert b"CANARY" not in content
            assert b"canary" not in content
            assert alert_id_of(1).bytes not in content
            assert file.stat().st_mode & 0o077 == 0
        assert folder.stat().st_mode & 0o077 == 0
        assert key.stat().st_mode & 0o077 == 0
    assert len(list(folder.iterdir())) == 2  # journal and lock: no left-over


def test_without_its_key_it_cannot_be_read_and_no_new_key_is_made(tmp_path):
    path = filled(tmp_path, b"one")
    key = (tmp_path / "key").read_bytes()

    (tmp_path / "key").unlink()
    with pytest.raises(SettingsInvalid, match="key is gone"):
        Journal(tmp_path).__enter__()
    (tmp_path / "key").write_bytes(os.urandom(32))
    with pytest.raises(SettingsInvalid, match="others may read it"):
        Journal(tmp_path).__enter__()
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(JournalDamaged):
        Journal(tmp_path).__enter__()

    assert path.exists()
    (tmp_path / "key").write_bytes(key)
    with Journal(tmp_path) as journal:
        assert values(journal) == [b"one"]


def test_an_alert_is_on_the_disk_before_it_is_told_and_then_its_note(tmp_path, monkeypatch):
    happened = []
    written, synced = os.pwrite, os.fsync

    def noted_write(number, data, place):
        happened.append(f"write {'note' if place < RECORDS_AT else 'record'}")
        return written(number, data, place)

    def noted_sync(number):
        happened.append("sync")
        return synced(number)

    with Journal(tmp_path) as journal:
        monkeypatch.setattr(os, "pwrite", noted_write)
        monkeypatch.setattr(os, "fsync", noted_sync)
        journal.append(entry())

    assert happened == ["write record", "sync", "write note", "sync"]


@pytest.mark.parametrize("fails", ["pwrite", "fsync"])
def test_a_disk_that_fails_keeps_nothing_and_loses_nothing(tmp_path, monkeypatch, fails):
    def failing(*_):
        raise OSError(28, "no space left")

    with Journal(tmp_path) as journal:
        journal.append(entry(1, b"one"))
        with monkeypatch.context() as patched:
            patched.setattr(os, fails, failing)
            with pytest.raises(JournalFull):
                journal.append(entry(2, b"two"))
        with pytest.raises(JournalFull):  # until it has been read anew
            journal.append(entry(3, b"three"))

    with Journal(tmp_path) as journal:
        assert values(journal) == [b"one"]
        journal.append(entry(4, b"four"))
    with Journal(tmp_path) as journal:
        assert values(journal) == [b"one", b"four"]


# Damage


def opened(folder):
    with Journal(folder) as journal:
        return values(journal)


def test_cut_anywhere_it_tells_the_loss_of_what_was_told_to_be_kept(tmp_path):
    path = filled(tmp_path, b"first", b"second", b"third")
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with pytest.raises(JournalDamaged):
            opened(tmp_path)
    path.write_bytes(whole)
    assert opened(tmp_path) == [b"first", b"second", b"third"]


def test_changed_in_any_byte_it_gives_what_was_kept_or_tells_the_damage(tmp_path):
    path = filled(tmp_path, b"first", b"second")
    whole = path.read_bytes()
    told = 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            assert opened(tmp_path) == [b"first", b"second"]
        except JournalDamaged:
            told += 1
    assert told == len(whole) - RECORDS_AT  # header and notes stand twice


@given(data=st.data(), contents=st.lists(st.binary(max_size=200), min_size=1, max_size=6))
@settings(max_examples=60)
def test_the_torn_end_of_a_write_that_nobody_was_told_of_is_dropped(
    tmp_path_factory, data, contents
):
    folder = tmp_path_factory.mktemp("torn")
    path = filled(folder, *contents)
    told = path.read_bytes()
    with Journal(folder) as journal:
        journal.append(entry(99, b"the last"))
    torn = path.read_bytes()[len(told) :]
    notes = told[:RECORDS_AT]  # the crash came before the note
    end = data.draw(st.integers(0, len(torn) - 1))
    tail = torn[:end] + data.draw(st.sampled_from([b"", bytes(50)]))

    path.write_bytes(notes + told[RECORDS_AT:] + tail)

    assert opened(folder) == contents
    with Journal(folder) as journal:
        journal.append(entry(100, b"after"))
    assert opened(folder) == [*contents, b"after"]


def test_a_whole_record_whose_note_the_crash_took_is_sent(tmp_path):
    path = filled(tmp_path, b"one")
    before = path.read_bytes()[:RECORDS_AT]
    with Journal(tmp_path) as journal:
        journal.append(entry(2, b"two"))
    path.write_bytes(before + path.read_bytes()[RECORDS_AT:])

    assert opened(tmp_path) == [b"one", b"two"]


def test_records_of_another_file_under_the_same_key_are_none_here(tmp_path):
    path = filled(tmp_path, b"old old old")
    old = path.read_bytes()
    path.unlink()
    filled(tmp_path, b"new new new")
    mixed = path.read_bytes()[:RECORDS_AT] + old[RECORDS_AT:]

    path.write_bytes(mixed)

    with pytest.raises(JournalDamaged):
        opened(tmp_path)


@given(place=st.integers(RECORDS_AT, RECORDS_AT + 400), cut=st.booleans())
@settings(max_examples=60)
def test_mending_saves_every_whole_record_and_keeps_the_damaged_file(tmp_path_factory, place, cut):
    folder = tmp_path_factory.mktemp("mend")
    contents = [bytes([65 + n]) * 60 for n in range(6)]
    path = filled(folder, *contents)
    whole = path.read_bytes()
    flipped = bytes([whole[place] ^ 1]) + (b"" if cut else whole[place + 1 :])
    path.write_bytes(whole[:place] + flipped)
    record = (len(whole) - RECORDS_AT) // 6
    hit = (place - RECORDS_AT) // record

    mended = Journal(folder).mend()

    left = contents[:hit] if cut else [*contents[:hit], *contents[hit + 1 :]]
    assert opened(folder) == left
    assert mended.waiting == len(left)
    assert mended.kept.read_bytes() == whole[:place] + flipped
    assert mended.unreadable_bytes >= 1


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


def test_an_entry_shows_no_content_when_printed():
    shown = repr(entry(1, CANARY)) + repr(Payload(uuid4(), 1, Form.DRAFT, CANARY))

    assert "CANARY" not in shown
