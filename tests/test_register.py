"""The register: which key counts, and that no file speaks for two officers."""

import base64
import json
import shutil
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sealed import BUNDLE, FIJI, UNITS, reason_of, scratch

from broker.errors import SettingsInvalid
from broker.protect.algorithms import Algorithm
from broker.protect.ceremony import next_register, revoked
from broker.protect.change import ChangeKind
from broker.protect.development import agree
from broker.protect.issue import issue
from broker.protect.keeper import FileKeeper
from broker.protect.key_folder import KeyFolder, now
from broker.protect.public_key import is_public_key, load_p256
from broker.protect.register import HUB, Holder, Register, key_id_of


@pytest.fixture
def folder(key_folder: KeyFolder) -> KeyFolder:
    return key_folder


def edit(folder: KeyFolder, change) -> None:
    """Change register.json by hand."""
    file = folder.path / "register.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def renew(folder: KeyFolder, register: Register) -> None:
    agree(folder, ChangeKind.KEYS, register.digest().hex(), register)


def test_every_key_has_the_id_that_follows_from_it(folder):
    register = folder.register()

    assert len(register.by_id) == len(register.keys)
    for key in register.keys:
        assert key.id == key_id_of(key.algorithm, key.owner, key.public_bytes)


def test_the_newest_key_that_counts_is_the_current_one(folder):
    at = now()
    register = folder.register()
    hub = register.current(Holder.HUB, HUB, Algorithm.HPKE_X25519)
    begins = hub.not_before + timedelta(1)
    (newer,) = issue(FileKeeper(scratch() / "private"), Holder.HUB, HUB, begins)
    both = Register(version=2, keys=(newer, *register.keys))

    def current(when):
        return both.current(Holder.HUB, HUB, Algorithm.HPKE_X25519, when)

    assert current(at) == hub
    assert current(newer.not_before) == newer
    assert reason_of(current, hub.not_before - timedelta(1)) == ("KEY_UNKNOWN", "hub.hub")
    assert reason_of(current, newer.not_after) == ("KEY_UNKNOWN", "hub.hub")


def test_a_revoked_key_is_never_current(folder):
    at = now()
    register = folder.register()
    old = register.current(Holder.UNIT, FIJI, Algorithm.HPKE_X25519)
    after = Register(version=2, keys=tuple(revoked(k, at) for k in register.keys))

    def current(when):
        return after.current(Holder.UNIT, FIJI, Algorithm.HPKE_X25519, when)

    assert current(at - timedelta(1)).id == old.id
    assert reason_of(current, at) == ("KEY_UNKNOWN", f"unit.{FIJI}")


def test_each_kind_of_key_is_found_for_its_kind_of_owner_only(folder):
    register = folder.register()

    for holder, owner in ((Holder.FEED, FIJI), (Holder.HUB, FIJI), (Holder.UNIT, HUB)):
        assert reason_of(register.current, holder, owner, Algorithm.HPKE_X25519)[0] == "KEY_UNKNOWN"
    assert len(list(register.of(Holder.UNIT, FIJI, Algorithm.ECDSA_P256_SHA256))) == 1
    assert {k.owner for k in register.keys if k.holder is Holder.UNIT} == set(UNITS)


def test_a_register_of_two_officers_is_in_force_at_once(folder):
    before = folder.register()
    after = next_register(folder, before.keys[1:])

    renew(folder, after)

    assert folder.register() == after
    assert KeyFolder(folder.path).register().version == before.version + 1


def compressed(curve: ec.EllipticCurve) -> bytes:
    """Return a key whose DER has a compressed point: the same key, spelt another way."""
    head = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
    point = ec.derive_private_key(7, curve).public_key()
    return head + point.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)


def uncompressed(curve: ec.EllipticCurve) -> bytes:
    public = ec.derive_private_key(7, curve).public_key()
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


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


def test_a_register_with_two_keys_of_one_id_is_none(folder):
    keys = folder.register().keys

    with pytest.raises(ValueError, match="two keys have one id"):
        Register(version=2, keys=(*keys, keys[0]))


def x25519(number: int) -> bytes:
    return number.to_bytes(32, "little")


