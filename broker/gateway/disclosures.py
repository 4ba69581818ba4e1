"""What the gateway writes into the audit log: what was read, and what readers answered."""

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Iterable, Sequence
from uuid import UUID

from broker.errors import StorageUnavailable
from broker.gateway.paging import behind_schedule
from broker.gateway.sending import Sending
from broker.gateway.serve import PolicyFailed, Served, Servings
from broker.gateway.shelf import Shelf
from broker.model.exchange import ReceiptState, RefusalReason
from broker.pipeline.delivery_records import delivery_entry
from broker.pipeline.holdings import LedgerBehind
from broker.wire import codec
from broker.wire.connection import Connection
from broker.wire.topics import Topics


class AuditWriter:
    """Writes entries of the audit log, and returns once every in-sync replica has them."""

    def __init__(self, connection: Connection, topics: Topics) -> None:
        self._topic = topics.audit
        self._sending = Sending(connection)

    async def write(self, entries: Iterable[tuple[UUID, bytes]]) -> None:
        """Write *entries*, each with the alert that it is about.

        Raises:
            KafkaUnavailable: They may not be there.
        """
        tasks = [
            await self._sending.begin(self._topic, str(alert_id).encode(), entry)
            for alert_id, entry in entries
        ]
        await asyncio.gather(*tasks)

    async def stop(self) -> None:
        """Send what is waiting and disconnect."""
        await self._sending.stop()


class Disclosures:
    """Records what is shown, once each time that it differs, before it is.

    A release may be shown in part, then whole, then as a recall, as bundles change, and to one
    credential of a unit after another: each of these is a disclosure of its own.

    Args:
        audit: The audit log.
        shelf: Remembers what is recorded.
        servings: Says, once it is recorded, whether it may be shown still.
        bundle_digest: Names the bundle that decided.
        clock: Epoch milliseconds.
    """

    def __init__(
        self,
        audit: AuditWriter,
        shelf: Shelf,
        servings: Servings,
        bundle_digest: bytes,
        clock: Callable[[], int],
    ) -> None:
        self._audit = audit
        self._shelf = shelf
        self._servings = servings
        self._digest = bundle_digest
        self._clock = clock

    async def record(self, served: Sequence[Served], door: str, credential: str) -> None:
        """Have the audit log say that *served* is handed over, before it is.

        Args:
            served: Releases and recalls.
            door: By which way, such as ``HTTP``.
            credential: Short name of the credential that asked.

        Raises:
            KafkaUnavailable: The log may not have it: nothing may be served.
            Problem: NOT_READY: it may not be shown any more; its reader asks again.
        """
        shown = [(each, each.shows(self._digest, credential)) for each in served]
        new = [pair for pair in shown if not self._shelf.is_recorded(pair[0].shelved, pair[1])]
        if new:
            entries = [
                (each.release.alert_id, self._entry(each, door, credential)) for each, _ in new
            ]
            await self._audit.write(entries)
            with contextlib.suppress(StorageUnavailable):  # in the log: more than once, then
                await self._shelf.note_recorded([(each.shelved, what) for each, what in new])
        try:
            await self._servings.confirm(served)
        except (LedgerBehind, PolicyFailed):
            raise behind_schedule() from None

    def _entry(self, served: Served, door: str, credential: str) -> bytes:
        feed, now = served.shelved.feed, self._clock()
        return delivery_entry(
            "DELIVERED", feed, served.release, now, self._digest,
            reference=door, attempts=1, credential=credential, by_bundle=True,
        )  # fmt: skip


def answer_entry(
    answer: ReceiptState, feed: str, alert_id: UUID, revision: int, at: int, credential: str,
    reason: RefusalReason | None = None,
) -> bytes:  # fmt: skip
    """Return the audit entry of a recipient's answer; the same answer has the same id."""
    identity = f"{answer}\n{feed}\n{alert_id}\n{revision}\n{reason}"
    entry: codec.Record = {
        "entry_id": hashlib.sha256(identity.encode()).digest()[:16],
        "kind": answer.value,
        "stage": "GATEWAY",
        "at": at,
        "alert_id": alert_id.bytes,
        "revision": revision,
        "recalled": [],
        "feed": feed,
        "reason": reason.value if reason else None,
        "credential": credential,
    }
    return codec.encode("audit-entry", entry)
