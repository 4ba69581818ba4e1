"""What tests of connectors share: partners of each protocol, and what they take."""

import base64
import json
from pathlib import Path
from typing import Any

from aiohttp import web

from broker.errors import RecipientRefused, RecipientUnavailable
from broker.model.release import Release, ReleaseView
from broker.testing import alert_id_of, make_alert, make_release
from broker.wire.admin import apply_topics
from broker.wire.connection import Connection
from broker.wire.tail import read_to_end
from broker.wire.topics import TopicSpec

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


def release_of(revision: int = 1, **alert: Any) -> Release:
    return make_release(make_alert(alert_id=ALERT, revision=revision, **alert))


def carries_a_code_only(error: RecipientUnavailable | RecipientRefused, *hidden: Path) -> None:
    assert str(error) == error.code
    assert error.code.isascii()
    assert error.code.replace("_", "").isalnum()
    assert not any(str(place) in error.code for place in hidden)
