"""Client certificates on real TLS: uvicorn on loopback, served as the gateway serves.

These tests also pin what the protocol relies on in uvicorn, which has no such thing itself.
"""

import ssl

import aiohttp
import pytest
import uvicorn
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
from cryptography.x509.oid import ExtendedKeyUsageOID

from broker.clock import epoch_ms
from broker.gateway.caller import Right
from broker.gateway.identity.peer import peer_of
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
