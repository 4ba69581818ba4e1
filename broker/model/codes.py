"""Coded values that policy reads, each from a published standard.

Every enumeration has ``UNKNOWN`` first: a symbol that this reader does not know reads as
``UNKNOWN``, and policy treats ``UNKNOWN`` as the most restrictive case. None is ordered.
"""

from enum import StrEnum


class MessageType(StrEnum):
    """What this revision does (CAP 1.2, msgType, less Ack and Error)."""

    UNKNOWN = "UNKNOWN"
    ALERT = "ALERT"
    UPDATE = "UPDATE"
    CANCEL = "CANCEL"


class Status(StrEnum):
    """Whether this is real (CAP 1.2, status). Only ACTUAL reaches operational connectors."""

    UNKNOWN = "UNKNOWN"
    ACTUAL = "ACTUAL"
    EXERCISE = "EXERCISE"
    TEST = "TEST"


class Tlp(StrEnum):
    """Traffic Light Protocol 2.0 (FIRST). WHITE of version 1 is CLEAR."""

    UNKNOWN = "UNKNOWN"
    CLEAR = "CLEAR"
    GREEN = "GREEN"
    AMBER = "AMBER"
    AMBER_STRICT = "AMBER_STRICT"
    RED = "RED"


class PermittedAction(StrEnum):
    """What a recipient may do with it (FIRST IEP 2.0 permitted_actions, in field words)."""

    UNKNOWN = "UNKNOWN"
    OBSERVE = "OBSERVE"
    CONTACT_ORIGINATOR = "CONTACT_ORIGINATOR"
    CHECK_OWN_RECORDS = "CHECK_OWN_RECORDS"
    INTERCEPT = "INTERCEPT"


class Caveat(StrEnum):
    """Handling caveats (HL7 v3 ActCode, Europol handling codes, STANAG 4774 categories)."""

    UNKNOWN = "UNKNOWN"
    ORCON = "ORCON"
    NO_ONWARD = "NO_ONWARD"
    NO_IMMIGRATION_ENFORCEMENT = "NO_IMMIGRATION_ENFORCEMENT"
    NO_COURT = "NO_COURT"


class Purpose(StrEnum):
    """Why a feed receives; and what an originator allows its alert to be used for."""

    UNKNOWN = "UNKNOWN"
    PROTECT_VICTIM = "PROTECT_VICTIM"
    CHILD_PROTECTION = "CHILD_PROTECTION"
    INVESTIGATE = "INVESTIGATE"
    BORDER_RISK = "BORDER_RISK"
    IMMIGRATION_ENFORCEMENT = "IMMIGRATION_ENFORCEMENT"
    DISRUPT = "DISRUPT"
    COORDINATE = "COORDINATE"
    STATISTICS = "STATISTICS"
    EXERCISE = "EXERCISE"


class SourceType(StrEnum):
    """Where the suspicion comes from."""

    UNKNOWN = "UNKNOWN"
    AGENCY = "AGENCY"
    CIVIL_SOCIETY = "CIVIL_SOCIETY"
    HOTLINE = "HOTLINE"
    VICTIM = "VICTIM"
    OPEN_SOURCE = "OPEN_SOURCE"


class Reliability(StrEnum):
    """Admiralty source reliability. F means it cannot be judged, not that it is worst."""

    UNKNOWN = "UNKNOWN"
    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"
    F = "F"


class Credibility(StrEnum):
    """Admiralty information credibility, 1 to 6. SIX means it cannot be judged."""

    UNKNOWN = "UNKNOWN"
    ONE = "ONE"
    TWO = "TWO"
    THREE = "THREE"
    FOUR = "FOUR"
    FIVE = "FIVE"
    SIX = "SIX"


class Basis(StrEnum):
    """Fact or assessment (Directive (EU) 2016/680, article 7)."""

    UNKNOWN = "UNKNOWN"
    FACT = "FACT"
    ASSESSMENT = "ASSESSMENT"


class Urgency(StrEnum):
    """How soon action is needed (CAP 1.2, urgency)."""

    UNKNOWN = "UNKNOWN"
    IMMEDIATE = "IMMEDIATE"
    EXPECTED = "EXPECTED"
    FUTURE = "FUTURE"
    PAST = "PAST"


class Severity(StrEnum):
    """How grave the threat is (CAP 1.2, severity)."""

    UNKNOWN = "UNKNOWN"
    EXTREME = "EXTREME"
    SEVERE = "SEVERE"
    MODERATE = "MODERATE"
    MINOR = "MINOR"


class Certainty(StrEnum):
    """How certain the event is (CAP 1.2, certainty)."""

    UNKNOWN = "UNKNOWN"
    OBSERVED = "OBSERVED"
    LIKELY = "LIKELY"
    POSSIBLE = "POSSIBLE"
    UNLIKELY = "UNLIKELY"


class Answer(StrEnum):
    """Yes, no, or not known; UNKNOWN is handled like the more protective answer."""

    UNKNOWN = "UNKNOWN"
    YES = "YES"
    NO = "NO"


