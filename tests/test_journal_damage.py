"""A crash, a failing disk or damage loses nothing that was told to be kept, or the loss is told."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_entries import entry, filled, opened, values

from broker.client.journal import Journal, JournalFull
from broker.client.journal_file import RECORDS_AT, JournalDamaged


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
