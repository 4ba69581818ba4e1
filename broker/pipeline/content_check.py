"""What the content of an alert must not be, at every door that sees content.

A draft is checked when it becomes an alert, a sealed alert when accept opens it. What is
refused here would be a disclosure that its originator did not mean.
"""

from collections.abc import Iterable
from datetime import datetime

from broker.errors import Rejected, Unconfirmed
from broker.model.alert import Alert
from broker.model.bounds import EVENT, Bounds, first_day
from broker.model.codes import Answer, MessageType
from broker.model.leaves import DATE, Kind, leaves_of
from broker.model.reason import Reason
from broker.model.warning import AlertWarning
from broker.pipeline.ages import is_childs, minority
from broker.pipeline.content_warnings import content_warnings
from broker.pipeline.derive import minor_of
from broker.pipeline.identifying.elsewhere import Elsewhere

_DATES: frozenset[Kind] = frozenset({DATE})


def refuse_content(alert: Alert) -> None:
    """Refuse *alert* for what its content says; a cancel is taken whatever it holds.

    Raises:
        Rejected: With the first thing that is wrong, and its path.
    """
    if alert.label.message_type is not MessageType.CANCEL:
        _refuse(alert, Elsewhere(alert))


def _refuse(alert: Alert, elsewhere: Elsewhere) -> None:
    _refuse_dates(alert)
    _refuse_children(alert)
    for match in elsewhere.exact():
        raise Rejected(Reason.VICTIM_IDENTIFIED_ELSEWHERE, match.leaf.path)


def check_content(alert: Alert, *, confirmed: bool) -> None:
    """Refuse *alert* for what its content says, or may say.

    Args:
        alert: What would be published.
        confirmed: Its originator has said that what the warnings show is meant.

    Raises:
        Unconfirmed: A warning must be confirmed first.
        Rejected: As `refuse_content`; no confirmation helps.
    """
    if alert.label.message_type is MessageType.CANCEL:
        return
    elsewhere = Elsewhere(alert)
    _refuse(alert, elsewhere)
    if not confirmed:
        refuse_unconfirmed(content_warnings(alert, elsewhere))


def refuse_unconfirmed(found: Iterable[AlertWarning]) -> None:
    """Refuse an alert that has one of *found* to be confirmed.

    Raises:
        Unconfirmed: With all of them.
    """
    if asked := [(each.path, each.code.value) for each in found if each.confirm]:
        raise Unconfirmed(asked)


def _refuse_dates(alert: Alert) -> None:
    written = alert.label.originated_at
    # Those of the label are for accept and route to look at: they end an alert's life.
    wishes = leaves_of(alert.distribution, ("distribution",), _DATES)
    for leaf in wishes + leaves_of(alert.compartments, ("compartments",), _DATES):
        bounds = next((mark for mark in leaf.marks if isinstance(mark, Bounds)), EVENT)
        day = first_day(leaf.value) if isinstance(leaf.value, datetime) else leaf.value
        if not bounds.hold(day, written):
            raise Rejected(bounds.reason, leaf.path)


def _refuse_children(alert: Alert) -> None:
    label, held = alert.label, alert.compartments
    if minor_of(held, label.originated_at) is Answer.YES and label.minor is not Answer.YES:
        # Nobody may be declared of age by a label against what the alert itself holds.
        raise Rejected(Reason.FIELD_INVALID, "label.minor")
    for index, person in enumerate(held.suspects.persons if held.suspects else ()):
        if minority(person, label.originated_at) is Answer.YES:
            path = f"compartments.suspects.persons[{index}]"
            raise Rejected(Reason.CHILD_OUTSIDE_VICTIMS, path)
    for index, paper in enumerate(held.documents.items if held.documents else ()):
        if is_childs(paper, label.originated_at):
            path = f"compartments.documents.items[{index}].mrz"
            raise Rejected(Reason.CHILD_OUTSIDE_VICTIMS, path)
