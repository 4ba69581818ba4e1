"""Development certificates: a CA of one's own, the brokers', and one for each client.

For this machine, for tests and for trying things out. The subjects say so, and they last
thirty days, or as long as whoever renews them asks. Production takes the certificates of its
own PKI.
"""

import datetime as dt
import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from broker.private_files import private_folder, write_private, write_whole

DAYS = 30
_MARK = "development certificate"
#: Mode of what everybody may read.
_PUBLIC = 0o644
#: Clocks differ; a certificate is valid a little before it was made.
_SLACK = dt.timedelta(minutes=5)

_Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key, as PEM files."""

    certificate: Path
    key: Path


class DevelopmentCa:
    """A CA in a folder; what is there is kept, so that what was issued stays valid.

    Args:
        folder: Holds ``ca.pem``, ``ca.key`` (mode 0600) and all that is issued.
        days: How long it lasts, and what it issues at most.
        renewed: A kept one that is in the last half of its days is made anew, under its own
            key and name, so that what it issued still counts. Else it is kept as it is.
        now: Says what time it is.
    """

    def __init__(
        self,
        folder: Path,
        *,
        days: int = DAYS,
        renewed: bool = False,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self.folder = folder
        self._now = now
        self.certificate_file = folder / "ca.pem"
        key_file = folder / "ca.key"
        if self.certificate_file.exists() and key_file.exists():
            self._key = _read_key(key_file)
            self._certificate = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())
            if not renewed or _lasts(self._certificate, dt.timedelta(days=days) / 2, now()):
                return
        else:
            private_folder(folder)
            self._key = ec.generate_private_key(ec.SECP256R1())
            write_private(key_file, _pem_of(self._key))
        self._certificate = _certificate_of_ca(self._key, now(), days)
        write_whole(self.certificate_file, _pem(self._certificate), _PUBLIC)

    def issue_server(self, name: str, addresses: Iterable[str], days: int = DAYS) -> Pair:
        """Issue a certificate with which brokers prove their *addresses*, and each other.

        Args:
            name: Common name: the brokers' principal.
            addresses: Host names and IP addresses.
            days: How long it lasts.
        """
        alternatives = x509.SubjectAlternativeName([_general(each) for each in addresses])
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        return self._issue(name, usages, [alternatives], days)

    def issue_client(self, principal: str) -> Pair:
        """Issue a certificate with which *principal* proves who it is."""
        return self._issue(principal, [ExtendedKeyUsageOID.CLIENT_AUTH], [], DAYS)

    def _issue(
        self,
        name: str,
        usages: list[x509.ObjectIdentifier],
        more: list[x509.ExtensionType],
        days: int = DAYS,
    ) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, self._certificate.subject, key, self._now(), days)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), False)
        for extension in more:
            builder = builder.add_extension(extension, False)
        pair = Pair(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        write_private(pair.key, _pem_of(key))
        write_whole(pair.certificate, _pem(builder.sign(self._key, hashes.SHA256())), _PUBLIC)
        return pair


def lasts(file: Path, left: dt.timedelta, at: dt.datetime) -> bool:
    """Whether the certificate in *file* counts for so long after *at*; not if it is no longer."""
    try:
        return _lasts(x509.load_pem_x509_certificate(file.read_bytes()), left, at)
    except (OSError, ValueError):
        return False


def _lasts(certificate: x509.Certificate, left: dt.timedelta, at: dt.datetime) -> bool:
    return certificate.not_valid_after_utc - at >= left


def _certificate_of_ca(key: _Key, now: dt.datetime, days: int) -> x509.Certificate:
    subject = _subject("lali-development-ca")
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = _builder("lali-development-ca", subject, key, now, days)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
    return builder.add_extension(usage, True).sign(key, hashes.SHA256())


def _builder(
    name: str, issuer: x509.Name, key: _Key, now: dt.datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_subject(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLACK)
        .not_valid_after(now + dt.timedelta(days=days))
    )


def _subject(name: str) -> x509.Name:
    # In this order: Java writes the last attribute first, and the principal is the CN.
    return x509.Name([
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Lali"),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, _MARK),
        x509.NameAttribute(NameOID.COMMON_NAME, name),
    ])  # fmt: skip


def _general(address: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(address))
    except ValueError:
        return x509.DNSName(address)


def _read_key(file: Path) -> _Key:
    key = serialization.load_pem_private_key(file.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem_of(key: _Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
