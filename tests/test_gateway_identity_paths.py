"""11.6, 11.7: one policy for a client's certificate, shown to us or told of by a proxy.

Each certificate comes both ways: in a real handshake, and in the header of a listed proxy.
"""

import datetime as dt
import ssl
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
from client_paths import NOW, REFUSED, TAKEN, UNIT, Authority, issued, pem, plain
from credentials import HOST, Scene, doorkeeper_of, gateway_app, scope_with, served
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from broker.certificates import Pair
from broker.gateway.identity.client_path import ClientPaths, watched_authorities
from broker.gateway.identity.peer import peer_in
from broker.gateway.identity.refused import CredentialRefused
from broker.gateway.problems import Problem

PROXY = "192.0.2.10"


class Shown:
    """A certificate, how it comes to the gateway, and what the gateway makes of it."""

    def __init__(self, folder, made):
        self.scene = Scene(folder)
        root, middle, (self.certificate, self.key) = made
        self.chain = [self.certificate, *(each.certificate for each in middle)]
        self.ca = folder / "clients.pem"
        self.ca.write_bytes(pem(root.certificate))
        self.scene.identities.write_text(f"[[proxies]]\nnetworks = ['{PROXY}/32']\n")
        self.settings = self.scene.settings(gateway_client_ca=self.ca)
        self.doorkeeper = doorkeeper_of(self.settings)

    def told(self):
        value = f'Cert="{quote(pem(self.certificate), safe="")}"'
        if len(self.chain) > 1:
            value += f';Chain="{quote(pem(*self.chain), safe="")}"'
        return self.doorkeeper.caller(
            scope_with(("x-forwarded-client-cert", value), client=PROXY)
        ).unit

    async def handshake(self):
        pair = self._pair(self.ca.parent)
        context = ssl.create_default_context(cafile=self.scene.ca.certificate_file)
        context.set_ciphers("ALL:@SECLEVEL=0")  # this client would even show a weak key
        context.load_cert_chain(pair.certificate, pair.key)
        async with (
            served(gateway_app(self.doorkeeper), self.settings) as port,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session,
            session.get(f"https://{HOST}:{port}/who") as answer,
        ):
            return answer.status

    def _pair(self, folder: Path):
        made = Pair(folder / "shown.pem", folder / "shown.key")
        made.certificate.write_bytes(pem(*self.chain))
        made.key.write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return made


@pytest.mark.parametrize("kind", TAKEN)
async def test_a_path_that_leads_to_our_authority_is_taken_both_ways(tmp_path, kind):
    shown = Shown(tmp_path, TAKEN[kind]())
    assert shown.told() == "fiji-police"
    assert await shown.handshake() == 200


@pytest.mark.parametrize("kind", REFUSED)
async def test_any_other_path_is_refused_both_ways(tmp_path, kind):
    shown = Shown(tmp_path, REFUSED[kind]())
    with pytest.raises(Problem) as refused:
        shown.told()
    assert refused.value.status == 401
    with suppress(aiohttp.ClientError, ssl.SSLError):  # the handshake itself may end
        assert await shown.handshake() == 401


async def test_another_authority_in_the_file_ends_what_the_former_one_signed(tmp_path):
    shown = Shown(tmp_path, plain(Authority("root")))
    assert shown.told() == "fiji-police"
    connection = scope_with(
        peer=peer_in(shown.certificate.public_bytes(serialization.Encoding.DER))
    )
    assert shown.doorkeeper.caller(connection).unit == "fiji-police"

    shown.ca.write_bytes(pem(Authority("root").certificate))

    with pytest.raises(Problem):
        shown.told()
    with pytest.raises(Problem):  # a connection that was opened before, too
        shown.doorkeeper.caller(connection)


def test_a_ca_file_that_cannot_be_read_is_our_own_trouble(tmp_path):
    shown = Shown(tmp_path, plain(Authority("root")))
    shown.ca.write_text("damaged")
    with pytest.raises(Problem) as refused:
        shown.told()
    assert refused.value.status == 503


class TestARefusedProxy:
    """11.7: it can show anybody's certificate and address, so nothing of it is believed."""

    @pytest.fixture
    def scene(self, tmp_path):
        return Scene(tmp_path)

    def _behind(self, scene, refuse):
        proxy = scene.ca.issue_client("the-proxy")
        peer = peer_in(x509.load_pem_x509_certificate(proxy.certificate.read_bytes())
                       .public_bytes(serialization.Encoding.DER))  # fmt: skip
        refused = f"[certificates]\nrefused = ['{peer.fingerprint}']\n" if refuse else ""
        scene.identities.write_text(
            f"[[proxies]]\nnetworks = ['{PROXY}/32']\ncertificate = '{peer.fingerprint}'\n{refused}"
        )
        shown = scene.ca.issue_client(UNIT).certificate.read_bytes()
        headers = [
            ("x-forwarded-client-cert", f'Cert="{quote(shown, safe="")}"'),
            ("x-forwarded-for", "203.0.113.9"),
        ]
        return scope_with(*headers, client=PROXY, peer=peer)

    def test_is_believed_in_nothing(self, scene):
        believed = self._behind(scene, refuse=False)
        doorkeeper = doorkeeper_of(scene.settings())
        assert doorkeeper.caller(believed).unit == "fiji-police"
        assert doorkeeper.address(believed) == "203.0.113.9"

        refused = self._behind(scene, refuse=True)
        doorkeeper = doorkeeper_of(scene.settings())
        with pytest.raises(Problem):
            doorkeeper.caller(refused)
        assert doorkeeper.address(refused) == PROXY

    def test_nor_is_one_whose_certificate_has_ended(self, scene):
        scope = self._behind(scene, refuse=False)
        later = (NOW + dt.timedelta(days=60)).timestamp() * 1000
        doorkeeper = doorkeeper_of(scene.settings(), clock=lambda: later)
        with pytest.raises(Problem):
            doorkeeper.caller(scope)
        assert doorkeeper.address(scope) == PROXY


def test_a_path_is_looked_for_again_after_a_minute_and_whenever_time_goes_back(tmp_path):
    root = Authority("root", days=(-1, 1))
    file = tmp_path / "ca.pem"
    file.write_bytes(pem(root.certificate))
    paths = ClientPaths(watched_authorities(file))
    certificate, _ = issued(root)
    peer = peer_in(certificate.public_bytes(serialization.Encoding.DER))
    paths.check(peer, NOW)
    for moment in (NOW + dt.timedelta(days=2), NOW - dt.timedelta(days=2)):
        with pytest.raises(CredentialRefused):
            paths.check(peer, moment)
