"""HttpPublisher against a real gateway on a real Kafka: what it does when all is well, and not."""

import asyncio
import time
import uuid

import pytest
import pytest_asyncio
from faulty_link import FaultyLink
from gatewaying import FEED, ORIGINATOR, Behind, settings_of
from pydantic import SecretStr

from broker.audit.log import read_audit
from broker.client.http import Credentials, HttpPublisher, Journal, Patience
from broker.errors import GatewayRefused, GatewayUnavailable, KafkaUnavailable, Rejected
from broker.gateway.caller import Right
from broker.keys import client_protection
from broker.model.alert import Alert
from broker.testing import make_alert

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]

SALT = bytes(32)
SHORT = Patience(seconds=0, attempts=1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def behind(kafka, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gateway")
    prefix = f"t{uuid.uuid4().hex[:8]}."
    async with Behind(settings_of(kafka, prefix, folder, protection="required")) as it:
        yield it


def key_of(behind, unit=ORIGINATOR, **more):
    return SecretStr(behind.headers(unit, **more)["Authorization"].removeprefix("Bearer "))


def publisher(behind, *, url=None, sealed=True, unit=ORIGINATOR, credentials=None, **more):
    seal = client_protection(behind.settings).originator(unit) if sealed else None
    credentials = credentials or Credentials(api_key=key_of(behind, unit))
    more = {"salt_key": SALT, "seal": seal, **more}
    return HttpPublisher(url or behind.url, unit, credentials, **more)


def alert(**label):
    return make_alert(originator=ORIGINATOR, **label)


async def ends(behind, alert_id, count=1):
    """Return the decisions on an alert in the audit log, once there are *count*."""
    wanted = {"DECIDED", "DUPLICATE", "QUARANTINED"}
    async with asyncio.timeout(120):
        while True:
            log = await read_audit(behind.parts.connection("test"), behind.parts.topics)
            found = [e.kind for e in log.entries if e.alert_id == alert_id and e.kind in wanted]
            if len(found) >= count:
                return sorted(found)
            await asyncio.sleep(0.2)


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed here", "sealed by the gateway"])
async def test_an_alert_is_published_and_reaches_its_feed_and_twice_is_once(behind, sealed):
    one = alert()
    async with publisher(behind, sealed=sealed) as out:
        first = await out.publish(one)
        second = await out.publish(one)

    label = one.label
    assert (first.alert_id, first.revision, first.state) == (label.alert_id, 1, "published")
    assert second == first
    assert await behind.shown(str(label.alert_id))
    assert await ends(behind, label.alert_id, 2) == ["DECIDED", "DUPLICATE"]


async def test_many_are_published_in_their_order_and_one_refused_stops_none(behind):
    ours = [alert() for _ in range(45)]
    ours[7] = make_alert(originator="fiji-police")
    later = Alert.model_validate(
        ours[3].model_dump() | {"label": ours[3].label.model_dump() | {"revision": 2}}
    )
    ours.append(later)
    async with publisher(behind, batch_alerts=20) as out:
        attempts = [attempt async for attempt in out.publish_all(ours)]

    assert [attempt.alert for attempt in attempts] == ours
    refused = attempts.pop(7)
    assert (refused.error.reason, refused.error.path) == ("ORIGINATOR_DIFFERS", "label.originator")
    assert all(attempt.published.state == "published" for attempt in attempts)
    assert await ends(behind, later.label.alert_id, 2) == ["DECIDED", "DECIDED"]


async def test_what_the_gateway_refuses_in_a_batch_is_told_with_its_reason(behind):
    expired = alert(expires_at="2020-01-02T00:00:00Z", originated_at="2020-01-01T00:00:00Z")
    for sealed in (True, False):
        async with publisher(behind, sealed=sealed) as out:
            good, bad = [each async for each in out.publish_all([alert(), expired])]
            with pytest.raises(Rejected, match="EXPIRED_ON_ARRIVAL"):
                await out.publish(expired)

        assert good.published
        assert bad.error.reason == "EXPIRED_ON_ARRIVAL"


async def test_a_lost_answer_is_asked_for_again_and_the_alert_is_published_once(behind):
    one = alert()
    async with FaultyLink(behind.url) as link, publisher(behind, url=link.url) as out:
        link.lose_answers = 2
        assert (await out.publish(one)).state == "published"
        assert link.connections >= 3

    found = await ends(behind, one.label.alert_id, 2)
    assert found.count("DECIDED") == 1
    assert set(found) == {"DECIDED", "DUPLICATE"}


async def test_a_slow_link_gets_all_through(behind):
    async with FaultyLink(behind.url) as link, publisher(behind, url=link.url) as out:
        link.bytes_per_second = 4000
        attempts = [each async for each in out.publish_all([alert() for _ in range(5)])]
    assert all(attempt.published for attempt in attempts)


async def test_without_a_gateway_the_error_comes_within_patience(behind):
    async with FaultyLink(behind.url) as link:
        link.is_down = True
        async with publisher(behind, url=link.url, patience=Patience(2, 50)) as out:
            with pytest.raises(KafkaUnavailable) as caught:
                await out.publish(alert())
    assert isinstance(caught.value, GatewayUnavailable)
    assert not isinstance(caught.value, GatewayRefused)
    assert link.connections >= 2


async def test_who_is_not_let_in_is_told_at_once_and_asks_no_more(behind):
    async with FaultyLink(behind.url) as link:
        wrong = Credentials(api_key=SecretStr("lali_0123456789ab_" + "A" * 43))
        async with publisher(behind, url=link.url, credentials=wrong) as out:
            with pytest.raises(GatewayRefused, match="UNAUTHENTICATED"):
                await out.publish(alert())
        reader = Credentials(api_key=key_of(behind, rights=(Right.READ,)))
        async with publisher(behind, url=link.url, credentials=reader) as out:
            with pytest.raises(GatewayRefused, match="NOT_FOUND"):
                await out.publish(alert())
        assert link.connections == 2


async def test_a_token_that_counts_no_more_is_replaced_once(behind):
    tokens = iter(["a-stale-token", key_of(behind).get_secret_value(), "unused"])
    asked = []

    async def source():
        asked.append(1)
        return next(tokens)

    async with publisher(behind, credentials=Credentials(token=source)) as out:
        await out.publish(alert())
        await out.publish(alert())
        assert len(asked) == 2

    async def stale():
        asked.append(1)
        return "a-stale-token"

    asked.clear()
    async with publisher(behind, credentials=Credentials(token=stale)) as out:
        with pytest.raises(GatewayRefused, match="UNAUTHENTICATED"):
            await out.publish(alert())
    assert len(asked) == 2


async def test_preview_standing_and_cancel(behind):
    one = alert()
    async with publisher(behind) as out:
        assert (await out.preview(one)).feeds > 0
        with pytest.raises(GatewayRefused, match="NOT_FOUND"):
            await out.standing(one.label.alert_id)
        await out.publish(one)
        await behind.shown(str(one.label.alert_id))
        assert (await out.standing(one.label.alert_id)).state == "ACCEPTED"
        assert (await out.cancel(one.label.alert_id)).revision == 2
        async with asyncio.timeout(60):
            while (await out.standing(one.label.alert_id)).state != "CANCELLED":  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        with pytest.raises(Rejected, match="ALREADY_CANCELLED"):
            await out.withdraw_consent(one.label.alert_id)


async def test_a_cancel_whose_answer_is_lost_is_one_cancel(behind):
    one = alert()
    async with FaultyLink(behind.url) as link, publisher(behind, url=link.url) as out:
        await out.publish(one)
        await behind.shown(str(one.label.alert_id))
        await asyncio.gather(*(out.cancel(one.label.alert_id) for _ in range(4)))

    found = await ends(behind, one.label.alert_id, 5)
    assert found.count("DECIDED") == 2
    assert "QUARANTINED" not in found


@pytest.fixture
def takes_little(behind):
    """Let the gateway take bodies of 64 KiB at most."""
    settings = behind.doors.settings
    little = settings.model_copy(update={"gateway_body_bytes": 1 << 16})
    object.__setattr__(behind.doors, "settings", little)
    yield
    object.__setattr__(behind.doors, "settings", settings)


async def test_a_gateway_that_takes_less_gets_smaller_batches(behind, takes_little):
    many = [alert() for _ in range(60)]
    async with publisher(behind, patience=SHORT) as out:
        attempts = [each async for each in out.publish_all(many)]
        sent = sum(len(out._payload(each).value) for each in many)
    assert all(attempt.published for attempt in attempts)
    assert sent > 2 << 16


# Offline


async def test_offline_alerts_are_journaled_and_sent_when_the_gateway_answers(behind, tmp_path):
    ours = [alert() for _ in range(7)]
    later = ours[0].model_dump() | {"label": ours[0].label.model_dump() | {"revision": 2}}
    ours.append(Alert.model_validate(later))
    async with FaultyLink(behind.url) as link:
        link.is_down = True
        async with publisher(behind, url=link.url, journal=Journal(tmp_path)) as out:
            began = time.monotonic()
            states = [(await out.publish(each)).state for each in ours]
            assert states == ["journaled"] * 8
            assert time.monotonic() - began < 60
            with pytest.raises(GatewayUnavailable):
                await out.send_waiting()
            link.is_down = False
            async with asyncio.timeout(120):
                while await out.send_waiting():  # noqa: ASYNC110 - it lies in the gateway
                    await asyncio.sleep(0.1)
            assert (await out.publish(alert())).state == "published"

    for each in ours[1:7]:
        assert await ends(behind, each.label.alert_id) == ["DECIDED"]
    assert await ends(behind, later["label"]["alert_id"], 2) == ["DECIDED", "DECIDED"]


async def test_what_waits_is_sent_in_the_background_by_the_next_publisher(behind, tmp_path):
    one = alert()
    async with FaultyLink(behind.url) as link:
        link.is_down = True
        async with publisher(behind, url=link.url, journal=Journal(tmp_path)) as out:
            assert (await out.publish(one)).state == "journaled"
    async with publisher(behind, journal=Journal(tmp_path)):
        assert await behind.shown(str(one.label.alert_id))


async def test_what_is_refused_for_good_is_set_aside_and_stops_nothing(behind, tmp_path):
    expired = alert(expires_at="2020-01-02T00:00:00Z", originated_at="2020-01-01T00:00:00Z")
    good = alert()
    async with FaultyLink(behind.url) as link:
        link.is_down = True
        async with publisher(behind, url=link.url, journal=Journal(tmp_path)) as out:
            for each in (expired, good):
                assert (await out.publish(each)).state == "journaled"
    async with publisher(behind, journal=Journal(tmp_path)) as out:
        assert await behind.shown(str(good.label.alert_id))
        assert await out.send_waiting() == 0

    with Journal(tmp_path) as journal:
        (aside,) = journal.set_aside()
        assert (aside.entry.payload.alert_id, aside.code) == (
            expired.label.alert_id, "EXPIRED_ON_ARRIVAL",
        )  # fmt: skip


async def test_a_restarted_gateway_takes_what_it_missed(behind, tmp_path):
    ours = [alert() for _ in range(30)]
    async with FaultyLink(behind.url) as link:
        patience = Patience(1, 2)
        journal = Journal(tmp_path)
        async with publisher(behind, url=link.url, journal=journal, patience=patience) as out:
            for number, each in enumerate(ours):
                if number == 10:
                    await behind.close()
                if number == 20:
                    await behind.open()
                    link.target = behind.url
                await out.publish(each)
            async with asyncio.timeout(120):
                while await out.send_waiting():  # noqa: ASYNC110 - it lies in the gateway
                    await asyncio.sleep(0.1)

    page = {"more": True, "next": None}
    shown = set()
    async with asyncio.timeout(120):
        while shown < {str(each.label.alert_id) for each in ours}:
            query = {"cursor": page["next"]} if page["next"] else {}
            page = await behind.page(FEED, limit=500, **query)
            shown |= {item["alert_id"] for item in page["items"]}
