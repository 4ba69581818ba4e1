"""What an originator may have overlooked in its label and in its wishes.

The policy that decides is asked, and nothing is guessed: a warning that something withholds
comes from deciding once more without it.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from broker.model.alert import Alert
from broker.model.codes import (
    Answer,
    Consent,
    MessageType,
    Purpose,
    Status,
    Tlp,
)
from broker.model.decision import Plan, Verdict
from broker.model.label import Distribution, Label
from broker.model.warning import AlertWarning, WarningCode
from broker.pipeline.beyond_text import beyond_text
from broker.pipeline.one_change import ALL_CLASSES, Change, first_that
from broker.policy.acquainted import is_civil_society
from broker.policy.decide import Decider, view_of
from broker.policy.facts import Facts

#: An alert that ends sooner may end before a unit behind a thin link reads it.
_SOON_MS = 24 * 3600 * 1000
#: Stands for "knows of the alert" in a mask of compartments.
_KNOWS = 1 << 15


def time_warnings(label: Label, distribution: Distribution, moment: int) -> Iterator[AlertWarning]:
    """Yield what is odd about times and TLP; *moment* is epoch milliseconds."""
    expires = int(label.expires_at.timestamp() * 1000)
    if expires <= moment:
        yield _warning(WarningCode.EXPIRED, "label.expires_at")
    elif expires - moment < _SOON_MS:
        yield _warning(WarningCode.EXPIRES_SOON, "label.expires_at")
    embargo = distribution.embargo_until
    if embargo is not None and embargo >= label.expires_at:
        yield _warning(WarningCode.EMBARGO_AFTER_EXPIRY, "distribution.embargo_until")
    elif embargo is not None and embargo.timestamp() * 1000 > moment:
        yield _warning(WarningCode.EMBARGOED, "distribution.embargo_until")
    if label.tlp is Tlp.RED and not distribution.named_recipients:
        yield _warning(WarningCode.RED_WITHOUT_NAMED_RECIPIENTS, "distribution.named_recipients")


def reach_warnings(
    alert: Alert, decider: Decider, known: Collection[str]
) -> Iterator[AlertWarning]:
    """Yield what makes *alert* reach too few, or more than it says; embargo and expiry aside.

    A cancel goes to whoever holds the alert, whatever policy says: it gives no warning.

    Args:
        alert: What would be published.
        decider: The bundle in force.
        known: Ids that whoever asks may know. Of others it is not told whether they exist.
    """
    if alert.label.message_type is MessageType.CANCEL:
        return
    reach = _Reach(alert, decider)
    units = reach.units()
    if not units - {alert.label.originator}:
        code = WarningCode.REACHES_ONLY_ORIGINATOR if units else WarningCode.REACHES_NOBODY
        yield _warning(code, "label", reach.change_for(None))
    else:
        yield from _missed(alert, reach, known)
    yield from _unprotected(alert.label, reach)
    yield from beyond_text(alert, reach.community, units - {alert.label.originator}, known)
    yield from _withholding(alert, reach)
    yield from _unreached(alert.distribution, reach, known)


class _Reach:
    """Whom an alert reaches, as it is and as it would be with another label."""

    def __init__(self, alert: Alert, decider: Decider) -> None:
        self._decider = decider
        self.community = decider.bundle.community
        self._filled = alert.compartments.mask
        self._present = self._filled | _KNOWS
        self._view = view_of(alert.label, alert.distribution)
        self._alert = alert
        self._now = self._seen({})

    def units(self) -> set[str]:
        """Return the units that would receive it."""
        return self._units(self._now)

    def units_with(self, **changed: Any) -> set[str]:
        """Return the units that would receive it if label or distribution were *changed*."""
        return self._units(self._seen(changed))

    def shows_more_with(self, **changed: Any) -> bool:
        """Whether a feed that receives it would see more if it were *changed*."""
        seen = self._seen(changed)
        return any(seen.get(feed, 0) & ~mask for feed, mask in self._now.items())

    def countries(self, units: Collection[str]) -> set[str]:
        """Return the countries that *units* are in."""
        known = self.community
        places = ((known.units[name], known.units[name].organisation) for name in units)
        found = {unit.country or known.organisations[body].country for unit, body in places}
        return {country for country in found if country}

    def change_for(self, country: str | None) -> str | None:
        """Return the one field to change to reach *country*, or anybody but the originator."""

        def helps(change: Change) -> bool:
            others = self.units_with(**{change.field: change.to}) - {self._alert.label.originator}
            return country in self.countries(others) if country else bool(others)

        homes = tuple(sorted(self.countries(self.community.units)))
        return first_that(helps, self._alert.label, self._alert.distribution, homes)

    def desks(self) -> set[str]:
        """Return the units that receive real alerts."""
        return {feed.unit for feed in self.community.feeds.values() if feed.operational}

    def names(self, units: set[str]) -> set[str]:
        """Return every id that means one of *units*."""
        known = self.community
        return {name for unit in units for name in known.answers_to(known.units[unit])}

    def purposes(self) -> set[Purpose]:
        """Return the purposes that it is received for."""
        return {self.community.feeds[feed].purpose for feed in self._now}

    def _seen(self, changed: Mapping[str, Any]) -> dict[str, int]:
        facts = Facts(filled=self._filled)
        plan = self._decider.plan({**self._view, **changed}, facts)
        return {feed: mask & self._present for feed, mask in _masks(plan)}

    def _units(self, seen: dict[str, int]) -> set[str]:
        return {self.community.feeds[feed].unit for feed in seen}


def _masks(plan: Plan) -> Iterator[tuple[str, int]]:
    for group in plan.groups:
        if group.outcome.verdict is Verdict.RELEASE:
            for recipient in group.recipients:
                yield recipient.feed, group.outcome.compartments | _KNOWS


def _missed(alert: Alert, reach: _Reach, known: Collection[str]) -> Iterator[AlertWarning]:
    """Yield countries on the route with desks of which none learns of the alert.

    Who names recipients, or leaves somebody out by name, has said whom it means. A
    civil-society organisation is told classes and numbers of recipients, and no countries.
    """
    source = reach.community.units[alert.label.originator]
    if is_civil_society(reach.community, source) and not set(reach.community.units) <= set(known):
        return
    label, wishes = alert.label, alert.distribution
    if label.status is not Status.ACTUAL or label.tlp is Tlp.RED or wishes.releasable_to:
        return
    # Where its originator is, somebody knows of it.
    informed = reach.countries(reach.units() | {label.originator})
    missed = reach.countries(reach.desks()) - informed
    for name in ("countries_transit", "countries_destination"):
        for index, country in enumerate(getattr(label, name)):
            if country in missed:
                change = reach.change_for(country)
                if change != "distribution.not_releasable_to":
                    path = f"label.{name}[{index}]"
                    yield _warning(WarningCode.ROUTE_COUNTRY_NOT_REACHED, path, change)


def _unprotected(label: Label, reach: _Reach) -> Iterator[AlertWarning]:
    """Yield what keeps somebody from those whose work is to protect them."""
    desks = {feed.purpose for feed in reach.community.feeds.values()}
    if label.status is Status.ACTUAL and label.minor is not Answer.NO:
        child = Purpose.CHILD_PROTECTION
        if child in desks and child not in reach.purposes():
            strict = label.tlp in {Tlp.AMBER_STRICT, Tlp.RED, Tlp.UNKNOWN}
            path = "label.tlp" if strict else "label.countries_destination"
            yield _warning(WarningCode.CHILD_PROTECTION_NOT_REACHED, path)
    routed = label.countries_transit or label.countries_destination
    if label.in_transit is Answer.YES and not routed:
        yield _warning(WarningCode.ROUTE_UNKNOWN, "label.countries_destination")


def _withholding(alert: Alert, reach: _Reach) -> Iterator[AlertWarning]:
    label, asked = alert.label, {"consent": Consent.GIVEN, "consent_scope": ALL_CLASSES}
    if label.minor is Answer.UNKNOWN and reach.shows_more_with(minor=Answer.NO):
        yield _warning(WarningCode.MINOR_UNKNOWN_WITHHOLDS, "label.minor")
    if label.consent in {Consent.UNKNOWN, Consent.NOT_ASKED}:
        if reach.shows_more_with(**asked):
            yield _warning(WarningCode.CONSENT_UNKNOWN_WITHHOLDS, "label.consent")
    elif label.consent in {Consent.GIVEN, Consent.GUARDIAN_GIVEN}:
        empty = not alert.distribution.consent_scope
        if empty and reach.shows_more_with(consent_scope=ALL_CLASSES):
            yield _warning(WarningCode.CONSENT_SCOPE_WITHHOLDS, "distribution.consent_scope")


def _unreached(
    wishes: Distribution, reach: _Reach, known: Collection[str]
) -> Iterator[AlertWarning]:
    units = reach.units()
    reached = reach.names(units)
    for index, name in enumerate(wishes.releasable_to):
        if name not in reached:
            code = _unreached_code(name, known)
            yield _warning(code, f"distribution.releasable_to[{index}]")
    for index, name in enumerate(wishes.named_recipients):
        if name not in units:
            code = _unreached_code(name, known)
            if name in known and name not in reach.community.units:
                code = WarningCode.RECIPIENT_NOT_A_UNIT
            yield _warning(code, f"distribution.named_recipients[{index}]")
    yield from _excluded(wishes, reach, known)


def _unreached_code(name: str, known: Collection[str]) -> WarningCode:
    if name in known:
        return WarningCode.RECIPIENT_RECEIVES_NOTHING
    return WarningCode.RECIPIENT_UNKNOWN


def _excluded(
    wishes: Distribution, reach: _Reach, known: Collection[str]
) -> Iterator[AlertWarning]:
    """Yield exclusions that exclude nobody: a name that is misspelt lets its bearer receive."""
    doubtful = [(i, n) for i, n in enumerate(wishes.not_releasable_to) if n not in known]
    if doubtful:
        kept_out = reach.names(reach.units_with(not_releasable_to=()))
        for index, name in doubtful:
            if name not in kept_out:
                path = f"distribution.not_releasable_to[{index}]"
                yield _warning(WarningCode.RECIPIENT_UNKNOWN, path)


def _warning(code: WarningCode, path: str, change: str | None = None) -> AlertWarning:
    return AlertWarning(code=code, path=path, change=change)
