"""How many slots a record has, and which version of release an alert becomes.

Alerts were written with twelve slots until exact parts had slots of their own
(docs/decisions/0017). Their originators signed twelve commitments, so their releases have
twelve as well; what stood unparted in them is shown only to who may see all of it.
"""

from typing import NamedTuple

from broker.errors import Rejected
from broker.model.compartment import (
    COMPARTMENTS,
    UNPARTED_SLOTS,
    filled_unparted,
    shown_unparted,
)
from broker.model.reason import Reason
from broker.wire.schema import catalogue

FRAME_BYTES = 5


class Layout(NamedTuple):
    """The form of an alert or of a release.

    Attributes:
        slots: How many slots it has.
        bits: The bit of each slot in a mask.
        alert: Frame of an alert of this form, as it is sealed and opened.
        release: Frame of the releases of this form.
        sealable: Whether it ends in its seal: one byte where it has none.
    """

    slots: int
    bits: tuple[int, ...]
    alert: bytes
    release: bytes
    sealable: bool = True

    def shown(self, mask: int) -> int:
        """Return what may be shown to who may see *mask*."""
        return mask if self.slots > UNPARTED_SLOTS else shown_unparted(mask)

    def filled(self, present: int) -> int:
        """Return which compartments may be filled where the slots in *present* are.

        What an older slot holds beside its own nobody without its key can say: it counts.
        """
        return present if self.slots > UNPARTED_SLOTS else filled_unparted(present)


def _frame(name: str, version: int) -> bytes:
    return next(e.frame for e in catalogue() if (e.name, e.version) == (name, version))


def _layout(slots: int, alert: int, release: int) -> Layout:
    bits = tuple(1 << slot for slot in range(slots))
    return Layout(slots, bits, _frame("alert", alert), _frame("release", release))


#: The form that alerts are written in today.
LATEST = _layout(len(COMPARTMENTS), 3, 3)
_UNPARTED = _layout(UNPARTED_SLOTS, 2, 2)

_BY_FRAME = {
    _frame("alert", 1): _UNPARTED._replace(sealable=False),
    _frame("alert", 2): _UNPARTED,
    _frame("alert", 3): LATEST,
    _frame("release", 1): _UNPARTED,
    _frame("release", 2): _UNPARTED,
    _frame("release", 3): LATEST,
}


def layout_of(value: bytes) -> Layout:
    """Return the form of the framed alert or release *value*.

    Raises:
        Rejected: SCHEMA_UNEXPECTED: its frame is neither's.
    """
    layout = _BY_FRAME.get(value[:FRAME_BYTES])
    if layout is None:
        raise Rejected(Reason.SCHEMA_UNEXPECTED)
    return layout
