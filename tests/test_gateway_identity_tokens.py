"""OAuth tokens: what counts, and every trick that does not."""

import base64
import hmac
import json
import time
import warnings
from datetime import UTC, datetime

import pytest
from credentials import (
    AUDIENCE,
    COMMUNITY,
    ISSUER,
    TokenIssuer,
    bearer,
    certificate_in,
    doorkeeper_of,
    scope_with,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwk, jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from broker.certificates import DevelopmentCa
from broker.errors import SettingsInvalid
from broker.gateway.caller import Right
from broker.gateway.identity import tokens
from broker.gateway.identity.identities import Identities, read_identities
from broker.gateway.identity.peer import peer_of
from broker.gateway.identity.refused import CredentialRefused
from broker.gateway.problems import Problem
from broker.settings import Settings

FIJI = frozenset(feed.id for feed in COMMUNITY.feeds.values() if feed.unit == "fiji-police")


class Desk:
    """An issuer, an identities file, and a doorkeeper that reads it."""

    def __init__(self, folder, more="", units=None, **issuer):
        self.folder = folder
        self.issuer = TokenIssuer(folder, **issuer)
        self.file = folder / "identities.toml"
        self.say(more, units)
        self.doorkeeper = doorkeeper_of(
            Settings(data_folder=folder / "data", gateway_identities=self.file)
        )

    def say(self, more="", units=None):
        given = {} if units is None else {"units": units}
        self.file.write_text(self.issuer.entry(more, **given))

    def caller(self, token):
        return self.doorkeeper.caller(scope_with(bearer(token)))

    def refuses(self, token):
        with pytest.raises(Problem) as refused:
            self.caller(token)
        assert (refused.value.status, str(refused.value)) == (401, "UNAUTHENTICATED")
        return True


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def _encoded(value):
    text = value if isinstance(value, (str, bytes)) else json.dumps(value)
    raw = text.encode() if isinstance(text, str) else text
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _signed(desk, header, payload, key=None):
    """Sign any bytes as header and payload, whatever they are."""
    key = key or desk.issuer.key
    alg = jws.JWSRegistry.algorithms["ES256"]
    signing = f"{_encoded(header)}.{_encoded(payload)}"
    return f"{signing}.{_encoded(alg.sign(signing.encode(), key))}"


def _head(desk, **more):
    return {"alg": "ES256", "kid": desk.issuer.kid, "typ": "at+jwt", **more}


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


NOW = int(time.time())


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
        {"exp": str(NOW + 300)},
        {"exp": True},
        {"exp": NOW - 31},
        {"exp": NOW + 3701},
        {"exp": 10**400},
        {"exp": 1e308},
        {"iat": None},
        {"iat": NOW + 300, "exp": NOW + 400},
        {"iat": -(10**400)},
        {"nbf": NOW + 300},
        {"nbf": "now"},
        {"cnf": None, "nbf": {}},
        {"cnf": {}},
        {"cnf": {"x5t#S256": "A" * 43}},
        {"cnf": {"jkt": "A" * 43}},
        {"cnf": "A" * 43},
    ],
)
def test_a_claim_that_does_not_hold_ends_the_request(desk, changed):
    claims = desk.issuer.claims() | changed
    claims = {name: value for name, value in claims.items() if value is not None}
    assert desk.refuses(_signed(desk, _head(desk), claims))


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": ["https://other.example", AUDIENCE]},
        {"exp": NOW + 3000, "iat": NOW + 20},
        {"iat": NOW - 300, "exp": NOW + 300, "nbf": NOW + 20},
        {"jti": None},
    ],
)
def test_what_clocks_and_issuers_differ_in_is_borne(desk, changed):
    assert desk.caller(desk.issuer.token(**changed))


def test_a_token_just_expired_is_borne_for_the_leeway_and_no_longer(desk):
    ends = int(time.time()) + 100
    token = desk.issuer.token(exp=ends)
    for offset, counts in ((29, True), (31, False)):
        desk.doorkeeper._clock = lambda offset=offset: (ends + offset) * 1000
        assert bool(desk.caller(token)) if counts else desk.refuses(token)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "None"},
        {"alg": "HS256"},
        {"alg": "ES384"},
        {"alg": "ES256K"},
        {"alg": ["ES256"]},
        {"alg": None},
        {"kid": None},
        {"kid": ""},
        {"kid": "second"},
        {"kid": 1},
        {"kid": "../issuer.jwks.json"},
        {"kid": "first' OR '1'='1"},
        {"kid": {"first": 1}},
        {"typ": "JWT"},
        {"typ": None},
        {"typ": "at+jwt; x"},
        {"crit": ["exp"]},
        {"crit": []},
        {"b64": False, "crit": ["b64"]},
        {"zip": "DEF"},
    ],
)
def test_a_header_chooses_nothing(desk, header):
    head = {name: value for name, value in _head(desk, **header).items() if value is not None}
    assert desk.refuses(_signed(desk, head, desk.issuer.claims()))


