"""Pieces that stories are made of: people, papers, vessels, routes, contacts."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Any

from broker.model import content
from broker.model.codes import Answer, ConveyanceKind
from broker.simulate import names, numbers
from broker.simulate.canary import Mint
from broker.simulate.cast import Cast

_DAYS_A_YEAR = 365


@dataclass(frozen=True)
class Props:
    """What one telling of one alert draws from.

    Attributes:
        random: Seeded by scenario and alert, so each revision retells the same case.
        mint: Marks the texts of this revision.
        at: When the first revision was written.
    """

    random: Random
    mint: Mint
    cast: Cast
    at: datetime

    def person(
        self, slot: str, number: int, country: str, *roles: content.Role, age: int = 27
    ) -> content.Person:
        """Return a made-up person of *country*, about *age* years old."""
        given, family = names.PEOPLE[country]
        name = f"{self.random.choice(given)} {self.random.choice(family)}"
        born = self.at.date() - timedelta(days=age * _DAYS_A_YEAR + self.random.randint(0, 300))
        return content.Person(
            pid=f"{slot[0]}{number}",
            roles=roles,
            names=(self.mint.text(slot, name),),
            born_on=date(born.year, born.month, 1),
            age_band=band(age),
            minor=Answer.YES if age < 18 else Answer.NO,
            gender=self.random.choice((content.Gender.FEMININE, content.Gender.MASCULINE)),
            citizenships=(country,),
            languages=(names.LANGUAGES[country],),
        )

    def with_papers(self, slot: str, person: content.Person) -> content.Person:
        """Return *person* with a passport that is held by somebody else, and an address."""
        papers = self.passport(slot, person.citizenships[0])
        address = self.mint.text(slot, "Behind the cold store, wharf road")
        update = {"documents": (papers,), "address": address}
        return content.Person.model_validate(person.model_dump() | update)

    def passport(self, slot: str, country: str, holder: str | None = None) -> content.Document:
        """Return a passport whose check digits are wrong."""
        return content.Document(
            kind="PASSPORT",
            issuer=country,
            number=self.mint.mark(slot),
            expires_on=date(2030, 1, 1),
            mrz=numbers.false_zone(self.random, country, self.mint.zone(slot)),
            mrz_valid=False,
            flags=("HELD_BY_OTHER",) if holder is None else (),
            holder=holder,
        )

    def vessel(self) -> content.Conveyance:
        """Return a fishing vessel with an IMO number that cannot be one."""
        return content.Conveyance(
            kind=ConveyanceKind.VESSEL,
            name=self.mint.text("conveyances", self.random.choice(names.VESSELS)),
            imo_number=numbers.false_imo_number(self.random),
            imo_valid=False,
            flag=self.random.choice(names.FLAGS),
        )

    def vessels(self, count: int) -> dict[str, Any]:
        """Return so many vessels, and the firms that own them."""
        firms = [self.mint.text("owners", self.random.choice(names.FIRMS)) for _ in range(count)]
        owners = (content.Owner(conveyance=n, owner=firm) for n, firm in enumerate(firms))
        return {
            "conveyances": content.Conveyances(items=tuple(self.vessel() for _ in firms)),
            "owners": content.Owners(items=tuple(owners)),
        }

    def flight(self) -> content.Conveyance:
        """Return a flight of a carrier that does not exist."""
        return content.Conveyance(
            kind=ConveyanceKind.FLIGHT,
            carrier=self.mint.mark("conveyances"),
            number=self.mint.text("conveyances", f"XX{self.random.randint(1, 999)}"),
            on=(self.at + timedelta(days=2)).date(),
        )

    def route(self, *countries: str) -> dict[str, Any]:
        """Return a route through ports of *countries*, in order, and where exactly it led."""
        kinds = ["RECRUITMENT", *["TRANSIT"] * (len(countries) - 2), "EXPLOITATION"]
        legs, places = [], []
        for number, (kind, country) in enumerate(zip(kinds, countries, strict=False)):
            locode, port = names.PORTS[country]
            arrives = self.at + timedelta(days=3 * number - 3)
            places.append(content.Place(leg=number, name=self.mint.text("places", port)))
            legs.append(
                content.Leg(
                    kind=kind,
                    country=country,
                    locode=locode,
                    arrives_at=arrives,
                    precision="DAY",
                )
            )
        movement = content.Movement(legs=tuple(legs))
        return {"movement": movement, "places": content.Places(items=tuple(places))}

    def signs(self, *controls: str, recruitment: str = "Other") -> content.Indicators:
        """Return indicators, with a marked one of our own scheme among them."""
        marked = content.Indicator(scheme="SIM", code=self.mint.mark("indicators"))
        strong = content.Indicator(code="COERCIVE_RECRUITMENT_DEBT", strength="STRONG")
        return content.Indicators(
            observed=(strong, marked), controls=controls, recruitment=(recruitment,)
        )

    def profile(self, *persons: content.Person) -> content.VictimProfile:
        """Return what may be said of *persons* without identifying them."""
        return content.VictimProfile(
            count=len(persons),
            age_bands=tuple(sorted({person.age_band for person in persons})),
            genders=tuple(sorted({person.gender for person in persons})),
            citizenships=tuple(sorted({land for p in persons for land in p.citizenships})),
            needs=("INTERPRETER", self.mint.mark("victim_profile")),
        )

    def summary(self, headline: str) -> content.Summary:
        """Return a headline written for release."""
        return content.Summary(headline=self.mint.text("summary", headline))

    def reachable(self, desk: str) -> dict[str, Any]:
        """Return a duty desk whose telephone rings nowhere, and how to reach a victim."""
        contact = content.Contact(
            desk=self.mint.text("contact", desk),
            phone=numbers.false_phone(self.random),
            do_not_approach=self.random.random() < 0.5,
        )
        how = self.mint.text("safe_contact", "Through the chaplain, never by phone")
        return {"contact": contact, "safe_contact": content.SafeContact(how=how)}

    def evidence(self) -> content.Evidence:
        """Return a reference to a photograph that nobody took."""
        locator = self.mint.text("evidence", "vault item")
        item = content.EvidenceItem(
            sha256=sha256(locator.encode()).hexdigest(),
            bytes=self.random.randint(10_000, 5_000_000),
            media_type="image/jpeg",
            locator=locator,
            custody_note=self.mint.text("evidence", "sealed at the post"),
        )
        return content.Evidence(items=(item,))

    def told_by(self, organisation: str) -> content.Source:
        """Return a source; of all things the one that must not leak."""
        return content.Source(
            reference=self.mint.mark("source"),
            organisation=self.mint.text("source", organisation),
            handler=self.mint.text("source", "Caseworker"),
            text=self.mint.text("source", "Told in confidence at the drop-in."),
            original_scheme="ADMIRALTY",
            original_grade=self.mint.text("source", "C3"),
        )

    def judgement(self, text: str) -> content.Assessment:
        """Return the originator's judgement."""
        return content.Assessment(
            text=self.mint.text("assessment", text), author=self.mint.mark("assessment")
        )


def band(age: int) -> content.AgeBand:
    """Return the CTDC age band of somebody *age* years old."""
    if age < 9:
        return content.AgeBand.AGE_0_8
    if age < 18:
        return content.AgeBand.AGE_9_17
    return content.AgeBand.AGE_24_26 if age < 27 else content.AgeBand.AGE_27_29
