"""People: identities. None is a threat actor: suspicion is a role, and stays a role."""

from broker.model.base import Country
from broker.model.compartment import Compartment
from broker.model.content import Person, Suspects, VictimProfile, Victims
from broker.stix.frame import Frame, StixObject, hyphened, keyed
from broker.stix.shared import country


def identities(frame: Frame, slot: Compartment, people: Victims | Suspects) -> list[StixObject]:
    """Return the people of one compartment, their countries, and what relates them."""
    found = []
    for key, person in keyed((person.pid, person) for person in people.persons):
        identity = _individual(frame, slot, key, person)
        found += [*citizen(frame, identity, person.citizenships), identity]
    return found


def group(frame: Frame, profile: VictimProfile) -> list[StixObject]:
    """Return the people who are described and not identified."""
    count = "number unknown" if profile.count is None else str(profile.count)
    identity = frame.made(
        "identity", "victim_profile",
        {"compartment": Compartment.VICTIM_PROFILE, "victim_profile": profile},
        name=f"Possible victims, not identified ({count})",
        identity_class="group",
        roles=["victim-possible"],
    )  # fmt: skip
    return [*citizen(frame, identity, profile.citizenships), identity]


def citizen(frame: Frame, identity: StixObject, countries: tuple[Country, ...]) -> list[StixObject]:
    """Return countries, and that *identity* has their citizenship."""
    found = []
    for code in dict.fromkeys(countries):
        found += [country(code), frame.related(identity, country(code), "citizenship")]
    return found


def _individual(frame: Frame, slot: Compartment, key: str, person: Person) -> StixObject:
    names = [*person.names, *person.aliases]
    told = [f"Also called {name}." for name in names[1:]]
    return frame.made(
        "identity", f"{slot.value} {key}",
        {"compartment": slot, "person": person},
        name=names[0] if names else f"Person {person.pid}",
        description=" ".join(told) or None,
        identity_class="individual",
        roles=[hyphened(role) for role in dict.fromkeys(person.roles)],
        contact_information=", ".join(person.phones) or None,
    )  # fmt: skip
