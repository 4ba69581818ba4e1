"""A small gateway on real TLS, and credentials of every kind for it."""

import asyncio
import json
import socket
import ssl
import time
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Annotated

import aiohttp
import uvicorn
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from fastapi import Depends, FastAPI, Request
from joserfc import jwt
from joserfc.jwk import ECKey

from broker.certificates import DevelopmentCa
from broker.gateway.caller import Caller, Right, admitted, needs
from broker.gateway.headers import SecurityHeaders
from broker.gateway.identity.api_keys import key_file, new_key
from broker.gateway.identity.doorkeeper import Doorkeeper, make_doorkeeper
from broker.gateway.identity.serving import server_options
from broker.gateway.limits import Limiter
from broker.gateway.problems import install_problems
from broker.policy.directory import read_directory
from broker.resources import shipped
from broker.settings import Settings
from broker.wire.topics import Topics

COMMUNITY = read_directory(shipped("policies") / "pacific" / "community.toml")
ISSUER, AUDIENCE = "https://login.example", "https://lali.example"
HOST = "127.0.0.1"


def key_of(settings, unit, *rights, feeds=None, role=None, days=30, made=None):
    """Make an API key; return its text."""
    made = made or datetime.now(UTC) - timedelta(seconds=5)
    new = new_key(unit, rights, made, made + timedelta(days=days), feeds=feeds, role=role)
    key_file(settings).add(new.entry)
    return new.text


def spiffe(ca, name, *uris):
    """Issue a client certificate with SPIFFE ids among its alternative names."""
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri) for uri in uris])
    return ca._issue(name, [ExtendedKeyUsageOID.CLIENT_AUTH], [names])


def certificate_in(pair):
    return x509.load_pem_x509_certificate(pair.certificate.read_bytes())


class TokenIssuer:
    """An authorization server: its key, its JWKS file and its entry in the identities file."""

    def __init__(self, folder, key=None, kid="first"):
        self.kid = kid
        self.key = key or ECKey.generate_key("P-256")
        self.folder = folder
        public = {**self.key.as_dict(private=False), "kid": kid}
        (folder / "issuer.jwks.json").write_text(json.dumps({"keys": [public]}))

    def entry(self, more="", units="[issuers.subjects]\nclient-1 = 'fiji-police'\n"):
        return (
            f"[[issuers]]\nissuer = '{ISSUER}'\naudience = '{AUDIENCE}'\n"
            f"keys = 'issuer.jwks.json'\n{more}\n{units}"
        )

    def claims(self, **changed):
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "client-1", "client_id": "client-1",
                  "iat": now, "exp": now + 300, "jti": "1",
                  "scope": "lali:read lali:publish"}  # fmt: skip
        claims.update(changed)
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, header=None, key=None, **changed):
        head = {"alg": "ES256", "kid": self.kid, "typ": "at+jwt", **(header or {})}
        return jwt.encode(head, self.claims(**changed), key or self.key, [head["alg"]])


def scope_with(*headers, client=HOST, peer=None, method="GET"):
    """An ASGI scope with these headers."""
    encoded = [(name.encode(), text.encode("latin-1")) for name, text in headers]
    scope = {"type": "http", "method": method, "client": (client, 1), "headers": encoded}
    return scope | ({"extensions": {"tls": {"peer": peer}}} if peer else {})


def bearer(text):
    return ("authorization", f"Bearer {text}")


def doorkeeper_of(settings, *, clock=None, topics=None) -> Doorkeeper:
    made = make_doorkeeper(settings, COMMUNITY, topics or Topics())
    if clock is not None:
        made._clock = clock
    return made


def gateway_app(doorkeeper, limiter=None):
    """An application with the real dependencies, whose routes tell who called."""
    app = FastAPI()
    app.state.doors = SimpleNamespace(
        doorkeeper=doorkeeper, limiter=limiter or Limiter("100000/minute", "100000/minute")
    )
    install_problems(app)

    @app.get("/who")
    async def who(request: Request):
        caller = admitted(request)
        return {"unit": caller.unit, "rights": sorted(caller.rights),
                "feeds": sorted(caller.feeds), "identity": caller.identity,
                "tls": request.scope["extensions"]["tls"]["tls_version"],
                "trailer": request.headers.get("x-trailer")}  # fmt: skip

    @app.post("/publish")
    async def publish(request: Request, caller: Annotated[Caller, Depends(needs(Right.PUBLISH))]):
        await request.body()
        return {"unit": caller.unit, "trailer": request.headers.get("x-trailer")}

    @app.get("/broken")
    async def broken():
        raise ValueError("Sina Synthetic")

    return app


@asynccontextmanager
async def served(app, settings):
    """Serve *app* by uvicorn as the gateway does; yields the port."""
    listener = socket.create_server((HOST, 0))
    options = server_options(settings) | {"lifespan": "off"}
    server = uvicorn.Server(uvicorn.Config(SecurityHeaders(app), **options))
    server.capture_signals = nullcontext  # the test's own signals stay its own
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task


@dataclass
class Scene:
    """A folder with a CA, certificates and settings."""

    folder: object

    def __post_init__(self):
        self.ca = DevelopmentCa(self.folder / "ca")
        self.server = self.ca.issue_server("gateway", [HOST, "localhost"])
        self.identities = self.folder / "identities.toml"
        self.identities.write_text("")

    def settings(self, **changed):
        return Settings(**{
            "data_folder": self.folder / "data",
            "gateway_certificate": self.server.certificate,
            "gateway_key": self.server.key,
            "gateway_client_ca": self.ca.certificate_file,
            "gateway_identities": self.identities,
            **changed,
        })  # fmt: skip

    def client_context(self, pair=None, version=None):
        context = ssl.create_default_context(cafile=self.ca.certificate_file)
        if pair is not None:
            context.load_cert_chain(pair.certificate, pair.key)
        if version is not None:
            context.minimum_version = context.maximum_version = version
        return context

    def session(self, pair=None, version=None):
        connector = aiohttp.TCPConnector(ssl=self.client_context(pair, version))
        return aiohttp.ClientSession(connector=connector)
