"""Every connector keeps one contract; each is asked against a real recipient."""

import asyncio
import base64
import errno
import hashlib
import hmac
import json
import os
import socket
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import RecipientRefused, RecipientUnavailable, SettingsInvalid
from broker.model.alert import Compartments
from broker.model.compartment import COMPARTMENTS, Compartment, mask_of
from broker.model.release import Release, ReleaseKind, ReleaseView
from broker.testing import alert_id_of, make_alert, make_recall, make_release
from broker.wire.admin import apply_topics
from broker.wire.alert_codec import decode_release
from broker.wire.connection import Connection
from broker.wire.tail import read_to_end
from broker.wire.topics import TopicSpec
from connectors import CONNECTORS, make_connector
from connectors.address import PublicOnlyResolver, may_reach

FEED = "apia-desk"
KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
ALERT = alert_id_of(7)


class Taken:
    """One delivery as the recipient sees it: its key, and the release as JSON."""

    def __init__(self, key: str, view: dict[str, Any]) -> None:
        self.key = key
        self.view = ReleaseView.model_validate(view)


class FolderPartner:
    """Collects files."""

    protocol = "filedrop"

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "out"
        self.folder.mkdir()

    async def start(self) -> dict[str, Any]:
        return {"folder": str(self.folder)}

    async def taken(self) -> list[Taken]:
        files = sorted(self.folder.glob("*.json"))
        return [Taken(file.name, json.loads(file.read_text())) for file in files]

    async def go_away(self) -> None:
        self.folder.rename(self.folder.with_name("elsewhere"))

    async def stop(self) -> None:
        pass


class HttpPartner:
    """Takes posts, and keeps them; *answer* can be changed."""

    protocol = "webhook"

    def __init__(self, monkeypatch) -> None:
        monkeypatch.setenv("APIA_SECRET", SECRET)
        self.posts: list[tuple[dict[str, str], bytes]] = []
        self.other_paths: list[str] = []
        self.answer: tuple[int, dict[str, str]] = (204, {})
        self.port = 0

    async def start(self) -> dict[str, Any]:
        app = web.Application(client_max_size=8 << 20)
        app.router.add_post("/in", self._take)
        app.router.add_route("*", "/{other:.*}", self._elsewhere)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return {
            "url": f"http://127.0.0.1:{self.port}/in",
            "secret": {"env": "APIA_SECRET"},
            "allow_loopback": True,
        }

    async def _take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.posts.append((headers, await request.read()))
        status, headers = self.answer
        return web.Response(status=status, headers=headers)

    async def _elsewhere(self, request: web.Request) -> web.Response:
        self.other_paths.append(request.path)
        return web.Response(status=200)

    async def taken(self) -> list[Taken]:
        return [Taken(headers["idempotency-key"], json.loads(body)) for headers, body in self.posts]

    async def go_away(self) -> None:
        await self._runner.cleanup()

    async def stop(self) -> None:
        await self._runner.cleanup()


class KafkaPartner:
    """Has a topic on a real Kafka."""

    protocol = "kafka"

    def __init__(self, connection: Connection, topic: str) -> None:
        self.connection = connection
        self.topic = topic

    async def start(self) -> dict[str, Any]:
        await apply_topics(self.connection, [TopicSpec(self.topic, 2)])
        return {"bootstrap_servers": self.connection.bootstrap_servers, "topic": self.topic}

    async def taken(self) -> list[Taken]:
        records = [r async for r in read_to_end(self.connection, [self.topic])]
        return [
            Taken(dict(r.headers)["idempotency-key"].decode(), json.loads(r.value)) for r in records
        ]

    async def stop(self) -> None:
        pass


@pytest.fixture(params=sorted(CONNECTORS))
async def partner(request, tmp_path, monkeypatch):
    match request.param:
        case "filedrop":
            made: Any = FolderPartner(tmp_path)
        case "webhook":
            made = HttpPartner(monkeypatch)
        case "kafka":
            topics = request.getfixturevalue("topics")
            connection = request.getfixturevalue("connection")
            made = KafkaPartner(connection, f"{topics.prefix}partner")
        case other:
            pytest.fail(f"no partner is written for {other}: the contract must run over it")
    made.settings = await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def connector(partner):
    made = make_connector(partner.protocol, partner.settings, FEED)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def http(monkeypatch):
    made = HttpPartner(monkeypatch)
    made.settings = await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def webhook(http):
    made = make_connector("webhook", http.settings, FEED)
    await made.open()
    yield made
    await made.close()


def _release(revision: int = 1, **alert: Any) -> Release:
    return make_release(make_alert(alert_id=ALERT, revision=revision, **alert))


