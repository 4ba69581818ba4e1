"""The twelve compartments of an alert: the units of disclosure.

The order is fixed for ever: it is the order of the slots on the wire and of the bits in a
mask. A new compartment is appended, and stays out everywhere until a rule permits it.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum


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


COMPARTMENTS: tuple[Compartment, ...] = tuple(Compartment)


_BIT = {compartment: 1 << index for index, compartment in enumerate(COMPARTMENTS)}

ALL_COMPARTMENTS: int = (1 << len(COMPARTMENTS)) - 1


def mask_of(compartments: Iterable[Compartment]) -> int:
    """Return the mask with one bit for each of *compartments*."""
    mask = 0
    for compartment in compartments:
        mask |= _BIT[compartment]
    return mask


def compartments_in(mask: int) -> Iterator[Compartment]:
    """Yield the compartments whose bit is set in *mask*, in wire order."""
    return (compartment for compartment in COMPARTMENTS if mask & _BIT[compartment])
