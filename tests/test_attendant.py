"""What a site without staff needs of its own Kafka: it comes again, and never expires."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from cryptography import x509

from broker.certificates import DevelopmentCa, lasts
from broker.cluster import attendant as attendants
from broker.cluster.attendant import Attendant
from broker.cluster.local import LocalKafka
from broker.cluster.node import children_of
from broker.cluster.protection import ADMIN, BROKER, BROKER_DAYS, protect, renew
from broker.gateway.identity.api_keys import key_file
from broker.gateway.identity.development import DevelopmentKeys, make_development_keys
from broker.gateway.identity.refused import CredentialRefused
from broker.settings import Settings
from broker.wire.admin import apply_topics
from broker.wire.connection import Connection
from broker.wire.security import Security
from broker.wire.sender import Sender
from broker.wire.tail import read_to_end
from broker.wire.topics import TopicSpec

DAY = timedelta(days=1)


def _now():
    return datetime.now(UTC)


def _ended_site(folder):
    """Make what a site was given at a first start 40 days ago by the version before."""
    folder.mkdir(mode=0o700, parents=True)
    ca = DevelopmentCa(folder / "certificates", now=lambda: _now() - 40 * DAY)
    ca.issue_server(BROKER, ["127.0.0.1"])
    ca.issue_client("unit.a")
    assert not lasts(ca.certificate_file, 0 * DAY, _now())
    return ca


def _verified(made):
    context = ssl.create_default_context(cafile=made.ca_file)
    context.load_cert_chain(made.keystore)
    authority, broker = (
        x509.load_pem_x509_certificate((made.certificates_folder / name).read_bytes())
        for name in ("ca.pem", f"{BROKER}.pem")
    )
    broker.verify_directly_issued_by(authority)
    return authority, broker


def test_12_08_what_has_ended_is_made_anew_at_a_start(tmp_path):
    old = _ended_site(tmp_path / "security")
    before = x509.load_pem_x509_certificate(old.certificate_file.read_bytes())

    authority, broker = _verified(protect(tmp_path / "security"))

    assert lasts(old.certificate_file, 3000 * DAY, _now())
    assert broker.not_valid_after_utc - _now() > (BROKER_DAYS - 1) * DAY
    # Under the key of before: what was issued by it counts as long as it says.
    client = x509.load_pem_x509_certificate((old.folder / "unit.a.pem").read_bytes())
    client.verify_directly_issued_by(authority)
    assert authority.subject == before.subject


def test_12_08_a_ca_is_kept_while_it_lasts_and_never_made_anew_unasked(tmp_path):
    protect(tmp_path)
    kept = (tmp_path / "certificates" / "ca.pem").read_bytes()
    protect(tmp_path, lambda: _now() + 4 * 365 * DAY)
    assert (tmp_path / "certificates" / "ca.pem").read_bytes() == kept
    protect(tmp_path, lambda: _now() + 6 * 365 * DAY)
    assert (tmp_path / "certificates" / "ca.pem").read_bytes() != kept

    ended = _ended_site(tmp_path / "other")
    was = ended.certificate_file.read_bytes()
    assert DevelopmentCa(ended.folder).certificate_file.read_bytes() == was


def test_12_08_the_brokers_certificate_is_made_anew_before_it_ends(tmp_path):
    made = protect(tmp_path)
    assert not renew(made, _now() + (BROKER_DAYS - 61) * DAY)
    was = made.keystore.read_bytes()
    assert renew(made, _now() + (BROKER_DAYS - 59) * DAY)
    assert made.keystore.read_bytes() != was
    _verified(made)


@pytest.fixture
def community():
    return SimpleNamespace(units=["fiji-police", "samoa-tcu"])


def test_12_08_api_keys_for_trials_are_followed_by_others_before_they_end(tmp_path, community):
    settings, clock = Settings(data_folder=tmp_path), [_now()]
    folder = make_development_keys(settings, community, lambda: clock[0])
    first = (folder / "fiji-police").read_text()
    keys = key_file(settings)
    for days in (0, 10, 19):
        make_development_keys(settings, community, lambda days=days: clock[0] + days * DAY)
    assert (folder / "fiji-police").read_text() == first

    for start in range(21, 400, 9):  # a site that is started every nine days, for a year
        at = _now() + start * DAY
        make_development_keys(settings, community, lambda at=at: at)
        assert keys.grant((folder / "fiji-police").read_text(), at + 9 * DAY)
        if start < 29:
            assert keys.grant(first, at)  # whoever has copied it is not cut off at once
    with pytest.raises(CredentialRefused):
        keys.grant(first, _now() + 31 * DAY)


async def test_12_08_api_keys_are_followed_while_lali_up_runs(tmp_path, community, monkeypatch):
    monkeypatch.setattr(DevelopmentKeys, "every_seconds", 0.02)
    settings, clock = Settings(data_folder=tmp_path), [_now()]
    renewing = DevelopmentKeys(settings, community, lambda: clock[0])
    running = asyncio.create_task(renewing.run())
    file = tmp_path / "api-keys" / "fiji-police"
    texts = []
    async with asyncio.timeout(60):
        for _ in range(3):
            while not file.exists() or file.read_text() in ("", *texts):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            texts.append(file.read_text())
            clock[0] += 25 * DAY
    renewing.stop()
    await asyncio.wait_for(running, 60)
    assert len(set(texts)) == 3


def _reach(cluster):
    if not cluster.is_secure:
        return Connection(cluster.bootstrap_servers)
    made = cluster.protection
    password = made.passwords.read(ADMIN)
    security = Security(made.ca_file, "SASL_SSL", user=ADMIN, password=password)
    return Connection(cluster.bootstrap_servers, security=security)


async def _send(connection, value):
    """Send until it is taken, as a role does; a Kafka that starts takes a while."""
    async with asyncio.timeout(150):
        while True:
            sender = Sender(connection)
            try:
                await sender.start()
                return await sender.send("t", b"k", value)
            except Exception:
                await asyncio.sleep(0.5)
            finally:
                await sender.stop()


async def _kept(connection):
    return [record.value async for record in read_to_end(connection, ["t"])]


def _java_of(cluster):
    (child,) = children_of(cluster.nodes[0]._warden.pid)
    return child


@pytest.mark.kafka
@pytest.mark.timeout(600)
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "secure"])
async def test_b20_and_12_08_kafka_that_dies_or_ends_soon_is_started_again(tmp_path, secure):
    """B20: only Kafka was killed, and stayed away. 12.08: its certificate had ended."""
    if secure:
        _ended_site(tmp_path / "security")
    cluster = LocalKafka(tmp_path, heap_mb=512, secure=secure)
    await asyncio.to_thread(cluster.start)
    attendant = Attendant(cluster)
    running = asyncio.create_task(attendant.run())
    try:
        connection = _reach(cluster)
        await apply_topics(connection, [TopicSpec("t", 1)])
        await _send(connection, b"before")
        killed = _java_of(cluster)
        cluster.nodes[0].kill()
        await _send(connection, b"after")
        assert await _kept(connection) == [b"before", b"after"]
        assert _java_of(cluster) != killed
        if secure:
            # As 335 days later. Not by a clock: Java has its own, and what counts from next year
            # on does not count for it.
            authority = DevelopmentCa(cluster.protection.certificates_folder)
            authority.issue_server(BROKER, ["127.0.0.1", "localhost"], 30)
            shown = await asyncio.to_thread(_shown, cluster)
            attendant._renew_at = 0.0  # as an hour later
            await _until_renewed(cluster, shown)
            assert await _kept(connection) == [b"before", b"after"]
    finally:
        attendant.stop()
        await asyncio.wait_for(running, 120)
        await asyncio.to_thread(cluster.stop)
    assert not cluster.nodes[0].running()


def _shown(cluster):
    """Return the certificate that Kafka's listener shows; None while it is away."""
    address = ("127.0.0.1", cluster.nodes[0].plan.address.client_port)
    try:
        return x509.load_pem_x509_certificate(ssl.get_server_certificate(address).encode())
    except OSError:
        return None


async def _until_renewed(cluster, before):
    """Wait until the listener shows another certificate than *before*."""
    async with asyncio.timeout(250):
        while (found := await asyncio.to_thread(_shown, cluster)) in (None, before):  # noqa: ASYNC110 - it is shown, and not told
            await asyncio.sleep(0.3)
    assert found.not_valid_after_utc > _now() + 300 * DAY


async def test_12_08_a_certificate_that_cannot_be_made_anew_ends_no_site(monkeypatch):
    def renew(*_):
        raise ValueError("no certificate")

    monkeypatch.setattr(attendants, "renew", renew)
    nodes = [SimpleNamespace(stop=lambda: pytest.fail("the node that runs is left alone"))]
    cluster = SimpleNamespace(is_secure=True, protection=None, nodes=nodes)

    await Attendant(cluster)._renew()
