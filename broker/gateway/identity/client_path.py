"""Whether a client certificate leads to a CA of ours: one policy, directly and behind a proxy.

The whole path is validated (RFC 5280 §6) by `cryptography`: signatures and validity of every
certificate in it, who may issue, name constraints, path length, unknown critical extensions,
and keys that are too weak. What is asked beyond that stands here.
"""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    ClientVerifier,
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from broker.errors import SettingsInvalid
from broker.gateway.identity.peer import Peer, damage_is_value_error
from broker.gateway.identity.refused import CredentialRefused
from broker.gateway.identity.watched import Watched
from broker.private_files import read_bounded

#: Intermediate CAs between a client and ours; a longer path is refused.
MOST_INTERMEDIATES = 4
#: Largest file of CA certificates, bytes: hundreds of them.
_LARGEST = 1 << 20
#: A path that was found is taken again for so long, seconds: requests share a connection.
_KEPT_SECONDS = 60.0
_MOST_KEPT = 4096
_LEAST_RSA_BITS = 2048
_LEAST_EC_BITS = 256

#: The CA certificates of clients, as their file has them now.
Authorities = Watched[tuple[x509.Certificate, ...]]


def watched_authorities(file: Path | None) -> Authorities:
    """Return the CA certificates in *file*, read anew when it has changed; None has none."""
    if file is None:
        return Watched(tuple, lambda _: ())
    return Watched(lambda: read_authorities(file), lambda _: [file])


def read_authorities(file: Path) -> tuple[x509.Certificate, ...]:
    """Return the certificates in the PEM file *file*.

    Raises:
        SettingsInvalid: There are none, or they cannot be read.
    """
    try:
        content = read_bounded(file, _LARGEST)
        with damage_is_value_error():
            if len(content) <= _LARGEST:
                return tuple(x509.load_pem_x509_certificates(content))
    except (OSError, ValueError):
        pass  # told of below
    raise SettingsInvalid(f"gateway_client_ca: {file.name}: no certificates, PEM")


class ClientPaths:
    """Finds the path of a client certificate to one of *authorities*."""

    def __init__(self, authorities: Authorities) -> None:
        self._authorities = authorities
        self._found: dict[bytes, float] = {}
        self._found_by: tuple[x509.Certificate, ...] = ()

    def check(self, peer: Peer, moment: datetime) -> None:
        """Check that *peer* may show its certificate at *moment*.

        Raises:
            CredentialRefused: CERTIFICATE_UNTRUSTED: no path leads to a CA of ours.
            SettingsInvalid: The CA file cannot be read now.
        """
        authorities = self._authorities.now()
        if authorities != self._found_by:
            self._found, self._found_by = {}, authorities
        shown = hashlib.sha256(b"".join((peer.der, *peer.chain))).digest()
        until = self._found.get(shown, 0.0)
        seconds = moment.timestamp()
        if until - _KEPT_SECONDS <= seconds < until:
            return
        verify_client(peer, authorities, moment)
        if len(self._found) >= _MOST_KEPT:
            self._found.clear()
        self._found[shown] = seconds + _KEPT_SECONDS


@damage_is_value_error()
def _parsed(der: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(der)


def verify_client(peer: Peer, authorities: tuple[x509.Certificate, ...], moment: datetime) -> None:
    """Check that a path leads from *peer* to one of *authorities* at *moment*.

    Raises:
        CredentialRefused: CERTIFICATE_UNTRUSTED.
    """
    if not authorities or len(peer.chain) > MOST_INTERMEDIATES + 1:
        raise CredentialRefused("CERTIFICATE_UNTRUSTED")
    try:
        leaf, *between = (_parsed(der) for der in (peer.der, *peer.chain))
        path = _verifier(authorities, moment).verify(leaf, between).chain
        is_strong = all(_is_strong(certificate) for certificate in path)
    except (ValueError, VerificationError):
        is_strong = False
    if not is_strong:
        raise CredentialRefused("CERTIFICATE_UNTRUSTED")


def _verifier(authorities: tuple[x509.Certificate, ...], moment: datetime) -> ClientVerifier:
    builder = PolicyBuilder().store(Store(list(authorities)))
    builder = builder.time(moment.astimezone(UTC)).max_chain_depth(MOST_INTERMEDIATES)
    return builder.extension_policies(
        ca_policy=_OF_CA, ee_policy=_OF_CLIENT
    ).build_client_verifier()


@damage_is_value_error()
def _is_strong(certificate: x509.Certificate) -> bool:
    """Whether its key is of the strength that TLS itself asks for here (112 bits)."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= _LEAST_RSA_BITS
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.key_size >= _LEAST_EC_BITS
    return isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey)


def _is_ca(_: Policy, __: x509.Certificate, constraints: x509.BasicConstraints) -> None:
    if not constraints.ca:
        raise ValueError("no CA")


def _is_no_ca(_: Policy, __: x509.Certificate, constraints: x509.BasicConstraints | None) -> None:
    if constraints is not None and constraints.ca:
        raise ValueError("a CA")


def _may_issue(_: Policy, __: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("issues nothing")


def _may_sign(_: Policy, __: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.digital_signature:
        raise ValueError("signs nothing")


def _is_for_clients(_: Policy, __: x509.Certificate, usage: x509.ExtendedKeyUsage | None) -> None:
    allowed = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if usage is not None and allowed.isdisjoint(usage):
        raise ValueError("not for clients")


# Not the web's own rules: a community's CA names units by their common name, and may go
# without key identifiers. What makes a path safe is asked all the same.
_ANY = Criticality.AGNOSTIC
_OF_CA = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, _ANY, _is_ca)
    .may_be_present(x509.KeyUsage, _ANY, _may_issue)
    .may_be_present(x509.ExtendedKeyUsage, _ANY, _is_for_clients)
)
_OF_CLIENT = (
    ExtensionPolicy.permit_all()
    .may_be_present(x509.BasicConstraints, _ANY, _is_no_ca)
    .may_be_present(x509.KeyUsage, _ANY, _may_sign)
    .may_be_present(x509.ExtendedKeyUsage, _ANY, _is_for_clients)
)