# The contract


@pytest.mark.kafka
async def test_a_release_is_handed_over_whole(connector, partner):
    release = _release()

    receipt = await connector.deliver(release)

    (taken,) = await partner.taken()
    assert taken.view == decode_release(release.value, with_record=True)
    assert taken.view.compartments.mask == (1 << 12) - 1
    assert (receipt.feed, receipt.alert_id, receipt.revision) == (FEED, ALERT, 1)
    assert receipt.kind is ReleaseKind.RELEASE
    assert receipt.reference
    assert "SYNTHETIC" not in receipt.reference


@pytest.mark.kafka
async def test_only_what_was_released_is_handed_over(connector, partner):
    shown = (Compartment.SUMMARY, Compartment.MOVEMENT)
    mask = mask_of(shown)

    await connector.deliver(make_release(make_alert(alert_id=ALERT), mask))

    (taken,) = await partner.taken()
    held = {name for name in COMPARTMENTS if getattr(taken.view.compartments, name.value)}
    assert held == set(shown)


@pytest.mark.kafka
async def test_a_repetition_is_harmless_or_known_by_its_key(connector, partner):
    release = _release()

    for _ in range(3):
        await connector.deliver(release)

    taken = await partner.taken()
    assert len({each.key for each in taken}) == 1
    assert all(each.view == taken[0].view for each in taken)


@pytest.mark.kafka
async def test_a_later_revision_has_another_key(connector, partner):
    for revision in (1, 2):
        await connector.deliver(_release(revision))
    await connector.deliver(make_recall(ALERT, 3))

    taken = await partner.taken()
    assert len({each.key for each in taken}) == len(taken)
    assert taken[-1].view.kind is ReleaseKind.RECALL


@pytest.mark.kafka
async def test_a_recall_arrives_without_content(connector, partner):
    await connector.deliver(make_recall(ALERT, 2))

    (taken,) = await partner.taken()
    assert taken.view.kind is ReleaseKind.RECALL
    assert (taken.view.alert_id, taken.view.revision) == (ALERT, 2)
    assert taken.view.label is None
    assert taken.view.compartments == Compartments()


@pytest.mark.kafka
async def test_a_connector_opens_and_closes_without_its_recipient(partner):
    await partner.stop()
    made = make_connector(partner.protocol, partner.settings, FEED)
    await made.open()
    await made.close()
    await made.close()


@pytest.mark.parametrize("protocol", ["filedrop", "webhook"])
async def test_a_recipient_that_is_away_is_unavailable(protocol, tmp_path, monkeypatch):
    partner = FolderPartner(tmp_path) if protocol == "filedrop" else HttpPartner(monkeypatch)
    made = make_connector(protocol, await partner.start(), FEED)
    await made.open()
    await made.deliver(_release())
    await partner.go_away()

    with pytest.raises(RecipientUnavailable) as away:
        await made.deliver(_release())

    await made.close()
    _carries_a_code_only(away.value, tmp_path)


async def test_a_cluster_that_is_away_is_unavailable(tmp_path):
    settings = {"bootstrap_servers": f"127.0.0.1:{_closed_port()}", "topic": "t"}
    made = make_connector("kafka", settings, FEED)
    await made.open()

    with pytest.raises(RecipientUnavailable) as away:
        await made.deliver(_release())

    await made.close()
    _carries_a_code_only(away.value, tmp_path)


@pytest.mark.kafka
async def test_a_release_too_large_for_the_cluster_is_refused(connection, topics):
    topic = f"{topics.prefix}small"
    await apply_topics(connection, [TopicSpec(topic, 1, {"max.message.bytes": "200"})])
    settings = {"bootstrap_servers": connection.bootstrap_servers, "topic": topic}
    made = make_connector("kafka", settings, FEED)

    with pytest.raises(RecipientRefused) as refused:
        await made.deliver(_release())

    await made.close()
    assert refused.value.code == "OVERSIZED"


@pytest.mark.kafka
async def test_the_avro_form_is_the_release_as_it_stands(connection, topics):
    partner = KafkaPartner(connection, f"{topics.prefix}avro")
    made = make_connector("kafka", await partner.start() | {"form": "avro"}, FEED)
    release = _release()

    receipt = await made.deliver(release)

    await made.close()
    (record,) = [r async for r in read_to_end(connection, [partner.topic])]
    assert record.value == release.value
    assert record.key == str(ALERT).encode()
    assert receipt.reference == f"{record.partition}:{record.offset}"


