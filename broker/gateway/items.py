"""How an item of a feed is written: whole, or in the few hundred bytes that a thin link takes."""

import orjson

from broker.gateway.parted import by_originator
from broker.gateway.serve import Served
from broker.model.exchange import SummaryItem
from broker.model.release import ReleaseView


def whole(served: Served, cursor: str) -> bytes:
    """Return an item as JSON with everything that its feed may see."""
    # The body is shared by all readers of the feed; only the cursor is the reader's.
    return served.body[:-1] + b',"cursor":"' + cursor.encode() + b'"}'


def summary(served: Served, cursor: str) -> bytes:
    """Return the summary form of an item as JSON."""
    return summary_item(served.view, cursor).model_dump_json(exclude_none=True).encode()


def summary_item(view: ReleaseView, cursor: str) -> SummaryItem:
    """Return what is most needed of *view*."""
    common = {"kind": view.kind.value, "alert_id": view.alert_id, "revision": view.revision}
    label = view.label
    if label is None:
        return SummaryItem.model_validate({**common, "cursor": cursor})
    found = label.model_dump(
        include={"expires_at", "originator", "tlp", "urgency", "at_risk", "in_transit", "minor",
                 "exploitation"}
    )  # fmt: skip
    countries = (*label.countries_origin, *label.countries_transit, *label.countries_destination)
    seen = view.compartments.summary
    return SummaryItem.model_validate({
        **common, **found,
        "cursor": cursor,
        "countries": tuple(dict.fromkeys(countries)),
        "acknowledge_within_seconds": view.acknowledge_within_seconds,
        "sealed": view.sealed,
        "summary": seen.headline if seen else None,
    })  # fmt: skip


def page_parts(
    feed: str, items: list[tuple[str | None, bytes]], behind: str, *, more: bool, lost: int = 0
) -> list[bytes]:
    """Return a page as JSON, in parts: each of one originator.

    Args:
        feed: Its id.
        items: The originator of each, None where none is told, and its JSON.
        behind: Cursor of the position behind them.
        more: There is more already.
        lost: How many were deleted before this reader came, at most; told where there are any.
    """
    head = b'{"feed":' + orjson.dumps(feed) + b',"items":['
    tail = b'],"next":"' + behind.encode() + b'","more":' + (b"true" if more else b"false")
    tail += (b',"lost":%d}' % lost) if lost else b"}"
    parted = ((who, b"," * bool(at) + body) for at, (who, body) in enumerate(items))
    return [head, *by_originator(parted), tail]
