"""The identities file: who issues tokens, which certificates are refused, which proxies speak.

It is read anew as soon as it, or a file of keys that it names, has changed. While it cannot be
read nobody comes in by certificate or token: what it should revoke is not known.
"""

import errno
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from broker.errors import Rejected, SettingsInvalid
from broker.gateway.identity.jwks import IssuerKey, read_jwks
from broker.gateway.identity.peer import Peer
from broker.gateway.identity.watched import Watched
from broker.model.base import Id, Line, Model
from broker.model.community import Right
from broker.policy.directory import Directory
from broker.private_files import read_bounded
from broker.toml_tables import TomlInvalid, read_tables
from broker.wire.refusal import validated

#: Largest identities file, bytes.
_LARGEST = 1 << 20
_HEX = re.compile(r"[0-9a-f]{64}|serial:[0-9a-f]{1,42}")


def _plain_hex(text: str) -> str:
    # As `openssl x509 -fingerprint` and `-serial` print them, too.
    text = text.lower().replace(":", "").replace("sha256", "").replace("serial", "serial:")
    if not _HEX.fullmatch(text):
        raise ValueError("no fingerprint and no serial")
    if text.startswith("serial:"):
        return f"serial:{int(text.removeprefix('serial:'), 16):x}"
    return text


def _network(text: str) -> str:
    return str(ipaddress.ip_network(text))


def _own_scopes() -> dict[str, tuple[Right, ...]]:
    return {f"lali:{right}": (right,) for right in Right}


_CertificateId = Annotated[str, AfterValidator(_plain_hex)]


class CertificateRules(Model):
    """Which client certificates count."""

    refused: frozenset[_CertificateId] = Field(
        frozenset(),
        description="SHA-256 fingerprints, or serial:<hex>; they count no more, at once.",
    )
    trust_domain: str | None = Field(
        None, description="The one SPIFFE trust domain. None: any that the CA signed."
    )

    def refuses(self, peer: Peer) -> bool:
        """Whether *peer* is on the list."""
        return bool({peer.fingerprint, f"serial:{peer.serial}"} & self.refused)


class Proxy(Model):
    """A peer whose headers X-Forwarded-For and X-Forwarded-Client-Cert are believed."""

    networks: tuple[Annotated[str, AfterValidator(_network)], ...] = Field(
        (), description="Where it connects from."
    )
    certificate: _CertificateId | None = Field(
        None, description="Fingerprint of the client certificate that it must show as well."
    )


class Issuer(Model):
    """An authorization server, and what its tokens are worth here."""

    issuer: Line = Field(description="Claim iss, to the letter.")
    audience: Line = Field(description="What claim aud must name.")
    keys: Path = Field(description="JWKS file, beside this one; it is never fetched.")
    algorithms: tuple[Literal["ES256", "EdDSA", "RS256", "PS256"], ...] = Field(
        ("ES256",), min_length=1
    )
    token_types: tuple[str, ...] = Field(("at+jwt",), description="Header typ (RFC 9068).")
    subjects: dict[str, Id] = Field(
        default_factory=dict, description="Unit of each subject (claim sub)."
    )
    unit_claim: str | None = Field(None, description="Claim that names the unit, in place of it.")
    units: frozenset[Id] = Field(
        frozenset(), description="Units that the claim may name; none unless they are here."
    )
    scopes: dict[str, tuple[Right, ...]] = Field(
        default_factory=_own_scopes,
        description="Rights of each scope. Unset: lali:read and so on.",
    )
    role_claim: str | None = Field(None, description="Claim that names a role of the community.")
    feeds_claim: str | None = Field(None, description="Claim that lists feeds.")
    certificate_bound: bool = Field(
        False, description="Only tokens bound to the client's certificate (RFC 8705)."
    )
    leeway_seconds: int = Field(30, ge=0, le=120, description="How far clocks may differ.")
    longest_seconds: int = Field(
        3600, ge=60, le=86_400, description="Longest life of a token, from iat to exp."
    )


class _File(Model):
    certificates: CertificateRules = CertificateRules()
    proxies: tuple[Proxy, ...] = ()
    issuers: tuple[Issuer, ...] = ()


@dataclass(frozen=True)
class KnownIssuer:
    """An issuer with its keys, by key id."""

    rules: Issuer
    keys: dict[str, IssuerKey]


@dataclass(frozen=True)
class Identities:
    """The identities file, read.

    Attributes:
        issuers: By the claim iss.
        files: The files that this came from.
    """

    certificates: CertificateRules = field(default_factory=CertificateRules)
    proxies: tuple[Proxy, ...] = ()
    issuers: dict[str, KnownIssuer] = field(default_factory=dict)
    files: tuple[Path, ...] = ()


def watched_identities(file: Path | None, community: Directory) -> Watched[Identities]:
    """Return what *file* says, read anew when it has changed; None says nothing."""
    if file is None:
        return Watched(Identities, lambda _: ())
    return Watched(lambda: read_identities(file, community), lambda found: found.files)


def read_identities(file: Path, community: Directory) -> Identities:
    """Read the identities file.

    Raises:
        SettingsInvalid: It cannot be read, or names what does not exist.
    """
    try:
        found = validated(_File, _tables(file))
    except Rejected as rejected:
        raise SettingsInvalid(f"{file.name}: {rejected}") from None
    if faults := list(_faults(found, community)):
        raise SettingsInvalid("; ".join(f"{file.name}: {fault}" for fault in faults))
    folder = file.parent
    issuers = {
        each.issuer: KnownIssuer(each, read_jwks(folder / each.keys, each.algorithms))
        for each in found.issuers
    }
    files = (file, *(folder / each.keys for each in found.issuers))
    return Identities(found.certificates, found.proxies, issuers, files)


def _tables(file: Path) -> dict[str, Any]:
    try:
        return read_tables(_text(file))
    except (OSError, UnicodeDecodeError):
        raise SettingsInvalid(f"{file.name}: cannot be read") from None
    except TomlInvalid as error:
        raise SettingsInvalid(f"{file.name}: {error}") from None


def _text(file: Path) -> str:
    content = read_bounded(file, _LARGEST)
    if len(content) > _LARGEST:
        raise OSError(errno.EFBIG, "too large")
    return content.decode()


def _faults(found: _File, community: Directory) -> Iterable[str]:
    names = [each.issuer for each in found.issuers]
    if len(set(names)) < len(names):
        yield "issuers: one issuer appears twice"
    for number, each in enumerate(found.issuers):
        where = f"issuers[{number}]"
        if (each.unit_claim is None) == (not each.subjects):
            yield f"{where}: either subjects or unit_claim"
        if (each.unit_claim is None) != (not each.units):
            yield f"{where}: unit_claim and units go together"
        for unit in sorted({*each.subjects.values(), *each.units} - set(community.units)):
            yield f"{where}: no unit is called {unit}"
    for number, proxy in enumerate(found.proxies):
        if not proxy.networks and proxy.certificate is None:
            yield f"proxies[{number}]: networks, certificate or both"
