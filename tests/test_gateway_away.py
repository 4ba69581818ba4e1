"""Kafka away: refused with a time to come again, or spooled where that is on; nothing is lost."""

import asyncio
import gzip
import json
import uuid
from dataclasses import replace

import pytest
from gatewaying import FEED, ORIGINATOR, UNIT_OF_FEED, Behind, draft, settings_of

from broker.cluster.local import LocalKafka
from broker.gateway.opening import open_doors
from broker.testing import make_alert
from broker.wire.alert_codec import encode_alert
from broker.wire.tail import read_to_end

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def node():
    """A cluster of one node that may be frozen."""
    with LocalKafka(heap_mb=384) as cluster:
        yield cluster


def settings(node, folder, **more):
    return settings_of(node.bootstrap_servers, f"t{uuid.uuid4().hex[:8]}.", folder, **more)


class Impatient(Behind):
    """Its gateway gives Kafka up after six seconds, so that a test need not wait longer."""

    def _doors(self):
        parts = self.parts
        connection = replace(parts.connection("gateway"), request_timeout_ms=3000)
        return open_doors(
            self.settings, parts.community, parts.topics, parts.decider, parts.protection,
            connection,
        )  # fmt: skip


async def post(behind, written, **headers):
    return await behind.call("POST", "/v1/alerts", ORIGINATOR, json=written, headers=headers)


async def frozen(node):
    await asyncio.to_thread(node.nodes[0].pause)


async def thawed(node):
    await asyncio.to_thread(node.nodes[0].go_on)


async def intake(behind):
    """Return the ids in the originator's intake topic, in their order."""
    topic = behind.parts.topics.intake(ORIGINATOR)
    connection = behind.parts.connection("test")
    return [record.key.decode() async for record in read_to_end(connection, [topic])]


async def until_published(behind, written):
    async with asyncio.timeout(240):
        while True:
            status, headers, body = await post(behind, written)
            if status == 202:
                return body
            assert status == 503
            assert int(headers["Retry-After"]) >= 1
            await asyncio.sleep(0.5)


async def test_while_kafka_is_away_nothing_is_taken_and_a_retry_loses_nothing(node, tmp_path):
    async with Impatient(settings(node, tmp_path)) as behind:
        before = await behind.publish()
        await behind.shown(before)
        jobs = [draft(originator=ORIGINATOR) for _ in range(3)]
        await frozen(node)
        try:
            answers = await asyncio.gather(*(post(behind, each) for each in jobs))
            batch = await post(behind, jobs)
        finally:
            await thawed(node)
        for status, headers, body in answers:
            assert (status, body["code"]) == (503, "KAFKA_UNAVAILABLE")
            assert int(headers["Retry-After"]) >= 1
        status, headers, body = batch
        assert (status, body["unavailable"], body["published"]) == (207, 3, 0)
        assert {each["state"] for each in body["results"]} == {"unavailable"}
        assert int(headers["Retry-After"]) >= 1
        for each in jobs:
            await until_published(behind, each)
        for each in jobs:
            found = await behind.shown(each["label"]["alert_id"])
            assert len(found) == 1  # however often it was written


async def test_a_gateway_that_is_cut_off_shows_no_release(node, tmp_path):
    async with Impatient(settings(node, tmp_path)) as behind:
        alert_id = await behind.publish()
        await behind.shown(alert_id)
        await frozen(node)
        try:
            async with asyncio.timeout(120):
                while True:
                    status, headers, body = await behind.call(
                        "GET", f"/v1/feeds/{FEED}", UNIT_OF_FEED
                    )
                    if status != 200:
                        break
                    await asyncio.sleep(0.5)
            assert (status, body["code"]) in {(503, "NOT_READY"), (503, "KAFKA_UNAVAILABLE")}
            assert int(headers["Retry-After"]) >= 1
        finally:
            await thawed(node)
        async with asyncio.timeout(120):
            while (await behind.call("GET", f"/v1/feeds/{FEED}", UNIT_OF_FEED))[0] != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.5)
        assert await behind.shown(alert_id)


async def test_sealed_alerts_wait_in_the_spool_and_go_out_in_their_order(node, tmp_path):
    more = {"gateway_spool": True, "protection": "required", "keys": tmp_path / "keys"}
    async with Impatient(settings(node, tmp_path, **more)) as behind:
        await behind.publish()
        before = await intake(behind)
        first = draft(originator=ORIGINATOR)
        first["compartments"]["summary"]["headline"] = "CANARYINSPOOL"
        label = {**first["label"], "revision": 2, "message_type": "UPDATE"}
        jobs = [first, {**first, "label": label}]
        jobs += [draft(originator=ORIGINATOR) for _ in range(3)]
        await frozen(node)
        try:
            answers = [await post(behind, each) for each in jobs]
            assert [status for status, _, _ in answers] == [202] * 5
            assert {body["state"] for _, _, body in answers} == {"spooled"}
            # A process that dies now has lost nothing: it is on the disk, and unreadable.
            files = b"".join(each.read_bytes() for each in (tmp_path / "gateway").glob("*.db*"))
            assert uuid.UUID(first["label"]["alert_id"]).bytes in files
            assert b"CANARYINSPOOL" not in files
        finally:
            await thawed(node)
        ids = [each["label"]["alert_id"] for each in jobs]
        async with asyncio.timeout(240):
            while True:
                now = [each for each in await intake(behind) if each not in before]
                if set(ids) <= set(now):
                    break
                await asyncio.sleep(0.5)
        (item,) = await latest(behind, ids[0], 2)
        assert item["kind"] == "RELEASE"
        # Route took the first before the second: in the other order it would be in quarantine.
        _, _, standing = await behind.call("GET", f"/v1/alerts/{ids[0]}", ORIGINATOR)
        states = {(each["revision"], each["state"]) for each in standing["revisions"]}
        assert {(1, "ACCEPTED"), (2, "ACCEPTED")} <= states
        assert await behind.doors.spool.waiting() == {}


async def latest(behind, alert_id, revision):
    async with asyncio.timeout(120):
        while True:
            found = await behind.shown(alert_id)
            if [each["revision"] for each in found] == [revision]:
                return found
            await asyncio.sleep(0.2)


@pytest.mark.parametrize("form", ["draft", "avro"])
async def test_a_plain_alert_is_never_spooled(node, tmp_path, form):
    async with Impatient(settings(node, tmp_path, gateway_spool=True)) as behind:
        await behind.publish()
        written = draft(originator=ORIGINATOR)
        await frozen(node)
        try:
            if form == "draft":
                status, _, body = await post(behind, written)
            else:
                value = gzip.compress(encode_alert(make_alert(originator=ORIGINATOR)))
                headers = {
                    "Content-Type": "application/vnd.apache.avro", "Content-Encoding": "gzip"
                }  # fmt: skip
                status, _, body = await behind.call(
                    "POST", "/v1/alerts", ORIGINATOR, data=value, headers=headers
                )
            assert (status, body["code"]) == (503, "KAFKA_UNAVAILABLE")
            files = b"".join(each.read_bytes() for each in (tmp_path / "gateway").glob("*.db*"))
            assert b"SYNTHETIC: a longliner" not in files
            assert json.dumps(written["label"]["alert_id"]).encode() not in files
        finally:
            await thawed(node)
