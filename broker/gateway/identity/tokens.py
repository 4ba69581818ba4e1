"""OAuth 2.0 access tokens (RFC 9068), bound to a certificate where they say so (RFC 8705).

A token chooses nothing but which of the issuer's own keys verifies it: the keys come from a
file, the algorithms from the key's type and the issuer's entry. ``jwk``, ``jku`` and ``x5u``
in its header are never looked at.
"""

import hashlib
import hmac
import re
from datetime import datetime
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwt import JWTClaimsRegistry
from joserfc.util import urlsafe_b64decode

from broker.gateway.caller import Right
from broker.gateway.identity.grant import Grant
from broker.gateway.identity.identities import Identities, Issuer, KnownIssuer
from broker.gateway.identity.peer import Peer
from broker.gateway.identity.refused import CredentialRefused
from broker.gateway.identity.strict_json import StrictJsonInvalid, read_object

#: Longest token, characters; longer ones are refused before anything is parsed.
MAX_TOKEN = 8192
_FORM = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


class _Registry(jws.JWSRegistry):
    """The algorithms that one key may be used with, and no others."""

    max_header_length = MAX_TOKEN

    def get_alg(self, name: str) -> Any:
        """Return the algorithm called *name*, if it is allowed."""
        if name not in (self.allowed or ()):
            raise UnsupportedAlgorithmError
        # The base class warns, at each use, that EdDSA has a newer name.
        return self.algorithms[name]


def token_grant(text: str, identities: Identities, peer: Peer | None, moment: datetime) -> Grant:
    """Return what the token *text* allows.

    Args:
        text: The token, in compact form.
        identities: Who issues tokens.
        peer: The client's certificate, if it showed one.
        moment: Now.

    Raises:
        CredentialRefused: It is malformed, forged, expired, or for somebody else.
    """
    issuer, payload = _verified(text, identities)
    claims = _object(payload)
    rules = issuer.rules
    _check_claims(claims, rules, moment)
    _check_binding(claims, rules, peer)
    name = hashlib.sha256(f"{rules.issuer}\0{claims['sub']}".encode()).hexdigest()[:12]
    return Grant(
        _unit(claims, rules),
        f"token:{name}",
        _rights(claims, rules),
        _strings(claims, rules.role_claim),
        _strings(claims, rules.feeds_claim),
    )


def _verified(text: str, identities: Identities) -> tuple[KnownIssuer, bytes]:
    form = _FORM.fullmatch(text) if len(text) <= MAX_TOKEN else None
    if form is None:
        raise CredentialRefused("TOKEN_MALFORMED")
    header, claimed = _object(_bytes(form[1])), _object(_bytes(form[2]))
    issuer = identities.issuers.get(_string(claimed.get("iss")))
    if issuer is None:
        raise CredentialRefused("ISSUER_UNKNOWN")
    key = issuer.keys.get(_string(header.get("kid")))
    algorithm = _string(header.get("alg"))
    if key is None or algorithm not in key.algorithms:
        raise CredentialRefused("TOKEN_KEY_UNKNOWN")
    if not _is_typed(header, issuer.rules) or {"crit", "b64", "zip"} & set(header):
        raise CredentialRefused("TOKEN_TYPE")
    registry = _Registry(algorithms=[algorithm], strict_check_header=False)
    try:
        verified = jws.deserialize_compact(text, key.key, [algorithm], registry)
    except (JoseError, ValueError, TypeError):
        raise CredentialRefused("TOKEN_FORGED") from None
    return issuer, verified.payload


def _is_typed(header: dict[str, Any], rules: Issuer) -> bool:
    # RFC 9068, section 2.1; the prefix may be left out (RFC 7515, section 4.1.9).
    kind = _string(header.get("typ")).lower().removeprefix("application/")
    return kind in {each.lower() for each in rules.token_types}


def _check_claims(claims: dict[str, Any], rules: Issuer, moment: datetime) -> None:
    registry = JWTClaimsRegistry(
        now=int(moment.timestamp()),
        leeway=rules.leeway_seconds,
        iss={"essential": True, "value": rules.issuer},
        aud={"essential": True, "value": rules.audience},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
    )
    try:
        registry.validate(claims)
    except JoseError as error:
        raise CredentialRefused(f"TOKEN_{error.error.upper()}") from None
    if claims["exp"] > claims["iat"] + rules.longest_seconds:
        raise CredentialRefused("TOKEN_TOO_LONG_LIVED")


def _check_binding(claims: dict[str, Any], rules: Issuer, peer: Peer | None) -> None:
    if "cnf" not in claims:
        if rules.certificate_bound:
            raise CredentialRefused("TOKEN_UNBOUND")
        return
    confirmation = claims["cnf"]
    # Another kind of binding cannot be checked here, so it does not hold.
    if not isinstance(confirmation, dict) or set(confirmation) != {"x5t#S256"} or peer is None:
        raise CredentialRefused("TOKEN_OF_OTHER_CERTIFICATE")
    bound = _string(confirmation["x5t#S256"]).encode()
    if not hmac.compare_digest(bound, peer.thumbprint.encode()):
        raise CredentialRefused("TOKEN_OF_OTHER_CERTIFICATE")


def _unit(claims: dict[str, Any], rules: Issuer) -> str:
    if rules.unit_claim is None:
        unit = rules.subjects.get(claims["sub"])
    else:
        unit = _string(claims.get(rules.unit_claim))
        unit = unit if unit in rules.units else None
    if unit is None:
        raise CredentialRefused("TOKEN_WITHOUT_UNIT")
    return unit


def _rights(claims: dict[str, Any], rules: Issuer) -> frozenset[Right]:
    scopes = _string(claims.get("scope")).split(" ")
    return frozenset(right for scope in scopes for right in rules.scopes.get(scope, ()))


def _strings(claims: dict[str, Any], name: str | None) -> frozenset[str] | None:
    """Return the strings of a claim that narrows; None where the issuer has no such claim."""
    if name is None:
        return None
    found = claims.get(name)
    if isinstance(found, str):
        return frozenset({found})
    listed = found if isinstance(found, list) else []
    return frozenset(each for each in listed if isinstance(each, str))


def _object(content: bytes) -> dict[str, Any]:
    try:
        return read_object(content)
    except StrictJsonInvalid:
        raise CredentialRefused("TOKEN_MALFORMED") from None


def _bytes(segment: str) -> bytes:
    try:
        return urlsafe_b64decode(segment.encode())
    except ValueError:
        raise CredentialRefused("TOKEN_MALFORMED") from None


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""
