"""What an accepted revision is, beside what the ledger holds of its alert."""

from enum import Enum, auto

from broker.model.reason import Reason
from broker.pipeline.accepted import Accepted
from broker.pipeline.known import Known
from broker.pipeline.ledger import Held, Ledger


class Arrival(Enum):
    """How a revision is taken, where it is not refused."""

    NEW = auto()
    #: Accept wrote it again after a crash: handled before, recorded before.
    REPEAT = auto()
    #: Its originator published the same once more.
    DUPLICATE = auto()
    #: A cancel of an alert whose ledger entry cannot be read, or a withdrawal of its consent.
    BLIND_CANCEL = auto()
    #: A withdrawal of consent that had not seen the latest revision: it ends it, as a cancel does.
    WITHDRAWAL = auto()


def arrival(ledger: Ledger, alert: Accepted, known: Known) -> Arrival | Reason:
    """Return how *alert* is taken, or why it is refused."""
    passed = alert.offset <= ledger.mark((known.originator, alert.partition))
    cancels = known.cancels
    if ledger.is_unreadable(alert.alert_id):
        return Arrival.REPEAT if passed else _blind(known)
    held = ledger.get(alert.alert_id)
    if held is None:
        return Arrival.NEW
    # Accept writes the alerts of an intake partition in order and without gaps, so an offset at
    # or below the mark was here before. The revision is asked too, so that an intake topic that
    # was made anew, and counts from 0 again, loses no alert.
    if passed and alert.revision <= held.revision and not (cancels and not held.cancelled):
        return Arrival.REPEAT
    if held.digest == alert.digest:
        return Arrival.DUPLICATE
    if _ends_unseen(held, alert, known):
        return held.refusal(known.originator, alert.revision, cancels=True) or Arrival.WITHDRAWAL
    return held.refusal(known.originator, alert.revision, cancels=cancels) or Arrival.NEW


def _blind(known: Known) -> Arrival | Reason:
    """Nobody knows who holds it: nothing of it may be released, but it may be taken back."""
    takes_back = known.cancels or known.withdraws
    return Arrival.BLIND_CANCEL if takes_back else Reason.LEDGER_UNREADABLE


def _ends_unseen(held: Held, alert: Accepted, known: Known) -> bool:
    """Whether *alert* withdraws consent and had not seen the latest revision, which does not.

    What that one shows nobody asked the person about again, and its own content is older: so all
    of it is taken back (docs/decisions/0027).
    """
    is_late = alert.revision <= held.revision and not known.cancels
    return is_late and known.withdraws and not held.withdrawn


def placed(alert: Accepted, held: Held | None, *, cancels: bool) -> Accepted:
    """Return *alert* with its place among the revisions of its alert.

    A cancel ends whatever is the latest, also what its originator had not seen when it was
    written: it stands at that revision, or at its own number where that is higher.
    """
    if held is None or not cancels or alert.revision > held.revision:
        return alert
    return alert._replace(revision=held.revision)
