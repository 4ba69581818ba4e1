"""What the compartments of an alert hold.

Codes that policy never reads are plain strings checked against code lists where the lists
are closed (`broker.model.codelists`), so that new codes of a standard need no new schema.
"""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from broker.model import codelists, codes
from broker.model.base import Code, Country, Language, Line, Model, Text, Zone
from broker.model.bounds import BirthDate, PaperDate
from broker.model.travel import (
    Conveyance,
    Conveyances,
    Leg,
    Movement,
    Owner,
    Owners,
    Place,
    Places,
)

#: What moves people is told in a module of its own, and belongs here like the rest.
__all__ = [
    "Conveyance",
    "Conveyances",
    "Leg",
    "Movement",
    "Owner",
    "Owners",
    "Place",
    "Places",
]

Sha256Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Phone = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$")]


class Role(StrEnum):
    """What a person is in the case; one person may hold several (2016/680, article 6)."""

    UNKNOWN = "UNKNOWN"
    VICTIM_POSSIBLE = "VICTIM_POSSIBLE"
    VICTIM_CONFIRMED = "VICTIM_CONFIRMED"
    SUSPECT = "SUSPECT"
    CONVICTED = "CONVICTED"
    FACILITATOR = "FACILITATOR"
    WITNESS = "WITNESS"
    ASSOCIATE = "ASSOCIATE"


#: A person with any of these belongs into `victims`, whatever other roles they hold. A
#: witness may be a victim not yet recognised, and an unknown role may be one.
PROTECTED_ROLES = frozenset(
    {Role.UNKNOWN, Role.VICTIM_POSSIBLE, Role.VICTIM_CONFIRMED, Role.WITNESS}
)


class AgeBand(StrEnum):
    """Age bands of the CTDC data set, and UNKNOWN."""

    UNKNOWN = "UNKNOWN"
    AGE_0_8 = "AGE_0_8"
    AGE_9_17 = "AGE_9_17"
    AGE_18_20 = "AGE_18_20"
    AGE_21_23 = "AGE_21_23"
    AGE_24_26 = "AGE_24_26"
    AGE_27_29 = "AGE_27_29"
    AGE_30_38 = "AGE_30_38"
    AGE_39_47 = "AGE_39_47"
    AGE_48_PLUS = "AGE_48_PLUS"


class Gender(StrEnum):
    """Gender (HTCDS 2.0, prs_Gender)."""

    UNKNOWN = "UNKNOWN"
    FEMININE = "FEMININE"
    MASCULINE = "MASCULINE"
    TRANSGENDER_FEMININE = "TRANSGENDER_FEMININE"
    TRANSGENDER_MASCULINE = "TRANSGENDER_MASCULINE"
    NON_CONFORMING = "NON_CONFORMING"


class Document(Model):
    """A travel or identity document (ICAO 9303)."""

    kind: codelists.DocumentKind = Field(
        description="PASSPORT, VISA, SEAFARER, NATIONAL_ID, OTHER."
    )
    issuer: Country | None = None
    number: Line | None = None
    expires_on: PaperDate | None = None
    mrz: Zone | None = Field(
        None, description="Machine readable zone, lines parted by a line feed."
    )
    mrz_valid: bool | None = Field(
        None, description="Whether all check digits match. A wrong one is evidence, no error."
    )
    flags: tuple[codelists.DocumentFlag, ...] = Field(
        (), description="LOST, STOLEN, HELD_BY_OTHER, FORGED."
    )
    holder: Code | None = Field(None, description="pid of the person who holds it.")


