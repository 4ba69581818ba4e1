"""What the content of an alert must not be, at every door that sees content.

A draft is checked when it becomes an alert, a sealed alert when accept opens it. What is
refused here would be a disclosure that its originator did not mean.
"""

from collections.abc import Iterator
from datetime import datetime

from broker.errors import Rejected
from broker.model.alert import Alert
from broker.model.bounds import EVENT, Bounds, first_day
from broker.model.codes import Answer, MessageType
from broker.model.leaves import DATE, Leaf, leaves_of
from broker.model.reason import Reason
from broker.pipeline.ages import is_childs, minority
from broker.pipeline.derive import minor_of


def refuse_content(alert: Alert) -> None:
    """Refuse *alert* for what its content says; a cancel is taken whatever it holds.

    Raises:
        Rejected: With the first thing that is wrong, and its path.
    """
    if alert.label.message_type is MessageType.CANCEL:
        return
    _refuse_dates(alert)
    _refuse_children(alert)


def _refuse_dates(alert: Alert) -> None:
    written = alert.label.originated_at
    for leaf in dates_in(alert):
        bounds = next((mark for mark in leaf.marks if isinstance(mark, Bounds)), EVENT)
        day = first_day(leaf.value) if isinstance(leaf.value, datetime) else leaf.value
        if not bounds.hold(day, written):
            raise Rejected(bounds.reason, leaf.path)


def dates_in(alert: Alert) -> Iterator[Leaf]:
    """Yield the dates of *alert* but those of its label, which accept and route look at."""
    for part in ("distribution", "compartments"):
        for leaf in leaves_of(getattr(alert, part), (part,)):
            if leaf.kind is DATE:
                yield leaf


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
