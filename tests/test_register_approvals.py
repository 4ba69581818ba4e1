"""An approval holds for the one bundle or register that two officers agreed to."""

import json

import pytest
from register_changes import edit
from sealed import BUNDLE

from broker.errors import SettingsInvalid
from broker.protect.ceremony import next_register
from broker.protect.change import ChangeKind
from broker.protect.development import agree
from broker.protect.key_folder import KeyFolder


@pytest.fixture
def folder(key_folder: KeyFolder) -> KeyFolder:
    return key_folder


def test_a_bundle_that_two_officers_agreed_to_may_decide_and_no_other(folder):
    folder.require_bundle(BUNDLE)

    with pytest.raises(SettingsInvalid, match="NOT_APPROVED"):
        folder.require_bundle(bytes(32))


def test_the_approval_of_one_bundle_put_beside_another_is_refused(folder):
    file = folder.path / "bundle.json"
    written = json.loads(file.read_text())
    written["change"]["digest"] = bytes(32).hex()
    file.write_text(json.dumps(written))

    with pytest.raises(SettingsInvalid, match="SIGNATURE_INVALID"):
        folder.require_bundle(bytes(32))


def test_the_approval_of_a_register_does_not_let_a_bundle_decide(folder):
    digest = folder.register().digest()
    approved = json.loads((folder.path / "register.json").read_text())["approved"]
    (folder.path / "bundle.json").write_text(json.dumps(approved))

    with pytest.raises(SettingsInvalid, match="APPROVAL_DIFFERS"):
        folder.require_bundle(digest)


def test_the_approval_of_a_bundle_puts_no_register_in_force(folder):
    wanted = next_register(folder, folder.register().keys[1:])
    digest = wanted.digest().hex()
    agree(folder, ChangeKind.BUNDLE, digest)
    approved = json.loads((folder.path / "bundle.json").read_text())

    edit(
        folder,
        lambda c: c.update(register_=wanted.model_dump(mode="json"), approved=approved),
    )

    with pytest.raises(SettingsInvalid, match="APPROVAL_DIFFERS"):
        folder.register()
