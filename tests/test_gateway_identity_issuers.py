"""The identities file and the keys of issuers: what is wrong is told before anybody is refused."""

import json
import os
import warnings

import pytest
from credentials import (
    COMMUNITY,
    TokenIssuer,
)
from joserfc import jwk
from joserfc.jwk import ECKey, OKPKey

from broker.errors import SettingsInvalid
from broker.gateway.identity.client_path import read_authorities
from broker.gateway.identity.identities import Identities, read_identities


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


@pytest.mark.parametrize("what", ["/dev/zero", "pipe"])
def test_11_04_a_file_of_keys_that_never_ends_is_none(tmp_path, what):
    issuer = TokenIssuer(tmp_path)
    file, keys = tmp_path / "identities.toml", tmp_path / "issuer.jwks.json"
    file.write_text(issuer.entry())
    keys.unlink()
    if what == "pipe":
        os.mkfifo(keys)
    else:
        keys.symlink_to(what)

    with pytest.raises(SettingsInvalid, match=r"^issuer.jwks.json: no JWKS can be read from it$"):
        read_identities(file, COMMUNITY)


@pytest.mark.parametrize("what", ["/dev/zero", "pipe"])
@pytest.mark.parametrize(
    "read", [read_authorities, lambda file: read_identities(file, COMMUNITY)],
    ids=["authorities", "identities"],
)  # fmt: skip
def test_11_04_no_file_of_who_is_who_is_waited_for(tmp_path, read, what):
    file = tmp_path / "file"
    if what == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to(what)

    with pytest.raises(SettingsInvalid, match=r"file: (no certificates|cannot be read)"):
        read(file)


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
