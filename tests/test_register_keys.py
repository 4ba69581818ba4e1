"""What is no key, or has not its own id, is refused when the register is read."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from register_changes import edit

from broker.errors import SettingsInvalid
from broker.protect.algorithms import Algorithm
from broker.protect.key_folder import KeyFolder
from broker.protect.public_key import is_public_key, load_p256
from broker.protect.register import Register, key_id_of


@pytest.fixture
def folder(key_folder: KeyFolder) -> KeyFolder:
    return key_folder


def compressed(curve: ec.EllipticCurve) -> bytes:
    """Return a key whose DER has a compressed point: the same key, spelt another way."""
    head = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
    point = ec.derive_private_key(7, curve).public_key()
    return head + point.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)


def uncompressed(curve: ec.EllipticCurve) -> bytes:
    public = ec.derive_private_key(7, curve).public_key()
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


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
