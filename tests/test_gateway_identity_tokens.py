"""OAuth tokens: which claims must hold, and what a token is worth here."""

import time
import warnings

import pytest
from credentials import (
    AUDIENCE,
    ISSUER,
    TokenIssuer,
    bearer,
    certificate_in,
    scope_with,
)
from joserfc.jwk import ECKey, OKPKey, RSAKey
from token_desk import FIJI, Desk, head_of, signed

from broker.gateway.caller import Right
from broker.gateway.identity.peer import peer_of
from broker.gateway.problems import Problem


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def later(seconds):
    """A time counted from when the test runs: parameters are made long before."""
    return lambda: int(time.time()) + seconds


def at_last(changed):
    return {name: value() if callable(value) else value for name, value in changed.items()}


def test_a_token_names_a_unit_and_its_scopes_are_rights(desk):
    caller = desk.caller(desk.issuer.token())

    assert (caller.unit, caller.rights) == ("fiji-police", {Right.READ, Right.PUBLISH})
    assert caller.feeds == FIJI
    assert caller.identity.startswith("token:")
    assert caller.identity == desk.caller(desk.issuer.token(jti="2")).identity


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("ES256", lambda: ECKey.generate_key("P-256")),
        ("EdDSA", lambda: OKPKey.generate_key("Ed25519")),
        ("RS256", lambda: RSAKey.generate_key(2048)),
        ("PS256", lambda: RSAKey.generate_key(2048)),
    ],
)
def test_each_algorithm_that_may_be_allowed_works(tmp_path, algorithm, key):
    desk = Desk(tmp_path, f"algorithms = ['{algorithm}']", key=key())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        token = desk.issuer.token({"alg": algorithm})
    assert desk.caller(token).unit == "fiji-police"


def test_an_algorithm_that_is_not_allowed_here_is_refused_though_the_key_could(tmp_path):
    desk = Desk(tmp_path, "algorithms = ['PS256']", key=RSAKey.generate_key(2048))
    assert desk.caller(desk.issuer.token({"alg": "PS256"}))
    assert desk.refuses(desk.issuer.token({"alg": "RS256"}))


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://login.example/"},
        {"iss": None},
        {"iss": [ISSUER]},
        {"aud": "https://other.example"},
        {"aud": None},
        {"aud": []},
        {"aud": {AUDIENCE: 1}},
        {"sub": None},
        {"sub": "client-2"},
        {"sub": ["client-1"]},
        {"exp": None},
        {"exp": lambda: str(later(300)())},
        {"exp": True},
        {"exp": later(-31)},
        {"exp": later(3701)},
        {"exp": 10**400},
        {"exp": 1e308},
        {"iat": None},
        {"iat": later(300), "exp": later(400)},
        {"iat": -(10**400)},
        {"nbf": later(300)},
        {"nbf": "now"},
        {"cnf": None, "nbf": {}},
        {"cnf": {}},
        {"cnf": {"x5t#S256": "A" * 43}},
        {"cnf": {"jkt": "A" * 43}},
        {"cnf": "A" * 43},
    ],
)
def test_a_claim_that_does_not_hold_ends_the_request(desk, changed):
    claims = desk.issuer.claims() | at_last(changed)
    claims = {name: value for name, value in claims.items() if value is not None}
    assert desk.refuses(signed(desk, head_of(desk), claims))


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": ["https://other.example", AUDIENCE]},
        {"exp": later(3000), "iat": later(20)},
        {"iat": later(-300), "exp": later(300), "nbf": later(20)},
        {"jti": None},
    ],
)
def test_what_clocks_and_issuers_differ_in_is_borne(desk, changed):
    assert desk.caller(desk.issuer.token(**at_last(changed)))


def test_a_token_just_expired_is_borne_for_the_leeway_and_no_longer(desk):
    ends = int(time.time()) + 100
    token = desk.issuer.token(exp=ends)
    for offset, counts in ((29, True), (31, False)):
        desk.doorkeeper._clock = lambda offset=offset: (ends + offset) * 1000
        assert bool(desk.caller(token)) if counts else desk.refuses(token)


