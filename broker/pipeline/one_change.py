"""The one field whose change would let an alert reach more; asked of the policy itself.

Only what its originator decides is tried, and what it left open: never to say of a child that
it is none, of somebody who refused that they agreed, or of a source that it is another.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from broker.model.codes import Answer, Caveat, Consent, RecipientClass, Status, Tlp, Urgency
from broker.model.label import Distribution, Label

#: Every kind of recipient that consent can be given for.
ALL_CLASSES = tuple(each for each in RecipientClass if each is not RecipientClass.UNKNOWN)


class Change(NamedTuple):
    """One field, and what it would be instead."""

    path: str
    to: Any

    @property
    def field(self) -> str:
        """The name of the field."""
        return self.path.rpartition(".")[2]


def first_that(
    helps: Callable[[Change], bool], label: Label, wishes: Distribution, countries: tuple[str, ...]
) -> str | None:
    """Return the path of the first change that *helps*; None where no single one does.

    Args:
        helps: Whether an alert so changed would reach whom it must.
        label: The label as it is.
        wishes: The distribution as it is.
        countries: Those that units of the community are in.
    """
    tried = (*_wishes(label, wishes), *_left_open(label), *_routes(label, countries))
    return next((change.path for change in tried if helps(change)), None)


def _wishes(label: Label, wishes: Distribution) -> Iterator[Change]:
    """Yield what the originator decided, undone."""
    if label.tlp in {Tlp.AMBER_STRICT, Tlp.RED, Tlp.UNKNOWN}:
        yield Change("label.tlp", Tlp.AMBER)
    for name in ("releasable_to", "not_releasable_to"):
        if getattr(wishes, name):
            yield Change(f"distribution.{name}", ())
    if label.purposes:
        yield Change("label.purposes", ())
    if {Caveat.ORCON, Caveat.UNKNOWN} & set(label.caveats):
        yield Change("label.caveats", ())


def _left_open(label: Label) -> Iterator[Change]:
    """Yield what the label does not say, said."""
    for name in ("in_transit", "at_risk", "minor"):
        if getattr(label, name) is Answer.UNKNOWN:
            yield Change(f"label.{name}", Answer.YES)
    if label.urgency is Urgency.UNKNOWN:
        yield Change("label.urgency", Urgency.IMMEDIATE)
    if label.status is Status.UNKNOWN:
        yield Change("label.status", Status.ACTUAL)
    if label.consent in {Consent.UNKNOWN, Consent.NOT_ASKED}:
        yield Change("label.consent", Consent.GIVEN)
    if label.consent is Consent.GIVEN:
        yield Change("distribution.consent_scope", ALL_CLASSES)


def _routes(label: Label, countries: tuple[str, ...]) -> Iterator[Change]:
    """Yield the destination, as if it were known."""
    if not set(label.countries_destination) & set(countries):
        yield Change("label.countries_destination", countries)
