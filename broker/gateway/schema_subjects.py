"""Which schemas a caller may see, under which subjects: those of the topics that it may touch.

A topic's own schemas are versions of ``<topic>-value`` (TopicNameStrategy). What is framed
inside their slots is under the name of its record, such as ``lali.Summary``
(RecordNameStrategy). Whatever belongs to other topics is as absent as what never was.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from broker.gateway.caller import Caller, Right
from broker.gateway.doors import Doors
from broker.wire.contents import COMPARTMENTS, VALUES, TopicKind
from broker.wire.schema import Catalogue, SchemaEntry

#: A later version can read an earlier one, and the other way round (broker.wire.schema_check).
COMPATIBILITY = "FULL"
MODE = "READONLY"


@dataclass(frozen=True, slots=True)
class Subject:
    """One subject, with its versions in order."""

    name: str
    versions: tuple[SchemaEntry, ...]

    def version(self, asked: str) -> SchemaEntry | None:
        """Return the version called *asked*: a number, ``latest`` or ``-1``; None if absent."""
        if asked in ("latest", "-1"):
            return self.versions[-1]
        return next((each for each in self.versions if str(each.version) == asked), None)

    def find(self, schema: object) -> SchemaEntry | None:
        """Return the version that is *schema*, as JSON reads it; None if absent."""
        return next((each for each in self.versions if each.avro == schema), None)


class Subjects:
    """What one caller may see of the registry."""

    def __init__(self, subjects: Iterable[Subject]) -> None:
        self._by_name = {each.name: each for each in subjects}

    def names(self) -> list[str]:
        """Return the names of all subjects, sorted."""
        return sorted(self._by_name)

    def get(self, name: str) -> Subject | None:
        """Return the subject *name*; None if absent."""
        return self._by_name.get(name)

    def holding(self, schema_id: str) -> list[tuple[Subject, SchemaEntry]]:
        """Return every subject with the schema of that id, sorted; none if absent."""
        return [
            (self._by_name[name], entry)
            for name in self.names()
            for entry in self._by_name[name].versions
            if str(entry.schema_id) == schema_id
        ]


def subjects_of(caller: Caller, doors: Doors, catalogue: Catalogue) -> Subjects:
    """Return what *caller* may see: its unit's intake and its feeds, as far as it may use them."""
    topics: list[tuple[str, TopicKind]] = []
    if Right.PUBLISH in caller.rights and caller.unit in doors.community.publishers():
        topics.append((doors.topics.intake(caller.unit), TopicKind.INTAKE))
    if Right.READ in caller.rights:
        topics += [(doors.topics.feed(feed), TopicKind.FEED) for feed in caller.feeds]
    found = [Subject(f"{name}-value", _versions(catalogue, VALUES[kind])) for name, kind in topics]
    if found:
        found += [_contents(catalogue, name) for name in COMPARTMENTS]
    return Subjects(found)


def text_of(entry: SchemaEntry) -> str:
    """Return a schema as registries pass it on: JSON in a string."""
    return json.dumps(entry.avro, separators=(",", ":"))


def _contents(catalogue: Catalogue, name: str) -> Subject:
    versions = _versions(catalogue, (name,))
    avro = versions[-1].avro
    return Subject(f"{avro['namespace']}.{avro['name']}", versions)


def _versions(catalogue: Catalogue, names: Iterable[str]) -> tuple[SchemaEntry, ...]:
    return tuple(each for each in catalogue if each.name in names)
