"""Behind a proxy: its word counts where it is configured, and nowhere else."""

from urllib.parse import quote

import pytest
from credentials import (
    HOST,
    Scene,
    bearer,
    certificate_in,
    doorkeeper_of,
    key_of,
    scope_with,
    spiffe,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from broker.gateway.caller import Right
from broker.gateway.identity.identities import Proxy
from broker.gateway.identity.peer import peer_of
from broker.gateway.identity.proxies import address_of, peer_behind
from broker.gateway.identity.refused import CredentialRefused
from broker.gateway.problems import Problem

PROXY = "192.0.2.10"


@pytest.fixture
def scene(tmp_path):
    scene = Scene(tmp_path)
    scene.identities.write_text(f"[[proxies]]\nnetworks = ['{PROXY}/32']\n")
    return scene


def _forwarded(pair, before="", after=""):
    pem = quote(pair.certificate.read_text(), safe="")
    return ("x-forwarded-client-cert", f'{before}Cert="{pem}"{after}')


def _refused(doorkeeper, scope):
    with pytest.raises(Problem) as refused:
        doorkeeper.caller(scope)
    return refused.value.status == 401


def test_a_certificate_that_a_known_proxy_verified_names_its_unit(scene):
    pair = scene.ca.issue_client("unit.fiji-police")
    doorkeeper = doorkeeper_of(scene.settings())
    for header in (
        _forwarded(pair),
        _forwarded(pair, "By=spiffe://x/lali;Hash=abcd;", ';Subject="CN=a, \\"b\\";O=c";URI='),
    ):
        assert doorkeeper.caller(scope_with(header, client=PROXY)).unit == "fiji-police"


@pytest.mark.parametrize("client", [HOST, "192.0.2.11", "", "::ffff:192.0.2.11", "localhost"])
def test_from_anybody_else_the_header_is_as_if_it_were_not_there(scene, client):
    header = _forwarded(scene.ca.issue_client("unit.fiji-police"))
    key = key_of(scene.settings(), "samoa-tcu", Right.READ)
    doorkeeper = doorkeeper_of(scene.settings())
    assert _refused(doorkeeper, scope_with(header, client=client))
    # It is not even compared with what decides.
    assert doorkeeper.caller(scope_with(header, bearer(key), client=client)).unit == "samoa-tcu"


def test_without_configured_proxies_nobody_is_believed(scene):
    scene.identities.write_text("")
    header = _forwarded(scene.ca.issue_client("unit.fiji-police"))
    assert _refused(doorkeeper_of(scene.settings()), scope_with(header, client=PROXY))


def test_a_forwarded_certificate_is_verified_again(scene, tmp_path):
    foreign = Scene(tmp_path / "foreign").ca.issue_client("unit.fiji-police")
    server = scene.ca._issue("unit.fiji-police", [ExtendedKeyUsageOID.SERVER_AUTH], [])
    good = scene.ca.issue_client("unit.fiji-tcu")
    doorkeeper = doorkeeper_of(scene.settings())
    for pair in (foreign, server):
        assert _refused(doorkeeper, scope_with(_forwarded(pair), client=PROXY))
    assert doorkeeper.caller(scope_with(_forwarded(good), client=PROXY))
    without_ca = doorkeeper_of(scene.settings(gateway_client_ca=None))
    assert _refused(without_ca, scope_with(_forwarded(good), client=PROXY))


def test_a_refused_certificate_is_refused_behind_a_proxy_too(scene):
    pair = scene.ca.issue_client("unit.fiji-police")
    doorkeeper = doorkeeper_of(scene.settings())
    scope = scope_with(_forwarded(pair), client=PROXY)
    assert doorkeeper.caller(scope)
    fingerprint = peer_of(certificate_in(pair)).fingerprint
    text = scene.identities.read_text()
    scene.identities.write_text(f"{text}[certificates]\nrefused = ['{fingerprint}']\n")
    assert _refused(doorkeeper, scope)


def test_what_a_proxy_tells_must_be_one_certificate(scene):
    pair = scene.ca.issue_client("unit.fiji-police")
    key = key_of(scene.settings(), "fiji-police", Right.READ)
    doorkeeper = doorkeeper_of(scene.settings())
    name, value = _forwarded(pair)
    for told in (
        [(name, value), (name, value)],
        [(name, f"{value},{value}")],
        [(name, f"{value};{value}")],
        [(name, f"Hash={peer_of(certificate_in(pair)).fingerprint}")],
        [(name, "")],
        [(name, 'Cert="abc"')],
        [(name, value[:-1])],
        [(name, f'Subject="{value}')],
        [(name, f'X="a\\";{value}')],
    ):
        assert _refused(doorkeeper, scope_with(*told, client=PROXY))
        assert _refused(doorkeeper, scope_with(*told, bearer(key), client=PROXY))


def test_a_subject_that_reads_like_a_field_is_none(scene):
    pair, other = (scene.ca.issue_client(f"unit.{unit}") for unit in ("fiji-tcu", "samoa-tcu"))
    pem = quote(other.certificate.read_text(), safe="")
    doorkeeper = doorkeeper_of(scene.settings())
    for subject in (f"O=x;Cert={pem}", f"Cert={pem}", f'\\";Cert={pem}', f"Cert={pem};"):
        before = f'Subject="{subject}";'
        forwarded = scope_with(_forwarded(pair, before), client=PROXY)
        assert doorkeeper.caller(forwarded).unit == "fiji-tcu"
        alone = scope_with(("x-forwarded-client-cert", before.rstrip(";")), client=PROXY)
        assert _refused(doorkeeper, alone)


def test_a_proxys_own_certificate_is_nobodys_identity(scene):
    proxy = peer_of(certificate_in(scene.ca.issue_client("unit.samoa-police")))
    pair = scene.ca.issue_client("unit.fiji-police")
    scene.identities.write_text(f"[[proxies]]\ncertificate = '{proxy.fingerprint}'\n")
    doorkeeper = doorkeeper_of(scene.settings())
    assert _refused(doorkeeper, scope_with(peer=proxy))
    assert doorkeeper.caller(scope_with(_forwarded(pair), peer=proxy)).unit == "fiji-police"
    # Another one of the same network without that certificate is no proxy.
    assert _refused(doorkeeper, scope_with(_forwarded(pair)))


def test_a_proxy_known_by_network_and_certificate_needs_both(scene):
    proxy = peer_of(certificate_in(scene.ca.issue_client("edge")))
    pair = scene.ca.issue_client("unit.fiji-police")
    text = scene.identities.read_text()
    scene.identities.write_text(f"{text}certificate = '{proxy.fingerprint}'\n")
    doorkeeper = doorkeeper_of(scene.settings())
    header = _forwarded(pair)
    assert doorkeeper.caller(scope_with(header, client=PROXY, peer=proxy))
    assert _refused(doorkeeper, scope_with(header, client=PROXY))
    assert _refused(doorkeeper, scope_with(header, client=HOST, peer=proxy))


@pytest.mark.parametrize(
    ("told", "address"),
    [
        ([], PROXY),
        (["203.0.113.7"], "203.0.113.7"),
        (["198.51.100.1, 203.0.113.7"], "203.0.113.7"),
        (["198.51.100.1", "203.0.113.7"], "203.0.113.7"),
        ([f"203.0.113.7, {PROXY}"], "203.0.113.7"),
        (["203.0.113.7, unknown"], PROXY),
        (["2001:db8::1"], "2001:db8::1"),
        ([""], PROXY),
        ([PROXY], PROXY),
    ],
)
def test_the_address_is_the_last_one_that_no_proxy_has(told, address):
    proxies = [Proxy(networks=(f"{PROXY}/32",))]
    headers = [("x-forwarded-for", text) for text in told]
    assert address_of(scope_with(*headers, client=PROXY), proxies) == address
    assert address_of(scope_with(*headers, client="203.0.113.9"), proxies) == "203.0.113.9"


@given(st.text(st.characters(max_codepoint=0xFF)))
def test_no_text_in_a_forwarded_header_does_harm(text):
    proxies = [Proxy(networks=(f"{PROXY}/32",))]
    with pytest.raises(CredentialRefused):
        peer_behind(scope_with(("x-forwarded-client-cert", text), client=PROXY), proxies)
    assert address_of(scope_with(("x-forwarded-for", text), client=PROXY), proxies)


def test_spiffe_ids_come_through_a_proxy(scene):
    pair = spiffe(scene.ca, "workload", "spiffe://p.example/unit.fiji-tcu")
    doorkeeper = doorkeeper_of(scene.settings())
    assert doorkeeper.caller(scope_with(_forwarded(pair), client=PROXY)).unit == "fiji-tcu"


@pytest.mark.parametrize(
    "entry", ["", "networks = ['proxy.example']", "networks = ['192.0.2.1/8']", "certificate = 'x'"]
)
def test_a_proxy_that_could_be_anybody_is_refused(scene, entry):
    from broker.errors import SettingsInvalid

    scene.identities.write_text(f"[[proxies]]\n{entry}\n")
    with pytest.raises(SettingsInvalid, match=r"identities\.toml: .*proxies\[0\]"):
        doorkeeper_of(scene.settings())


def test_11_18_a_proxy_is_known_by_its_address_where_the_gateway_listens_on_ipv6(scene):
    header = _forwarded(scene.ca.issue_client("unit.fiji-police"))
    doorkeeper = doorkeeper_of(scene.settings())
    told = scope_with(header, ("x-forwarded-for", "203.0.113.9"), client=f"::ffff:{PROXY}")
    assert doorkeeper.caller(told).unit == "fiji-police"
    assert doorkeeper.address(told) == "203.0.113.9"
    through = scope_with(("x-forwarded-for", f"203.0.113.9, ::ffff:{PROXY}"), client=PROXY)
    assert doorkeeper.address(through) == "203.0.113.9"
