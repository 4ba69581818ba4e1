"""What codes mean, in words for people who have never seen one."""

from broker.model.codes import RecipientClass
from broker.model.compartment import Compartment
from broker.model.preview import PreviewRow
from broker.model.warning import WarningCode

PARTS = {
    Compartment.SUMMARY: "your text",
    Compartment.INDICATORS: "the signs",
    Compartment.VICTIM_PROFILE: "how many people, ages and needs",
    Compartment.VICTIMS: "who the people affected are",
    Compartment.SUSPECTS: "names of suspects",
    Compartment.DOCUMENTS: "documents",
    Compartment.CONVEYANCES: "boat or vehicle",
    Compartment.MOVEMENT: "country and route",
    Compartment.ASSESSMENT: "assessment",
    Compartment.SOURCE: "who told you",
    Compartment.EVIDENCE: "evidence",
    Compartment.CONTACT: "how to reach you",
    Compartment.PLACES: "place and employer",
    Compartment.OWNERS: "owner of the boat",
    Compartment.SAFE_CONTACT: "how to reach the person",
}

RECIPIENTS = {
    RecipientClass.POLICE: "Police duty desks",
    RecipientClass.TCU: "Police units that investigate trafficking",
    RecipientClass.IMMIGRATION: "Border desks",
    RecipientClass.CUSTOMS: "Customs",
    RecipientClass.CHILD_PROTECTION: "Child protection desks",
    RecipientClass.CIVIL_SOCIETY: "Shelters and helpers",
    RecipientClass.REGIONAL_COORDINATION: "The regional crime centre",
    RecipientClass.SECRETARIAT: "Regional secretariats",
    RecipientClass.INTERNATIONAL: "International bodies",
    RecipientClass.UNKNOWN: "Others",
}

_FOUND = {
    WarningCode.VICTIM_NAME_ELSEWHERE: "is also the name of a person affected",
    WarningCode.VICTIM_NUMBER_ELSEWHERE: "is also a number of a person affected",
    WarningCode.NAME_IN_SUMMARY: "looks like a person's name",
    WarningCode.SOURCE_IN_SUMMARY: "may tell who told you",
    WarningCode.DOCUMENT_NUMBER_IN_SUMMARY: "looks like the number of a document",
    WarningCode.MRZ_IN_SUMMARY: "looks copied from a passport",
    WarningCode.PHONE_IN_SUMMARY: "looks like a phone number",
    WarningCode.IMEI_IN_SUMMARY: "looks like the number of a phone",
    WarningCode.EMAIL_IN_SUMMARY: "looks like a mail address",
    WarningCode.SOCIAL_HANDLE_IN_SUMMARY: "looks like somebody's account",
    WarningCode.DATE_OF_BIRTH_IN_SUMMARY: "looks like a date of birth",
    WarningCode.ADDRESS_IN_SUMMARY: "looks like an address",
    WarningCode.COORDINATES_IN_SUMMARY: "looks like the position of a place",
}

_ABOUT_ALL = {
    WarningCode.REACHES_NOBODY: "As it stands, nobody would receive this report.",
    WarningCode.REACHES_ONLY_ORIGINATOR: "As it stands, only you would receive this report.",
    WarningCode.MINOR_NOT_SHOWN: "You say that all are adults. Give their ages if you know them.",
    WarningCode.CHILD_PROTECTION_NOT_REACHED: "No desk that protects children would receive this.",
    WarningCode.ROUTE_COUNTRY_NOT_REACHED: "Nobody in one of the countries on the way learns this.",
    WarningCode.ROUTE_UNKNOWN: "Say where people are taken, if you know: desks there could act.",
    WarningCode.MORE_THAN_TEXT_SAYS: "Your text says whom it is for, but others would see this "
    "report, too. What you tick decides, and not your text.",
    WarningCode.MINOR_UNKNOWN_WITHHOLDS: "More could be seen if you knew that all are adults.",
    WarningCode.CONSENT_UNKNOWN_WITHHOLDS: "More could be seen if the people affected agreed.",
    WarningCode.CONSENT_SCOPE_WITHHOLDS: "They agreed, but you ticked nobody who may see it.",
}

#: Why a report could not be accepted; all other reasons are a fault of the machines.
_REFUSALS = {
    "EXPIRED_ON_ARRIVAL": "It came too late: it had expired before it arrived.",
    "KEY_UNKNOWN": "Your organisation's signing key is not known. Tell your operator.",
    "KEY_REVOKED": "Your organisation's signing key was revoked. Tell your operator.",
    "KEY_EXPIRED": "Your organisation's signing key has expired. Tell your operator.",
    "ORIGINATOR_DIFFERS": "It came in the name of another organisation. Tell your operator.",
    "RELEASE_TOO_LARGE": "It is too long. Send a shorter report.",
    "OVERSIZED": "It is too long. Send a shorter report.",
}
_OTHERWISE = "A fault of the system, not of yours. Tell your operator its code: "


def refusal(code: str) -> str:
    """Return why a report could not be accepted."""
    return _REFUSALS.get(code, f"{_OTHERWISE}{code}.")


def found_in_text(code: WarningCode) -> str | None:
    """Return what a part of the text looks like; None for warnings about something else."""
    return _FOUND.get(code)


def about_all(code: WarningCode) -> str | None:
    """Return a warning about the report as a whole; None for others."""
    return _ABOUT_ALL.get(code)


def parts(compartments: tuple[Compartment, ...]) -> list[str]:
    """Return compartments as people call them."""
    return [PARTS[each] for each in compartments]


def recipients(row: PreviewRow) -> str:
    """Return who a row of the dry run stands for, with how many."""
    return f"{RECIPIENTS[row.recipient_class]} ({row.feeds})"
