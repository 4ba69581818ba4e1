"""An item of a page or stream, as the release that it is: verified and opened where keys are."""

import base64
import binascii
from uuid import UUID

from broker.client.http.portions import Item
from broker.errors import Rejected
from broker.model.reason import Reason
from broker.model.release import ReleaseView
from broker.pipeline.open_release import ReleaseOpener, read_verified


def view_of(item: Item, opener: ReleaseOpener | None) -> ReleaseView:
    """Return what *item* says; by its record and *opener*, where there is one.

    Raises:
        Rejected: The record is no release, is another's, or does not verify.
        ValidationError: It is no item.
    """
    told_view = ReleaseView.model_validate(
        {name: each for name, each in item.items() if name != "cursor"}, extra="ignore"
    )
    if opener is None:
        return told_view
    view = read_verified(_record(told_view), opener, with_record=True)
    if _identity(view) != _identity(told_view):
        raise Rejected(Reason.KEY_DIFFERS, "record")
    return view


def _record(view: ReleaseView) -> bytes:
    try:
        return base64.b64decode(view.record or "", validate=True)
    except binascii.Error:
        raise Rejected(Reason.FRAMING, "record") from None


def _identity(view: ReleaseView) -> tuple[UUID, int, str]:
    return view.alert_id, view.revision, view.kind.value
