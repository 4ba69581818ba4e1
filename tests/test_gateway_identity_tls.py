"""Client certificates on real TLS: uvicorn on loopback, served as the gateway serves.

These tests also pin what the protocol relies on in uvicorn, which has no such thing itself.
"""

import asyncio
import ssl

import aiohttp
import pytest
import uvicorn
import uvloop
from credentials import (
    COMMUNITY,
    HOST,
    Scene,
    TokenIssuer,
    certificate_in,
    doorkeeper_of,
    gateway_app,
    key_of,
    served,
    spiffe,
)
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from broker.clock import epoch_ms
from broker.errors import SettingsInvalid
from broker.gateway.caller import Right
from broker.gateway.identity import protocol
from broker.gateway.identity.peer import peer_of
from broker.gateway.identity.serving import server_options
from broker.gateway.limits import Limiter
from broker.settings import Settings
from broker.wire.topics import Topics

FIJI = {feed.id for feed in COMMUNITY.feeds.values() if feed.unit == "fiji-police"}


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


async def _who(session, port, **headers):
    async with session.get(f"https://{HOST}:{port}/who", headers=headers) as answer:
        return answer.status, await answer.json()


def test_the_protocol_is_tested_with_the_uvicorn_that_runs():
    assert uvicorn.__version__.startswith("0.54."), "run this file with the new one, then pin it"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_client_certificate_names_its_unit(scene, version):
    settings = scene.settings()
    pair = scene.ca.issue_client("unit.fiji-police")
    peer = peer_of(certificate_in(pair))
    async with (
        served(gateway_app(doorkeeper_of(settings)), settings) as port,
        scene.session(pair, version) as session,
    ):
        status, told = await _who(session, port)

    assert status == 200
    assert told == {
        "unit": "fiji-police",
        "rights": ["acknowledge", "follow", "preview", "publish", "read"],
        "feeds": sorted(FIJI),
        "identity": f"certificate:{peer.fingerprint[:12]}",
        "tls": version.name.replace("_", "."),
        "trailer": None,
    }


async def test_without_certificate_keys_come_by_the_same_port(scene):
    settings = scene.settings()
    key = key_of(settings, "samoa-tcu", Right.READ)
    async with (
        served(gateway_app(doorkeeper_of(settings)), settings) as port,
        scene.session() as session,
    ):
        assert (await _who(session, port))[0] == 401
        status, told = await _who(session, port, Authorization=f"Bearer {key}")

    assert (status, told["unit"], told["rights"]) == (200, "samoa-tcu", ["read"])


async def test_a_certificate_of_another_ca_ends_the_handshake(scene, tmp_path):
    foreign = Scene(tmp_path / "foreign")
    pair = foreign.ca.issue_client("unit.fiji-police")
    settings = scene.settings()
    async with (
        served(gateway_app(doorkeeper_of(settings)), settings) as port,
        scene.session(pair) as session,
    ):
        with pytest.raises(aiohttp.ClientError):
            await _who(session, port)


async def test_a_certificate_for_servers_alone_ends_the_handshake(scene):
    pair = scene.ca._issue("unit.fiji-police", [ExtendedKeyUsageOID.SERVER_AUTH], [])
    settings = scene.settings()
    async with (
        served(gateway_app(doorkeeper_of(settings)), settings) as port,
        scene.session(pair) as session,
    ):
        with pytest.raises(aiohttp.ClientError):
            await _who(session, port)


@pytest.mark.parametrize(
    "name", ["unit.nobody", "role.gateway", "fiji-police", "other.unit.fiji-police"]
)
async def test_a_certificate_that_names_no_unit_is_no_identity_and_harms_no_key(scene, name):
    settings = scene.settings()
    pair = scene.ca.issue_client(name)
    key = key_of(settings, "fiji-police", Right.READ)
    async with (
        served(gateway_app(doorkeeper_of(settings)), settings) as port,
        scene.session(pair) as session,
    ):
        assert (await _who(session, port))[0] == 401
        status, told = await _who(session, port, Authorization=f"Bearer {key}")

    assert (status, told["unit"]) == (200, "fiji-police")


