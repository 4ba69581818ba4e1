"""What is said about the case: notes, each about the people and things that are shown."""

from collections.abc import Iterable, Mapping, Sequence

from broker.model.compartment import Compartment
from broker.model.content import (
    Assessment,
    Contact,
    Document,
    Documents,
    Indicators,
    Owners,
    Places,
    SafeContact,
    Source,
)
from broker.stix.frame import Frame, StixObject, keyed, words


def assessment_note(frame: Frame, said: Assessment, about: Sequence[str]) -> StixObject:
    """Return the originator's judgement."""
    return frame.made(
        "note", "assessment",
        {"compartment": Compartment.ASSESSMENT, "assessment": said},
        abstract="Assessment",
        content=said.text,
        authors=[said.author] if said.author else None,
        object_refs=about,
    )  # fmt: skip


def indicators_note(frame: Frame, seen: Indicators, about: Sequence[str]) -> StixObject:
    """Return the signs that were seen."""
    lines = [f"{each.scheme}: {words(each.code)}" for each in seen.observed]
    lines += _lines(
        {
            "Control": ", ".join(seen.controls),
            "Recruitment": ", ".join(seen.recruitment),
            "Sexual exploitation": ", ".join(seen.sex_exploitation),
            "Venue": seen.venue,
        }
    )
    parts = {"compartment": Compartment.INDICATORS, "indicators": seen}
    return _note(frame, "indicators", "Indicators of trafficking", lines, about, parts)


def source_note(frame: Frame, source: Source, about: Sequence[str]) -> StixObject:
    """Return who told the originator."""
    lines = _lines(
        {
            "Reference": source.reference,
            "Organisation": source.organisation,
            "Handler": source.handler,
            "Original grade": source.original_grade,
        }
    )
    lines += [source.text] if source.text else []
    parts = {"compartment": Compartment.SOURCE, "source": source}
    return _note(frame, "source", "Source", lines, about, parts)


def contact_note(frame: Frame, contact: Contact, about: Sequence[str]) -> StixObject:
    """Return which desk to call."""
    warning = "DO NOT APPROACH the people concerned." if contact.do_not_approach else None
    lines = [warning] if warning else []
    lines += _lines(
        {
            "Desk": contact.desk,
            "Phone": contact.phone,
            "Secure channel": contact.secure_channel,
            "Case": str(contact.case_id) if contact.case_id else None,
        }
    )
    parts = {"compartment": Compartment.CONTACT, "contact": contact}
    return _note(frame, "contact", "Contact", lines, about, parts)


def places_note(frame: Frame, places: Places, about: Sequence[str]) -> StixObject:
    """Return exact places: notes, as a location must have a country, which is not theirs."""
    lines = [", ".join(filter(None, (each.name, each.address))) for each in places.items]
    parts = {"compartment": Compartment.PLACES, "places": places}
    return _note(frame, "places", "Exact places", lines, about, parts)


def owners_note(frame: Frame, owners: Owners, about: Sequence[str]) -> StixObject:
    """Return who owns or runs the conveyances."""
    lines = [each.owner for each in owners.items]
    parts = {"compartment": Compartment.OWNERS, "owners": owners}
    return _note(frame, "owners", "Owners of conveyances", lines, about, parts)


def safe_contact_note(frame: Frame, safe: SafeContact, about: Sequence[str]) -> StixObject:
    """Return how to reach a victim."""
    parts = {"compartment": Compartment.SAFE_CONTACT, "safe_contact": safe}
    return _note(frame, "safe contact", "How to reach a victim", [safe.how], about, parts)


def document_notes(
    frame: Frame, documents: Documents, holders: Mapping[str, str], about: Sequence[str]
) -> list[StixObject]:
    """Return travel documents, each about its holder where the holder is shown.

    Args:
        frame: Of the release.
        documents: Of nobody who is protected.
        holders: Ids of the people who are shown, by pid.
        about: What they are about otherwise.
    """
    found = []
    for key, item in keyed((_document_key(item), item) for item in documents.items):
        holder = holders.get(item.holder) if item.holder else None
        parts = {"compartment": Compartment.DOCUMENTS, "document": item}
        title = f"Document: {words(item.kind)}"
        refs = [holder] if holder else about
        found.append(_note(frame, key, title, _document_lines(item), refs, parts))
    return found


def _document_key(item: Document) -> str:
    return f"document {item.kind} {item.issuer or ''} {item.number or ''}"


def _document_lines(item: Document) -> list[str]:
    return _lines(
        {
            "Issuer": item.issuer,
            "Number": item.number,
            "Expires": item.expires_on.isoformat() if item.expires_on else None,
            "Machine readable zone": item.mrz,
            "State": ", ".join(words(flag) for flag in item.flags),
        }
    )


def _note(
    frame: Frame, key: str, title: str, lines: Iterable[str], about: Sequence[str],
    parts: dict[str, object],
) -> StixObject:  # fmt: skip
    content = "\n".join(lines) or title
    return frame.made("note", key, parts, abstract=title, content=content, object_refs=about)


def _lines(said: Mapping[str, str | None]) -> list[str]:
    return [f"{label}: {text}" for label, text in said.items() if text]
