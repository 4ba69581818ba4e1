"""Which unit a client certificate speaks for: its SPIFFE id, or its common name.

Both name the principal that the unit has in Kafka: ``unit.<id>`` below the topics' prefix, so
that one certificate serves a unit everywhere. A certificate that names no unit of the
community is no identity; one that is refused, expired or ambiguous ends the request.
"""

from datetime import datetime
from urllib.parse import urlsplit

from broker.gateway.identity.identities import CertificateRules
from broker.gateway.identity.peer import Peer
from broker.gateway.identity.refused import CredentialRefused
from broker.policy.directory import Directory
from broker.wire.access import Principals


def unit_of(
    peer: Peer, rules: CertificateRules, names: Principals, community: Directory
) -> str | None:
    """Return the unit that *peer* speaks for; None if it names none.

    Raises:
        CredentialRefused: Its names differ, or its trust domain is another one.
    """
    prefix = names.unit("")
    named = {name.removeprefix(prefix) for name in _names(peer, rules) if name.startswith(prefix)}
    units = named & set(community.units)
    if len(units) > 1:
        raise CredentialRefused("CERTIFICATE_AMBIGUOUS")
    return next(iter(units), None)


def check_peer(peer: Peer, rules: CertificateRules, moment: datetime) -> None:
    """Refuse a certificate that counts no more.

    Raises:
        CredentialRefused: It is on the list of refused ones, or out of its time.
    """
    if rules.refuses(peer):
        raise CredentialRefused("CERTIFICATE_REVOKED")
    if not peer.is_valid(moment):
        raise CredentialRefused("CERTIFICATE_EXPIRED")


def _names(peer: Peer, rules: CertificateRules) -> set[str]:
    spiffe = [uri for uri in peer.uris if uri.startswith("spiffe:")]
    if len(spiffe) > 1:  # X.509-SVID, section 2: exactly one
        raise CredentialRefused("CERTIFICATE_AMBIGUOUS")
    return {*(_in_spiffe(uri, rules) for uri in spiffe), *peer.common_names}


def _in_spiffe(uri: str, rules: CertificateRules) -> str:
    # SPIFFE-ID, section 2: spiffe://<trust domain>/<path>, without query, fragment or port.
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise CredentialRefused("SPIFFE_MALFORMED") from None
    path = parts.path.removeprefix("/")
    if not parts.netloc or not path or uri != f"spiffe://{parts.netloc}/{path}":
        raise CredentialRefused("SPIFFE_MALFORMED")
    if rules.trust_domain not in (None, parts.netloc):
        raise CredentialRefused("SPIFFE_FOREIGN")
    return path
