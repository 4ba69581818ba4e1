"""A register that two officers did not agree to, or that is older than the last, is refused."""

import base64
import shutil

import pytest
from register_changes import edit, renew
from sealed import scratch

from broker.errors import SettingsInvalid
from broker.protect.ceremony import next_register
from broker.protect.key_folder import KeyFolder


@pytest.fixture
def folder(key_folder: KeyFolder) -> KeyFolder:
    return key_folder


EDITS = {
    "a key's owner": lambda c: c["register_"]["keys"][1].update(owner="tonga-customs"),
    "a key itself": lambda c: c["register_"]["keys"][1].update(
        public=base64.b64encode(bytes(32)).decode()
    ),
    "when a key ends": lambda c: c["register_"]["keys"][1].update(not_after="2099-01-01T00:00:00Z"),
    "a key taken out": lambda c: c["register_"]["keys"].pop(),
    "the version": lambda c: c["register_"].update(version=9),
    "the digest that was approved": lambda c: c["approved"]["approval"].update(digest="0" * 64),
    "the digest that was proposed": lambda c: c["approved"]["change"].update(digest="0" * 64),
    "the proposer": lambda c: c["approved"]["change"].update(proposer="second-officer"),
    "the approver": lambda c: c["approved"]["approval"].update(approver="first-officer"),
    "an unknown officer": lambda c: c["approved"]["approval"].update(approver="nobody"),
    "the proposer's signature": lambda c: c["approved"]["change"].update(signature="AAAA"),
    "the approver's signature": lambda c: c["approved"]["approval"].update(signature="~~~"),
    "when it was approved": lambda c: c["approved"]["approval"].update(
        approved_at="2026-01-01T00:00:00Z"
    ),
    "the kind of change": lambda c: c["approved"]["change"].update(kind="BUNDLE"),
    "a field that is not known": lambda c: c.update(secretly="CANARY"),
    "no approval": lambda c: c.pop("approved"),
}


@pytest.mark.parametrize("what", EDITS)
def test_a_register_that_was_edited_after_its_approval_is_refused(folder, what):
    edit(folder, EDITS[what])

    with pytest.raises(SettingsInvalid) as caught:
        folder.register()

    assert "register" in str(caught.value)
    for value in ("CANARY", "AAAA", "~~~", "0" * 64, base64.b64encode(bytes(32)).decode()):
        assert value not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe"])
def test_a_file_that_is_no_register_is_refused(folder, content):
    (folder.path / "register.json").write_bytes(content)

    with pytest.raises(SettingsInvalid, match=r"register\.json"):
        folder.register()


def test_no_register_is_no_register(folder):
    (folder.path / "register.json").unlink()

    assert not folder.exists
    with pytest.raises(SettingsInvalid, match="keys init"):
        folder.register()


def test_an_older_register_never_replaces_a_newer_one(folder):
    older = (folder.path / "register.json").read_bytes()
    renew(folder, next_register(folder, folder.register().keys[1:]))
    folder.register()

    (folder.path / "register.json").write_bytes(older)

    for _ in range(2):
        with pytest.raises(SettingsInvalid, match="not newer"):
            folder.register()


def test_another_register_of_the_same_version_does_not_replace_the_one_in_force(folder):
    first = folder.register()
    other = KeyFolder(scratch() / "keys")
    shutil.copytree(folder.path, other.path)
    renew(folder, next_register(folder, first.keys[1:]))
    renew(other, next_register(other, first.keys[2:]))
    folder.register()

    shutil.copy(other.path / "register.json", folder.path / "register.json")

    with pytest.raises(SettingsInvalid):
        folder.register()
