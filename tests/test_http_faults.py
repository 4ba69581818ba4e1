"""The HTTP client while Kafka is away, beyond the rate, over TLS, and after days offline."""

import asyncio
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from credentials import HOST, Scene, doorkeeper_of, gateway_app, served
from gatewaying import FEED, ORIGINATOR, UNIT_OF_FEED, Behind, settings_of
from pydantic import SecretStr

from broker.audit.log import read_audit
from broker.client.http import Credentials, HttpPublisher, HttpSubscriber, Journal, Patience
from broker.client.http.answers import told
from broker.client.http.link import Ask, GatewayLink
from broker.client.http.refusals import error_of
from broker.client.http.retrying import retry_after
from broker.cluster.local import LocalKafka
from broker.errors import GatewayRefused, GatewayUnavailable, Rejected
from broker.gateway.limits import Limiter
from broker.model.alert import Alert
from broker.model.exchange import BatchAnswer, ProblemDetails
from broker.model.release import ReleaseKind
from broker.testing import make_alert

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def own_kafka():
    with LocalKafka(heap_mb=512) as cluster:
        yield cluster


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(own_kafka, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    prefix = f"t{uuid.uuid4().hex[:8]}."
    async with Behind(settings_of(own_kafka.bootstrap_servers, prefix, folder)) as it:
        yield it


def credentials(behind, unit):
    key = behind.headers(unit)["Authorization"].removeprefix("Bearer ")
    return Credentials(api_key=SecretStr(key))


def publisher(behind, **more):
    known = credentials(behind, ORIGINATOR)
    return HttpPublisher(behind.url, ORIGINATOR, known, salt_key=bytes(32), **more)


def alert(**label):
    return make_alert(originator=ORIGINATOR, **label)


def revised(one, **label):
    changed = {**one.label.model_dump(), "revision": one.label.revision + 1, **label}
    return Alert.model_validate({**one.model_dump(), "label": changed})


async def read(behind, position):
    subscriber = HttpSubscriber(
        behind.url, FEED, credentials(behind, UNIT_OF_FEED), position=position, to_end=True
    )
    async with subscriber as releases:
        return [(str(r.alert_id), r.revision, r.kind) async for r in releases]


@pytest.mark.kafka
async def test_who_comes_too_often_waits_as_told_and_gets_all_through(behind):
    limiter = behind.doors.limiter
    object.__setattr__(behind.doors, "limiter", Limiter("2/second"))
    try:
        async with publisher(behind) as out:
            done = await asyncio.gather(*(out.publish(alert()) for _ in range(6)))
        assert [each.state for each in done] == ["published"] * 6
        object.__setattr__(behind.doors, "limiter", Limiter("1/hour"))
        async with publisher(behind) as out:
            await out.publish(alert())
            with pytest.raises(GatewayUnavailable) as caught:  # an hour is beyond our patience
                await out.publish(alert())
        assert caught.value.code == "RATE_LIMITED"
        assert caught.value.retry_after_seconds > 60
    finally:
        object.__setattr__(behind.doors, "limiter", limiter)


@pytest.mark.kafka
async def test_after_days_away_a_reader_gets_what_counts_now_and_nothing_else(behind, tmp_path):
    position = tmp_path / "desk"
    cancelled, updated, kept, brief = (alert() for _ in range(4))
    async with publisher(behind) as out:
        for each in (cancelled, updated, kept):
            await out.publish(each)
            await behind.shown(str(each.label.alert_id))
        await read(behind, position)
        now = datetime.now(UTC)
        brief = alert(
            originated_at=now - timedelta(hours=1), expires_at=now + timedelta(seconds=25)
        )
        await out.publish(brief)
        await out.publish(revised(updated))
        await out.cancel(cancelled.label.alert_id)
        new = alert()
        await out.publish(new)
        await behind.shown(str(new.label.alert_id))
    async with asyncio.timeout(120):
        while datetime.now(UTC) < brief.label.expires_at:  # noqa: ASYNC110 - a clock
            await asyncio.sleep(0.2)
        while len(await behind.shown(str(cancelled.label.alert_id))) != 1:  # noqa: ASYNC110
            await asyncio.sleep(0.2)

    found = await read(behind, position)

    assert sorted(found) == sorted([
        (str(cancelled.label.alert_id), 2, ReleaseKind.RECALL),
        (str(updated.label.alert_id), 2, ReleaseKind.RELEASE),
        (str(new.label.alert_id), 1, ReleaseKind.RELEASE),
    ])  # fmt: skip
    assert await read(behind, position) == []


@pytest.mark.kafka
async def test_while_kafka_is_away_alerts_are_kept_and_then_published_once(
    behind, own_kafka, tmp_path
):
    ours = [alert() for _ in range(5)]
    (node,) = own_kafka.nodes
    patience = Patience(seconds=1, attempts=2)
    async with publisher(behind, journal=Journal(tmp_path), patience=patience) as out:
        await out.publish(alert())
        node.pause()
        try:
            states = [(await out.publish(each)).state for each in ours]
        finally:
            node.go_on()
        assert states == ["journaled"] * 5
        async with asyncio.timeout(240):
            while True:
                try:
                    if await out.send_waiting() == 0:
                        break
                except GatewayUnavailable:
                    await asyncio.sleep(1)

    for each in ours:
        assert await behind.shown(str(each.label.alert_id))
    log = await read_audit(behind.parts.connection("test"), behind.parts.topics)
    wanted = {each.label.alert_id for each in ours}
    kinds = [e.kind for e in log.entries if e.alert_id in wanted]
    assert kinds.count("DECIDED") == 5
    assert "QUARANTINED" not in kinds


async def test_a_client_certificate_lets_in_over_tls_and_only_a_known_gateway_is_spoken_to(
    tmp_path,
):
    scene = Scene(tmp_path)
    settings = scene.settings()
    pair = scene.ca.issue_client("unit.fiji-police")
    ca_file = settings.gateway_client_ca
    own = Credentials(certificate_file=pair.certificate, key_file=pair.key, ca_file=ca_file)
    once = Patience(seconds=1, attempts=1)
    async with served(gateway_app(doorkeeper_of(settings)), settings) as port:
        url = f"https://{HOST}:{port}"
        async with GatewayLink(url, own, once) as link:
            assert b'"unit":"fiji-police"' in (await link.ask(Ask("GET", "/who"))).body
        async with GatewayLink(url, Credentials(ca_file=own.ca_file), once) as link:
            with pytest.raises(GatewayRefused, match="UNAUTHENTICATED"):
                await link.ask(Ask("GET", "/who"))
        async with GatewayLink(url, replace(own, ca_file=None), once) as link:
            with pytest.raises(GatewayRefused, match="CERTIFICATE_UNTRUSTED"):
                await link.ask(Ask("GET", "/who"))


def problem(status, code, path=""):
    errors = [{"path": path, "code": code}] if path else []
    return (
        ProblemDetails(type="x", title="x", status=status, code=code, errors=errors)
        .model_dump_json()
        .encode()
    )


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (503, problem(503, "KAFKA_UNAVAILABLE"), GatewayUnavailable, "KAFKA_UNAVAILABLE"),
        (502, b"<html>a proxy says</html>", GatewayUnavailable, "HTTP_502"),
        (429, problem(429, "RATE_LIMITED"), GatewayUnavailable, "RATE_LIMITED"),
        (422, problem(422, "FIELD_INVALID", "label.tlp"), Rejected, "FIELD_INVALID"),
        (413, b"<html>a proxy says</html>", GatewayRefused, "HTTP_413"),
        (409, problem(409, "IDEMPOTENCY_KEY_REUSED"), GatewayRefused, "IDEMPOTENCY_KEY_REUSED"),
        (302, b"", GatewayRefused, "HTTP_302"),
        (404, problem(404, "NOT_FOUND"), GatewayRefused, "NOT_FOUND"),
    ],
)
async def test_an_answer_is_for_now_for_good_or_for_an_operator(status, body, kind, code):
    error = error_of(status, body, "7")

    assert type(error) is kind
    assert code in str(error)
    if kind is GatewayUnavailable:
        assert error.retry_after_seconds == 7


async def test_retry_after_is_seconds_or_a_date():
    later = datetime.now(UTC) + timedelta(seconds=90)

    assert retry_after("12") == 12
    assert 80 < retry_after(later.strftime("%a, %d %b %Y %H:%M:%S GMT")) <= 90
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert [retry_after(text) for text in (None, "soon", "-1", "٣")] == [None] * 4


async def test_a_newer_gateway_may_say_more():
    body = b'{"published":1,"refused":0,"unavailable":0,"new":1,"results":[{"alert_id":null,"state":"published","newer":{}}]}'  # noqa: E501

    assert told(BatchAnswer, body).results[0].state == "published"
    with pytest.raises(GatewayRefused, match="ANSWER_UNREADABLE"):
        told(BatchAnswer, b"<html>")