def _carries_a_code_only(error: RecipientUnavailable | RecipientRefused, *hidden: Path) -> None:
    assert str(error) == error.code
    assert error.code.isascii()
    assert error.code.replace("_", "").isalnum()
    assert not any(str(place) in error.code for place in hidden)


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# Settings


@pytest.mark.parametrize(
    ("protocol", "settings", "said"),
    [
        ("filedrop", {}, "apia-desk: folder: is missing"),
        ("filedrop", {"folder": "/x", "fodler": "SYNTHETIC"}, "apia-desk: fodler: no such setting"),
        ("filedrop", {"folder": "/x", "max_bytes": 0}, "apia-desk: max_bytes: greater_than"),
        ("webhook", {"url": "http://example.org/SYNTHETIC"}, "apia-desk: url: HTTPS_ONLY"),
        (
            "webhook",
            {"url": "http://example.org/", "allow_loopback": True},
            "apia-desk: url: HTTPS_ONLY",
        ),
        ("webhook", {"url": "http://127.0.0.1/"}, "apia-desk: url: HTTPS_ONLY"),
        ("webhook", {"url": "file:///etc/passwd"}, "apia-desk: url: ADDRESS_INVALID"),
        ("webhook", {"url": "https://a:SYNTHETIC@x.org/"}, "apia-desk: url: CREDENTIALS_IN_URL"),
        ("webhook", {"url": "https://:@x.org/"}, "apia-desk: url: CREDENTIALS_IN_URL"),
        ("webhook", {"url": "https://[::1"}, "apia-desk: url: ADDRESS_INVALID"),
        ("webhook", {"url": "https://169.254.169.254/"}, "apia-desk: url: ADDRESS_NOT_ALLOWED"),
        ("webhook", {"secret": SECRET}, "apia-desk: secret: a secret is written {env = NAME}"),
        (
            "webhook",
            {"secret": {"env": SECRET}},
            "apia-desk: secret: a secret is written {env = NAME}",
        ),
        (
            "webhook",
            {"secret": {"env": "LALI_ABSENT"}},
            "apia-desk: secret: the environment has no LALI_ABSENT",
        ),
        ("webhook", {"secret": {"env": "NOT_BASE64"}}, "apia-desk: secret: SECRET_NOT_BASE64"),
        ("webhook", {"secret": {"env": "SHORT"}}, "apia-desk: secret: SECRET_TOO_SHORT"),
        ("webhook", {"url": "https://x.org", "follow": 1}, "apia-desk: follow: no such setting"),
        (
            "kafka",
            {"topic": "t", "bootstrap_servers": "kafka.example.org:9092"},
            "apia-desk: bootstrap_servers: PLAINTEXT_NOT_ALLOWED",
        ),
        ("kafka", {"topic": "t", "bootstrap_servers": "x"}, "bootstrap_servers: ADDRESS_INVALID"),
        ("kafka", {"bootstrap_servers": "localhost:1", "topic": "ä ö"}, "apia-desk: topic: string"),
    ],
)
def test_settings_that_do_not_fit_are_named_and_not_repeated(protocol, settings, said, monkeypatch):
    monkeypatch.setenv("GOOD", SECRET)
    monkeypatch.setenv("NOT_BASE64", "whsec_SYNTHETIC!!")
    monkeypatch.setenv("SHORT", "whsec_QUJD")
    if protocol == "webhook":
        settings = {"url": "https://example.org/in", "secret": {"env": "GOOD"}} | settings

    with pytest.raises(SettingsInvalid) as refused:
        make_connector(protocol, settings, FEED)

    assert said in str(refused.value)
    assert "SYNTHETIC" not in str(refused.value)
    assert SECRET not in str(refused.value)


def test_an_unknown_protocol_is_refused_by_name():
    with pytest.raises(SettingsInvalid, match="apia-desk: no connector is called pigeon"):
        make_connector("pigeon", {}, FEED)


def test_a_secret_does_not_show_in_its_settings(monkeypatch):
    monkeypatch.setenv("APIA_SECRET", SECRET)
    model = CONNECTORS["webhook"][0]
    made = model.model_validate({"url": "https://x.org", "secret": {"env": "APIA_SECRET"}})
    assert SECRET not in repr(made)
    assert SECRET not in made.model_dump_json()


# File drop


async def test_a_recall_removes_the_files_of_earlier_revisions_and_no_others(tmp_path):
    made = make_connector("filedrop", {"folder": str(tmp_path)}, FEED)
    other = alert_id_of(8)
    await made.deliver(_release(1))
    await made.deliver(_release(2))
    await made.deliver(make_release(make_alert(alert_id=other)))

    await made.deliver(make_recall(ALERT, 3))

    names = {path.name for path in tmp_path.glob("*.json")}
    assert names == {f"{ALERT}.r0000000003.recall.json", f"{other}.r0000000001.json"}


