"""Tells who calls: by client certificate, OAuth token or API key; one of them decides.

A certificate may come together with a key or a token. Then both must speak for the same unit,
and the narrower one, key or token, says what may be done. Whatever is wrong, the caller is
told the same; our own log has the code, at level debug.
"""

import base64
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from starlette.types import Scope

from broker.clock import epoch_ms
from broker.errors import SettingsInvalid
from broker.gateway.caller import Caller
from broker.gateway.identity.api_keys import KeyFile, key_file
from broker.gateway.identity.certificates import check_peer, unit_of
from broker.gateway.identity.client_path import ClientPaths, watched_authorities
from broker.gateway.identity.grant import Grant, caller_of
from broker.gateway.identity.identities import Identities, watched_identities
from broker.gateway.identity.peer import Peer
from broker.gateway.identity.proxies import (
    address_of,
    direct_address,
    direct_peer,
    headers,
    peer_behind,
)
from broker.gateway.identity.refused import CredentialRefused
from broker.gateway.identity.tokens import MAX_TOKEN, token_grant
from broker.gateway.identity.watched import Watched
from broker.gateway.problems import Problem, unauthenticated
from broker.policy.directory import Directory
from broker.settings import Settings
from broker.wire.access import Principals
from broker.wire.topics import Topics

#: Longest Authorization header that is looked at, characters.
_MAX_HEADER = MAX_TOKEN + 32
#: How long to wait for an operator who is writing the identities file, seconds.
_RETRY_SECONDS = 5

_log = structlog.get_logger()


class Doorkeeper:
    """Tells who calls.

    Args:
        community: The units, their feeds, and roles.
        names: How certificates name units.
        identities: Issuers, refused certificates, proxies.
        keys: The API keys.
        paths: Finds the path of a client's certificate to a CA of ours.
        clock: Epoch milliseconds.
    """

    def __init__(
        self,
        community: Directory,
        names: Principals,
        identities: Watched[Identities],
        keys: KeyFile,
        paths: ClientPaths,
        clock: Callable[[], int] = epoch_ms,
    ) -> None:
        self._community = community
        self._names = names
        self._identities = identities
        self._keys = keys
        self._paths = paths
        self._clock = clock

    def caller(self, scope: Scope) -> Caller:
        """Return who sent the request of *scope*.

        Raises:
            Problem: 401 if nobody known did; 503 while a file that could revoke a credential
                cannot be read.
        """
        return self._recognised(scope, None)

    def caller_of_session(self, scope: Scope, key_id: str) -> Caller:
        """Return who showed the key *key_id* before, as a signed session of ours says.

        Raises:
            Problem: As `caller`: the key must count still, and a certificate must agree.
        """
        return self._recognised(scope, key_id)

    def _recognised(self, scope: Scope, key_id: str | None) -> Caller:
        try:
            return caller_of(self._grant(scope, key_id), self._community)
        except CredentialRefused as refused:
            _log.debug("identity.refused", code=str(refused))
            raise unauthenticated() from None
        except SettingsInvalid:
            _log.error("identity.unreadable", code="IDENTITIES_UNREADABLE")
            raise Problem(503, "UNAVAILABLE", retry_after=_RETRY_SECONDS) from None

    def address(self, scope: Scope) -> str:
        """Return the network address that the request of *scope* came from."""
        try:
            identities = self._identities.now()
            self._check(direct_peer(scope), identities, self._moment())
        except (SettingsInvalid, CredentialRefused):
            return direct_address(scope)  # nobody behind it is believed
        return address_of(scope, identities.proxies)

    def _grant(self, scope: Scope, key_id: str | None) -> Grant:
        identities = self._identities.now()
        moment = self._moment()
        # First of whoever connected: a proxy whose certificate is refused can show anybody's.
        direct = direct_peer(scope)
        self._check(direct, identities, moment)
        peer = peer_behind(scope, identities.proxies)
        if peer is not direct:
            self._check(peer, identities, moment)
        certified = self._certified(peer, identities)
        if key_id is None:
            carried = self._carried(scope, identities, peer, moment)
        else:
            carried = self._keys.granted(key_id, moment)
        if carried and certified and carried.unit != certified.unit:
            raise CredentialRefused("CREDENTIALS_DIFFER")
        if (deciding := carried or certified) is None:
            raise CredentialRefused("NO_CREDENTIAL")
        return deciding

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self._clock() / 1000, UTC)

    def _check(self, peer: Peer | None, identities: Identities, moment: datetime) -> None:
        if peer is not None:
            check_peer(peer, identities.certificates, moment)
            self._paths.check(peer, moment)

    def _certified(self, peer: Peer | None, identities: Identities) -> Grant | None:
        if peer is None:
            return None
        unit = unit_of(peer, identities.certificates, self._names, self._community)
        return Grant(unit, f"certificate:{peer.fingerprint[:12]}") if unit else None

    def _carried(
        self, scope: Scope, identities: Identities, peer: Peer | None, moment: datetime
    ) -> Grant | None:
        carried = _authorization(scope)
        if carried is None:
            return None
        scheme, value = carried
        if scheme == "basic":
            return self._keys.grant(_key_in_basic(value), moment)
        if scheme != "bearer":
            raise CredentialRefused("SCHEME_UNKNOWN")
        if value.startswith("lali_"):
            return self._keys.grant(value, moment)
        return token_grant(value, identities, peer, moment)


def make_doorkeeper(settings: Settings, community: Directory, topics: Topics) -> Doorkeeper:
    """Return the doorkeeper that the settings describe.

    Raises:
        SettingsInvalid: The identities file, the key file or the CA cannot be used.
    """
    identities = watched_identities(settings.gateway_identities, community)
    identities.now()
    keys = key_file(settings)
    keys.read()
    authorities = watched_authorities(settings.gateway_client_ca)
    authorities.now()
    paths = ClientPaths(authorities)
    return Doorkeeper(community, Principals(topics.prefix), identities, keys, paths)


def _authorization(scope: Scope) -> tuple[str, str] | None:
    found = headers(scope, b"authorization")
    if not found:
        return None
    if len(found) > 1 or len(found[0]) > _MAX_HEADER or not found[0].isascii():
        raise CredentialRefused("AUTHORIZATION_MALFORMED")
    scheme, _, value = found[0].partition(" ")
    return scheme.lower(), value.strip(" ")


def _key_in_basic(value: str) -> str:
    """Return the key of a Basic credential (RFC 7617): user is its id, password is all of it."""
    try:
        text = base64.b64decode(value, validate=True).decode()
    except ValueError:
        raise CredentialRefused("BASIC_MALFORMED") from None
    user, _, password = text.partition(":")
    if not password.startswith(f"lali_{user}_"):
        raise CredentialRefused("BASIC_DIFFERS")
    return password
