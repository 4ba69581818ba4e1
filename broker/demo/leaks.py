"""Search everything received for canaries that the feed was not allowed.

Two judges that share nothing with the pipeline: what the audit log's plans say of each feed
and revision, and a few hard rules written down here anew, straight from the alerts as told.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from broker.audit.log import AuditLog
from broker.model.alert import Alert
from broker.model.codes import Consent, Purpose, RecipientClass, SourceType, Status, Tlp
from broker.model.community import Feed, Unit
from broker.model.compartment import compartments_in
from broker.simulate.canary import canaries_in, canaries_of, revision_of

_NEVER_TO_PURPOSE = {
    Purpose.IMMIGRATION_ENFORCEMENT: frozenset(
        {"victims", "source", "victim_profile", "contact", "summary"}
    )
}
_TIP_NEVER = frozenset({"victims", "source", "contact"})
_HUB_NEVER = frozenset({"victims", "source", "contact"})
_HUBS = frozenset({RecipientClass.REGIONAL_COORDINATION, RecipientClass.CUSTOMS})
_OFFICIAL = frozenset({SourceType.AGENCY, SourceType.OPEN_SOURCE})
_AGREED = frozenset({Consent.GIVEN, Consent.GUARDIAN_GIVEN})


@dataclass(slots=True)
class Search:
    """What was searched, and what was found where it must not be.

    Attributes:
        leaks: Feed, place and canary of each leak.
    """

    bytes_searched: int = 0
    canaries_seen: int = 0
    leaks: list[tuple[str, str, str]] = field(default_factory=list)


class LeakSearch:
    """Knows every canary, and which feed may see it."""

    def __init__(
        self,
        alerts: Iterable[Alert],
        log: AuditLog,
        feeds: dict[str, Feed],
        units: dict[str, Unit],
    ) -> None:
        self._alerts: dict[tuple[str, int], Alert] = {}
        self._compartments: dict[str, str] = {}
        for alert in alerts:
            self._alerts[alert.label.alert_id.hex[:8], alert.label.revision] = alert
            self._compartments |= canaries_of(alert)
        self._allowed = _allowed(log)
        self._feeds = feeds
        self._units = units
        self.result = Search()

    def search(self, feed: str, place: str, data: bytes) -> None:
        """Search what *feed* received at *place*."""
        self.result.bytes_searched += len(data)
        for canary in canaries_in(data):
            self.result.canaries_seen += 1
            if not self._may_see(feed, canary):
                self.result.leaks.append((feed, place, canary))

    def _may_see(self, feed: str, canary: str) -> bool:
        compartment = self._compartments.get(canary)
        if compartment is None:
            return False  # nobody told it: it came from somewhere else
        alert_id, revision = canary[5:13].lower(), revision_of(canary)
        if compartment not in self._allowed.get((feed, alert_id, revision), frozenset()):
            return False
        alert = self._alerts[alert_id, revision]
        known = self._feeds[feed]
        return not forbidden(alert, compartment, known, self._units[known.unit], self._units)


def forbidden(
    alert: Alert, compartment: str, feed: Feed, unit: Unit, units: dict[str, Unit]
) -> bool:
    """Whether a hard rule forbids *feed* to see *compartment* of *alert*, whatever policy says."""
    label = alert.label
    named = unit.id in alert.distribution.named_recipients
    inside = units[label.originator].organisation == unit.organisation
    told = label.source_type not in _OFFICIAL
    if (label.status is Status.ACTUAL) is not feed.operational:
        return True
    if not feed.operational:
        return False
    if label.tlp in (Tlp.RED, Tlp.UNKNOWN) and not named:
        return True
    if feed.purpose is Purpose.STATISTICS:
        return True
    never = _NEVER_TO_PURPOSE.get(feed.purpose, frozenset())
    if unit.kind in _HUBS and label.tlp is not Tlp.RED:
        never |= _HUB_NEVER
    if told and feed.purpose is Purpose.IMMIGRATION_ENFORCEMENT:
        return True
    if told and label.consent not in _AGREED and not inside:
        never |= _TIP_NEVER
    return compartment in never


def _allowed(log: AuditLog) -> dict[tuple[str, str, int], frozenset[str]]:
    found = {}
    for entry in log.of("DECIDED"):
        assert entry.alert_id is not None
        assert entry.revision is not None
        for feed, (verdict, outcome) in log.outcomes(entry).items():
            if verdict in ("released", "narrowed"):
                names = frozenset(name.value for name in compartments_in(outcome.compartments))
                found[feed, entry.alert_id.hex[:8], entry.revision] = names
    return found
