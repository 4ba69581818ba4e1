"""B13: a gateway with one missing feed serves the others; a suspended feed keeps its recalls."""

import uuid
from dataclasses import replace

import pytest
from gatewaying import FEED, Behind, settings_of

from broker.app import make_parts
from broker.policy.bundle import load_bundle
from broker.policy.directory import read_directory, with_connectors
from broker.resources import shipped
from broker.wire.access import Access
from broker.wire.admin import apply_topics
from broker.wire.rights import Kind, Operation, Right

COMMUNITY = shipped("policies") / "pacific" / "community.toml"
OTHER, OTHERS_UNIT = "fiji-tcu-investigate", "fiji-tcu"


def _suspended(feed=FEED):
    directory = load_bundle(COMMUNITY.parent).community
    active = dict(directory.feeds)
    return replace(directory, suspended={feed: active.pop(feed)}, feeds=active)


def test_b13_a_suspended_feed_keeps_its_topic_and_the_rights_to_it(tmp_path):
    directory = _suspended()
    assert FEED not in directory.feeds
    assert FEED in directory.listed
    reference = {FEED: {"type": "filedrop", "settings": {"folder": str(tmp_path)}}}
    assert with_connectors(directory, reference).listed[FEED].connector is not None
    parts = make_parts(settings_of("127.0.0.1:1", "x.", tmp_path))
    parts = replace(parts, community=directory)
    topic = parts.topics.feed(FEED)
    assert topic in {spec.name for spec in parts.specs()}
    names = parts.principals()
    unit = directory.listed[FEED].unit
    wanted = {
        Right(names.role("route"), Kind.TOPIC, topic, Operation.WRITE),
        Right(names.unit(unit), Kind.TOPIC, topic, Operation.READ),
    }
    rights: Access = parts.rights()
    assert wanted <= set(rights.rights())


def test_b13_what_is_suspended_in_the_file_is_listed_and_decided_for_no_more(tmp_path):
    lines = COMMUNITY.read_text().splitlines()
    place = next(n for n, line in enumerate(lines) if FEED in line)
    lines.insert(place + 1, 'state = "suspended"')
    file = tmp_path / "community.toml"
    file.write_text("\n".join(lines))
    directory = read_directory(file)
    assert (FEED in directory.feeds, FEED in directory.listed) == (False, True)


@pytest.mark.kafka
async def test_b13_a_gateway_without_one_feeds_topic_is_ready_for_the_others(kafka, tmp_path):
    behind = Behind(settings_of(kafka, f"t{uuid.uuid4().hex[:8]}.", tmp_path))
    whole = behind.parts.specs()
    missing = behind.parts.topics.feed(OTHER)
    connection = behind.parts.connection("topics")
    await apply_topics(connection, [spec for spec in whole if spec.name != missing])

    async def nothing():
        return []

    object.__setattr__(behind.parts, "apply_topics", nothing)
    async with behind:
        (item,) = await behind.shown(await behind.publish())
        assert item["kind"] == "RELEASE"
        status, _, _ = await behind.call("GET", "/readyz")
        assert status == 200
        status, _, said = await behind.call("GET", f"/v1/feeds/{OTHER}", OTHERS_UNIT)
        assert (status, said["code"]) == (503, "NOT_READY")
