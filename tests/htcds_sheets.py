"""What tests of HTCDS share: a sheet of one row, and how it is read or refused."""

import csv
import io
from pathlib import Path

import pytest

from broker.errors import Rejected
from broker.pipeline.publish import split
from connectors.intake import htcds_codes
from connectors.intake.htcds import read_htcds

LABEL = {"originator": "fiji-police", "tlp": "AMBER", "source_type": "CIVIL_SOCIETY"}
BASE = {"label": LABEL}
SECRET = "Testimoala"

ROW = {
    "prs_FirstName": "ʻAna",
    "prs_SecondName": SECRET,
    "con_Consent": "TRUE",
    "prs_Birthdate": "2012-03-01",
    "vic_TraffickingStatus": "PossibleVictimOfTrafficking",
    "vic_TypeOfExploitation": "ForcedLabour",
}

#: Which picklist of ours answers for which select of the form.
SELECTS = {
    "con_Consent": htcds_codes.CONSENT,
    "prs_Gender": htcds_codes.GENDER,
    "prs_Citizenship": htcds_codes.CITIZENSHIP,
    "vic_MethodOfRecruitment": htcds_codes.RECRUITMENT,
    "vic_TraffickingStatus": htcds_codes.STATUS,
    "vic_TraffickingStatusDecisionMakingOrg": htcds_codes.DECIDED_BY,
    "vic_Methods_of_Control": htcds_codes.CONTROLS,
    "vic_TypeOfExploitation": htcds_codes.EXPLOITATION,
    "vic_ForcedLabourIndustry": htcds_codes.INDUSTRY,
    "vic_TypeOfSexExploitation": htcds_codes.SEX_EXPLOITATION,
    "cas_Status": htcds_codes.CASE_STATUS,
}


def write(path: Path, *rows, delimiter=",", encoding="utf-8", header=None):
    out = io.StringIO()
    writer = csv.DictWriter(out, header or list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(out.getvalue().encode(encoding))
    return path


def alert_of(path: Path, base=BASE):
    (found,) = read_htcds(path, base)
    assert found.refusal is None, str(found.refusal)
    return split(found.draft)


def sheet_refusal(path: Path, base=BASE):
    with pytest.raises(Rejected) as refused:
        list(read_htcds(path, base))
    assert SECRET not in str(refused.value)
    return refused.value.reason, refused.value.path


def row_refusal(tmp_path: Path, **changes):
    (found,) = read_htcds(write(tmp_path / "c.csv", ROW | changes), BASE)
    assert found.draft is None
    assert SECRET not in str(found.refusal)
    return found.line, found.refusal.reason, found.refusal.path
