"""C36: no answer sends anybody elsewhere by what a request says of its host; hosts are listed."""

import pytest
from fastapi import APIRouter

from broker.gateway import app
from broker.gateway.hosts import LOOPBACK, Hosts, hosts_of
from broker.settings import Settings

EVIL = b"evil.example"


async def asked(application, path="/v1/feeds", *hosts, version="1.1", method="GET"):
    """Ask *application*; return status, headers and body."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(),
        "query_string": b"", "headers": [(b"host", each) for each in hosts],
        "http_version": version, "scheme": "http", "client": ("192.0.2.1", 1),
        "server": ("127.0.0.1", 2), "root_path": "",
    }  # fmt: skip
    await application(scope, receive, send)
    body = b"".join(each.get("body", b"") for each in sent)
    return sent[0]["status"], dict(sent[0]["headers"]), body


async def well(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"well"})


@pytest.fixture
def gateway(monkeypatch):
    """The application with two routes, one of which ends with a slash."""
    routes = APIRouter()

    @routes.get("/v1/feeds")
    async def feeds() -> str:
        return "feeds"

    @routes.get("/taxii/")
    async def slashed() -> str:
        return "taxii"

    monkeypatch.setattr(app, "_routers", lambda _: [routes])
    return app.make_app(None)


@pytest.mark.parametrize("path", ["/v1/feeds/", "/taxii", "//evil.example/", "/v1//feeds"])
async def test_c36_a_slash_too_many_or_too_few_redirects_nobody(gateway, path):
    status, headers, body = await asked(gateway, path, EVIL)
    assert status == 404
    assert b"location" not in headers
    assert EVIL not in body


def test_c36_taxii_answers_its_addresses_without_the_last_slash_too(monkeypatch):
    from broker.gateway.taxii import routes

    monkeypatch.setattr(routes, "_Reading", lambda _: None)
    paths = {each.path for each in routes.router(None).routes}
    slashed = {each for each in paths if each.endswith("/")}
    assert len(slashed) > 5
    assert {each.removesuffix("/") for each in slashed} <= paths


@pytest.mark.parametrize(
    ("hosts", "status"),
    [((b"alerts.example.org",), 200), ((b"ALERTS.example.org:8440",), 200),
     ((EVIL,), 421), ((b"alerts.example.org.evil.example",), 421), ((b"10.0.0.9",), 421),
     ((), 400), ((b"",), 400), ((EVIL, b"alerts.example.org"), 400),
     ((b"alerts.example.org", b"alerts.example.org"), 400), ((b"a b",), 400),
     ((b"alerts.example.org/evil",), 400), ((b"alerts.example.org:x",), 400),
     ((b"user@alerts.example.org",), 400), ((b"\xff",), 400)],
)  # fmt: skip
async def test_c36_hosts_are_of_a_list_and_one(hosts, status):
    listed = Hosts(well, {"alerts.example.org"})
    found, _, body = await asked(listed, "/v1/feeds", *hosts)
    assert found == status
    assert EVIL not in body


async def test_c36_where_nothing_is_listed_a_host_is_still_one_and_can_be_one():
    anything = Hosts(well, ())
    assert (await asked(anything, "/v1/feeds", EVIL))[0] == 200
    assert (await asked(anything, "/v1/feeds", b"[2001:db8::1]:8440"))[0] == 200
    assert (await asked(anything, "/v1/feeds"))[0] == 400
    assert (await asked(anything, "/v1/feeds", version="1.0"))[0] == 200


async def test_c36_balancers_ask_by_address():
    listed = Hosts(well, {"alerts.example.org"})
    assert (await asked(listed, "/readyz", b"10.0.0.9:8440"))[0] == 200
    assert (await asked(listed, "/readyz"))[0] == 400


def test_c36_a_gateway_on_loopback_goes_by_the_names_of_loopback():
    assert hosts_of(Settings()) == LOOPBACK
    assert hosts_of(Settings(gateway_host="127.0.0.9")) == LOOPBACK | {"127.0.0.9"}
    assert hosts_of(Settings(gateway_host="0.0.0.0")) == frozenset()
    assert hosts_of(Settings(gateway_hosts=("Alerts.Example.ORG",))) == {"alerts.example.org"}
