"""Officers: one person is one, and only a usable key of their own agrees to anything."""

import base64
import json

import pytest
from officers import named, proposed
from sealed import reason_of, scratch

from broker.errors import SettingsInvalid
from broker.protect.ceremony import (
    OfficerKey,
    approve,
)
from broker.protect.change import Officer
from broker.protect.development import FIRST
from broker.protect.key_folder import KeyFolder


@pytest.fixture
def folder(key_folder: KeyFolder) -> KeyFolder:
    return key_folder


def with_officers(folder: KeyFolder, *more: Officer, **changed: dict) -> KeyFolder:
    """Return the folder anew, with officers added or changed in its file."""
    file = folder.path / "officers.json"
    content = json.loads(file.read_text())
    for officer in content["officers"]:
        officer.update(changed.get(officer["id"].replace("-", "_"), {}))
    content["officers"] += [officer.model_dump() for officer in more]
    file.write_text(json.dumps(content))
    return KeyFolder(folder.path)


def _compressed(public: str) -> str:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_der_public_key(base64.b64decode(public))
    head = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
    return base64.b64encode(
        head
        + key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    ).decode()


ENCODINGS = {
    "the same text": lambda public: public,
    "a compressed point": _compressed,
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_one_person_under_two_names_is_one_person(folder, first, encoding):
    public = ENCODINGS[encoding](folder.officers[FIRST].public)
    folder = with_officers(folder, Officer(id="alias", name="Alias", public=public))
    record = proposed(folder, first)

    assert reason_of(approve, folder, named(folder, "alias"), record) == (
        "SELF_APPROVED",
        "approval.approver",
    )


@pytest.mark.parametrize("public", ["", "AAAA"])
def test_an_officer_without_a_usable_key_agrees_to_nothing(folder, second, public):
    folder = with_officers(folder, first_officer={"public": public})

    assert reason_of(proposed, folder, named(folder, FIRST))[0] == "SIGNATURE_INVALID"


@pytest.mark.parametrize("public", ["no base64!", "A", "AA\nAA"])
def test_a_list_of_officers_with_a_key_that_is_no_text_of_one_is_refused(folder, public):
    folder = with_officers(folder, first_officer={"public": public})

    with pytest.raises(SettingsInvalid, match=r"officers\.json"):
        proposed(folder, named(folder, FIRST))


@pytest.mark.parametrize("curve", ["SECP384R1", "SECP256K1", "Ed25519", "BrainpoolP256R1"])
def test_an_officers_key_of_another_kind_agrees_to_nothing(folder, curve):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    if curve == "Ed25519":
        key = ed25519.Ed25519PrivateKey.generate().public_key()
    else:
        key = ec.generate_private_key(getattr(ec, curve)()).public_key()
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    folder = with_officers(folder, first_officer={"public": base64.b64encode(der).decode()})

    assert reason_of(proposed, folder, named(folder, FIRST))[0] == "SIGNATURE_INVALID"


@pytest.mark.parametrize("content", [None, b"garbage"])
def test_an_officer_without_a_key_of_their_own_is_refused(folder, content):
    file = scratch() / "officer.pem"
    if content is not None:
        file.touch(mode=0o600)
        file.write_bytes(content)

    with pytest.raises(SettingsInvalid):
        OfficerKey(FIRST, file)


def test_an_officers_key_that_others_may_read_is_refused(folder):
    file = folder.path / "officers" / f"{FIRST}.pem"
    file.chmod(0o640)

    with pytest.raises(SettingsInvalid, match="open to others"):
        OfficerKey(FIRST, file)