class Consent(StrEnum):
    """What the people concerned agreed to (HTCDS 2.0 con_Consent, as a state)."""

    UNKNOWN = "UNKNOWN"
    GIVEN = "GIVEN"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"
    NOT_ASKED = "NOT_ASKED"
    NOT_CAPABLE = "NOT_CAPABLE"
    GUARDIAN_GIVEN = "GUARDIAN_GIVEN"
    NOT_APPLICABLE = "NOT_APPLICABLE"


class Exploitation(StrEnum):
    """Type of exploitation (HTCDS 2.0, vic_TypeOfExploitation)."""

    UNKNOWN = "UNKNOWN"
    FORCED_LABOUR = "FORCED_LABOUR"
    SEXUAL_EXPLOITATION = "SEXUAL_EXPLOITATION"
    CHILD_LABOUR = "CHILD_LABOUR"
    FORCED_MARRIAGE = "FORCED_MARRIAGE"
    SERVITUDE = "SERVITUDE"
    FORCED_MILITARY = "FORCED_MILITARY"
    ORGAN_REMOVAL = "ORGAN_REMOVAL"
    FORCED_BEGGING = "FORCED_BEGGING"
    FORCED_ADOPTION = "FORCED_ADOPTION"
    SURROGACY = "SURROGACY"
    OTHER = "OTHER"


class Act(StrEnum):
    """The act (Palermo Protocol, article 3(a))."""

    UNKNOWN = "UNKNOWN"
    RECRUITMENT = "RECRUITMENT"
    TRANSPORTATION = "TRANSPORTATION"
    TRANSFER = "TRANSFER"
    HARBOURING = "HARBOURING"
    RECEIPT = "RECEIPT"


class Means(StrEnum):
    """The means (Palermo Protocol, article 3(a)). Not required where the victim is a child."""

    UNKNOWN = "UNKNOWN"
    THREAT_OR_FORCE = "THREAT_OR_FORCE"
    COERCION = "COERCION"
    ABDUCTION = "ABDUCTION"
    FRAUD = "FRAUD"
    DECEPTION = "DECEPTION"
    ABUSE_OF_POWER = "ABUSE_OF_POWER"
    ABUSE_OF_VULNERABILITY = "ABUSE_OF_VULNERABILITY"
    PAYMENTS = "PAYMENTS"


class Sector(StrEnum):
    """Industry (ISIC rev. 4 sections as in HTCDS 2.0, with marine fishing apart)."""

    UNKNOWN = "UNKNOWN"
    AGRICULTURE_FORESTRY = "AGRICULTURE_FORESTRY"
    FISHING = "FISHING"
    LOGGING = "LOGGING"
    MINING = "MINING"
    MANUFACTURING = "MANUFACTURING"
    UTILITIES = "UTILITIES"
    WATER_AND_WASTE = "WATER_AND_WASTE"
    CONSTRUCTION = "CONSTRUCTION"
    TRADE = "TRADE"
    TRANSPORT = "TRANSPORT"
    ACCOMMODATION_AND_FOOD = "ACCOMMODATION_AND_FOOD"
    INFORMATION = "INFORMATION"
    FINANCE = "FINANCE"
    REAL_ESTATE = "REAL_ESTATE"
    PROFESSIONAL = "PROFESSIONAL"
    ADMINISTRATIVE = "ADMINISTRATIVE"
    PUBLIC_ADMINISTRATION = "PUBLIC_ADMINISTRATION"
    EDUCATION = "EDUCATION"
    HEALTH = "HEALTH"
    ARTS_AND_ENTERTAINMENT = "ARTS_AND_ENTERTAINMENT"
    OTHER_SERVICES = "OTHER_SERVICES"
    DOMESTIC_WORK = "DOMESTIC_WORK"
    EXTRATERRITORIAL = "EXTRATERRITORIAL"
    OTHER = "OTHER"


class ConveyanceKind(StrEnum):
    """How people are moved."""

    UNKNOWN = "UNKNOWN"
    VESSEL = "VESSEL"
    FLIGHT = "FLIGHT"
    VEHICLE = "VEHICLE"
    ON_FOOT = "ON_FOOT"


class Onward(StrEnum):
    """Whether a recipient may pass it on (originator control)."""

    UNKNOWN = "UNKNOWN"
    FORBIDDEN = "FORBIDDEN"
    ASK = "ASK"
    ALLOWED = "ALLOWED"


class Retention(StrEnum):
    """How long the alert is kept after its last revision."""

    UNKNOWN = "UNKNOWN"
    DAYS_30 = "DAYS_30"
    DAYS_90 = "DAYS_90"
    YEAR_1 = "YEAR_1"
    YEARS_5 = "YEARS_5"


class RecipientClass(StrEnum):
    """Kinds of actors: of organisations and units, and what consent is given for."""

    UNKNOWN = "UNKNOWN"
    IMMIGRATION = "IMMIGRATION"
    POLICE = "POLICE"
    TCU = "TCU"
    CUSTOMS = "CUSTOMS"
    CHILD_PROTECTION = "CHILD_PROTECTION"
    CIVIL_SOCIETY = "CIVIL_SOCIETY"
    REGIONAL_COORDINATION = "REGIONAL_COORDINATION"
    SECRETARIAT = "SECRETARIAT"
    INTERNATIONAL = "INTERNATIONAL"
