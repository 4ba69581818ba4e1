"""What every reader of a feed does with a release before it is handed out."""

from collections.abc import Callable
from datetime import datetime

from broker.model.alert import Compartments
from broker.model.release import ReleaseKind, ReleaseView

#: Called with how many releases and recalls were lost at most; None: nobody can know.
OnLost = Callable[[int | None], None]


def unless_expired(release: ReleaseView, now: datetime) -> ReleaseView:
    """Return *release*; without content if it has expired, so that its originator can be asked.

    Its record goes with the content: it holds the same.
    """
    label = release.label
    if release.kind is not ReleaseKind.RELEASE or label is None or now < label.expires_at:
        return release
    return ReleaseView.model_validate(
        release.model_dump() | {"compartments": Compartments(), "record": None}
    )
