"""HTCDS 2.0 cases (IOM), from CSV or its spreadsheet: one row, one person, one draft.

HTCDS knows no handling, grading or urgency, so label and distribution come from a label file
or from options, and every row starts from them. A row may tighten what they say, never
loosen it. Every person of a case file is treated as a victim; ``per_RoleInProcess`` mixes
victims and exploiters and never makes a suspect. Names of case workers, referrals and their
reasons go into `source`, which is guarded most.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from broker.errors import Rejected
from broker.model.codes import Consent
from broker.model.reason import Reason
from connectors.intake import Found, htcds_codes
from connectors.intake.csv_sheet import csv_sheet
from connectors.intake.htcds_codes import pick, pick_all, tick
from connectors.intake.htcds_columns import COLUMNS, Header, normal, read_header
from connectors.intake.sheet import Cell, Chosen, check_cell
from connectors.intake.xlsx_sheet import xlsx_sheet

Draft = Mapping[str, Any]
_Fields = dict[str, Any]

_SUPPLIED = frozenset({"indicators", "movement", "source", "victims", "suspects"})
_ADDRESS = ("Street", "City", "State", "PostalCode", "Country")
#: What has no field of its own, written out line by line in the text of the source.
_WRITTEN_OUT = (
    "cas_Status",
    "cas_IncomingReferralDate",
    "cas_ReasonForIncomingReferral",
    "cas_IncomingReferralDetails",
    "cas_ReferredOrganisation",
    "cas_ReferredPrimaryCaseWorker",
    "cas_ReasonForOutgoingReferral",
    "cas_OutgoingReferralDate",
    "cas_OutgoingReferralDetails",
    "cas_ReasonForCaseClosure",
)

#: Fields that may hold several choices, which survey tools may write in columns of their own.
_SEVERAL: Mapping[str, htcds_codes.Picklist] = {
    "vic_TypeOfExploitation": htcds_codes.EXPLOITATION,
    "vic_ForcedLabourIndustry": htcds_codes.INDUSTRY,
    "vic_MethodsOfControl": htcds_codes.CONTROLS,
    "vic_MethodOfRecruitment": htcds_codes.RECRUITMENT,
    "vic_TypeOfSexExploitation": htcds_codes.SEX_EXPLOITATION,
    "per_RoleInProcess": htcds_codes.ROLES_IN_PROCESS,
    "prs_Citizenship": htcds_codes.CITIZENSHIP,
}
_PLACES = (
    ("RECRUITMENT", "vic_LocationOfRecruitment"),
    ("EXPLOITATION", "vic_LocationOfExploitation"),
)


def read_htcds(path: Path, base: Draft, chosen: Chosen | None = None) -> Iterator[Found]:
    """Yield a draft for each row of the sheet *path* that holds anything.

    Args:
        path: A CSV file, or a spreadsheet if its name ends in ``.xlsx``.
        base: What every row starts from: label, distribution, shared compartments.
        chosen: Which sheet of a spreadsheet, and whether what is hidden is meant, too.

    Raises:
        Rejected: The whole sheet: FILE_UNREADABLE, COLUMN_MISSING, COLUMN_UNKNOWN,
            SHEET_HIDDEN …
    """
    is_xlsx = path.suffix.lower() == ".xlsx"
    sheet = xlsx_sheet(path, chosen or Chosen()) if is_xlsx else csv_sheet(path)
    for slot in base.get("compartments", {}):
        if slot in _SUPPLIED:
            raise Rejected(Reason.FIELD_INVALID, f"compartments.{slot}")
    header = read_header(sheet.rows, _has_choice)
    sheet.refuse_hidden(header.end)
    first = [header.behind] if header.behind else []
    for number, cells in itertools.chain(first, sheet.rows):
        if _holds_anything(cells, header):
            yield _found(number, cells, header, base)


def _has_choice(column: str, choice: str) -> bool:
    return normal(choice) in _SEVERAL.get(column, {})


def _holds_anything(cells: tuple[Cell, ...], header: Header) -> bool:
    return any(cells[place] not in (None, "") for place in header.said if place < len(cells))


def _found(number: int, cells: tuple[Cell, ...], header: Header, base: Draft) -> Found:
    try:
        return Found(number, draft=_draft(_Case(number, cells, header), base))
    except Rejected as refusal:
        return Found(number, refusal=refusal)


class _Case:
    """One row, by column name. Every refusal names the column."""

    def __init__(self, number: int, cells: tuple[Cell, ...], header: Header) -> None:
        for place, cell in enumerate(cells):
            if place in header.said:
                check_cell(cell, number, place)
                continue
            counter = place == 0 and str(cell).isdigit()
            if place not in header.passed and not counter and cell not in (None, ""):
                # Nobody knows what this is, so nobody can say where it belongs.
                raise Rejected(Reason.COLUMN_UNKNOWN, f"column {place + 1}")
        there = {place: cell for place, cell in enumerate(cells) if place in header.said}
        self._cells = {n: there[place] for place, n in header.columns.items() if place in there}
        self._ticks = [(*header.choices[p], there[p]) for p in header.choices if p in there]

    def text(self, column: str) -> str:
        cell = self._cells.get(column)
        match cell:
            case None:
                return ""
            case bool():
                return str(cell).upper()
            case float() if cell.is_integer():
                return str(int(cell))
            case date():
                return cell.isoformat()[:10]
            case _:
                return str(cell).strip()

    def one(self, column: str, picklist: htcds_codes.Picklist) -> str | None:
        try:
            return pick(self.text(column), picklist)
        except Rejected as refusal:
            raise Rejected(refusal.reason, column) from None

    def many(self, column: str, picklist: htcds_codes.Picklist) -> tuple[str, ...]:
        try:
            written = pick_all(self.text(column), picklist)
            ticked = [pick(c, picklist) for n, c, cell in self._ticks if n == column and tick(cell)]
        except Rejected as refusal:
            raise Rejected(refusal.reason, column) from None
        return tuple(dict.fromkeys((*written, *(code for code in ticked if code))))

    def day(self, column: str) -> date | None:
        text = self.text(column)
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            # 03/04/2001 has two readings, and one of them may make a child of age.
            raise Rejected(Reason.FIELD_INVALID, column) from None

    def phone(self, column: str) -> str | None:
        digits = self.text(column).translate(str.maketrans("", "", " -()./"))
        if digits.startswith("00"):
            digits = "+" + digits[2:]
        if digits and not (
            digits.startswith("+") and digits[1:].isascii() and digits[1:].isdigit()
        ):
            raise Rejected(Reason.FIELD_INVALID, column)
        return digits or None


def _draft(case: _Case, base: Draft) -> Draft:
    compartments = {"indicators": _indicators(case), "movement": _movement(case)}
    compartments["source"] = _source(case)
    given = {name: content for name, content in compartments.items() if content}
    return {
        "label": _label(case, base.get("label", {})),
        "distribution": base.get("distribution", {}),
        "compartments": {**base.get("compartments", {}), **given},
        "persons": [_person(case)],
    }


def _label(case: _Case, base: Mapping[str, Any]) -> _Fields:
    codes = {
        "exploitation": case.many("vic_TypeOfExploitation", htcds_codes.EXPLOITATION),
        "sectors": case.many("vic_ForcedLabourIndustry", htcds_codes.INDUSTRY),
    }
    said = {name: value for name, value in codes.items() if value}
    return {**base, **said, "consent": _consent(case, base.get("consent"))}


def _consent(case: _Case, base: str | None) -> str:
    ticked = case.one("con_Consent", htcds_codes.CONSENT)
    if base is not None and base not in (Consent.GIVEN, Consent.GUARDIAN_GIVEN):
        return base  # A withdrawal, say, holds for every row, whatever was ticked once.
    if ticked is None:
        return Consent.NOT_ASKED
    return base if base and ticked == Consent.GIVEN else ticked


def _person(case: _Case) -> _Fields:
    role = case.one("vic_TraffickingStatus", htcds_codes.STATUS)
    person = {
        "pid": "p1",
        "roles": [role or "UNKNOWN"],
        "role_in_process": case.many("per_RoleInProcess", htcds_codes.ROLES_IN_PROCESS),
        "names": _lines(
            " ".join(_texts(case, "prs_Salutation", "prs_FirstName", "prs_SecondName"))
        ),
        # A job title in the spreadsheet; the form labels the same field "Second Name".
        "aliases": _lines(case.text("prs_Title")),
        "born_on": case.day("prs_Birthdate"),
        "gender": case.one("prs_Gender", htcds_codes.GENDER) or "UNKNOWN",
        "citizenships": case.many("prs_Citizenship", htcds_codes.CITIZENSHIP),
        "languages": tuple(case.text("prs_PrimaryLanguage").lower().split()),
        "phones": [
            phone for name in ("Home", "Mobile") if (phone := case.phone(f"prs_{name}Phone"))
        ],
        "address": ", ".join(
            _texts(case, *(f"prs_Mailing{part}" for part in _ADDRESS), "prs_Email")
        ),
        "protection_status": _status(case),
        "documents": [
            {"kind": "NATIONAL_ID", "number": number, "holder": "p1"}
            for number in _lines(case.text("prs_IdentityNumber"))
        ],
    }
    return {name: value for name, value in person.items() if value}


def _status(case: _Case) -> str | None:
    # The role tells what; this tells by whom it was decided.
    by = case.one("vic_TraffickingStatusDecisionMakingOrg", htcds_codes.DECIDED_BY)
    return f"DECIDED_BY:{by}" if by else None


def _indicators(case: _Case) -> _Fields:
    found = {
        "controls": case.many("vic_MethodsOfControl", htcds_codes.CONTROLS),
        "recruitment": case.many("vic_MethodOfRecruitment", htcds_codes.RECRUITMENT),
        "sex_exploitation": case.many("vic_TypeOfSexExploitation", htcds_codes.SEX_EXPLOITATION),
    }
    return {name: codes for name, codes in found.items() if codes}


def _movement(case: _Case) -> _Fields:
    legs = [{"kind": kind, "place": place} for kind, name in _PLACES if (place := case.text(name))]
    return {"legs": legs} if legs else {}


def _source(case: _Case) -> _Fields:
    case.one("cas_Status", htcds_codes.CASE_STATUS)
    text = "\n".join(f"{COLUMNS[n]}: {said}" for n in _WRITTEN_OUT if (said := case.text(n)))
    source = {
        "reference": case.text("cas_CaseOwner"),
        "organisation": case.text("cas_ReferringOrganisation"),
        "handler": case.text("cas_ReferringPrimaryCaseWorker"),
        "text": text,
    }
    return {name: value for name, value in source.items() if value}


def _texts(case: _Case, *columns: str) -> Iterable[str]:
    return (text for column in columns if (text := case.text(column)))


def _lines(text: str) -> tuple[str, ...]:
    return (text,) if text else ()
