"""How and where people are moved: what registers and maps tell, and apart from it what is exact.

Conveyances and movement hold codes, dates and names from registers. A private owner, a house
or a room is in a compartment of its own, so that policy can withhold it and still let a
vessel or a route be seen (docs/decisions/0017).
"""

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from broker.model import codelists, codes
from broker.model.base import Country, Line, Model, Moment
from broker.model.text import line_text

Locode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}[A-Z2-9]{3}$")]
#: ISO 3166-2 code of a country's subdivision.
Region = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}-[A-Z0-9]{1,3}$")]
#: What stands in sentences, addresses and mail addresses, and in no register's entry.
_NOT_REGISTERED = r",;:?!@\"<>{}\[\]|\\=*#_~^%$+\n\r\t"
#: A name as registers of ships and companies have it: no sentence and no address fits in.
RegisterName = Annotated[
    str,
    StringConstraints(pattern=rf"^[^\s{_NOT_REGISTERED}][^{_NOT_REGISTERED}]{{0,59}}$"),
    AfterValidator(line_text),
]
#: Radio call sign (ITU Radio Regulations, article 19), with the spaces people write in it.
CallSign = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9 /-]{1,11}$")]
#: Flight number or registration plate.
Registration = Annotated[
    str,
    StringConstraints(pattern=rf"^[^\s{_NOT_REGISTERED}][^{_NOT_REGISTERED}]{{0,39}}$"),
    AfterValidator(line_text),
]


class Conveyance(Model):
    """A vessel, flight or vehicle."""

    kind: codes.ConveyanceKind
    name: RegisterName | None = Field(None, description="As a register has it.")
    imo_number: Annotated[str, StringConstraints(pattern=r"^[0-9]{7}$")] | None = None
    imo_valid: bool | None = Field(None, description="Whether the check digit matches.")
    mmsi: Annotated[str, StringConstraints(pattern=r"^[0-9]{9}$")] | None = None
    call_sign: CallSign | None = None
    flag: Country | None = None
    past_flags: tuple[Country, ...] = ()
    carrier: RegisterName | None = Field(None, description="Airline or company, as registered.")
    number: Registration | None = Field(None, description="Flight number or registration plate.")
    on: date | None = None


class Conveyances(Model):
    """How people are moved."""

    items: tuple[Conveyance, ...] = Field(min_length=1, max_length=100)


class Owner(Model):
    """Who owns or runs a conveyance: often a private person."""

    conveyance: int | None = Field(
        None, ge=0, le=99, description="Which of `conveyances`, from 0; none for all."
    )
    owner: Line


class Owners(Model):
    """Owners and operators, apart from what registers tell of the conveyances."""

    items: tuple[Owner, ...] = Field(min_length=1, max_length=100)


class Leg(Model):
    """One leg of the route (HTCDS hte_Type), to the country, region and port."""

    kind: codelists.LegKind = Field(description="RECRUITMENT, TRANSIT, EXPLOITATION, RETURN.")
    country: Country | None = None
    region: Region | None = Field(None, description="ISO 3166-2 subdivision.")
    locode: Locode | None = Field(None, description="UN/LOCODE of port or place.")
    arrives_at: Moment | None = None
    departs_at: Moment | None = None
    precision: codelists.Precision | None = Field(None, description="EXACT, DAY, WEEK, MONTH.")


class Movement(Model):
    """The route, in order."""

    legs: tuple[Leg, ...] = Field(min_length=1, max_length=100)


class Place(Model):
    """An exact place, in words: where somebody is kept can be among them."""

    leg: int | None = Field(
        None, ge=0, le=99, description="Which leg of `movement`, from 0; none for all."
    )
    name: Line
    address: Line | None = None


class Places(Model):
    """Exact places, apart from country, region and port of the route."""

    items: tuple[Place, ...] = Field(min_length=1, max_length=100)
