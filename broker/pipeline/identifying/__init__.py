"""Find what identifies people in the text that is written for release.

The summary goes to more recipients than any other free text. What stands there and in the
closed compartments of the same alert has left them. Nothing is stopped by a finding, and
nothing found is no proof: a text may identify without any of this.
"""

from collections.abc import Iterable, Iterator

from broker.model.alert import Alert, Compartments
from broker.model.content import Document, Person, Source
from broker.model.warning import AlertWarning, WarningCode
from broker.pipeline.identifying import dates, numbers, whereabouts
from broker.pipeline.identifying.names import Span, Text, names_in, run_in, tokens_of

#: Fields of the summary, by their paths in the alert.
_FIELDS = ("headline", "text")


def identifying(alert: Alert) -> tuple[AlertWarning, ...]:
    """Return a warning for everything in *alert*'s summary that identifies somebody."""
    summary = alert.compartments.summary
    if summary is None:
        return ()
    written = {name: getattr(summary, name) for name in _FIELDS}
    return tuple(
        AlertWarning(code=code, path=f"compartments.summary.{name}", start=start, end=end)
        for name, text in written.items()
        if text
        for code, spans in _found(Text(text, _elsewhere(alert.compartments)), alert)
        for start, end in _merged(spans)
    )


def _found(text: Text, alert: Alert) -> Iterator[tuple[WarningCode, Iterable[Span]]]:
    held = alert.compartments
    people = list(_people(held))
    papers = list(_papers(held, people))
    yield WarningCode.NAME_IN_SUMMARY, names_in(text, _names(held, people))
    yield WarningCode.SOURCE_IN_SUMMARY, _source_in(text, held.source)
    yield from _numbers(text, alert, people, papers)
    own = {person.born_on for person in people if person.born_on}
    yield WarningCode.DATE_OF_BIRTH_IN_SUMMARY, dates.births_in(text.written, own)
    yield WarningCode.EMAIL_IN_SUMMARY, whereabouts.mails_in(text.written)
    yield WarningCode.SOCIAL_HANDLE_IN_SUMMARY, whereabouts.accounts_in(text.written)
    yield WarningCode.ADDRESS_IN_SUMMARY, _addresses_in(text, people)
    yield WarningCode.COORDINATES_IN_SUMMARY, whereabouts.positions_in(text.written)


def _numbers(
    text: Text, alert: Alert, people: list[Person], papers: list[Document]
) -> Iterator[tuple[WarningCode, Iterable[Span]]]:
    own = [paper.number for paper in papers if paper.number]
    yield (
        WarningCode.DOCUMENT_NUMBER_IN_SUMMARY,
        [*numbers.own_documents_in(text.squeezed, own), *numbers.documents_in(text.written)],
    )
    own_zones = [paper.mrz for paper in papers if paper.mrz]
    zones = numbers.zones_in(text.written)
    yield WarningCode.MRZ_IN_SUMMARY, [*zones, *numbers.own_zones_in(text.squeezed, own_zones)]
    contact = alert.compartments.contact
    phones = [phone for person in people for phone in person.phones]
    phones += [contact.phone] if contact and contact.phone else []
    yield (
        WarningCode.PHONE_IN_SUMMARY,
        [
            *numbers.own_phones_in(text.squeezed, phones),
            *numbers.phones_in(text.written, _regions(alert, people)),
        ],
    )
    yield WarningCode.IMEI_IN_SUMMARY, numbers.handsets_in(text.written)


def _source_in(text: Text, source: Source | None) -> Iterator[Span]:
    """Yield where the source is named: its organisation and reference only whole."""
    if source is None:
        return
    yield from names_in(text, [source.handler] if source.handler else [])
    for whole in (source.organisation, source.reference):
        tokens = tokens_of(whole) if whole else []
        if len(tokens) > 1:
            yield from run_in(text, tokens)
        else:
            yield from names_in(text, tokens)


def _addresses_in(text: Text, people: list[Person]) -> Iterator[Span]:
    own = [person.address for person in people if person.address]
    yield from whereabouts.addresses_in(text, own)
    yield from whereabouts.streets_in(text.written)


def _people(held: Compartments) -> Iterator[Person]:
    for slot in (held.victims, held.suspects):
        yield from slot.persons if slot else ()


def _papers(held: Compartments, people: list[Person]) -> Iterator[Document]:
    yield from held.documents.items if held.documents else ()
    for person in people:
        yield from person.documents


def _names(held: Compartments, people: list[Person]) -> Iterator[str]:
    for person in people:
        yield from (*person.names, *person.aliases)
    if held.assessment and held.assessment.author:
        yield held.assessment.author


def _elsewhere(held: Compartments) -> frozenset[str]:
    """Return the words by which the alert calls places and vessels: these are no people."""
    legs = held.movement.legs if held.movement else ()
    moved = held.conveyances.items if held.conveyances else ()
    called = [*(leg.place for leg in legs), *(each.name for each in moved)]
    return frozenset(token for name in called if name for token in tokens_of(name))


def _regions(alert: Alert, people: list[Person]) -> set[str]:
    label = alert.label
    found = {*label.countries_origin, *label.countries_transit, *label.countries_destination}
    return found | {land for person in people for land in person.citizenships}


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Return *spans* in order, those that overlap or touch as one."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged
