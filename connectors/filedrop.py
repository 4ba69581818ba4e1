"""Deliver each release as one JSON file in a folder that the recipient collects from.

For partners behind an SFTP gateway or an air gap.

Delivery guarantee: at least once, and once for the recipient: a repetition writes the same
file again, because its name is the alert's id, revision and kind. A file appears whole or
not at all. A recall also removes the files of that alert's earlier revisions that are still
there. A folder is one feed's alone: it is marked with the feed's name, and another feed's
releases are never written into it.
"""

import asyncio
import errno
import os
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field

from broker.connector import ConnectorSettings
from broker.errors import RecipientRefused, RecipientUnavailable
from broker.model.release import Receipt, Release, ReleaseKind
from broker.wire.alert_codec import decode_release


class FileDropSettings(ConnectorSettings):
    """Where, and how large."""

    folder: Path = Field(description="Folder to write into, this feed's own. It must exist.")
    max_bytes: int = Field(5_000_000, gt=0, description="Refuse anything larger, bytes.")


class FileDrop:
    """Writes files for one feed."""

    def __init__(self, settings: FileDropSettings, feed: str) -> None:
        self._folder = settings.folder
        self._max_bytes = settings.max_bytes
        self._feed = feed

    async def open(self) -> None:
        """Remove what a crash left half written."""
        await asyncio.to_thread(_remove_partials, self._folder)

    async def deliver(self, release: Release) -> Receipt:
        """Write *release*; its receipt names the file.

        Raises:
            RecipientUnavailable: The folder cannot be written, or is another feed's.
            RecipientRefused: It is larger than agreed.
        """
        content = decode_release(release.value, with_record=True).model_dump_json(indent=2).encode()
        if len(content) > self._max_bytes:
            raise RecipientRefused("TOO_LARGE")
        path = self._folder / _name(release)
        try:
            await asyncio.to_thread(_claim, self._folder, self._feed)
            await asyncio.to_thread(_write_whole, path, content)
            if release.kind is ReleaseKind.RECALL:
                await asyncio.to_thread(_remove_earlier, self._folder, release)
        except OSError as error:
            code = errno.errorcode.get(error.errno or 0, "FAULT")
            raise RecipientUnavailable(f"FOLDER_{code}") from None
        now = datetime.now(UTC)
        return Receipt(self._feed, release.alert_id, release.revision, release.kind, now, path.name)

    async def close(self) -> None:
        """Nothing is held open."""


def _name(release: Release) -> str:
    # A UUID and a number cannot leave the folder.
    suffix = "recall.json" if release.kind is ReleaseKind.RECALL else "json"
    return f"{release.alert_id}.r{release.revision:010}.{suffix}"


def _claim(folder: Path, feed: str) -> None:
    # Two feeds in one folder would overwrite, and show, what only one of them may see.
    mark = folder / ".lali-feed"
    if not mark.exists():
        _write_whole(mark, feed.encode())
    if mark.read_bytes() != feed.encode():
        raise RecipientUnavailable("FOLDER_OF_ANOTHER_FEED")


def _write_whole(path: Path, content: bytes) -> None:
    # Write beside, flush, rename: a collector never sees half a release.
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_earlier(folder: Path, recall: Release) -> None:
    # A repeated recall must not take away a revision that was released after it.
    last = f"{recall.alert_id}.r{recall.revision:010}.json"
    for path in folder.glob(f"{recall.alert_id}.r*.json"):
        if path.name <= last and not path.name.endswith(".recall.json"):
            path.unlink(missing_ok=True)
    _sync_folder(folder)


def _remove_partials(folder: Path) -> None:
    for path in folder.glob(".*.partial"):
        path.unlink(missing_ok=True)