class Person(Model):
    """One person, by what is known."""

    pid: Code = Field(description="Local to this alert, such as p1; no identifier elsewhere.")
    roles: tuple[Role, ...] = Field(min_length=1)
    role_in_process: tuple[codelists.RoleInProcess, ...] = Field(
        (), description="HTCDS per_RoleInProcess. Mixes victims and exploiters: never a role."
    )
    names: tuple[Line, ...] = ()
    aliases: tuple[Line, ...] = ()
    born_on: BirthDate | None = None
    age_band: AgeBand = AgeBand.UNKNOWN
    minor: codes.Answer = codes.Answer.UNKNOWN
    gender: Gender = Gender.UNKNOWN
    citizenships: tuple[Country, ...] = ()
    languages: tuple[Language, ...] = ()
    phones: tuple[Phone, ...] = ()
    address: Line | None = None
    photo_sha256: Sha256Hex | None = None
    protection_status: Code | None = None
    documents: tuple[Document, ...] = ()


class Summary(Model):
    """Free text written for release: no names, no document numbers, no phones."""

    headline: Line
    text: Text | None = None
    language: Language = "eng"


class Indicator(Model):
    """One observed sign (ILO operational indicators of trafficking)."""

    scheme: Code = "ILO"
    code: Code
    dimension: codelists.Dimension | None = None
    strength: codelists.Strength | None = Field(None, description="STRONG, MEDIUM or WEAK.")


class Indicators(Model):
    """Signs, means of control and recruitment."""

    observed: tuple[Indicator, ...] = ()
    controls: tuple[codelists.Control, ...] = Field((), description="HTCDS vic_MethodsOfControl.")
    recruitment: tuple[codelists.Recruitment, ...] = Field(
        (), description="HTCDS vic_MethodOfRecruitment."
    )
    sex_exploitation: tuple[codelists.SexExploitation, ...] = Field(
        (), description="HTCDS vic_TypeOfSexExploitation."
    )
    venue: Code | None = Field(None, description="NIEM TraffickedVenue.")


class VictimProfile(Model):
    """What helps to protect without identifying anyone."""

    count: int | None = Field(None, ge=0, le=100_000)
    age_bands: tuple[AgeBand, ...] = ()
    genders: tuple[Gender, ...] = ()
    citizenships: tuple[Country, ...] = ()
    languages: tuple[Language, ...] = ()
    needs: tuple[Code, ...] = Field((), description="INTERPRETER, MEDICAL, SHELTER, GUARDIAN …")


class Victims(Model):
    """People with any protected role, and their documents."""

    persons: tuple[Person, ...] = Field(min_length=1, max_length=500)


class Suspects(Model):
    """People with no protected role, and their documents."""

    persons: tuple[Person, ...] = Field(min_length=1, max_length=500)


class Documents(Model):
    """Documents that belong to no victim: a victim's are within `victims`."""

    items: tuple[Document, ...] = Field(min_length=1, max_length=500)


class Assessment(Model):
    """The originator's judgement, in free text."""

    text: Text
    author: Line | None = None


class Source(Model):
    """Who told the originator, and how that was graded."""

    reference: Line | None = None
    organisation: Line | None = None
    handler: Line | None = None
    text: Text | None = None
    original_scheme: Code | None = Field(None, description="ADMIRALTY, 3X5X2, EUROPOL …")
    original_grade: Line | None = Field(None, description="As the source's own scheme wrote it.")


class EvidenceItem(Model):
    """A reference to an attachment; never the attachment."""

    sha256: Sha256Hex
    bytes: int = Field(ge=0, le=1 << 50, description="Size of the attachment, bytes.")
    media_type: Annotated[str, StringConstraints(pattern=r"^[a-z0-9.+-]+/[a-z0-9.+-]+$")]
    locator: Line | None = None
    custody_note: Line | None = None


class Evidence(Model):
    """References to attachments."""

    items: tuple[EvidenceItem, ...] = Field(min_length=1, max_length=100)


class Contact(Model):
    """Which desk to call."""

    desk: Line
    phone: Phone | None = None
    secure_channel: Line | None = None
    do_not_approach: bool = False
    case_id: UUID | None = None


class SafeContact(Model):
    """How to reach a victim."""

    how: Line = Field(description="How to reach a victim without harm.")
