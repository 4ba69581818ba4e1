"""All objects of one release, in an order in which each comes after what it refers to."""

from collections.abc import Iterable
from datetime import datetime

from broker.model.compartment import Compartment
from broker.model.label import Label
from broker.model.release import ReleaseKind, ReleaseView
from broker.stix import notes
from broker.stix.definition import extension_definition
from broker.stix.frame import Frame, StixObject
from broker.stix.people import group, identities
from broker.stix.report import recalled_report, report
from broker.stix.shared import broker_identity, country, marking, unit_identity
from broker.stix.things import files, infrastructures, locations

#: Media type of each object.
CONTENT_TYPE = "application/stix+json;version=2.1"

#: What notes can be about.
_SUBJECTS = frozenset({"identity", "infrastructure"})


def objects_of(
    feed: str, view: ReleaseView, not_before: datetime | None = None
) -> list[StixObject]:
    """Return what *view* tells *feed*, closed in itself: every reference is in it.

    Args:
        feed: Id of the feed whose view it is; ids are its own.
        view: A release, open or sealed, or a recall.
        not_before: The least version that they may have (`broker.stix.frame.next_version`).
    """
    frame = Frame(feed, view, not_before)
    common = [broker_identity(), extension_definition()]
    if view.kind is not ReleaseKind.RELEASE or view.label is None:
        return [*common, recalled_report(frame)]
    common += [marking(view.label.tlp), unit_identity(view.label.originator)]
    shown = _unique([*_countries(view.label), *_content(frame)])
    shown += _notes(frame, _subjects(view.label, shown))
    refs = [unit_identity(view.label.originator)["id"], *(each["id"] for each in shown)]
    return [*common, *shown, report(frame, view.label, refs)]


def _countries(label: Label) -> list[StixObject]:
    codes = (*label.countries_origin, *label.countries_transit, *label.countries_destination)
    return [country(code) for code in codes]


def _content(frame: Frame) -> list[StixObject]:
    shown = frame.view.compartments
    found: list[StixObject] = []
    if shown.victim_profile:
        found += group(frame, shown.victim_profile)
    if shown.victims:
        found += identities(frame, Compartment.VICTIMS, shown.victims)
    if shown.suspects:
        found += identities(frame, Compartment.SUSPECTS, shown.suspects)
    if shown.conveyances:
        found += infrastructures(frame, shown.conveyances)
    if shown.movement:
        found += locations(frame, shown.movement)
    if shown.evidence:
        found += files(frame, shown.evidence)
    # Relationships come behind what they relate.
    return sorted(found, key=lambda each: each["type"] == "relationship")


def _subjects(label: Label, shown: Iterable[StixObject]) -> list[str]:
    found = [each["id"] for each in shown if each["type"] in _SUBJECTS]
    return found or [unit_identity(label.originator)["id"]]


def _notes(frame: Frame, about: list[str]) -> list[StixObject]:
    shown = frame.view.compartments
    found: list[StixObject] = []
    if shown.documents:
        found += notes.document_notes(frame, shown.documents, _holders(frame), about)
    if shown.indicators:
        found.append(notes.indicators_note(frame, shown.indicators, about))
    if shown.assessment:
        found.append(notes.assessment_note(frame, shown.assessment, about))
    if shown.source:
        found.append(notes.source_note(frame, shown.source, about))
    if shown.contact:
        found.append(notes.contact_note(frame, shown.contact, about))
    return found + _exact(frame, about)


def _exact(frame: Frame, about: list[str]) -> list[StixObject]:
    shown = frame.view.compartments
    found: list[StixObject] = []
    if shown.places:
        found.append(notes.places_note(frame, shown.places, about))
    if shown.owners:
        found.append(notes.owners_note(frame, shown.owners, about))
    if shown.safe_contact:
        found.append(notes.safe_contact_note(frame, shown.safe_contact, about))
    return found


def _holders(frame: Frame) -> dict[str, str]:
    """Return the ids of suspects that are shown: a victim's documents are with the victim."""
    suspects = frame.view.compartments.suspects
    made = identities(frame, Compartment.SUSPECTS, suspects) if suspects else []
    return {
        person.pid: identity["id"]
        for person, identity in zip(
            suspects.persons if suspects else (),
            (each for each in made if each["type"] == "identity"),
            strict=True,
        )
    }


def _unique(objects: Iterable[StixObject]) -> list[StixObject]:
    return list({each["id"]: each for each in objects}.values())
