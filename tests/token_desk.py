"""An issuer of tokens and a doorkeeper that knows it; tokens of any bytes, signed."""

import base64
import json

import pytest
from credentials import (
    COMMUNITY,
    TokenIssuer,
    bearer,
    doorkeeper_of,
    scope_with,
)
from joserfc import jws

from broker.certificates import DevelopmentCa
from broker.gateway.problems import Problem
from broker.settings import Settings

FIJI = frozenset(feed.id for feed in COMMUNITY.feeds.values() if feed.unit == "fiji-police")


class Desk:
    """An issuer, an identities file, and a doorkeeper that reads it."""

    def __init__(self, folder, more="", units=None, **issuer):
        self.folder = folder
        self.issuer = TokenIssuer(folder, **issuer)
        self.ca = DevelopmentCa(folder / "ca")
        self.file = folder / "identities.toml"
        self.say(more, units)
        self.doorkeeper = doorkeeper_of(
            Settings(
                data_folder=folder / "data",
                gateway_identities=self.file,
                gateway_client_ca=self.ca.certificate_file,
            )
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


def encoded(value):
    text = value if isinstance(value, (str, bytes)) else json.dumps(value)
    raw = text.encode() if isinstance(text, str) else text
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(desk, header, payload, key=None):
    """Sign any bytes as header and payload, whatever they are."""
    key = key or desk.issuer.key
    alg = jws.JWSRegistry.algorithms["ES256"]
    signing = f"{encoded(header)}.{encoded(payload)}"
    return f"{signing}.{encoded(alg.sign(signing.encode(), key))}"


def head_of(desk, **more):
    return {"alg": "ES256", "kid": desk.issuer.kid, "typ": "at+jwt", **more}
