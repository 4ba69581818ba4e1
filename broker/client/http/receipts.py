"""Tell the gateway what became of what was received."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from broker.client.http.answers import told
from broker.client.http.link import Ask, GatewayLink
from broker.errors import GatewayRefused
from broker.model.exchange import (
    ReceiptLine,
    Receipts,
    ReceiptsAnswer,
    ReceiptState,
    RefusalReason,
)

#: Most receipts of one request.
_MOST = 500


class Received(Protocol):
    """A release or recall, whole or in summary."""

    @property
    def alert_id(self) -> UUID:
        """The alert."""

    @property
    def revision(self) -> int:
        """Its revision."""


async def give_receipts(
    link: GatewayLink,
    feed: str,
    state: ReceiptState,
    releases: Sequence[Received],
    reason: RefusalReason | None = None,
) -> None:
    """Record *state* for *releases* of *feed*; the same again changes nothing.

    Raises:
        GatewayUnavailable: No answer in time; give them again.
        GatewayRefused: NOT_FOUND: one of them was never in this feed.
    """
    for start in range(0, len(releases), _MOST):
        lines = [
            ReceiptLine(alert_id=each.alert_id, revision=each.revision, state=state, reason=reason)
            for each in releases[start : start + _MOST]
        ]
        body = Receipts(receipts=tuple(lines)).model_dump_json(exclude_none=True).encode()
        answer = await link.ask(Ask("POST", f"/v1/feeds/{feed}/receipts", body))
        for result in told(ReceiptsAnswer, answer.body).results:
            if not result.recorded:
                raise GatewayRefused(result.errors[0].code if result.errors else "NOT_RECORDED")
