"""Each kind of keeper uses a key for what it was made, and has no key that is not there."""

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from key_serving import ABSENT, service
from sealed import scratch

from broker.protect.algorithms import Algorithm
from broker.protect.keeper import FileKeeper
from broker.protect.public_key import load_p256
from broker.protect.signature import is_valid
from broker.protect.slot_seal import SealBroken
from broker.protect.socket_keeper import SocketKeeper
from broker.protect.wrap import wrap


@pytest.fixture
def folder() -> Path:
    return scratch()


@pytest.fixture(params=["file", "socket"])
def keeper(request, folder):
    """Each real implementation of the one interface."""
    held = FileKeeper(folder / "private")
    if request.param == "file":
        yield held
        return
    with service(folder / "keys.sock", held):
        asking = SocketKeeper(folder / "keys.sock", os.geteuid())
        yield asking
        asking.close()


def test_a_signature_is_made_under_the_key_and_no_other(keeper):
    key_id, public = keeper.generate(Algorithm.ECDSA_P256_SHA256, "fiji-police")

    assert keeper.holds(key_id)
    assert is_valid(public, keeper.sign(key_id, b"said"), b"said")
    assert isinstance(load_p256(public), ec.EllipticCurvePublicKey)
    with pytest.raises(KeyError):
        keeper.unwrap(key_id, bytes(80), b"info")


def test_a_wrap_opens_for_what_it_is_bound_to_and_for_nothing_else(keeper):
    key_id, public = keeper.generate(Algorithm.HPKE_X25519, "hub")
    wrapped = wrap(b"a key", public, b"info")

    assert keeper.unwrap(key_id, wrapped, b"info") == b"a key"
    for other in ((wrapped, b"elsewhere"), (wrapped[:-1], b"info"), (b"", b"info")):
        with pytest.raises(SealBroken):
            keeper.unwrap(key_id, *other)
    with pytest.raises(KeyError):
        keeper.sign(key_id, b"said")


def test_a_key_that_is_not_there_or_was_destroyed_is_a_key_error(keeper):
    key_id, public = keeper.generate(Algorithm.HPKE_X25519, "hub")
    wrapped = wrap(b"a key", public, b"info")
    keeper.destroy(key_id)
    keeper.destroy(key_id)

    for gone in (key_id, ABSENT):
        assert not keeper.holds(gone)
        with pytest.raises(KeyError):
            keeper.unwrap(gone, wrapped, b"info")
        with pytest.raises(KeyError):
            keeper.sign(gone, b"said")


@pytest.mark.parametrize("key_id", ["../officers/first", "", "x" * 500, "\0", "é"])
def test_an_id_that_is_none_leads_to_no_file(keeper, key_id):
    assert not keeper.holds(key_id)
    with pytest.raises(KeyError):
        keeper.sign(key_id, b"said")