async def test_names_lie_below_the_prefix_of_topics(scene):
    settings = scene.settings()
    doorkeeper = doorkeeper_of(settings, topics=Topics("pilot."))
    async with served(gateway_app(doorkeeper), settings) as port:
        async with scene.session(scene.ca.issue_client("pilot.unit.fiji-police")) as session:
            assert (await _who(session, port))[1]["unit"] == "fiji-police"
        async with scene.session(scene.ca.issue_client("unit.fiji-police")) as session:
            assert (await _who(session, port))[0] == 401


async def test_a_refused_certificate_counts_no_more_on_a_connection_that_is_open(scene):
    settings = scene.settings()
    pair = scene.ca.issue_client("unit.fiji-police")
    peer = peer_of(certificate_in(pair))
    key = key_of(settings, "fiji-police", Right.READ)
    async with (
        served(gateway_app(doorkeeper_of(settings)), settings) as port,
        scene.session(pair) as session,
    ):
        assert (await _who(session, port))[0] == 200
        for refused in (peer.fingerprint, peer.fingerprint.upper(), f"serial:0{peer.serial}"):
            scene.identities.write_text(f'[certificates]\nrefused = ["{refused}"]\n')
            assert (await _who(session, port))[0] == 401
            # Whoever holds it may hold the unit's key as well.
            assert (await _who(session, port, Authorization=f"Bearer {key}"))[0] == 401
            scene.identities.write_text("[certificates]\nrefused = []\n")
            assert (await _who(session, port))[0] == 200


async def test_a_connection_may_outlive_its_certificate(scene):
    settings = scene.settings()
    pair = scene.ca.issue_client("unit.fiji-police")
    later = {"ms": 0}
    doorkeeper = doorkeeper_of(settings, clock=lambda: epoch_ms() + later["ms"])
    async with (
        served(gateway_app(doorkeeper), settings) as port,
        scene.session(pair) as session,
    ):
        assert (await _who(session, port))[0] == 200
        later["ms"] = 31 * 86_400_000
        assert (await _who(session, port))[0] == 401


async def test_while_the_identities_file_is_damaged_nobody_comes_in(scene):
    settings = scene.settings()
    pair = scene.ca.issue_client("unit.fiji-police")
    async with (
        served(gateway_app(doorkeeper_of(settings)), settings) as port,
        scene.session(pair) as session,
    ):
        assert (await _who(session, port))[0] == 200
        for damaged in ("[certificates", "[certificates]\nrefusd = []", "\0"):
            scene.identities.write_text(damaged)
            assert (await _who(session, port))[0] == 503
        scene.identities.unlink()
        assert (await _who(session, port))[0] == 503
        scene.identities.write_text("")
        assert (await _who(session, port))[0] == 200


async def test_two_credentials_must_speak_for_one_unit(scene):
    settings = scene.settings()
    pair = scene.ca.issue_client("unit.fiji-police")
    own = key_of(settings, "fiji-police", Right.READ)
    other = key_of(settings, "samoa-police", Right.READ)
    async with (
        served(gateway_app(doorkeeper_of(settings)), settings) as port,
        scene.session(pair) as session,
    ):
        status, told = await _who(session, port, Authorization=f"Bearer {own}")
        assert (status, told["rights"]) == (200, ["read"])
        assert told["identity"].startswith("key:")
        assert (await _who(session, port, Authorization=f"Bearer {other}"))[0] == 401
        assert (await _who(session, port, Authorization="Bearer lali_x"))[0] == 401


async def test_a_spiffe_id_names_the_unit(scene):
    settings = scene.settings()
    good = spiffe(scene.ca, "workload", "spiffe://pacific.example/unit.fiji-police")
    async with (
        served(gateway_app(doorkeeper_of(settings)), settings) as port,
        scene.session(good) as session,
    ):
        assert (await _who(session, port))[1]["unit"] == "fiji-police"
        scene.identities.write_text("[certificates]\ntrust_domain = 'other.example'\n")
        assert (await _who(session, port))[0] == 401
        scene.identities.write_text("[certificates]\ntrust_domain = 'pacific.example'\n")
        assert (await _who(session, port))[0] == 200


