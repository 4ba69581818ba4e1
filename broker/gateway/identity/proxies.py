"""Who stands behind a proxy: only peers of the identities file are believed about that.

A proxy that ends TLS tells the client's address in X-Forwarded-For, and the certificate that
it verified in X-Forwarded-Client-Cert, as Envoy writes it, with the whole certificate. It is
verified again, as one that was shown to us. From anybody else both headers are as if they were
not there.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from cryptography.hazmat.primitives.serialization import Encoding
from starlette.types import Scope

from broker.gateway.addresses import plain_address
from broker.gateway.identity.identities import Proxy
from broker.gateway.identity.peer import Peer, certificate_in, certificates_in, peer_of
from broker.gateway.identity.refused import CredentialRefused

# name=value;name="value in quotes": parted as Envoy joins it, so that no text in quotes, such as
# the subject that somebody chose for a certificate, can pass for a field.
_PAIR = r'([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^",;]*)(?:;|$)'
_ELEMENT = re.compile(f"(?:{_PAIR})+")
_EACH = re.compile(_PAIR)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from.

    Attributes:
        address: The client's network address.
        peer: Its certificate, if it showed one.
    """

    address: str
    peer: Peer | None


def address_of(scope: Scope, proxies: Iterable[Proxy]) -> str:
    """Return the client's network address, through proxies that are believed."""
    direct = direct_address(scope)
    if not _through(scope, direct, proxies):
        return direct
    chain = [plain_address(each.strip()) for text in headers(scope, b"x-forwarded-for") for each in
             text.split(",")]  # fmt: skip
    for address in reversed(chain):
        if not _is_address(address):
            break  # who wrote that is not known, nor what stands before it
        if not _within(address, proxies):
            return address
    return direct


def peer_behind(scope: Scope, proxies: Iterable[Proxy]) -> Peer | None:
    """Return the certificate that the client showed, to us or to a proxy that is believed.

    Whoever asks verifies it, whichever way it came; and before that the certificate of the
    connection itself: a refused proxy can show anybody's.

    Raises:
        CredentialRefused: A proxy tells of something that is no certificate.
    """
    if not _through(scope, direct_address(scope), proxies):
        return direct_peer(scope)
    told = headers(scope, b"x-forwarded-client-cert")
    return _told(told) if told else None


def direct_peer(scope: Scope) -> Peer | None:
    """Return the certificate of whoever connected."""
    found = scope.get("extensions", {}).get("tls", {}).get("peer")
    return found if isinstance(found, Peer) else None


def headers(scope: Scope, name: bytes) -> list[str]:
    """Return the values of every header called *name*, lower case."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _through(scope: Scope, direct: str, proxies: Iterable[Proxy]) -> bool:
    peer = direct_peer(scope)
    fingerprint = peer.fingerprint if peer else None
    return any(
        (not proxy.networks or _within(direct, [proxy]))
        and proxy.certificate in (None, fingerprint)
        for proxy in proxies
    )


def _within(address: str, proxies: Iterable[Proxy]) -> bool:
    if not _is_address(address):
        return False
    parsed = ipaddress.ip_address(address)
    networks = (ipaddress.ip_network(text) for proxy in proxies for text in proxy.networks)
    return any(parsed in network for network in networks)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def direct_address(scope: Scope) -> str:
    """Return the network address of whoever connected."""
    client = scope.get("client")
    return plain_address(client[0]) if client else ""


def _told(told: list[str]) -> Peer:
    # Several elements are several proxies; whose word the first ones are is not known.
    if len(told) != 1 or not _ELEMENT.fullmatch(told[0]):
        raise CredentialRefused("FORWARDED_MALFORMED")
    pairs = [match.groups() for match in _EACH.finditer(told[0])]
    certificates = _values(pairs, "cert")
    chains = _values(pairs, "chain")
    if len(certificates) != 1 or len(chains) > 1:
        raise CredentialRefused("FORWARDED_MALFORMED")
    try:
        # Envoy's chain begins with the client's own certificate; it leads nowhere by itself.
        chain = [each.public_bytes(Encoding.DER) for pem in chains for each in certificates_in(pem)]
        return peer_of(certificate_in(certificates[0]), chain[1:])
    except ValueError:
        raise CredentialRefused("FORWARDED_MALFORMED") from None


def _values(pairs: list[tuple[str, ...]], wanted: str) -> list[bytes]:
    return [unquote(value.strip('"')).encode() for name, value in pairs if name.lower() == wanted]
