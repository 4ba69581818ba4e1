"""Forged tokens: every trick of the trade, and any change of a genuine one."""

import hmac
import json
from datetime import UTC, datetime

import pytest
from credentials import (
    ISSUER,
    scope_with,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, RSAKey
from token_desk import Desk, encoded, head_of, signed

from broker.gateway.identity import tokens
from broker.gateway.identity.identities import Identities
from broker.gateway.identity.refused import CredentialRefused
from broker.gateway.problems import Problem


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


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
    head = {name: value for name, value in head_of(desk, **header).items() if value is not None}
    assert desk.refuses(signed(desk, head, desk.issuer.claims()))


def test_without_a_signature_nothing_counts(desk):
    claims = encoded(desk.issuer.claims())
    for alg in ("none", "NONE", "ES256"):
        head = encoded(head_of(desk, alg=alg))
        for token in (f"{head}.{claims}.", f"{head}.{claims}", f"{head}.{claims}.AA"):
            assert desk.refuses(token)


@pytest.mark.parametrize("allowed", ["RS256", "ES256"])
def test_the_public_key_is_no_secret_to_sign_with(tmp_path, allowed):
    key = RSAKey.generate_key(2048) if allowed == "RS256" else ECKey.generate_key("P-256")
    desk = Desk(tmp_path, f"algorithms = ['{allowed}']", key=key)
    head = {"alg": "HS256", "kid": "first", "typ": "at+jwt"}
    signing = f"{encoded(head)}.{encoded(desk.issuer.claims())}"
    for secret in (key.as_pem(private=False), key.as_der(private=False), b"secret"):
        mac = hmac.digest(secret, signing.encode(), "sha256")
        assert desk.refuses(f"{signing}.{encoded(mac)}")


def test_keys_in_a_header_are_never_looked_at(desk):
    mine = ECKey.generate_key("P-256")
    public = mine.as_dict(private=False)
    for header in (
        {"jwk": public},
        {"jku": "https://elsewhere.example/jwks.json"},
        {"x5u": "https://elsewhere.example/chain.pem"},
        {"x5c": ["AAAA"]},
    ):
        assert desk.refuses(signed(desk, head_of(desk, **header), desk.issuer.claims(), mine))
        # A genuine token that carries one stands by the issuer's own key.
        assert desk.caller(signed(desk, head_of(desk, **header), desk.issuer.claims()))


def test_a_name_that_appears_twice_is_refused(desk):
    claims = json.dumps(desk.issuer.claims())
    twice = claims[:-1] + ', "sub": "client-1"}'
    assert desk.refuses(signed(desk, head_of(desk), twice))
    assert desk.refuses(signed(desk, head_of(desk), claims[:-1] + ', "x": {"a": 1, "a": 2}}'))
    head = json.dumps(head_of(desk))[:-1] + ', "kid": "first"}'
    assert desk.refuses(signed(desk, head, claims))
    assert desk.caller(signed(desk, json.dumps(head_of(desk)), claims))


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
    assert desk.refuses(signed(desk, head_of(desk), payload))
    assert desk.refuses(signed(desk, payload, desk.issuer.claims()))


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


def test_no_key_is_ever_fetched(desk, monkeypatch):
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("it went out"))
    monkeypatch.setattr("socket.getaddrinfo", lambda *_: pytest.fail("it went out"))
    token = signed(desk, head_of(desk, jku="https://login.example/jwks"), desk.issuer.claims())
    assert desk.caller(token)