@pytest.mark.parametrize(
    "uris",
    [
        ["spiffe://p.example/unit.samoa-police"],
        ["spiffe://p.example/unit.fiji-police", "spiffe://p.example/unit.fiji-police2"],
        ["spiffe://p.example/unit.fiji-police?x=1"],
        ["spiffe:///unit.fiji-police"],
        ["spiffe://p.example/"],
    ],
)
async def test_a_certificate_whose_names_differ_is_refused(scene, uris):
    settings = scene.settings()
    pair = spiffe(scene.ca, "unit.fiji-police", *uris)
    async with (
        served(gateway_app(doorkeeper_of(settings)), settings) as port,
        scene.session(pair) as session,
    ):
        assert (await _who(session, port))[0] == 401


async def test_a_bound_token_counts_with_its_certificate_alone(scene):
    issuer = TokenIssuer(scene.folder)
    scene.identities.write_text(issuer.entry("certificate_bound = true"))
    settings = scene.settings()
    pair, other = (scene.ca.issue_client(name) for name in ("unit.fiji-police", "device-7"))
    bound = issuer.token(cnf={"x5t#S256": peer_of(certificate_in(pair)).thumbprint})
    elsewhere = issuer.token(cnf={"x5t#S256": peer_of(certificate_in(other)).thumbprint})
    async with served(gateway_app(doorkeeper_of(settings)), settings) as port:
        async with scene.session(pair) as session:
            status, told = await _who(session, port, Authorization=f"Bearer {bound}")
            assert (status, told["unit"], told["rights"]) == (
                200, "fiji-police", ["publish", "read"]
            )  # fmt: skip
            for token in (elsewhere, issuer.token()):
                assert (await _who(session, port, Authorization=f"Bearer {token}"))[0] == 401
        async with scene.session(other) as session:
            assert (await _who(session, port, Authorization=f"Bearer {bound}"))[0] == 401
            # A certificate that names no unit binds a token all the same.
            assert (await _who(session, port, Authorization=f"Bearer {elsewhere}"))[0] == 200
        async with scene.session() as session:
            assert (await _who(session, port, Authorization=f"Bearer {bound}"))[0] == 401


async def test_answers_say_what_browsers_need_and_nothing_about_the_server(scene):
    settings = scene.settings()
    pair = scene.ca.issue_client("unit.fiji-police")
    async with (
        served(gateway_app(doorkeeper_of(settings)), settings) as port,
        scene.session(pair) as session,
    ):
        for path, expected in (("/who", 200), ("/absent", 404), ("/broken", 500)):
            async with session.get(f"https://{HOST}:{port}{path}") as answer:
                assert answer.status == expected
                assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
                assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
                assert answer.headers["Referrer-Policy"] == "no-referrer"
                assert answer.headers["Cache-Control"] == "no-store"
                assert "Server" not in answer.headers
                assert "Synthetic" not in await answer.text()
        asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "GET"}
        async with session.options(f"https://{HOST}:{port}/who", headers=asked) as answer:
            assert answer.status == 405
            assert not [name for name in answer.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 200),
        ({"Origin": "https://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "https://elsewhere.example"}, 400),
        ({"Origin": "null"}, 400),
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, 400),
        ({"Origin": "http://["}, 400),
        ({"Origin": "https://127.0.0.1:{port}", "Sec-Fetch-Site": "cross-site"}, 400),
        ({"Sec-Fetch-Site": "same-site"}, 400),
    ],
)
async def test_no_other_site_makes_a_browser_change_anything(scene, headers, expected):
    settings = scene.settings()
    pair = scene.ca.issue_client("unit.fiji-police")
    async with (
        served(gateway_app(doorkeeper_of(settings)), settings) as port,
        scene.session(pair) as session,
    ):
        sent = {name: text.format(port=port) for name, text in headers.items()}
        async with session.post(f"https://{HOST}:{port}/publish", headers=sent) as answer:
            assert answer.status == expected


