"""A sheet of HTCDS cases as CSV, through to the alerts."""

from fuzz.harness import MARK, Target, refuse_values, scratch

from broker.errors import Rejected
from broker.pipeline.publish import split
from broker.testing import NOON
from connectors.intake.htcds import read_htcds
from connectors.intake.htcds_columns import COLUMNS

LABEL = {"originator": "fiji-police", "tlp": "AMBER", "source_type": "CIVIL_SOCIETY"}
FILLED = {
    "prs_FirstName": "Ana",
    "prs_SecondName": MARK,
    "prs_Birthdate": "2012-03-01",
    "prs_Gender": "Feminine",
    "prs_Citizenship": "Fiji",
    "prs_MobilePhone": "+679 999 0000",
    "con_Consent": "TRUE",
    "vic_TraffickingStatus": "PossibleVictimOfTrafficking",
    "vic_TypeOfExploitation": "ForcedLabour",
    "vic_LocationOfRecruitment": MARK,
    "cas_CaseOwner": MARK,
}


def read_sheet(file):
    for found in read_htcds(file, {"label": LABEL}):
        if found.refusal:
            refuse_values(found.refusal)
            continue
        try:
            split(found.draft, lambda: NOON)
        except Rejected as refusal:
            refuse_values(refusal)


def read(data):
    file = scratch("cases.csv")
    file.write_bytes(data)
    read_sheet(file)


def _sheet(names, delimiter=","):
    row = [FILLED.get(name, "") for name in names]
    return "\r\n".join(delimiter.join(cells) for cells in (names, row)).encode()


def seeds():
    labels = ",".join(COLUMNS[name] for name in FILLED).encode()
    names, cells = _sheet(list(FILLED)).split(b"\r\n")
    return {
        "names": _sheet(list(FILLED)),
        "every-column": _sheet(list(COLUMNS), ";"),
        "labels": b"\r\n".join((names, labels, cells)),
        "utf-16": _sheet(list(FILLED), "\t").decode().encode("utf-16"),
    }


TARGET = Target(read, seeds, most_bytes=1024)
