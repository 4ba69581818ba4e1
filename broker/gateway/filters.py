"""What a reader asks to see of its feed: always less than policy gives, never more.

A recall passes every filter, as who holds an alert must learn of it. So does a release whose
label leaves the attribute open: what is not known may be what is looked for.
"""

from typing import Annotated

from fastapi import Query

from broker.gateway import asked
from broker.model.base import Country, Model
from broker.model.codes import ConveyanceKind, Exploitation, Urgency
from broker.model.label import Label
from broker.model.release import ReleaseView

_MOST = 20


class Filter(Model):
    """A reader's choice; an attribute that is not named is not looked at.

    Attributes:
        exploitation: Any of these types of exploitation.
        country: Any of these, as origin, transit or destination.
        urgency: Any of these.
        conveyance: Any of these kinds.
    """

    exploitation: frozenset[Exploitation] = frozenset()
    country: frozenset[Country] = frozenset()
    urgency: frozenset[Urgency] = frozenset()
    conveyance: frozenset[ConveyanceKind] = frozenset()

    def passes(self, view: ReleaseView) -> bool:
        """Return whether *view* is what is looked for."""
        label = view.label
        if label is None:
            return True
        return all(
            not wanted or not known or not wanted.isdisjoint(known)
            for wanted, known in self._pairs(label)
        )

    def _pairs(self, label: Label) -> list[tuple[frozenset[str], frozenset[str]]]:
        countries = (
            *label.countries_origin, *label.countries_transit, *label.countries_destination
        )  # fmt: skip
        return [
            (self.exploitation, _known(label.exploitation)),
            (self.country, _known(countries)),
            (self.urgency, _known((label.urgency,))),
            (self.conveyance, _known(label.conveyance_kinds)),
        ]


def _known(values: tuple[str, ...]) -> frozenset[str]:
    # One that is UNKNOWN leaves all of them open.
    return frozenset() if "UNKNOWN" in values else frozenset(values)


async def asked_filter(
    exploitation: Annotated[list[Exploitation], Query(max_length=_MOST)] = [],  # noqa: B006
    country: Annotated[list[asked.Country], Query(max_length=_MOST)] = [],  # noqa: B006
    urgency: Annotated[list[Urgency], Query(max_length=_MOST)] = [],  # noqa: B006
    conveyance: Annotated[list[ConveyanceKind], Query(max_length=_MOST)] = [],  # noqa: B006
) -> Filter:
    """Return the filter in the query; a name may come several times."""
    return Filter(
        exploitation=frozenset(exploitation),
        country=frozenset(country),
        urgency=frozenset(urgency),
        conveyance=frozenset(conveyance),
    )
