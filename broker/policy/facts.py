"""Facts that the broker computes from the clock, so that policy itself reads no time."""

from typing import NamedTuple

from broker.model.label import Distribution, Label


class Facts(NamedTuple):
    """What is true of an alert at this moment.

    Attributes:
        expired: `expires_at` has passed.
        embargoed: `embargo_until` has not.
    """

    expired: bool = False
    embargoed: bool = False


def facts_at(label: Label, distribution: Distribution, moment: int) -> Facts:
    """Return what is true of an alert at *moment*, epoch milliseconds."""
    embargo = distribution.embargo_until
    return Facts(
        expired=label.expires_at.timestamp() * 1000 <= moment,
        embargoed=embargo is not None and embargo.timestamp() * 1000 > moment,
    )