NO_KEYS = {
    "X25519, empty": (Algorithm.HPKE_X25519, b""),
    "X25519, too short": (Algorithm.HPKE_X25519, bytes(31)),
    "X25519, too long": (Algorithm.HPKE_X25519, bytes(33)),
    "X25519, no point": (Algorithm.HPKE_X25519, x25519(0)),
    "X25519, of order 1": (Algorithm.HPKE_X25519, x25519(1)),
    "X25519, of order 2": (Algorithm.HPKE_X25519, x25519(2**255 - 20)),
    "X25519, zero written otherwise": (Algorithm.HPKE_X25519, x25519(2**255 - 19)),
    "P-256, empty": (Algorithm.ECDSA_P256_SHA256, b""),
    "P-256, no DER": (Algorithm.ECDSA_P256_SHA256, bytes(91)),
    "P-256, a key for X25519": (Algorithm.ECDSA_P256_SHA256, x25519(9)),
    "P-256, compressed": (Algorithm.ECDSA_P256_SHA256, compressed(ec.SECP256R1())),
    "P-256, another curve": (Algorithm.ECDSA_P256_SHA256, uncompressed(ec.SECP384R1())),
    "P-256, with a tail": (Algorithm.ECDSA_P256_SHA256, uncompressed(ec.SECP256R1()) + b"\0"),
}


@pytest.mark.parametrize("what", NO_KEYS)
def test_a_register_with_a_key_that_is_none_is_refused_when_it_is_read(folder, what):
    algorithm, public = NO_KEYS[what]
    written = base64.b64encode(public).decode()

    def change(content):
        key = content["register_"]["keys"][1]
        key_id = key_id_of(algorithm, key["owner"], public)
        key.update(id=key_id, algorithm=algorithm.value, public=written)

    edit(folder, change)

    with pytest.raises(SettingsInvalid) as caught:
        folder.register()

    assert str(caught.value) == "register.json: NOT_A_PUBLIC_KEY at register_.keys.1"


def test_a_key_has_one_spelling_and_others_are_refused_though_they_would_verify():
    same = compressed(ec.SECP256R1())

    assert load_p256(same) == load_p256(uncompressed(ec.SECP256R1()))
    assert not is_public_key(Algorithm.ECDSA_P256_SHA256, same)


def test_a_key_under_the_id_of_another_is_refused(folder):
    edit(folder, lambda c: c["register_"]["keys"][1].update(id="0123456789abcdef"))

    with pytest.raises(SettingsInvalid, match=r"KEY_ID_DIFFERS at register_\.keys\.1$"):
        folder.register()


def test_a_bundle_that_two_officers_agreed_to_may_decide_and_no_other(folder):
    folder.require_bundle(BUNDLE)

    with pytest.raises(SettingsInvalid, match="NOT_APPROVED"):
        folder.require_bundle(bytes(32))


def test_the_approval_of_one_bundle_put_beside_another_is_refused(folder):
    bundles = folder.path / "bundles"
    shutil.copy(bundles / f"{BUNDLE.hex()}.json", bundles / f"{bytes(32).hex()}.json")

    with pytest.raises(SettingsInvalid, match="APPROVAL_DIFFERS"):
        folder.require_bundle(bytes(32))


def test_the_approval_of_a_register_does_not_let_a_bundle_decide(folder):
    digest = folder.register().digest()
    approved = json.loads((folder.path / "register.json").read_text())["approved"]
    (folder.path / "bundles" / f"{digest.hex()}.json").write_text(json.dumps(approved))

    with pytest.raises(SettingsInvalid, match="APPROVAL_DIFFERS"):
        folder.require_bundle(digest)


def test_the_approval_of_a_bundle_puts_no_register_in_force(folder):
    wanted = next_register(folder, folder.register().keys[1:])
    digest = wanted.digest().hex()
    agree(folder, ChangeKind.BUNDLE, digest)
    approved = json.loads((folder.path / "bundles" / f"{digest}.json").read_text())

    edit(
        folder,
        lambda c: c.update(register_=wanted.model_dump(mode="json"), approved=approved),
    )

    with pytest.raises(SettingsInvalid, match="APPROVAL_DIFFERS"):
        folder.register()
