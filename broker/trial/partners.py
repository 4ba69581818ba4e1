"""The partners of a trial: folders and an HTTP desk, and what they must have received."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from broker.audit.balance import Disclosure
from broker.audit.log import AuditEntry, AuditLog
from broker.demo.partners import SECRET_NAME, WebhookDesk
from broker.model.release import Release, ReleaseKind

FOLDER_FEEDS = ("fiji-tcu-investigate", "samoa-tcu-investigate", "samoa-police-protect")
WEBHOOK_FEEDS = ("ptccc-coordinate", "oco-disrupt")


@dataclass(slots=True)
class Partners:
    """Who receives through a connector.

    Attributes:
        folder: Below it, one folder a feed.
        desk: The HTTP server; started and stopped by whoever made it.
    """

    folder: Path
    desk: WebhookDesk

    @property
    def feeds(self) -> frozenset[str]:
        """The feeds that are delivered."""
        return frozenset(FOLDER_FEEDS + WEBHOOK_FEEDS)

    def write_connectors(self) -> Path:
        """Make the folders; return the connectors file."""
        for feed in FOLDER_FEEDS:
            (self.folder / feed).mkdir(parents=True, exist_ok=True)
        file = self.folder / "connectors.toml"
        file.write_text("".join([*self._drops(), *self._hooks()]))
        return file

    def faults(self, log: AuditLog, disclosed: set[Disclosure]) -> list[str]:
        """Return where what partners hold differs from what the audit log says.

        A crash between handing over and recording leaves something that a partner has; it is
        handed over again under its key, or, if it is no longer allowed by then, ends as not
        delivered. So a partner may hold what is not recorded as delivered, but nothing that
        was never released to it, nothing under another key, and nothing that was recalled.
        """
        delivered = list(log.of("DELIVERED"))
        faults = []
        for feed in FOLDER_FEEDS:
            faults += _file_faults(feed, self._files(feed), delivered, disclosed)
        for feed in WEBHOOK_FEEDS:
            mine = [entry for entry in delivered if entry.feed == feed]
            keys = {_key(entry) for entry in mine}
            received = self.desk.received.get(feed, {})
            faults += [f"{feed}: delivered, not received" for _ in keys - received.keys()]
            if len(received) > sum(key[0] == feed for key in disclosed):
                faults.append(f"{feed}: more keys than releases")
        if self.desk.forged:
            faults.append("a webhook was not signed")
        return faults

    def _files(self, feed: str) -> set[Disclosure]:
        found = set()
        for path in (self.folder / feed).glob("*.json"):  # as a collector sees it
            view = json.loads(path.read_bytes())  # whole, or this fails
            found.add((feed, UUID(view["alert_id"]), int(view["revision"]), str(view["kind"])))
        return found

    def _drops(self) -> Iterator[str]:
        for feed in FOLDER_FEEDS:
            folder = json.dumps(str(self.folder / feed))
            yield f'[{feed}]\ntype = "filedrop"\nsettings = {{ folder = {folder} }}\n'

    def _hooks(self) -> Iterator[str]:
        for feed in WEBHOOK_FEEDS:
            url = json.dumps(f"http://127.0.0.1:{self.desk.port}/{feed}")
            secret = f'{{ env = "{SECRET_NAME}" }}'
            settings = f"{{ url = {url}, secret = {secret}, allow_loopback = true }}"
            yield f'[{feed}]\ntype = "webhook"\nsettings = {settings}\n'


def _file_faults(
    feed: str, files: set[Disclosure], delivered: list[AuditEntry], disclosed: set[Disclosure]
) -> list[str]:
    ended = {
        (feed, entry.alert_id, entry.revision, entry.release_kind)
        for entry in delivered
        if entry.feed == feed and entry.alert_id and entry.revision and entry.release_kind
    }
    recalls = {(key[1], key[2]) for key in ended if key[3] == "RECALL"}

    def taken_back(key: Disclosure) -> bool:
        return any(alert == key[1] and revision >= key[2] for alert, revision in recalls)

    releases = [key for key in ended if key[3] == "RELEASE"]

    def replaced(key: Disclosure) -> bool:
        return any(other[1] == key[1] and other[2] > key[2] for other in releases)

    due = {key for key in ended if key[3] == "RECALL" or not (taken_back(key) or replaced(key))}
    missing = [f"{feed}: delivered, no file: {key[1]} r{key[2]} {key[3]}" for key in due - files]
    unsaid = [f"{feed}: a file of what was not released" for _ in files - disclosed]
    gone = [key for key in files if key[3] == "RELEASE" and (taken_back(key) or replaced(key))]
    return [*missing, *unsaid, *(f"{feed}: replaced, still there: {key[1]}" for key in gone)]


def _key(entry: AuditEntry) -> str:
    assert entry.feed is not None
    assert entry.alert_id is not None
    assert entry.revision is not None
    assert entry.release_kind is not None
    kind = ReleaseKind(entry.release_kind)
    release = Release(kind, entry.alert_id.bytes, entry.revision, entry.compartments or 0, b"")
    return release.idempotency_key(entry.feed)