async def test_a_repeated_recall_leaves_what_was_released_after_it(tmp_path):
    made = make_connector("filedrop", {"folder": str(tmp_path)}, FEED)
    await made.deliver(make_recall(ALERT, 3))
    await made.deliver(_release(4))

    await made.deliver(make_recall(ALERT, 3))

    assert (tmp_path / f"{ALERT}.r0000000004.json").exists()


async def test_a_folder_of_another_feed_is_never_written(tmp_path):
    first = make_connector("filedrop", {"folder": str(tmp_path)}, FEED)
    second = make_connector("filedrop", {"folder": str(tmp_path)}, "suva-desk")
    await first.deliver(_release())
    before = {path.name for path in tmp_path.iterdir()}

    with pytest.raises(RecipientUnavailable, match="FOLDER_OF_ANOTHER_FEED"):
        await second.deliver(make_recall(ALERT, 2))

    assert {path.name for path in tmp_path.iterdir()} == before


async def test_what_a_crash_left_half_written_is_removed(tmp_path):
    (tmp_path / ".half.json.partial").write_text("{")
    made = make_connector("filedrop", {"folder": str(tmp_path)}, FEED)

    await made.open()

    assert list(tmp_path.iterdir()) == []


async def test_a_file_larger_than_agreed_is_refused(tmp_path):
    made = make_connector("filedrop", {"folder": str(tmp_path), "max_bytes": 100}, FEED)

    with pytest.raises(RecipientRefused) as refused:
        await made.deliver(_release())

    assert refused.value.code == "TOO_LARGE"
    assert list(tmp_path.glob("*.json")) == []


async def test_a_folder_without_room_is_unavailable_and_leaves_no_half_file(tmp_path, monkeypatch):
    made = make_connector("filedrop", {"folder": str(tmp_path)}, FEED)
    await made.deliver(_release(1))

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "SYNTHETIC")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RecipientUnavailable) as away:
        await made.deliver(_release(2))

    assert away.value.code == "FOLDER_ENOSPC"
    assert [path.name for path in tmp_path.glob("*.json")] == [f"{ALERT}.r0000000001.json"]


# Webhook


async def test_a_post_is_signed_as_standard_webhooks_says(webhook, http):
    release = _release()
    before = int(time.time())

    await webhook.deliver(release)

    ((headers, body),) = http.posts
    stamp, name = headers["webhook-timestamp"], headers["webhook-id"]
    signed = name.encode() + b"." + stamp.encode() + b"." + body
    expected = base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert before <= int(stamp) <= int(time.time())
    assert name == headers["idempotency-key"] == release.idempotency_key(FEED)
    assert headers["content-type"] == "application/json"


async def test_while_secrets_change_both_sign(http, monkeypatch):
    old = bytes(range(32, 64))
    monkeypatch.setenv("APIA_OLD", "whsec_" + base64.b64encode(old).decode())
    made = make_connector("webhook", http.settings | {"previous_secret": {"env": "APIA_OLD"}}, FEED)
    await made.open()

    await made.deliver(_release())

    await made.close()
    ((headers, body),) = http.posts
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = [base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in (KEY, old)]
    assert headers["webhook-signature"].split() == [f"v1,{each}" for each in expected]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 409])
async def test_these_answers_are_a_receipt(webhook, http, status):
    http.answer = (status, {})
    receipt = await webhook.deliver(_release())
    assert receipt.reference == f"HTTP_{status}"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_these_answers_mean_later(webhook, http, status):
    http.answer = (status, {})
    with pytest.raises(RecipientUnavailable) as away:
        await webhook.deliver(_release())
    assert (away.value.code, away.value.retry_after_seconds) == (f"HTTP_{status}", None)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 422])
async def test_these_answers_mean_never(webhook, http, status):
    http.answer = (status, {})
    with pytest.raises(RecipientRefused) as refused:
        await webhook.deliver(_release())
    assert refused.value.code == f"HTTP_{status}"


@pytest.mark.parametrize(
    ("said", "least", "most"),
    [("0", 0, 0), ("17", 17, 17), ("9" * 40, 3600, 3600), ("date", 60, 121), ("past", 0, 0)],
)
async def test_the_wait_that_a_recipient_asks_for_is_told(webhook, http, said, least, most):
    moment = {"date": time.time() + 120, "past": time.time() - 120}.get(said)
    http.answer = (503, {"Retry-After": formatdate(moment, usegmt=True) if moment else said})
    with pytest.raises(RecipientUnavailable) as away:
        await webhook.deliver(_release())
    assert least <= away.value.retry_after_seconds <= most


