"""A damaged certificate is refused like any other that is none, whatever the library raises."""

import ssl
from urllib.parse import quote

import pytest
from credentials import Scene, certificate_in, doorkeeper_of, scope_with
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from broker.gateway.identity.peer import peer_in
from broker.gateway.identity.refused import CredentialRefused
from broker.gateway.problems import Problem

PROXY = "192.0.2.10"
_ALTERNATIVES = bytes.fromhex("0603551d11")
#: What is changed in the certificate's DER, and what the library makes of it.
DAMAGE = {
    # X.509 version 2, which nobody issues
    "version": (bytes.fromhex("a003020102"), bytes.fromhex("a003020101"), x509.InvalidVersion),
    # extended key usage becomes a second list of alternative names
    "twice": (bytes.fromhex("0603551d25"), _ALTERNATIVES, x509.DuplicateExtension),
    # a DNS name becomes an X.400 address
    "name": (b"\x82\x01a", b"\xa3\x01a", x509.UnsupportedGeneralNameType),
}


@pytest.fixture
def scene(tmp_path):
    scene = Scene(tmp_path)
    scene.identities.write_text(f"[[proxies]]\nnetworks = ['{PROXY}/32']\n")
    return scene


@pytest.fixture(params=DAMAGE)
def damaged(request, scene):
    before, after, raised = DAMAGE[request.param]
    alternatives = x509.SubjectAlternativeName([x509.DNSName("a")])
    pair = scene.ca._issue("unit.fiji-police", [ExtendedKeyUsageOID.CLIENT_AUTH], [alternatives])
    whole = certificate_in(pair).public_bytes(Encoding.DER)
    assert peer_in(whole)
    der = whole.replace(before, after)
    assert der != whole
    with pytest.raises(raised):
        list(x509.load_der_x509_certificate(der).extensions)
    return der


def test_a_damaged_certificate_is_none(damaged):
    with pytest.raises(ValueError, match=r"^certificate damaged$") as refused:
        peer_in(damaged)
    assert refused.value.__cause__ is None


def test_a_proxy_that_forwards_a_damaged_certificate_gets_no_answer_of_its_own(scene, damaged):
    pem = quote(_pem(damaged), safe="")
    doorkeeper = doorkeeper_of(scene.settings())
    with pytest.raises(Problem) as refused:
        doorkeeper.caller(scope_with(("x-forwarded-client-cert", f'Cert="{pem}"'), client=PROXY))
    assert refused.value.status == 401
    assert isinstance(refused.value.__context__, CredentialRefused)


def _pem(der):
    return ssl.DER_cert_to_PEM_cert(der)
