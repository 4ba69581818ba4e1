"""What an originator should look at in the content of an alert, and must say that it is meant.

A victim who may be named outside `victims`, and ages that the label knows better than the
content does.
"""

from collections.abc import Iterator

from broker.model.alert import Alert
from broker.model.codes import Answer, MessageType
from broker.model.content import Person
from broker.model.warning import AlertWarning, WarningCode
from broker.pipeline.ages import ADULT_YEARS, age_at, is_doubtful, may_be_child, minority
from broker.pipeline.derive import minor_of
from broker.pipeline.identifying.elsewhere import Elsewhere, Match


def content_warnings(alert: Alert, elsewhere: Elsewhere | None = None) -> tuple[AlertWarning, ...]:
    """Return a warning for everything doubtful in what *alert* holds; none for a cancel.

    Args:
        alert: What would be published.
        elsewhere: The same alert beside its victims, where it was put together before.
    """
    if alert.label.message_type is MessageType.CANCEL:
        return ()
    found = elsewhere or Elsewhere(alert)
    return (*_named_elsewhere(found), *_births(alert), *_minor(alert))


def _named_elsewhere(elsewhere: Elsewhere) -> Iterator[AlertWarning]:
    seen = set()
    for match in elsewhere.likely():
        warning = _of_match(match)
        if warning not in seen:  # two victims may have one name
            seen.add(warning)
            yield warning


def _of_match(match: Match) -> AlertWarning:
    start, end = match.span or (None, None)
    path = match.leaf.path
    return AlertWarning(code=match.code, path=path, start=start, end=end, confirm=True)


def _births(alert: Alert) -> Iterator[AlertWarning]:
    """Yield birth dates that say less of an age than they seem to."""
    for path, person in _people(alert):
        if person.born_on is not None and _says_little(alert, person):
            code = WarningCode.BIRTH_DATE_DOUBTFUL
            yield AlertWarning(code=code, path=f"{path}.born_on")


def _says_little(alert: Alert, person: Person) -> bool:
    born_on, moment = person.born_on, alert.label.originated_at
    if born_on is None:
        return False
    older = age_at(born_on, moment) >= ADULT_YEARS
    return is_doubtful(born_on, moment) or (older and may_be_child(born_on, moment))


def _minor(alert: Alert) -> Iterator[AlertWarning]:
    """Yield a label that calls all of age where the content does not show it.

    It must be confirmed where an age is doubtful; where none is given, the label may know.
    """
    moment, held = alert.label.originated_at, alert.compartments
    if alert.label.minor is not Answer.NO or minor_of(held, moment) is not Answer.UNKNOWN:
        return
    people = [person for _, person in _people(alert)]
    doubtful = any(minority(person, moment) is Answer.UNKNOWN for person in people)
    if doubtful or held.victims:
        code = WarningCode.MINOR_NOT_SHOWN
        yield AlertWarning(code=code, path="label.minor", confirm=doubtful)


def _people(alert: Alert) -> Iterator[tuple[str, Person]]:
    for name in ("victims", "suspects"):
        slot = getattr(alert.compartments, name)
        for index, person in enumerate(slot.persons if slot else ()):
            yield f"compartments.{name}.persons[{index}]", person
