"""Facts that the broker knows of an alert beside its label: rules read no clock and no content."""

from typing import NamedTuple

from broker.model.compartment import ALL_COMPARTMENTS
from broker.model.label import Distribution, Label


class Facts(NamedTuple):
    """What is true of an alert at this moment.

    Attributes:
        expired: `expires_at` has passed.
        embargoed: `embargo_until` has not.
        filled: Mask of the compartments that hold anything. What nobody said counts as filled.
    """

    expired: bool = False
    embargoed: bool = False
    filled: int = ALL_COMPARTMENTS


def facts_at(label: Label, distribution: Distribution, moment: int, filled: int) -> Facts:
    """Return what is true at *moment*, epoch milliseconds, of an alert with *filled* parts."""
    embargo = distribution.embargo_until
    return Facts(
        expired=label.expires_at.timestamp() * 1000 <= moment,
        embargoed=embargo is not None and embargo.timestamp() * 1000 > moment,
        filled=filled,
    )
