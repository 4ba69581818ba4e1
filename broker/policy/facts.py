"""Facts that the broker computes from the clock, so that policy itself reads no time."""

from typing import NamedTuple


class Facts(NamedTuple):
    """What is true of an alert at this moment.

    Attributes:
        expired: `expires_at` has passed.
        embargoed: `embargo_until` has not.
    """

    expired: bool = False
    embargoed: bool = False
