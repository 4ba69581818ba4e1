"""The public keys of an issuer, from a JWKS file (RFC 7517); nothing is ever fetched."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from broker.errors import SettingsInvalid
from broker.gateway.identity.strict_json import StrictJsonInvalid, read_object
from broker.private_files import read_bounded

#: Largest JWKS file, bytes.
_LARGEST = 1 << 18
_LEAST_RSA_BITS = 2048
_MOST_RSA_BITS = 8192
_PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

PublicKey = ECKey | OKPKey | RSAKey


@dataclass(frozen=True)
class IssuerKey:
    """A key, and the algorithms that it may be used with: its type leaves one or two."""

    key: PublicKey
    algorithms: frozenset[str]


def read_jwks(file: Path, algorithms: Collection[str]) -> dict[str, IssuerKey]:
    """Return the keys of *file* that sign with one of *algorithms*, by key id.

    Keys of other kinds and for other uses are passed over, as RFC 7517 asks.

    Raises:
        SettingsInvalid: It cannot be read, holds a secret, or no key that can be used.
    """
    found: dict[str, IssuerKey] = {}
    for entry in _entries(file):
        if set(entry) & _PRIVATE:
            raise SettingsInvalid(f"{file.name}: it holds a secret key: publish the public halves")
        usable = _fitting(entry) & set(algorithms)
        if not usable or not _signs(entry):
            continue
        kid = entry.get("kid")
        if not isinstance(kid, str) or not kid or kid in found:
            raise SettingsInvalid(f"{file.name}: each key needs a kid of its own")
        found[kid] = IssuerKey(_imported(file, entry), frozenset(usable))
    if not found:
        raise SettingsInvalid(f"{file.name}: no key for {', '.join(algorithms)}")
    return found


def _entries(file: Path) -> list[dict[str, Any]]:
    try:
        content = read_bounded(file, _LARGEST)
        entries = read_object(content).get("keys") if len(content) <= _LARGEST else None
    except (OSError, StrictJsonInvalid):
        entries = None
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise SettingsInvalid(f"{file.name}: no JWKS can be read from it")
    return entries


def _fitting(entry: dict[str, Any]) -> set[str]:
    match entry.get("kty"), entry.get("crv"):
        case "EC", "P-256":
            fitting = {"ES256"}
        case "OKP", "Ed25519":
            fitting = {"EdDSA"}
        case "RSA", _:
            fitting = {"RS256", "PS256"}
        case _:
            fitting = set()
    return {name for name in fitting if entry.get("alg", name) == name}


def _signs(entry: dict[str, Any]) -> bool:
    operations = entry.get("key_ops", ["verify"])
    return entry.get("use", "sig") == "sig" and isinstance(operations, list) and (
        "verify" in operations
    )  # fmt: skip


def _imported(file: Path, entry: dict[str, Any]) -> PublicKey:
    kinds: dict[str, type[PublicKey]] = {"EC": ECKey, "OKP": OKPKey, "RSA": RSAKey}
    try:
        key = kinds[entry["kty"]].import_key(entry)
    except (JoseError, ValueError, TypeError, KeyError):
        raise SettingsInvalid(f"{file.name}: a key in it is damaged") from None
    if isinstance(key, RSAKey):
        bits = key.public_key.key_size
        if not _LEAST_RSA_BITS <= bits <= _MOST_RSA_BITS:
            raise SettingsInvalid(f"{file.name}: an RSA key of {bits} bits")
    return key
