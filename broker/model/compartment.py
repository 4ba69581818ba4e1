"""The compartments of an alert: the units of disclosure.

The order is fixed for ever: it is the order of the slots on the wire and of the bits in a
mask. A new compartment is appended, and stays out everywhere until a rule permits it. The
first twelve are as old as Lali; the others hold the exact parts that stood in three of them
(docs/decisions/0017).
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from types import MappingProxyType


class Compartment(StrEnum):
    """One separable part of an alert's content."""

    SUMMARY = "summary"
    INDICATORS = "indicators"
    VICTIM_PROFILE = "victim_profile"
    VICTIMS = "victims"
    SUSPECTS = "suspects"
    DOCUMENTS = "documents"
    CONVEYANCES = "conveyances"
    MOVEMENT = "movement"
    ASSESSMENT = "assessment"
    SOURCE = "source"
    EVIDENCE = "evidence"
    CONTACT = "contact"
    PLACES = "places"
    OWNERS = "owners"
    SAFE_CONTACT = "safe_contact"


COMPARTMENTS: tuple[Compartment, ...] = tuple(Compartment)


_BIT = {compartment: 1 << index for index, compartment in enumerate(COMPARTMENTS)}

ALL_COMPARTMENTS: int = (1 << len(COMPARTMENTS)) - 1

#: How many slots an alert had before exact parts had slots of their own.
UNPARTED_SLOTS = 12

#: Which exact part each of these compartments held then, and may still hold in such an alert.
EXACT_PART_OF = MappingProxyType(
    {
        Compartment.MOVEMENT: Compartment.PLACES,
        Compartment.CONVEYANCES: Compartment.OWNERS,
        Compartment.CONTACT: Compartment.SAFE_CONTACT,
    }
)


def mask_of(compartments: Iterable[Compartment]) -> int:
    """Return the mask with one bit for each of *compartments*."""
    mask = 0
    for compartment in compartments:
        mask |= _BIT[compartment]
    return mask


def compartments_in(mask: int) -> Iterator[Compartment]:
    """Yield the compartments whose bit is set in *mask*, in wire order."""
    return (compartment for compartment in COMPARTMENTS if mask & _BIT[compartment])


def shown_unparted(mask: int) -> int:
    """Return what of an alert of twelve slots may be shown to who may see *mask*.

    Nobody can take the place out of such a movement: it is shown to who may see both.
    """
    shown = mask & (1 << UNPARTED_SLOTS) - 1
    for whole, exact in EXACT_PART_OF.items():
        if not mask & _BIT[exact]:
            shown &= ~_BIT[whole]
    return shown


def filled_unparted(present: int) -> int:
    """Return which compartments an alert of twelve slots may fill with those in *present*."""
    exact = (part for whole, part in EXACT_PART_OF.items() if present & _BIT[whole])
    return present | mask_of(exact)
