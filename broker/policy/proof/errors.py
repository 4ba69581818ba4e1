"""What stops a proof."""

from broker.errors import LaliError


class NotTranslated(LaliError):
    """A rule or property uses a construct that the translation does not know.

    Nothing is proved of a bundle that is translated in part: what was left out may disclose.
    """
