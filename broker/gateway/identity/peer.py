"""What one certificate says of whoever holds its key."""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

#: What the library raises of a damaged certificate, where it is no ValueError.
_DAMAGED = (
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    UnsupportedAlgorithm,
)


@contextmanager
def damage_is_value_error() -> Iterator[None]:
    """Raise ValueError, without the value, for whatever the library raises of a damaged one."""
    try:
        yield
    except _DAMAGED:
        raise ValueError("certificate damaged") from None


@dataclass(frozen=True, slots=True)
class Peer:
    """A verified certificate, as far as anybody here needs to know it.

    Attributes:
        subject: Its subject (RFC 4514).
        common_names: The CNs in it.
        uris: URIs among its alternative names; SPIFFE ids are some.
        dns_names: DNS names among them.
        fingerprint: SHA-256 of the certificate, lower-case hex.
        serial: Its number, lower-case hex.
        not_before: From when it is valid.
        not_after: Until when.
        der: The certificate itself.
        chain: What was shown with it, each in DER: its issuer first.
    """

    subject: str
    common_names: tuple[str, ...]
    uris: tuple[str, ...]
    dns_names: tuple[str, ...]
    fingerprint: str
    serial: str
    not_before: datetime
    not_after: datetime
    der: bytes = b""
    chain: tuple[bytes, ...] = ()

    @property
    def thumbprint(self) -> str:
        """The same digest as tokens carry it: ``x5t#S256`` (RFC 8705)."""
        digest = bytes.fromhex(self.fingerprint)
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def is_valid(self, moment: datetime) -> bool:
        """Whether *moment* is within its validity: a connection may outlive it."""
        return self.not_before <= moment <= self.not_after


def peer_in(certificate: bytes, chain: Sequence[bytes] = ()) -> Peer:
    """Return the peer of a certificate in DER, shown with *chain*.

    Raises:
        ValueError: It is no certificate.
    """
    with damage_is_value_error():
        return peer_of(x509.load_der_x509_certificate(certificate), chain)


def certificate_in(pem: bytes) -> x509.Certificate:
    """Return the certificate in *pem*.

    Raises:
        ValueError: It is none.
    """
    with damage_is_value_error():
        return x509.load_pem_x509_certificate(pem)


def certificates_in(pem: bytes) -> list[x509.Certificate]:
    """Return the certificates in *pem*, in their order.

    Raises:
        ValueError: There is none.
    """
    with damage_is_value_error():
        return x509.load_pem_x509_certificates(pem)


@damage_is_value_error()
def peer_of(certificate: x509.Certificate, chain: Sequence[bytes] = ()) -> Peer:
    """Return the peer of *certificate*.

    Raises:
        ValueError: It is damaged.
    """
    der = certificate.public_bytes(Encoding.DER)
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    alternatives = _alternatives(certificate)
    return Peer(
        subject=certificate.subject.rfc4514_string(),
        common_names=tuple(str(name.value) for name in names),
        uris=tuple(alternatives.get_values_for_type(x509.UniformResourceIdentifier)),
        dns_names=tuple(alternatives.get_values_for_type(x509.DNSName)),
        fingerprint=hashlib.sha256(der).hexdigest(),
        serial=f"{certificate.serial_number:x}",
        not_before=certificate.not_valid_before_utc.astimezone(UTC),
        not_after=certificate.not_valid_after_utc.astimezone(UTC),
        der=der,
        chain=tuple(chain),
    )


def _alternatives(certificate: x509.Certificate) -> x509.SubjectAlternativeName:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return x509.SubjectAlternativeName([])
    return found.value
