"""Record who proposed, approved, refused and applied a change.

Changes are made where keys are, and the cluster may be down then: entries wait in a folder
and are written to the audit topic as soon as it can be reached, each under one id.
"""

import hashlib
from pathlib import Path
from uuid import UUID

from broker.clock import epoch_ms
from broker.model.reason import Reason
from broker.private_files import private_folder, write_private
from broker.protect.change import Change
from broker.wire import codec
from broker.wire.connection import Connection
from broker.wire.sender import Sender
from broker.wire.topics import Topics


class ChangeJournal:
    """Audit entries of changes, on their way to the audit topic.

    Args:
        folder: Where they wait.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def note(
        self, kind: str, officer: str, change: Change | None, reason: Reason | None = None
    ) -> None:
        """Note that *officer* did, or tried, something.

        Args:
            kind: CHANGE_PROPOSED, CHANGE_APPROVED, CHANGE_REFUSED, CHANGE_APPLIED or ERASED.
            officer: Who.
            change: The change; None where it could not even be proposed.
            reason: Why it was refused.
        """
        at = epoch_ms()
        named = f"{kind}\n{change.id if change else ''}\n{officer}\n{at}"
        entry_id = hashlib.sha256(named.encode()).digest()[:16]
        entry = {
            "entry_id": entry_id,
            "kind": kind,
            "stage": "OFFICER",
            "at": at,
            "alert_id": UUID(change.subject).bytes if change and change.subject else None,
            "recalled": [],
            "reason": reason.value if reason else None,
            "reference": change.kind.value if change else None,
            "officer": officer,
            "change_digest": bytes.fromhex(change.digest) if change else None,
        }
        private_folder(self._folder)
        file = self._folder / f"{at}-{entry_id.hex()}"
        write_private(file, codec.encode("audit-entry", entry))

    def waiting(self) -> list[Path]:
        """Return the entries that are not written yet, the oldest first."""
        return sorted(self._folder.glob("*-*")) if self._folder.exists() else []

    async def flush(self, connection: Connection, topics: Topics) -> int:
        """Write what waits; return how many.

        Raises:
            KafkaUnavailable: The cluster did not answer; what was not written still waits.
        """
        waiting = self.waiting()
        if not waiting:
            return 0
        sender = Sender(connection)
        await sender.start()
        try:
            for file in waiting:
                await sender.send(topics.audit, None, file.read_bytes())
                file.unlink()
        finally:
            await sender.stop()
        return len(waiting)
