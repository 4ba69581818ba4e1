"""Fixed keys, a register of them, and who holds them: the same in every run, made in memory."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec, x25519
from fuzz.harness import scratch

from broker.protect.algorithms import Algorithm
from broker.protect.keeper import public_bytes
from broker.protect.register import HUB, Holder, Key, Register, key_id_of
from broker.protect.signature import SIGN
from broker.protect.vault import FileVault
from broker.protect.wrap import open_wrap
from broker.testing import NOON

UNIT, NAMED, FEED = "fiji-immigration", "samoa-tcu", "samoa-tcu-investigate"
NOW = NOON + timedelta(hours=1)


def _secret(owner: str, algorithm: Algorithm) -> bytes:
    return hashlib.sha256(f"fuzz {owner} {algorithm}".encode()).digest()


def _private(owner: str, algorithm: Algorithm):
    secret = _secret(owner, algorithm)
    if algorithm is Algorithm.HPKE_X25519:
        return x25519.X25519PrivateKey.from_private_bytes(secret)
    return ec.derive_private_key(int.from_bytes(secret, "big") >> 1, ec.SECP256R1())


def _key(holder: Holder, owner: str, algorithm: Algorithm, **more) -> Key:
    public = public_bytes(_private(owner, algorithm))
    return Key(
        id=key_id_of(algorithm, owner, public),
        holder=holder,
        owner=owner,
        algorithm=algorithm,
        public=base64.b64encode(public).decode(),
        not_before=datetime(2020, 1, 1, tzinfo=UTC),
        not_after=datetime(2120, 1, 1, tzinfo=UTC),
        **more,
    )


SIGNING = _key(Holder.UNIT, UNIT, Algorithm.ECDSA_P256_SHA256)
REGISTER = Register(
    version=1,
    keys=(
        SIGNING,
        _key(Holder.UNIT, NAMED, Algorithm.HPKE_X25519),
        _key(Holder.HUB, HUB, Algorithm.HPKE_X25519),
        _key(Holder.HUB, HUB, Algorithm.ECDSA_P256_SHA256),
        _key(Holder.FEED, FEED, Algorithm.HPKE_X25519),
    ),
)


class Held:
    """Every private key of the register."""

    def __init__(self) -> None:
        self._keys = {key.id: _private(key.owner, key.algorithm) for key in REGISTER.keys}

    def sign(self, key_id: str, message: bytes) -> bytes:
        return self._keys[key_id].sign(message, SIGN)

    def holds(self, key_id: str) -> bool:
        return key_id in self._keys

    def unwrap(self, key_id: str, wrapped: bytes, info: bytes) -> bytes:
        return open_wrap(wrapped, self._keys[key_id], info)


HELD = Held()


def vault() -> FileVault:
    return FileVault(scratch("vault"))
