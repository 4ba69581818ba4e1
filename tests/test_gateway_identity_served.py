"""The gateway itself, as `lali run gateway` makes it: by certificate, without a Kafka yet."""

import asyncio
import json

import pytest
from credentials import HOST, Scene

from broker.app import make_gateway, make_parts


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


async def test_a_unit_comes_to_the_gateway_by_certificate_and_a_stranger_does_not(scene):
    parts = make_parts(
        scene.settings(bootstrap_servers=f"{HOST}:1", protection="off", gateway_port=0)
    )
    gateway = make_gateway(parts)
    running = asyncio.create_task(gateway.run())
    try:
        _, port = await gateway.address()
        url = f"https://{HOST}:{port}/v1/feeds"
        pair = scene.ca.issue_client("unit.fiji-tcu")
        async with scene.session(pair) as session, session.get(url) as answer:
            status, body, headers = answer.status, json.loads(await answer.read()), answer.headers
        async with scene.session() as session, session.get(url) as answer:
            refused = answer.status
    finally:
        gateway.stop()
        await asyncio.wait_for(running, 60)

    own = {feed.id for feed in parts.community.feeds.values() if feed.unit == "fiji-tcu"}
    assert (status, refused) == (200, 401)
    assert {feed["feed"] for feed in body["feeds"]} == own
    assert headers["Strict-Transport-Security"]
    assert "Server" not in headers
