"""Nothing that a journal keeps can be read without its key."""

import os
from uuid import uuid4

import pytest
from journal_entries import CANARY, entry, filled, values

from broker.client.journal import Journal
from broker.client.journal_file import JournalDamaged
from broker.client.payload import Form, Payload
from broker.errors import SettingsInvalid
from broker.testing import alert_id_of


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


def test_an_entry_shows_no_content_when_printed():
    shown = repr(entry(1, CANARY)) + repr(Payload(uuid4(), 1, Form.DRAFT, CANARY))

    assert "CANARY" not in shown