async def _raw(scene, port, pair, data):
    """Send bytes; return all that comes back until the server closes."""
    reader, writer = await asyncio.open_connection(HOST, port, ssl=scene.client_context(pair))
    try:
        writer.write(data)
        await writer.drain()
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_a_trailer_never_becomes_a_header(scene):
    settings = scene.settings()
    pair = scene.ca.issue_client("unit.fiji-police")
    sent = (
        b"POST /publish HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Transfer-Encoding: chunked\r\nTrailer: X-Trailer\r\n\r\n"
        b"1\r\na\r\n0\r\nX-Trailer: smuggled\r\n\r\n"
    )
    async with served(gateway_app(doorkeeper_of(settings)), settings) as port:
        answer = await _raw(scene, port, pair, sent)

    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"trailer":null' in answer


@pytest.mark.parametrize(
    "head",
    [
        b"GET /who HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * protocol.MAX_HEAD_BYTES + b"\r\n\r\n",
        b"GET /who HTTP/1.1\r\nHost: x\r\nX-Endless: " + b"a" * (4 * protocol.MAX_HEAD_BYTES),
        b"GET /who HTTP/1.1\r\n" + b"X: y\r\n" * protocol.MAX_HEAD_BYTES + b"\r\n",
        b"GET /" + b"a" * 2 * protocol.MAX_HEAD_BYTES,
    ],
)
async def test_a_head_beyond_the_bound_is_cut_off(scene, head, monkeypatch):
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 3600)  # by its size alone
    settings = scene.settings()
    async with served(gateway_app(doorkeeper_of(settings)), settings) as port:
        answer = await _raw(scene, port, None, head)

    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")


async def test_a_body_is_no_head_however_it_arrives(scene):
    settings = scene.settings()
    pair = scene.ca.issue_client("unit.fiji-police")
    body = b"a" * (8 * protocol.MAX_HEAD_BYTES)
    async with (
        served(gateway_app(doorkeeper_of(settings)), settings) as port,
        scene.session(pair) as session,
    ):
        for _ in range(3):
            async with session.post(f"https://{HOST}:{port}/publish", data=body) as answer:
                assert answer.status == 200


async def test_who_does_not_finish_a_head_is_let_go(scene, monkeypatch):
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
    settings = scene.settings()
    async with served(gateway_app(doorkeeper_of(settings)), settings) as port:
        assert await _raw(scene, port, None, b"GET /who HTTP/1.1\r\nHost: x\r\n") == b""
        assert await _raw(scene, port, None, b"") == b""


async def test_strangers_are_limited_by_address_and_never_shut_out_who_is_known(scene):
    settings = scene.settings()
    pair = scene.ca.issue_client("unit.fiji-police")
    app = gateway_app(doorkeeper_of(settings), Limiter("1000/hour", "3/hour"))
    async with served(app, settings) as port:
        async with scene.session() as session:
            assert [(await _who(session, port))[0] for _ in range(5)] == [401] * 3 + [429] * 2
            async with session.get(f"https://{HOST}:{port}/who") as answer:
                assert 1 <= int(answer.headers["Retry-After"]) <= 3600
        async with scene.session(pair) as session:
            assert (await _who(session, port))[0] == 200


async def test_each_identity_has_a_rate_of_its_own(scene):
    settings = scene.settings()
    app = gateway_app(doorkeeper_of(settings), Limiter("2/hour"))
    async with served(app, settings) as port:
        for unit in ("fiji-police", "samoa-police"):
            async with scene.session(scene.ca.issue_client(f"unit.{unit}")) as session:
                assert [(await _who(session, port))[0] for _ in range(3)] == [200, 200, 429]


async def _shown(scene, port):
    """Return the serial of the certificate that the server shows to a new connection."""
    _, writer = await asyncio.open_connection(HOST, port, ssl=scene.client_context())
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(shown).serial_number


