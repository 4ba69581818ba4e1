"""Columns of HTCDS 2.0, as its spreadsheet, its form and its field list spell them.

Names are compared without case, spaces and underscores, so the form's ``prs_First_Name`` and
``vic_Methods_of_Control`` are the spreadsheet's ``prs_FirstName`` and ``vic_MethodsOfControl``.
The spreadsheet has two header rows: names, hidden, and labels, which people see. In five
columns they disagree (``prs_MailingCity`` is labelled "Mailing Street"), and one column has a
label only; the label stands, because people filled in what they saw.
"""

import re
from collections.abc import Iterator

from broker.errors import Rejected
from broker.model.reason import Reason
from connectors.intake.sheet import Cell, Row

#: Every column that is read, with its label in the spreadsheet.
COLUMNS: dict[str, str] = {
    "cas_CaseOwner": "Case Owner",
    "prs_Salutation": "Salutation",
    "prs_FirstName": "First Name",
    "prs_SecondName": "Second Name",
    "con_Consent": "Consent",
    "prs_Birthdate": "Birthdate",
    "prs_Gender": "Gender",
    "prs_Citizenship": "Citizenship",
    "prs_PrimaryLanguage": "Primary Language",
    "prs_IdentityNumber": "Identity Number",
    "prs_Title": "Title",
    "prs_Email": "Email",
    "prs_HomePhone": "Home Phone",
    "prs_MobilePhone": "Mobile Phone",
    "prs_MailingStreet": "Mailing Street",
    "prs_MailingCity": "Mailing City",
    "prs_MailingState": "Mailing State/Province",
    "prs_MailingPostalCode": "Mailing Zip/Postal Code",
    "prs_MailingCountry": "Mailing Country",
    "vic_TraffickingStatus": "Trafficking Status",
    "vic_TraffickingStatusDecisionMakingOrg": "Trafficking Status Decision Making Organization",
    "vic_MethodOfRecruitment": "Method of Recruitment",
    "vic_LocationOfRecruitment": "Location of Recruitment",
    "vic_MethodsOfControl": "Methods of Control",
    "vic_TypeOfExploitation": "Type of Exploitation",
    "vic_ForcedLabourIndustry": "Forced Labour Industry",
    "vic_TypeOfSexExploitation": "Type of Sex Exploitation",
    "vic_LocationOfExploitation": "Location of Exploitation",
    "per_RoleInProcess": "Role in Process",
    "cas_Status": "Status",
    "cas_ReferringOrganisation": "Referring Organisation",
    "cas_IncomingReferralDate": "Incoming Referral Date",
    "cas_ReferringPrimaryCaseWorker": "Referring Primary Case Worker",
    "cas_ReasonForIncomingReferral": "Reason for Incoming Referral",
    "cas_IncomingReferralDetails": "Incoming Referral Details",
    "cas_ReferredOrganisation": "Referred Organisation",
    "cas_ReferredPrimaryCaseWorker": "Referred Primary Case Worker",
    "cas_ReasonForOutgoingReferral": "Reason for Outgoing Referral",
    "cas_OutgoingReferralDate": "Outgoing Referral Date",
    "cas_OutgoingReferralDetails": "Outgoing Referral Details",
    "cas_ReasonForCaseClosure": "Reason for Case Closure",
}

#: Without these nobody can tell how a row must be protected.
REQUIRED = ("con_Consent", "prs_Birthdate", "vic_TraffickingStatus", "vic_TypeOfExploitation")

#: What survey tools add to the form's own fields; it says nothing about the case.
BOOKKEEPING = frozenset(
    "start end __version__ _version_ meta/instanceID _id _uuid _submission_time "
    "_validation_status _notes _status _submitted_by _tags _index".split()
)

_MISSPELT = {"vic_TraffickinStatusDecisionMakingOrg": "vic_TraffickingStatusDecisionMakingOrg"}
_HEADER_WITHIN_ROWS = 5
#: What is neither letter nor digit, as `str.isalnum` has it.
_NO_WORD = re.compile(r"[\W_]+")
_LOOKS_LIKE_A_NAME = re.compile(r"[a-z]{2,4}_\w{1,60}")


def normal(text: str) -> str:
    """Return *text* as names and codes are compared: letters and digits, without case."""
    return _NO_WORD.sub("", text.casefold())


_BY_NAME = {normal(name): name for name in COLUMNS} | {
    normal(name): column for name, column in _MISSPELT.items()
}
_BY_LABEL = {normal(label): name for name, label in COLUMNS.items()}


def read_header(rows: Iterator[Row]) -> tuple[dict[int, str], Row | None]:
    """Return the column at each position, and the row behind the header if it was read.

    Raises:
        Rejected: COLUMN_UNKNOWN, COLUMN_MISSING or DUPLICATE_KEY, with the column. A header
            that does not look like a name may be a value, so its position is told instead.
    """
    for number, cells in rows:
        known = _columns_at(cells)
        if len(known) >= len(REQUIRED):
            return _whole_header(cells, rows)
        if number >= _HEADER_WITHIN_ROWS:
            break
    raise Rejected(Reason.COLUMN_MISSING, REQUIRED[0])


def _whole_header(
    cells: tuple[Cell, ...], rows: Iterator[Row]
) -> tuple[dict[int, str], Row | None]:
    columns = _columns_at(cells)
    following = next(rows, None)
    labels = _labels_at(following[1]) if following else {}
    if len(labels) >= len(REQUIRED) and not _labels_at(cells).keys() >= columns.keys():
        columns, following = columns | labels, None
    _refuse_unknown(cells, columns)
    _refuse_repeated(columns)
    for name in REQUIRED:
        if name not in columns.values():
            raise Rejected(Reason.COLUMN_MISSING, name)
    return columns, following


def _columns_at(cells: tuple[Cell, ...]) -> dict[int, str]:
    found = {}
    for position, cell in enumerate(cells):
        key = normal(str(cell)) if cell else ""
        if column := _BY_NAME.get(key) or _BY_LABEL.get(key):
            found[position] = column
        elif str(cell) in BOOKKEEPING:
            found[position] = str(cell)
    return found


def _labels_at(cells: tuple[Cell, ...]) -> dict[int, str]:
    keyed = {position: normal(str(cell)) for position, cell in enumerate(cells) if cell}
    return {position: _BY_LABEL[key] for position, key in keyed.items() if key in _BY_LABEL}


def _refuse_unknown(cells: tuple[Cell, ...], columns: dict[int, str]) -> None:
    for position, cell in enumerate(cells):
        if cell in (None, "") or position in columns:
            continue
        name = str(cell).strip()
        shown = name if _LOOKS_LIKE_A_NAME.fullmatch(name) else f"column {position + 1}"
        raise Rejected(Reason.COLUMN_UNKNOWN, shown)


def _refuse_repeated(columns: dict[int, str]) -> None:
    seen: set[str] = set()
    for name in columns.values():
        if name in seen:
            raise Rejected(Reason.DUPLICATE_KEY, name)
        seen.add(name)