def test_a_binding_that_cannot_be_checked_does_not_hold_beside_one_that_can(desk):
    peer = peer_of(certificate_in(desk.ca.issue_client("device")))
    bound = {"x5t#S256": peer.thumbprint}

    def caller(confirmation):
        token = bearer(desk.issuer.token(cnf=confirmation))
        return desk.doorkeeper.caller(scope_with(token, peer=peer))

    assert caller(bound).unit == "fiji-police"
    for other in (bound | {"jkt": "A" * 43}, {"jkt": "A" * 43}, {"x5t#S256": [peer.thumbprint]}):
        with pytest.raises(Problem):
            caller(other)


def test_a_unit_claim_may_name_the_units_that_are_listed(tmp_path):
    desk = Desk(tmp_path, "unit_claim = 'unit'\nunits = ['fiji-police', 'fiji-tcu']", units="")
    assert desk.caller(desk.issuer.token(unit="fiji-tcu", sub="anybody")).unit == "fiji-tcu"
    for other in ("samoa-police", "", None, ["fiji-tcu"], "nobody"):
        assert desk.refuses(desk.issuer.token(unit=other))


def test_scopes_roles_and_feeds_narrow_and_never_widen(tmp_path):
    more = "role_claim = 'roles'\nfeeds_claim = 'feeds'"
    scopes = "[issuers.scopes]\n'alerts' = ['read', 'acknowledge', 'publish', 'report']\n"
    desk = Desk(tmp_path, more, units="[issuers.subjects]\nclient-1 = 'fiji-police'\n" + scopes)
    feed = min(FIJI)

    def rights(**claims):
        return desk.caller(desk.issuer.token(**claims)).rights

    full = {"scope": "alerts", "roles": ["duty-officer", "elsewhere"], "feeds": [feed]}
    assert rights(**full) == {Right.READ, Right.ACKNOWLEDGE, Right.PUBLISH}  # no civil society
    assert rights(**full | {"roles": "analyst"}) == {Right.READ, Right.ACKNOWLEDGE}
    assert rights(**full | {"roles": ["elsewhere"]}) == set()
    assert rights(**full | {"roles": None}) == set()
    assert rights(**full | {"scope": "openid other"}) == set()
    assert rights(**full | {"scope": None}) == set()
    assert rights(**full | {"scope": ["alerts"]}) == set()
    assert rights(**full | {"feeds": ["samoa-tcu-investigate"]}) == {Right.PUBLISH}
    assert rights(**full | {"feeds": None}) == {Right.PUBLISH}
    assert desk.caller(desk.issuer.token(**full)).feeds == {feed}


def test_a_new_key_of_the_issuer_counts_at_once_and_an_old_one_no_more(desk):
    old = desk.issuer.token()
    assert desk.caller(old)
    desk.issuer = TokenIssuer(desk.folder, kid="second")
    assert desk.refuses(old)
    assert desk.caller(desk.issuer.token())


HALVES = ["\ud800", "a\udfff", ["\ud800"], {"\ud800": 1}, {"x5t#S256": "\ud800"}]


@pytest.mark.parametrize("claim", ["sub", "cnf", "scope", "aud", "iss", "jti", "anything"])
@pytest.mark.parametrize("half", HALVES)
def test_11_20_half_a_letter_in_a_claim_is_no_credential(desk, claim, half):
    claims = desk.issuer.claims(**{claim: half})
    assert desk.refuses(signed(desk, head_of(desk), claims))


def test_11_20_half_a_letter_in_a_header_is_no_credential(desk):
    assert desk.refuses(signed(desk, head_of(desk, kid="\ud800"), desk.issuer.claims()))


def test_11_20_a_whole_letter_beyond_the_basic_plane_is_one(desk):
    claims = desk.issuer.claims(jti="\U0001f41a")
    assert desk.caller(signed(desk, head_of(desk), claims)).unit == "fiji-police"