async def test_a_renewed_certificate_is_shown_to_the_next_connection(scene):
    settings = scene.settings()
    pair = scene.ca.issue_client("unit.fiji-police")
    async with (
        served(gateway_app(doorkeeper_of(settings)), settings) as port,
        scene.session(pair) as session,
    ):
        before = await _shown(scene, port)
        assert before == certificate_in(scene.server).serial_number
        renewed = scene.ca.issue_server("gateway", [HOST, "localhost"])
        after = await _shown(scene, port)
        assert after == certificate_in(renewed).serial_number != before

        key = renewed.key.read_bytes()
        for damaged in (b"", scene.ca.issue_client("other").key.read_bytes()):
            renewed.key.write_bytes(damaged)
            assert await _shown(scene, port) == after
        renewed.key.write_bytes(key)
        assert (await _who(session, port))[0] == 200


def test_on_uvloop_the_peer_is_known_and_the_certificate_renewed_too(scene):
    async def told():
        settings = scene.settings()
        pair = scene.ca.issue_client("unit.fiji-police")
        async with (
            served(gateway_app(doorkeeper_of(settings)), settings) as port,
            scene.session(pair) as session,
        ):
            _, who = await _who(session, port)
            renewed = scene.ca.issue_server("gateway", [HOST, "localhost"])
            return who["unit"], await _shown(scene, port) == certificate_in(renewed).serial_number

    assert uvloop.run(told()) == ("fiji-police", True)


async def test_a_new_ca_counts_for_new_connections(scene, tmp_path):
    settings = scene.settings(gateway_client_ca=tmp_path / "clients.pem")
    other = Scene(tmp_path / "other")
    ours, theirs = (each.ca.issue_client("unit.fiji-police") for each in (scene, other))
    settings.gateway_client_ca.write_bytes(scene.ca.certificate_file.read_bytes())
    async with served(gateway_app(doorkeeper_of(settings)), settings) as port:
        async with scene.session(ours) as session:
            assert (await _who(session, port))[0] == 200
        settings.gateway_client_ca.write_bytes(other.ca.certificate_file.read_bytes())
        async with scene.session(theirs) as session:
            assert (await _who(session, port))[0] == 200
        async with scene.session(ours) as session:
            with pytest.raises(aiohttp.ClientError):
                await _who(session, port)


def test_the_context_speaks_nothing_older_than_tls_1_2(scene):
    context = server_options(scene.settings())["ssl_context_factory"](None, None)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_OPTIONAL
    assert context.options & ssl.OP_NO_RENEGOTIATION


def test_without_a_client_ca_no_certificate_is_asked_for(scene):
    options = server_options(scene.settings(gateway_client_ca=None))
    assert options["ssl_context_factory"](None, None).verify_mode is ssl.CERT_NONE


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"gateway_key": None}, "gateway_certificate needs gateway_key"),
        ({"gateway_certificate": None}, "gateway_client_ca and gateway_key need"),
        ({"gateway_client_ca": "identities"}, "gateway_client_ca"),
        ({"gateway_key": "identities"}, "no pair"),
        ({"gateway_key": "other"}, "no pair"),
    ],
)
def test_settings_that_would_not_protect_stop_the_gateway(scene, changed, said):
    files = {
        "identities": scene.identities,
        "other": scene.ca.issue_client("other").key,
        None: None,
    }
    changed = {name: files[value] for name, value in changed.items()}
    with pytest.raises(SettingsInvalid, match=said):
        server_options(scene.settings(**changed))


def test_nothing_crosses_a_network_in_the_clear_unless_somebody_says_so():
    for host in ("127.0.0.1", "::1", "localhost"):
        assert "ssl_context_factory" not in server_options(Settings(gateway_host=host))
    for host in ("0.0.0.0", "::", "192.0.2.1", "gateway.example"):
        with pytest.raises(SettingsInvalid, match="gateway_host: other machines need TLS"):
            server_options(Settings(gateway_host=host))
        server_options(Settings(gateway_host=host, allow_plaintext=True))
