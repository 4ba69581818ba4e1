"""Everything that any recipient received, byte by byte, wherever it lies."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from broker.app import Parts
from broker.demo.door import Door
from broker.demo.partners import TOPIC_FEEDS, WebhookDesk, partner_topic
from broker.pipeline.open_release import read_verified
from broker.wire.codec import name_of
from broker.wire.tail import read_to_end

#: Feed, where it was found, and the bytes.
Found = tuple[str, str, bytes]


@dataclass(frozen=True, slots=True)
class Partners:
    """Where partners receive: the webhook desk, the gateway, and the folder of files."""

    desk: WebhookDesk
    door: Door
    folder: Path

    def answers(self) -> Iterator[Found]:
        """Yield what came by HTTP: posted to a partner, or read by one."""
        for feed, bodies in self.desk.received.items():
            for body in bodies.values():
                yield feed, "webhook", body
        for feed, pages in self.door.read.items():
            for page in pages:
                yield feed, "HTTP", page


async def everything_received(parts: Parts, partners: Partners) -> AsyncIterator[Found]:
    """Yield every byte that a feed, file, webhook, page, partner topic or dead letter holds."""
    connection = parts.connection("scan")
    for feed in parts.community.feeds:
        for place in (parts.topics.feed(feed), parts.topics.dead_letter(feed)):
            async for record in read_to_end(connection, [place]):
                headers = b"".join(content for _, content in record.headers)
                yield feed, place, (record.key or b"") + (record.value or b"") + headers
                yield feed, f"{place}, opened", _opened(parts, feed, record.value or b"")
    for feed in TOPIC_FEEDS:
        async for record in read_to_end(connection, [partner_topic(feed)]):
            yield feed, partner_topic(feed), (record.key or b"") + (record.value or b"")
    for found in (*partners.answers(), *_files(partners.folder)):
        yield found


def _opened(parts: Parts, feed: str, value: bytes) -> bytes:
    """Return what the feed's own keys make of a release; nothing of what is none."""
    if parts.protection is None or name_of(value) != "release":
        return b""
    view = read_verified(value, parts.protection.opener(feed))
    return view.model_dump_json().encode()


def _files(folder: Path) -> list[Found]:
    paths = [path for path in folder.glob("*/*") if path.is_file()]
    return [(path.parent.name, "file", path.name.encode() + path.read_bytes()) for path in paths]
