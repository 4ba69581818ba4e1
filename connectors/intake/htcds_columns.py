"""Columns of HTCDS 2.0, as its spreadsheet, its form and its field list spell them.

Names are compared without case, spaces and underscores, so the form's ``prs_First_Name`` and
``vic_Methods_of_Control`` are the spreadsheet's ``prs_FirstName`` and ``vic_MethodsOfControl``.
The spreadsheet has two header rows: names, hidden, and labels, which people see. In five
columns they disagree (``prs_MailingCity`` is labelled "Mailing Street"), and one column has a
label only; the label stands, because people filled in what they saw.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from broker.errors import Rejected
from broker.model.reason import Reason
from connectors.intake.sheet import Cell, Row
from connectors.intake.survey_columns import is_bookkeeping, is_central, survey_column

#: Whether a field has a choice of this name or label.
HasChoice = Callable[[str, str], bool]

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

_MISSPELT = {"vic_TraffickinStatusDecisionMakingOrg": "vic_TraffickingStatusDecisionMakingOrg"}
_NAMED_TWICE = "prs_SecondName"
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


class Header(NamedTuple):
    """What stands where in a sheet.

    Attributes:
        columns: Fields by place.
        choices: Fields and one choice of theirs, by place, where each has a column of its own.
        passed: Places of what a survey tool has added.
        end: Number of the header's last row.
        behind: The row behind it, if it was read.
    """

    columns: Mapping[int, str]
    choices: Mapping[int, tuple[str, str]]
    passed: frozenset[int]
    end: int
    behind: Row | None

    @property
    def said(self) -> frozenset[int]:
        """The places where something is said of the case."""
        return frozenset(self.columns) | frozenset(self.choices)


def read_header(rows: Iterator[Row], has_choice: HasChoice) -> Header:
    """Return the header of a sheet.

    Args:
        rows: From its first row.
        has_choice: Whether a field has a choice of this name or label.

    Raises:
        Rejected: COLUMN_UNKNOWN, COLUMN_MISSING or DUPLICATE_KEY, with the column. A header
            that does not look like a name may be a value, so its position is told instead.
    """
    for number, cells in rows:
        found = _read(number, cells, has_choice)
        if len({*found.columns.values(), *_names(found)}) >= len(REQUIRED):
            return _whole_header(found, cells, rows)
        if number >= _HEADER_WITHIN_ROWS:
            break
    raise Rejected(Reason.COLUMN_MISSING, REQUIRED[0])


def _read(number: int, cells: tuple[Cell, ...], has_choice: HasChoice) -> Header:
    headers = [str(cell).strip() if cell else "" for cell in cells]
    central = is_central(headers)
    columns, choices, passed = dict[int, str](), dict[int, tuple[str, str]](), set[int]()
    for place, header in enumerate(headers):
        if not header:
            continue
        if is_bookkeeping(header, central=central):
            passed.add(place)
        elif found := survey_column(header, _known, has_choice):
            if found.choice is None:
                columns[place] = _column(found.name, header, columns.values())
            else:
                choices[place] = (found.name, found.choice)
    return Header(columns, choices, frozenset(passed), number, None)


def _column(name: str, header: str, before: Iterable[str]) -> str:
    # The form labels two fields "Second Name"; where labels are exported, both come so.
    repeats = name == _NAMED_TWICE and name in before and "_" not in header
    return "prs_Title" if repeats else name


def _known(header: str) -> str | None:
    key = normal(header)
    return _BY_NAME.get(key) or _BY_LABEL.get(key)


def _names(header: Header) -> set[str]:
    return {name for name, _ in header.choices.values()}


def _whole_header(found: Header, cells: tuple[Cell, ...], rows: Iterator[Row]) -> Header:
    following = next(rows, None)
    labels = _labels_at(following[1]) if following else {}
    is_labelled = _labels_at(cells).keys() >= found.columns.keys()
    if len(labels) >= len(REQUIRED) and not is_labelled and following is not None:
        columns = {**found.columns, **labels}
        found = found._replace(columns=columns, end=following[0])
    else:
        found = found._replace(behind=following)
    _refuse_unknown(cells, found.said | found.passed)
    _refuse_repeated(found.columns.values())
    for name in REQUIRED:
        if name not in {*found.columns.values(), *_names(found)}:
            raise Rejected(Reason.COLUMN_MISSING, name)
    return found


def _labels_at(cells: tuple[Cell, ...]) -> dict[int, str]:
    keyed = {position: normal(str(cell)) for position, cell in enumerate(cells) if cell}
    return {position: _BY_LABEL[key] for position, key in keyed.items() if key in _BY_LABEL}


def _refuse_unknown(cells: tuple[Cell, ...], known: Collection[int]) -> None:
    for position, cell in enumerate(cells):
        if cell in (None, "") or position in known:
            continue
        name = str(cell).strip()
        shown = name if _LOOKS_LIKE_A_NAME.fullmatch(name) else f"column {position + 1}"
        raise Rejected(Reason.COLUMN_UNKNOWN, shown)


def _refuse_repeated(columns: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in columns:
        if name in seen:
            raise Rejected(Reason.DUPLICATE_KEY, name)
        seen.add(name)