def test_without_a_signature_nothing_counts(desk):
    claims = _encoded(desk.issuer.claims())
    for alg in ("none", "NONE", "ES256"):
        head = _encoded(_head(desk, alg=alg))
        for token in (f"{head}.{claims}.", f"{head}.{claims}", f"{head}.{claims}.AA"):
            assert desk.refuses(token)


@pytest.mark.parametrize("allowed", ["RS256", "ES256"])
def test_the_public_key_is_no_secret_to_sign_with(tmp_path, allowed):
    key = RSAKey.generate_key(2048) if allowed == "RS256" else ECKey.generate_key("P-256")
    desk = Desk(tmp_path, f"algorithms = ['{allowed}']", key=key)
    head = {"alg": "HS256", "kid": "first", "typ": "at+jwt"}
    signing = f"{_encoded(head)}.{_encoded(desk.issuer.claims())}"
    for secret in (key.as_pem(private=False), key.as_der(private=False), b"secret"):
        mac = hmac.digest(secret, signing.encode(), "sha256")
        assert desk.refuses(f"{signing}.{_encoded(mac)}")


def test_keys_in_a_header_are_never_looked_at(desk):
    mine = ECKey.generate_key("P-256")
    public = mine.as_dict(private=False)
    for header in (
        {"jwk": public},
        {"jku": "https://elsewhere.example/jwks.json"},
        {"x5u": "https://elsewhere.example/chain.pem"},
        {"x5c": ["AAAA"]},
    ):
        assert desk.refuses(_signed(desk, _head(desk, **header), desk.issuer.claims(), mine))
        # A genuine token that carries one stands by the issuer's own key.
        assert desk.caller(_signed(desk, _head(desk, **header), desk.issuer.claims()))


def test_a_name_that_appears_twice_is_refused(desk):
    claims = json.dumps(desk.issuer.claims())
    twice = claims[:-1] + ', "sub": "client-1"}'
    assert desk.refuses(_signed(desk, _head(desk), twice))
    assert desk.refuses(_signed(desk, _head(desk), claims[:-1] + ', "x": {"a": 1, "a": 2}}'))
    head = json.dumps(_head(desk))[:-1] + ', "kid": "first"}'
    assert desk.refuses(_signed(desk, head, claims))
    assert desk.caller(_signed(desk, json.dumps(_head(desk)), claims))


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "[]",
        "null",
        "[" * 5000,
        '{"exp": NaN}',
        '{"exp": Infinity}',
        b"\xff\xfe",
        "9" * 5000,
        '{"iss": "' + ISSUER + '"',
    ],
)
def test_what_is_no_object_is_refused(desk, payload):
    assert desk.refuses(_signed(desk, _head(desk), payload))
    assert desk.refuses(_signed(desk, payload, desk.issuer.claims()))


def test_a_huge_token_is_refused_before_anything_reads_it(desk, monkeypatch):
    token = desk.issuer.token(padding="a" * tokens.MAX_TOKEN)
    monkeypatch.setattr(tokens, "read_object", lambda _: pytest.fail("it was read"))
    assert desk.refuses(token)
    assert desk.refuses("a." * (1 << 20))
    with pytest.raises(CredentialRefused, match="TOKEN_MALFORMED"):
        tokens.token_grant(token, Identities(), None, datetime.now(UTC))
    with pytest.raises(Problem):
        desk.doorkeeper.caller(scope_with(("authorization", "Bearer " + "a" * (1 << 22))))


@pytest.fixture(scope="module")
def steady(tmp_path_factory):
    desk = Desk(tmp_path_factory.mktemp("steady"))
    return desk, desk.issuer.token()


def test_a_binding_that_cannot_be_checked_does_not_hold_beside_one_that_can(desk, tmp_path):
    peer = peer_of(certificate_in(DevelopmentCa(tmp_path / "ca").issue_client("device")))
    bound = {"x5t#S256": peer.thumbprint}

    def caller(confirmation):
        token = bearer(desk.issuer.token(cnf=confirmation))
        return desk.doorkeeper.caller(scope_with(token, peer=peer))

    assert caller(bound).unit == "fiji-police"
    for other in (bound | {"jkt": "A" * 43}, {"jkt": "A" * 43}, {"x5t#S256": [peer.thumbprint]}):
        with pytest.raises(Problem):
            caller(other)


_LETTERS = st.sampled_from(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ ~é"
)


