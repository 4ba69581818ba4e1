"""Private keys in files: only their owner reads them, and a destroyed one opens nothing."""

from pathlib import Path

import pytest
from sealed import scratch

from broker.errors import SettingsInvalid
from broker.protect.algorithms import Algorithm
from broker.protect.keeper import FileKeeper
from broker.protect.slot_seal import SealBroken
from broker.protect.wrap import wrap


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_private_key_lies_in_a_file_that_only_its_owner_may_read(algorithm):
    folder = scratch() / "private"
    key_id, _ = FileKeeper(folder).generate(algorithm, "hub")

    assert folder.stat().st_mode & 0o777 == 0o700
    (file,) = folder.iterdir()
    assert file.name == f"{key_id}.pem"
    assert file.stat().st_mode & 0o777 == 0o600


def _hub_key(folder: Path) -> tuple[str, bytes]:
    key_id, public = FileKeeper(folder).generate(Algorithm.HPKE_X25519, "hub")
    return key_id, wrap(b"a key", public, b"info")


def test_a_private_key_that_is_open_to_others_is_refused():
    folder = scratch() / "private"
    key_id, wrapped = _hub_key(folder)
    (folder / f"{key_id}.pem").chmod(0o604)

    with pytest.raises(SettingsInvalid, match="open to others"):
        FileKeeper(folder).unwrap(key_id, wrapped, b"info")
    folder.chmod(0o750)
    with pytest.raises(SettingsInvalid, match="open to others"):
        FileKeeper(folder)


def test_a_destroyed_key_opens_nothing_in_any_process():
    folder = scratch() / "private"
    key_id, wrapped = _hub_key(folder)
    one, other = FileKeeper(folder), FileKeeper(folder)
    assert one.unwrap(key_id, wrapped, b"info") == b"a key"
    assert other.unwrap(key_id, wrapped, b"info") == b"a key"

    one.destroy(key_id)
    one.destroy(key_id)

    assert not other.holds(key_id)
    for keeper in (one, other):
        with pytest.raises(KeyError):
            keeper.unwrap(key_id, wrapped, b"info")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"garbage", b"-----BEGIN PRIVATE KEY-----\nAAAA\n", None])
def test_a_file_without_a_key_that_lali_uses_is_refused_and_not_shown(content):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    if content is None:
        content = ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    folder = scratch()
    file = folder / f"{'0' * 16}.pem"
    file.touch(mode=0o600)
    file.write_bytes(content)

    with pytest.raises(SettingsInvalid) as caught:
        FileKeeper(folder).sign("0" * 16, b"message")
    assert "AAAA" not in str(caught.value)


@pytest.mark.parametrize(
    "key_id", ["../officers/one", "/etc/passwd", "\x00", "x" * 300, "", "A" * 16]
)
def test_a_key_id_never_leads_out_of_the_folder(key_id):
    folder = scratch() / "private"
    keeper = FileKeeper(folder)
    keeper.generate(Algorithm.HPKE_X25519, "hub")
    outside = folder.parent / "officers" / "one.pem"
    outside.parent.mkdir(mode=0o700)
    FileKeeper(outside.parent).generate(Algorithm.HPKE_X25519, "one")
    next(outside.parent.iterdir()).rename(outside)

    assert not keeper.holds(key_id)
    with pytest.raises(KeyError):
        keeper.unwrap(key_id, bytes(80), b"info")
    with pytest.raises(KeyError):
        keeper.sign(key_id, b"message")
    with pytest.raises(KeyError):
        keeper.destroy(key_id)
    assert outside.exists()


def test_a_key_is_not_used_for_what_it_is_not_for():
    keeper = FileKeeper(scratch())
    signs, _ = keeper.generate(Algorithm.ECDSA_P256_SHA256, "one")
    opens, public = keeper.generate(Algorithm.HPKE_X25519, "one")

    with pytest.raises(KeyError):
        keeper.sign(opens, b"message")
    with pytest.raises(KeyError):
        keeper.unwrap(signs, wrap(bytes(32), public, b"info"), b"info")
    with pytest.raises(SealBroken):
        keeper.unwrap(opens, wrap(bytes(32), public, b"other"), b"info")
