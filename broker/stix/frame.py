"""What all objects of one release have in common: whose view, which version, which marking."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from broker.model.codes import Credibility, Reliability
from broker.model.label import Label
from broker.model.release import ReleaseKind, ReleaseView
from broker.stix.definition import extension
from broker.stix.identifiers import object_id
from broker.stix.shared import BROKER_ID, CREATED, marking_id

StixObject = dict[str, Any]
T = TypeVar("T")

#: Admiralty credibility on STIX's scale (STIX 2.1, appendix A).
_CONFIDENCE = {
    Credibility.ONE: 90,
    Credibility.TWO: 70,
    Credibility.THREE: 50,
    Credibility.FOUR: 30,
    Credibility.FIVE: 10,
}
_CANNOT_BE_JUDGED = frozenset({Reliability.F, Reliability.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Frame:
    """One release in one feed.

    Attributes:
        feed: Id of the feed.
        view: What it may see.
        not_before: Its version is at least this: newer than that of every record before it.
    """

    feed: str
    view: ReleaseView
    not_before: datetime | None = None

    def identifier(self, kind: str, key: str) -> str:
        """Return the id of an object of this alert in this feed."""
        return object_id(kind, self.feed, self.view.alert_id, key)

    @property
    def report_id(self) -> str:
        """The id of the report, the same in every revision and in the recall."""
        return self.identifier("report", "report")

    @property
    def modified(self) -> str:
        """The version: a recall is always newer than what it takes back."""
        moment = version_of(self.view.released_at, self.view.kind)
        return max(CREATED, timestamp(max(moment, self.not_before or moment)))

    @property
    def marking_refs(self) -> list[str] | None:
        """The marking, as a reference."""
        label = self.view.label
        return [marking_id(label.tlp)] if label else None

    def made(self, kind: str, key: str, parts: dict[str, Any], **properties: Any) -> StixObject:
        """Return an object.

        Args:
            kind: STIX type.
            key: What it is within the alert.
            parts: Of the release, for the extension; none for no extension.
            **properties: Of the type; those that are None or empty are left out.
        """
        label = self.view.label
        common = {
            "type": kind,
            "spec_version": "2.1",
            "id": self.identifier(kind, key),
            "created_by_ref": BROKER_ID,
            "created": CREATED,
            "modified": self.modified,
            **properties,
            "confidence": confidence(label) if label else None,
            "object_marking_refs": self.marking_refs,
            "extensions": extension(**parts) if parts else None,
        }
        return {name: value for name, value in common.items() if value is not None and value != []}

    def related(self, source: StixObject, target: StixObject, why: str) -> StixObject:
        """Return the relationship that says *why* both belong together."""
        refs = {"source_ref": source["id"], "target_ref": target["id"]}
        key = f"{source['id']} {target['id']} {why}"
        return self.made(
            "relationship", key, {}, relationship_type="related-to", description=why, **refs
        )


def version_of(released_at: datetime, kind: str) -> datetime:
    """Return the version of a record by its own moment, to the millisecond."""
    return released_at + timedelta(milliseconds=kind == ReleaseKind.RECALL)


def next_version(records: Iterable[tuple[datetime, str]]) -> datetime | None:
    """Return the least version that a record may have behind *records* of its alert.

    Routers' clocks differ: a later record may bear an earlier moment. A reader that got the
    first one would pass over the second, and it may be a recall.

    Args:
        records: Moment and kind of each, in the order of the feed.
    """
    least: datetime | None = None
    for released_at, kind in records:
        own = version_of(released_at, kind)
        least = max(own, least or own) + timedelta(milliseconds=1)
    return least


def confidence(label: Label) -> int | None:
    """Return the grade on STIX's scale; None where source or content cannot be judged."""
    if label.reliability in _CANNOT_BE_JUDGED:
        return None
    return _CONFIDENCE.get(label.credibility)


def timestamp(moment: datetime) -> str:
    """Return a moment as STIX writes it, to the millisecond."""
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def words(code: str) -> str:
    """Return a code as words in lower case."""
    return code.lower().replace("_", " ")


def hyphened(code: str) -> str:
    """Return a code as STIX's vocabularies write theirs."""
    return code.lower().replace("_", "-")


def keyed(items: Iterable[tuple[str, T]]) -> list[tuple[str, T]]:
    """Return *items* with keys that differ: one that comes again gets a number."""
    seen: Counter[str] = Counter()
    found = []
    for key, item in items:
        seen[key] += 1
        found.append((key if seen[key] == 1 else f"{key} #{seen[key]}", item))
    return found