@settings(max_examples=400)
@given(data=st.data())
def test_any_change_of_a_token_is_refused(steady, data):
    desk, token = steady
    where = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(_LETTERS.filter(lambda letter: letter != token[where]))
    how = data.draw(st.sampled_from(["put", "insert", "cut", "end"]))
    changed = {
        "put": token[:where] + letter + token[where + 1 :],
        "insert": token[:where] + letter + token[where:],
        "cut": token[:where] + token[where + 1 :],
        "end": token[:where],
    }[how]
    # White space around a credential is not part of it.
    if changed.strip(" ") != token:
        assert desk.refuses(changed)
    assert desk.caller(token)


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


def test_no_key_is_ever_fetched(desk, monkeypatch):
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("it went out"))
    monkeypatch.setattr("socket.getaddrinfo", lambda *_: pytest.fail("it went out"))
    token = _signed(desk, _head(desk, jku="https://login.example/jwks"), desk.issuer.claims())
    assert desk.caller(token)


def _public(**more):
    return {**ECKey.generate_key("P-256").as_dict(private=False), **more}


KEY_SETS = {
    "no JWKS can be read": [
        "", "[]", "{}", '{"keys": {}}', '{"keys": [1]}', '{"keys": [], "keys": []}',
    ],
    "no key for ES256": [
        {"keys": []},
        {"keys": [OKPKey.generate_key("Ed25519").as_dict(private=False)]},
        {"keys": [_public(kid="a", use="enc")]},
        {"keys": [_public(kid="a", alg="ES384")]},
        {"keys": [_public(kid="a", alg=["ES256"])]},
        {"keys": [_public(kid="a", key_ops=["encrypt"])]},
        {"keys": [ECKey.generate_key("P-384").as_dict(private=False) | {"kid": "a"}]},
    ],
    "holds a secret key": [
        {"keys": [ECKey.generate_key("P-256").as_dict(private=True) | {"kid": "a"}]},
        {"keys": [_public(kid="a"), {"kty": "oct", "k": "c2VjcmV0"}]},
    ],
    "needs a kid of its own": [
        {"keys": [_public()]},
        {"keys": [_public(kid="")]},
        {"keys": [_public(kid="a"), _public(kid="a")]},
    ],
    "is damaged": [{"keys": [_public(kid="a", x="AA")]}, {"keys": [_public(kid="a", y=1)]}],
}  # fmt: skip


@pytest.mark.parametrize("said", KEY_SETS)
def test_keys_that_cannot_be_used_are_told_before_anybody_is_refused(tmp_path, said):
    issuer = TokenIssuer(tmp_path)
    file = tmp_path / "identities.toml"
    file.write_text(issuer.entry())
    for content in KEY_SETS[said]:
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / "issuer.jwks.json").write_text(text)
        with pytest.raises(SettingsInvalid, match=f"issuer.jwks.json: .*{said}"):
            read_identities(file, COMMUNITY)


def test_a_short_rsa_key_is_refused(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        issuer = TokenIssuer(tmp_path, key=jwk.RSAKey.generate_key(1024))
        file = tmp_path / "identities.toml"
        file.write_text(issuer.entry("algorithms = ['RS256']"))
        with pytest.raises(SettingsInvalid, match="an RSA key of 1024 bits"):
            read_identities(file, COMMUNITY)


MISTAKES = {
    "algorithms = ['none']": r"CODE_UNKNOWN|FIELD_INVALID at issuers\[0\].algorithms",
    "algorithms = ['HS256']": r"issuers\[0\].algorithms",
    "algorithms = []": r"issuers\[0\].algorithms",
    "leeway_seconds = 3600": r"issuers\[0\].leeway_seconds",
    "longest_seconds = 999999": r"issuers\[0\].longest_seconds",
    "jwks_uri = 'https://login.example'": r"FIELD_UNKNOWN",
    "unit_claim = 'unit'": "either subjects or unit_claim",
    "units = ['fiji-police']": "unit_claim and units go together",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_identities_file_is_told(tmp_path, mistake):
    issuer = TokenIssuer(tmp_path)
    file = tmp_path / "identities.toml"
    file.write_text(issuer.entry(mistake))
    with pytest.raises(SettingsInvalid, match=MISTAKES[mistake]):
        read_identities(file, COMMUNITY)


def test_units_and_issuers_in_the_file_must_exist_once(tmp_path):
    issuer = TokenIssuer(tmp_path)
    file = tmp_path / "identities.toml"
    file.write_text(issuer.entry(units="[issuers.subjects]\nclient-1 = 'nobody'\n"))
    with pytest.raises(SettingsInvalid, match="no unit is called nobody"):
        read_identities(file, COMMUNITY)
    file.write_text(issuer.entry() + issuer.entry())
    with pytest.raises(SettingsInvalid, match="one issuer appears twice"):
        read_identities(file, COMMUNITY)
    file.write_text("")
    assert read_identities(file, COMMUNITY) == Identities(files=(file,))
