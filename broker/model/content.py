"""What the compartments of an alert hold.

Codes that policy never reads are plain strings checked against code lists where the lists
are closed (`broker.model.codelists`), so that new codes of a standard need no new schema.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from broker.model import codelists, codes
from broker.model.base import Code, Country, Language, Line, Model, Moment, Text, Zone
from broker.model.bounds import BirthDate, PaperDate

Sha256Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Locode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}[A-Z2-9]{3}$")]
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


class Conveyance(Model):
    """A vessel, flight or vehicle."""

    kind: codes.ConveyanceKind
    name: Line | None = None
    imo_number: Annotated[str, StringConstraints(pattern=r"^[0-9]{7}$")] | None = None
    imo_valid: bool | None = Field(None, description="Whether the check digit matches.")
    mmsi: Annotated[str, StringConstraints(pattern=r"^[0-9]{9}$")] | None = None
    call_sign: Line | None = None
    flag: Country | None = None
    past_flags: tuple[Country, ...] = ()
    owner: Line | None = None
    carrier: Line | None = None
    number: Line | None = Field(None, description="Flight number or registration plate.")
    on: date | None = None


class Conveyances(Model):
    """How people are moved."""

    items: tuple[Conveyance, ...] = Field(min_length=1, max_length=100)


class Leg(Model):
    """One leg or place of the route (HTCDS hte_Type)."""

    kind: codelists.LegKind = Field(description="RECRUITMENT, TRANSIT, EXPLOITATION, RETURN.")
    country: Country | None = None
    locode: Locode | None = Field(None, description="UN/LOCODE of port or place.")
    place: Line | None = None
    arrives_at: Moment | None = None
    departs_at: Moment | None = None
    precision: codelists.Precision | None = Field(None, description="EXACT, DAY, WEEK, MONTH.")


class Movement(Model):
    """The route, in order."""

    legs: tuple[Leg, ...] = Field(min_length=1, max_length=100)


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
    """Whom to call, and how to do it safely."""

    desk: Line
    phone: Phone | None = None
    secure_channel: Line | None = None
    safe_contact: Line | None = Field(None, description="How to reach a victim without harm.")
    do_not_approach: bool = False
    case_id: UUID | None = None
