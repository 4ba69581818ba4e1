"""Find what identifies people in the text that is written for release.

The summary goes to more recipients than any other free text. What stands there and in the
closed compartments of the same alert has left them. Nothing is stopped by a finding, and
nothing found is no proof: a text may identify without any of this.
"""

from collections.abc import Iterable, Iterator

from broker.model.alert import Alert, Compartments
from broker.model.content import Document, Person
from broker.model.warning import AlertWarning, WarningCode
from broker.pipeline.identifying import dates, numbers, whereabouts
from broker.pipeline.identifying.names import Names, Span, Text, merged, tokens_of

#: Fields of the summary, by their paths in the alert.
_FIELDS = ("headline", "text")


def identifying(alert: Alert) -> tuple[AlertWarning, ...]:
    """Return a warning for everything in *alert*'s summary that identifies somebody."""
    summary = alert.compartments.summary
    if summary is None:
        return ()
    held = _Held(alert)
    return tuple(
        AlertWarning(code=code, path=f"compartments.summary.{name}", start=start, end=end)
        for name in _FIELDS
        if (text := getattr(summary, name))
        for code, spans in held.found_in(Text(text, held.elsewhere))
        for start, end in merged(spans)
    )


class _Held:
    """What an alert holds of people beside its summary, taken apart once."""

    def __init__(self, alert: Alert) -> None:
        held = alert.compartments
        people = list(_people(held))
        papers = list(_papers(held, people))
        self.elsewhere = _elsewhere(held)
        self._names = Names(_names(held, people))
        self._source = held.source
        self._handler = Names([held.source.handler] if held.source and held.source.handler else [])
        self._numbers = [paper.number for paper in papers if paper.number]
        self._zones = [paper.mrz for paper in papers if paper.mrz]
        self._phones = [phone for person in people for phone in person.phones]
        if held.contact and held.contact.phone:
            self._phones.append(held.contact.phone)
        self._regions = _regions(alert, people)
        self._births = {person.born_on for person in people if person.born_on}
        self._addresses = [person.address for person in people if person.address]

    def found_in(self, text: Text) -> Iterator[tuple[WarningCode, Iterable[Span]]]:
        """Yield what *text* says of them, and what else in it leads to a person."""
        yield WarningCode.NAME_IN_SUMMARY, self._names.spans_in(text)
        yield WarningCode.SOURCE_IN_SUMMARY, self._source_in(text)
        yield WarningCode.DOCUMENT_NUMBER_IN_SUMMARY, self._documents_in(text)
        yield WarningCode.MRZ_IN_SUMMARY, self._zones_in(text)
        yield WarningCode.PHONE_IN_SUMMARY, self._phones_in(text)
        yield WarningCode.IMEI_IN_SUMMARY, numbers.handsets_in(text.written)
        yield WarningCode.DATE_OF_BIRTH_IN_SUMMARY, dates.births_in(text.written, self._births)
        yield WarningCode.EMAIL_IN_SUMMARY, whereabouts.mails_in(text.written)
        yield WarningCode.SOCIAL_HANDLE_IN_SUMMARY, whereabouts.accounts_in(text.written)
        yield WarningCode.ADDRESS_IN_SUMMARY, self._addresses_in(text)
        yield WarningCode.COORDINATES_IN_SUMMARY, whereabouts.positions_in(text.written)

    def _source_in(self, text: Text) -> Iterator[Span]:
        """Yield where the source is named: its organisation and reference only whole."""
        yield from self._handler.spans_in(text)
        if self._source is not None:
            for whole in (self._source.organisation, self._source.reference):
                tokens = tokens_of(whole) if whole else []
                yield from text.run(tokens) if len(tokens) > 1 else Names(tokens).spans_in(text)

    def _documents_in(self, text: Text) -> Iterator[Span]:
        yield from numbers.own_documents_in(text.squeezed, self._numbers)
        yield from numbers.documents_in(text.written)

    def _zones_in(self, text: Text) -> Iterator[Span]:
        yield from numbers.own_zones_in(text.squeezed, self._zones)
        yield from numbers.zones_in(text.written)

    def _phones_in(self, text: Text) -> Iterator[Span]:
        yield from numbers.own_phones_in(text.squeezed, self._phones)
        yield from numbers.phones_in(text.written, self._regions)

    def _addresses_in(self, text: Text) -> Iterator[Span]:
        yield from whereabouts.addresses_in(text, self._addresses)
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
    places = held.places.items if held.places else ()
    moved = held.conveyances.items if held.conveyances else ()
    called = [*(place.name for place in places), *(each.name for each in moved)]
    return frozenset(token for name in called if name for token in tokens_of(name))


def _regions(alert: Alert, people: list[Person]) -> set[str]:
    label = alert.label
    found = {*label.countries_origin, *label.countries_transit, *label.countries_destination}
    return found | {land for person in people for land in person.citizenships}
