"""How the gateway is served: TLS as it should be, certificates that are renewed."""

import asyncio
import ssl

import aiohttp
import pytest
import uvloop
from credentials import (
    HOST,
    Scene,
    certificate_in,
    doorkeeper_of,
    gateway_app,
    served,
)
from cryptography import x509

from broker.errors import SettingsInvalid
from broker.gateway.identity.serving import server_options
from broker.settings import Settings


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


async def _who(session, port, **headers):
    async with session.get(f"https://{HOST}:{port}/who", headers=headers) as answer:
        return answer.status, await answer.json()


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
