"""Before sending: who would see what, in plain words, and what in the text may name somebody."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from fastapi import Request
from starlette.responses import Response

from broker.gateway.completing import Completing
from broker.gateway.doors import Doors
from broker.gateway.form import plain_words, questions
from broker.gateway.form.capitals import possible_names
from broker.gateway.form.drafting import draft_of
from broker.gateway.form.entrance import Entrance, Visitor
from broker.gateway.form.typed import Typed
from broker.model.alert import Alert
from broker.model.leaves import leaves_of
from broker.model.preview import Preview, PreviewRow
from broker.model.warning import AlertWarning, WarningCode
from broker.pipeline.preview import preview


class Answer(NamedTuple):
    """One answer, as it is read again before sending."""

    asked: str
    said: str


class Reader(NamedTuple):
    """A kind of recipient, and what it would see at most."""

    who: str
    sees: list[str]


class Remark(NamedTuple):
    """Something about the report as a whole, with the questions whose answers would change it."""

    says: str
    ask: tuple[str, ...]


class Finding(NamedTuple):
    """A part of the text that may name somebody."""

    text: str
    says: str


_TEXTS = ("headline", "text")
#: Fields that name a place, a business or a boat: their words in the text name no person.
_NAMES_OF_THINGS = ("place", "employer", "conveyance_name", "country", "origin", "transit")


def reviewed(
    request: Request,
    doors: Doors,
    entrance: Entrance,
    visitor: Visitor,
    typed: Typed,
    *,
    status: int = 200,
    error: str = "",
) -> Response:
    """Return the page that shows what would become of a report, and sends it.

    Raises:
        Rejected: It could not be published.
    """
    unit = visitor.caller.unit
    draft = draft_of(typed, doors.community.units[unit])
    alert = Completing(doors, unit, doors.now()).completed(draft)
    shown = preview(alert, doors.decider, doors.clock())
    return entrance.page(
        request, visitor, "review", status,
        typed=typed, error=error, answers=answers_of(typed), **_told(alert, shown, typed),
    )  # fmt: skip


def _told(alert: Alert, shown: Preview, typed: Typed) -> dict[str, Any]:
    # What a unit published it knows: its own feed makes nobody else learn of it.
    others = [row for row in shown.receives if row.unit != alert.label.originator]
    return {
        "readers": [_reader(row) for row in sorted(others, key=_sees_most_first)],
        "nobody_learns": _nobody(others),
        "findings": _findings(alert, shown, typed),
        "to_confirm": any(each.confirm for each in shown.warnings),
        "remarks": list(dict.fromkeys(_remarks(shown.warnings))),
    }


def _remarks(warnings: Iterable[AlertWarning]) -> Iterator[Remark]:
    for warning in warnings:
        says = plain_words.about_all(warning.code)
        if says is not None:
            yield Remark(says, tuple(_ASKED[name] for name in _questions(warning)))


def _questions(warning: AlertWarning) -> tuple[str, ...]:
    """Return the questions to look at; none where the form asks for nothing that helps.

    A field that is named as the place of a warning is the one to change, but for a country on
    the way of which nobody learns: there it is what was answered truly.
    """
    asked = _QUESTIONS.get(warning.change or "")
    if asked is None and warning.code is not WarningCode.ROUTE_COUNTRY_NOT_REACHED:
        asked = _QUESTIONS.get(warning.path)
    return asked or ()


def _reader(row: PreviewRow) -> Reader:
    return Reader(plain_words.recipients(row), plain_words.parts(row.sees))


def _sees_most_first(row: PreviewRow) -> tuple[int, str]:
    return -len(row.sees), row.recipient_class


def _nobody(others: Sequence[PreviewRow]) -> list[str]:
    """Return the parts that the report has and none of the *others* sees."""
    seen = {part for row in others for part in row.sees}
    held = {part for row in others for part in row.withheld} - seen
    return plain_words.parts(tuple(part for part in plain_words.PARTS if part in held))


def _findings(alert: Alert, shown: Preview, typed: Typed) -> list[Finding]:
    written = {leaf.path: leaf.value for leaf in leaves_of(alert)}
    found = [f for each in shown.warnings if (f := _finding(each, written))]
    known = " ".join(each.text for each in found)
    elsewhere = [typed.one(name) for name in _NAMES_OF_THINGS]
    guesses = [g for name in _TEXTS for g in possible_names(typed.one(name), elsewhere)]
    once = {each.text: each for each in reversed(found)}
    guessed = [Finding(g, "may be somebody's name") for g in guesses if g not in known]
    return [*reversed(once.values()), *guessed]


def _finding(warning: AlertWarning, written: Mapping[str, str]) -> Finding | None:
    says = plain_words.found_in_text(warning.code)
    if says is None or warning.path not in written:
        return None
    return Finding(written[warning.path][warning.start : warning.end], says)


_ASKED = {
    "headline": "What you saw", "text": "More", "source": "How you know", "kinds": "You suspect",
    "signs": "Signs", "country": "Country", "place": "Place", "employer": "Employer or business",
    "sector": "Kind of work", "seen_on": "Last seen on", "origin": "They come from",
    "transit": "They came through", "danger": "In danger now", "moved": "Being moved now",
    "conveyance": "Moved by", "conveyance_name": "Name of boat or carrier",
    "conveyance_number": "Plate or number", "child": "A child may be involved",
    "count": "How many people", "needs": "They need", "suspects": "Suspects",
    "consent": "They agreed", "scope": "Who may see it",
    "name_1": "First person", "age_1": "Age", "gender_1": "Gender", "citizenship_1": "Citizen of",
    "name_2": "Second person", "age_2": "Age", "gender_2": "Gender", "citizenship_2": "Citizen of",
    "phone": "Your phone", "channel": "Another safe way to you",
    "safe_contact": "How to reach the person", "do_not_approach": "Do not approach the person",
}  # fmt: skip


#: Which questions of the form decide a field of the alert.
_QUESTIONS = {
    "label.minor": ("child",),
    "label.consent": ("consent",),
    "distribution.consent_scope": ("scope",),
    "label.countries_destination": ("country",),
    "label.countries_transit": ("transit",),
    "label.in_transit": ("moved",),
    "label.at_risk": ("danger",),
    "label.urgency": ("danger",),
    "label.source_type": ("source",),
    "compartments.summary.headline": ("headline",),
    "compartments.summary.text": ("text",),
}


def answers_of(typed: Typed) -> list[Answer]:
    """Return what was answered, in the order and the words of the form."""
    answered = ((name, typed.all(name)) for name in _ASKED)
    return [Answer(_ASKED[name], _said(name, values)) for name, values in answered if values]


def _said(name: str, values: tuple[str, ...]) -> str:
    if name in questions.TEXTS:
        return values[0]
    return "; ".join(questions.words_of(name, each) for each in values)
