"""Deliver each release as one JSON file in a folder that the recipient collects from.

For partners behind an SFTP gateway or an air gap.

Delivery guarantee: at least once, and once for the recipient: a repetition writes the same
file again, because its name is the alert's id, revision and kind. A file appears whole or
not at all. A later revision removes the files of earlier ones that are still there, and a
recall those of the revision that it takes back, too; the receipt says how many. A folder is one
feed's alone: it is marked with the feed's name, and another feed's releases are never written
into it. Files have mode 0600, or what is set; no link is followed.
"""

import asyncio
import errno
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import Field

from broker.connector import ConnectorSettings, permitted
from broker.errors import RecipientRefused, RecipientUnavailable
from broker.model.release import Receipt, Release, ReleaseKind
from broker.wire.alert_codec import decode_release
from connectors.drop_folder import name_of, open_folder

_MODES = {"0600": 0o600, "0640": 0o640, "0660": 0o660}


class FileDropSettings(ConnectorSettings):
    """Where, how large, and who may read."""

    folder: Path = Field(
        description="Folder to write into, this feed's own. It must exist, and not be a link."
    )
    max_bytes: int = Field(5_000_000, gt=0, description="Refuse anything larger, bytes.")
    mode: Literal["0600", "0640", "0660"] = Field(
        "0600", description="Mode of the files; 0640 where a group collects them."
    )


class FileDrop:
    """Writes files for one feed."""

    def __init__(self, settings: FileDropSettings, feed: str) -> None:
        self._folder = settings.folder
        self._max_bytes = settings.max_bytes
        self._mode = _MODES[settings.mode]
        self._feed = feed

    async def open(self) -> None:
        """Remove what a crash left half written."""
        await asyncio.to_thread(self._clean)

    async def deliver(self, release: Release) -> Receipt:
        """Write *release*; its receipt names the file, and says how many it replaced.

        Raises:
            RecipientUnavailable: The folder cannot be written, or is another feed's.
            RecipientRefused: It is larger than agreed.
        """
        content = decode_release(release.value, with_record=True).model_dump_json(indent=2).encode()
        if len(content) > self._max_bytes:
            raise RecipientRefused("TOO_LARGE")
        await permitted()
        try:
            reference = await asyncio.to_thread(self._write, release, content)
        except OSError as error:
            code = errno.errorcode.get(error.errno or 0, "FAULT")
            raise RecipientUnavailable(f"FOLDER_{code}") from None
        now = datetime.now(UTC)
        return Receipt(self._feed, release.alert_id, release.revision, release.kind, now, reference)

    async def close(self) -> None:
        """Nothing is held open."""

    def _clean(self) -> None:
        try:
            with open_folder(self._folder, self._mode) as folder:
                folder.remove_partials()
        except (OSError, RecipientUnavailable):
            return  # the folder may come later: that is `deliver`'s to say

    def _write(self, release: Release, content: bytes) -> str:
        recall = release.kind is ReleaseKind.RECALL
        named = (release.alert_id, release.revision)
        name = name_of(*named, recall=recall)
        with open_folder(self._folder, self._mode) as folder:
            folder.claim(self._feed)
            folder.write(name, content)
            removed = folder.remove_before(*named, recall=recall)
        return f"{name} replaces {removed}" if removed else name
