"""docs/identity.md: its identities file can be read, and its tables say what the code does."""

import json
import re
from pathlib import Path

from credentials import COMMUNITY
from joserfc.jwk import ECKey

from broker.gateway.caller import Right
from broker.gateway.identity import identities, protocol, tokens
from broker.gateway.identity.api_keys import LONGEST_DAYS
from broker.gateway.limits import STRANGERS

PAGE = (Path(__file__).parents[1] / "docs" / "identity.md").read_text()


def test_the_example_of_the_identities_file_is_one(tmp_path):
    block = re.search(r"<!-- identities: .*?```toml\n(.*?)```", PAGE, re.DOTALL)[1]
    file = tmp_path / "identities.toml"
    file.write_text(block)
    for name in ("login", "other"):
        key = ECKey.generate_key("P-256").as_dict(private=False) | {"kid": name}
        (tmp_path / f"{name}.jwks.json").write_text(json.dumps({"keys": [key]}))

    found = identities.read_identities(file, COMMUNITY)

    assert (len(found.certificates.refused), len(found.issuers), len(found.proxies)) == (2, 2, 1)
    shown = set(re.findall(r"^\"?([a-z_]+)\"? = ", block, re.MULTILINE))
    models = (identities.CertificateRules, identities.Issuer, identities.Proxy)
    tables = {"subjects", "scopes"}
    assert {name for model in models for name in model.model_fields} - tables == shown


def test_every_right_and_role_is_described():
    assert set(re.findall(r"^\| `([a-z]+)` \|", PAGE, re.MULTILINE)) == set(Right)
    for role in COMMUNITY.roles:
        assert f"`{role}`" in PAGE


def test_bounds_are_those_of_the_code():
    assert f"{LONGEST_DAYS} days at most" in PAGE
    assert f"tokens beyond {tokens.MAX_TOKEN // 1024} KiB" in PAGE
    head = f"{protocol.MAX_HEAD_BYTES // 1024} KiB and {protocol.HEAD_SECONDS} seconds"
    assert head in PAGE
    assert f"{STRANGERS.split('/', maxsplit=1)[0]} a minute" in PAGE