@pytest.mark.parametrize("said", ["soon", "-5", "1.5", "", "²", "Thu, 99 Foo"])
async def test_a_wait_that_cannot_be_read_is_none(webhook, http, said):
    http.answer = (429, {"Retry-After": said})
    with pytest.raises(RecipientUnavailable) as away:
        await webhook.deliver(_release())
    assert away.value.retry_after_seconds is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_never_followed(webhook, http, status):
    http.answer = (status, {"Location": f"http://127.0.0.1:{http.port}/elsewhere"})
    with pytest.raises(RecipientRefused) as refused:
        await webhook.deliver(_release())
    assert refused.value.code == f"HTTP_{status}"
    assert http.other_paths == []
    assert len(http.posts) == 1


async def test_a_recipient_that_never_answers_is_unavailable(monkeypatch):
    held = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await held.wait()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    monkeypatch.setenv("APIA_SECRET", SECRET)
    port = server.sockets[0].getsockname()[1]
    settings = {
        "url": f"http://127.0.0.1:{port}/in",
        "secret": {"env": "APIA_SECRET"},
        "allow_loopback": True,
        "timeout_seconds": 0.3,
    }
    made = make_connector("webhook", settings, FEED)
    await made.open()

    with pytest.raises(RecipientUnavailable):
        await made.deliver(_release())

    held.set()
    await made.close()
    server.close()


INSIDE = (
    "127.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 100.100.100.200 0.0.0.0 "
    "255.255.255.255 240.0.0.1 224.0.0.1 192.0.2.1 :: ::1 fe80::1 fe80::1%eth0 fc00::1 "
    "fd00:ec2::254 ff02::1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:10.0.0.1 "
    "64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 2002:7f00:1:: 2002:a9fe:a9fe:: ::127.0.0.1"
).split()


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_inside_are_not_reached(address):
    assert not may_reach(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8"])
def test_public_addresses_are_reached(address):
    assert may_reach(address)


@pytest.mark.parametrize(
    "address",
    "169.254.169.254 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe fd00:ec2::254 100.100.100.200 "
    "0.0.0.0 224.0.0.1".split(),
)
def test_no_setting_opens_metadata_services(address):
    assert not may_reach(address, allow_loopback=True, allow_private=True)


@given(st.ip_addresses(v=4))
def test_an_address_mapped_into_ipv6_is_judged_as_itself(address):
    for private in (False, True):
        plain = may_reach(str(address), allow_private=private)
        assert may_reach(f"::ffff:{address}", allow_private=private) == plain


def test_a_private_network_is_reached_only_where_settings_say_so():
    assert may_reach("10.1.2.3", allow_private=True)
    assert not may_reach("127.0.0.1", allow_private=True)


@pytest.mark.parametrize("host", ["[::ffff:127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "10.0.0.1"])
def test_an_address_written_out_is_refused_before_anything_is_sent(host, monkeypatch):
    monkeypatch.setenv("APIA_SECRET", SECRET)
    settings = {"url": f"https://{host}/in", "secret": {"env": "APIA_SECRET"}}
    with pytest.raises(SettingsInvalid, match="url: ADDRESS_NOT_ALLOWED"):
        make_connector("webhook", settings, FEED)


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f000001", "127.1"])
async def test_a_name_that_leads_inside_is_not_connected_to(host, http):
    settings = {key: http.settings[key] for key in ("secret",)}
    made = make_connector("webhook", settings | {"url": f"https://{host}:{http.port}/in"}, FEED)
    await made.open()

    with pytest.raises(RecipientUnavailable) as away:
        await made.deliver(_release())

    await made.close()
    assert host not in str(away.value)
    assert http.posts == []


async def test_a_name_that_changes_its_answer_leads_nowhere_inside():
    resolver = PublicOnlyResolver()
    answers = iter([["93.184.216.34"], ["127.0.0.1", "93.184.216.34"], ["169.254.169.254"]])

    async def resolve(host: str, port: int = 0, family: int = 0) -> list[dict[str, Any]]:
        return [{"host": each, "port": port} for each in next(answers)]

    resolver._inner.resolve = resolve  # the answers of a name server that is not ours

    first = await resolver.resolve("partner.example", 443)
    second = await resolver.resolve("partner.example", 443)
    assert [each["host"] for each in first + second] == ["93.184.216.34"] * 2
    with pytest.raises(OSError, match="ADDRESS_NOT_ALLOWED"):
        await resolver.resolve("partner.example", 443)
    await resolver.close()
