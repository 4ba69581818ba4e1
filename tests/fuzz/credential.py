"""What a stranger sends to say who they are: headers as they come, and tokens signed anew.

The first byte chooses. After ``H`` come header lines. After ``T`` come a token's header and
claims, parted by a zero byte: they are signed here, so that changes reach what a forger's
never would.
"""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from fuzz.community import SEED
from fuzz.harness import MARK, Target, scratch
from joserfc import jws
from joserfc.jwk import ECKey

from broker.gateway.caller import Right
from broker.gateway.identity.api_keys import ApiKey, KeyFile, _digest
from broker.gateway.identity.client_path import ClientPaths
from broker.gateway.identity.doorkeeper import Doorkeeper
from broker.gateway.identity.identities import Identities, Issuer, KnownIssuer, Proxy
from broker.gateway.identity.jwks import IssuerKey
from broker.gateway.identity.watched import Watched
from broker.gateway.problems import Problem
from broker.policy.directory import directory_in
from broker.testing import NOON
from broker.wire.access import Principals

COMMUNITY = directory_in(SimpleNamespace(name="community.toml"), SEED)
UNIT = next(iter(COMMUNITY.units))
ISSUER, AUDIENCE, PROXY = "https://login.example", "https://lali.example", "192.0.2.10"
API_KEY = f"lali_{'0' * 12}_{'A' * 43}"

_CA_KEY = ec.derive_private_key(7, ec.SECP256R1())
_SIGNS = ECKey.import_key(ec.derive_private_key(11, ec.SECP256R1()))
_ES256 = jws.JWSRegistry.algorithms["ES256"]


def _certificate(name: str, public: ec.EllipticCurvePublicKey) -> x509.Certificate:
    def named(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    builder = x509.CertificateBuilder(named("fuzz-ca"), named(name), public, 1)
    builder = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
    is_ca = x509.BasicConstraints(ca=name == "fuzz-ca", path_length=None)
    builder = builder.add_extension(is_ca, critical=True)
    return builder.not_valid_after(datetime(2120, 1, 1, tzinfo=UTC)).sign(_CA_KEY, hashes.SHA256())


_CA = _certificate("fuzz-ca", _CA_KEY.public_key())


def _doorkeeper() -> Doorkeeper:
    rules = Issuer(issuer=ISSUER, audience=AUDIENCE, keys=Path("none"), subjects={MARK: UNIT},
                   role_claim="roles", feeds_claim="feeds")  # fmt: skip
    known = KnownIssuer(rules, {"first": IssuerKey(_SIGNS, frozenset({"ES256"}))})
    identities = Identities(proxies=(Proxy(networks=(f"{PROXY}/32",)),), issuers={ISSUER: known})
    keys = KeyFile(scratch("keys.json"))
    keys.add(ApiKey(id="0" * 12, unit=UNIT, digest=_digest(API_KEY), rights=(Right.READ,),
                    made_at=NOON, expires_at=NOON + timedelta(days=1)))  # fmt: skip
    return Doorkeeper(
        COMMUNITY,
        Principals(),
        Watched(lambda: identities, lambda _: ()),
        keys,
        ClientPaths(Watched(lambda: (_CA,), lambda _: ())),
        clock=lambda: int(NOON.timestamp() * 1000) + 1000,
    )


DOORKEEPER = _doorkeeper()


def read(data):
    headers = [_authorization(data[1:])] if data[:1] == b"T" else _lines(data[1:])
    scope = {"type": "http", "client": (PROXY, 1), "headers": headers}
    assert isinstance(DOORKEEPER.address(scope), str)
    caller = DOORKEEPER.caller(scope)
    assert caller.unit == UNIT
    assert caller.feeds <= set(COMMUNITY.feeds)


def _lines(data):
    parted = (line.partition(b": ") for line in data.split(b"\r\n"))
    return [(name.lower(), value) for name, _, value in parted]


def _authorization(data):
    header, _, claims = data.partition(b"\0")
    signing = b".".join((_encoded(header), _encoded(claims)))
    return (b"authorization", b"Bearer " + signing + b"." + _encoded(_ES256.sign(signing, _SIGNS)))


def _encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def seeds():
    now = int(NOON.timestamp())
    header = {"alg": "ES256", "kid": "first", "typ": "at+jwt"}
    claims = {"iss": ISSUER, "aud": [AUDIENCE], "sub": MARK, "iat": now, "exp": now + 60,
              "nbf": now, "scope": "lali:read", "roles": ["analyst"], "feeds": ["a"]}  # fmt: skip
    token = json.dumps(header).encode() + b"\0" + json.dumps(claims).encode()
    pem = _certificate(f"unit.{UNIT}", ec.derive_private_key(13, ec.SECP256R1()).public_key())
    told = f'By=a;Subject="O=x;\\"";Cert="{quote(pem.public_bytes(Encoding.PEM))}"'
    basic = base64.b64encode(f"{'0' * 12}:{API_KEY}".encode()).decode()
    texts = {
        "key": f"authorization: Bearer {API_KEY}\r\nx-forwarded-for: 203.0.113.7, {PROXY}",
        "basic": f"authorization: Basic {basic}",
        "forwarded": f"x-forwarded-client-cert: {told}",
    }
    headers = {name: b"H" + text.encode() for name, text in texts.items()}
    return {"token": b"T" + token, "raw_token": b"H" + b": ".join(_authorization(token)), **headers}


TARGET = Target(read, seeds, refusals=(Problem,), most_bytes=4096)
