"""Alerts that policy gives to more than their own text says."""

from collections.abc import Collection, Iterator, Mapping

from broker.model.alert import Alert
from broker.model.codes import Caveat, Onward, Tlp
from broker.model.community import Organisation, Unit
from broker.model.leaves import TEXT, leaves_of
from broker.model.warning import AlertWarning, WarningCode
from broker.pipeline.stated_audience import Audience, Stated, stated_in
from broker.policy.acquainted import is_civil_society
from broker.policy.directory import Directory

#: From the widest to the narrowest.
_TLPS = (Tlp.CLEAR, Tlp.GREEN, Tlp.AMBER, Tlp.AMBER_STRICT, Tlp.RED)


def beyond_text(
    alert: Alert, community: Directory, others: Collection[str], known: Collection[str]
) -> Iterator[AlertWarning]:
    """Yield each statement of a text that is narrower than what policy gives, with its place.

    Args:
        alert: What would be published.
        community: Those whom it may reach.
        others: Units that would receive it, its originator left out.
        known: Ids that whoever asks may know: a text that names others is not compared.
    """
    if not others:
        return
    names = _names(community, known)
    source = community.units[alert.label.originator]
    # A civil-society organisation is told classes and numbers of recipients, and no countries.
    told = set(community.units) <= set(known) or not is_civil_society(community, source)
    for leaf in leaves_of(alert.compartments, ("compartments",), frozenset({TEXT})):
        for said in stated_in(str(leaf.value), names):
            if not told and _tells_countries(said):
                continue
            change = _wider(said, alert, community, others)
            if change is not None:
                yield AlertWarning(
                    code=WarningCode.MORE_THAN_TEXT_SAYS,
                    path=leaf.path,
                    start=said.start,
                    end=said.end,
                    change=change,
                )


def _wider(said: Stated, alert: Alert, community: Directory, others: Collection[str]) -> str | None:
    """Return the field that would say what the text says; None where the alert is no wider."""
    label = alert.label
    if isinstance(said.means, Tlp):
        lax = label.tlp in _TLPS and _TLPS.index(label.tlp) < _TLPS.index(said.means)
        return "label.tlp" if lax else None
    if isinstance(said.means, Caveat):
        kept = said.means in label.caveats
        if said.means is Caveat.NO_ONWARD:
            kept = kept or alert.distribution.onward is Onward.FORBIDDEN
        return None if kept else "label.caveats"
    meant = [any(_means(each, unit, community) for each in said.means) for unit in others]
    if said.only:
        return None if all(meant) else "distribution.releasable_to"
    return "distribution.not_releasable_to" if any(meant) else None


def _means(audience: Audience, name: str, community: Directory) -> bool:
    unit = community.units[name]
    body = community.organisations[unit.organisation]
    if audience.name is not None:
        return audience.name in {unit.id, body.id}
    country = unit.country or body.country
    fits = not audience.classes or unit.kind in audience.classes
    return fits and audience.country in {None, country}


def _tells_countries(said: Stated) -> bool:
    return isinstance(said.means, tuple) and any(each.country for each in said.means)


def _names(community: Directory, known: Collection[str]) -> Mapping[str, str]:
    members: list[Organisation | Unit] = [
        *community.organisations.values(),
        *community.units.values(),
    ]
    named = [each for each in members if each.id in known]
    return {said.casefold(): each.id for each in named for said in (each.name, each.id)}
