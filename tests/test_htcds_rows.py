"""Rows of HTCDS sheets: what is read, what is refused, and that no value is repeated."""

import pytest
from htcds_sheets import BASE, LABEL, ROW, SECRET, alert_of, row_refusal, sheet_refusal, write

from broker.model.codes import Consent, Exploitation, Sector
from broker.model.reason import Reason
from connectors.intake import htcds_codes
from connectors.intake.htcds import read_htcds
from connectors.intake.htcds_codes import pick_all
from connectors.intake.htcds_columns import REQUIRED


def test_a_row_starts_from_the_label_file(tmp_path):
    base = {
        "label": LABEL | {"tlp": "RED", "exploitation": ["SERVITUDE"]},
        "distribution": {"named_recipients": ["fiji-tcu"]},
        "compartments": {"contact": {"desk": "Hotline"}},
    }

    alert = alert_of(write(tmp_path / "c.csv", ROW | {"vic_TypeOfExploitation": ""}), base)

    assert alert.label.tlp == "RED"
    assert alert.label.exploitation == (Exploitation.SERVITUDE,)
    assert alert.distribution.named_recipients == ("fiji-tcu",)
    assert alert.compartments.contact.desk == "Hotline"
    assert alert.label.minor == "YES"


def test_a_label_file_cannot_replace_what_the_sheet_says(tmp_path):
    base = BASE | {"compartments": {"source": {"organisation": "X"}}}

    refusal = sheet_refusal(write(tmp_path / "c.csv", ROW), base)

    assert refusal == (Reason.FIELD_INVALID, "compartments.source")


@pytest.mark.parametrize("role", sorted(htcds_codes.ROLES_IN_PROCESS.values()))
@pytest.mark.parametrize("status", ["", "NotAVictimOfTrafficking", "PossibleVictimOfTrafficking"])
def test_no_role_in_process_ever_makes_a_suspect(tmp_path, role, status):
    row = ROW | {"per_RoleInProcess": role, "vic_TraffickingStatus": status}

    alert = alert_of(write(tmp_path / "c.csv", row))

    assert alert.compartments.suspects is None
    assert alert.compartments.victims.persons[0].role_in_process == (role,)


@pytest.mark.parametrize(
    ("ticked", "said", "expected"),
    [
        ("TRUE", None, Consent.GIVEN),
        ("Yes", None, Consent.GIVEN),
        ("FALSE", None, Consent.REFUSED),
        ("", None, Consent.NOT_ASKED),
        ("TRUE", "WITHDRAWN", Consent.WITHDRAWN),
        ("TRUE", "GUARDIAN_GIVEN", Consent.GUARDIAN_GIVEN),
        ("FALSE", "GIVEN", Consent.REFUSED),
        ("", "GIVEN", Consent.NOT_ASKED),
    ],
)
def test_consent_is_what_was_ticked_or_stricter(tmp_path, ticked, said, expected):
    base = {"label": LABEL | ({"consent": said} if said else {})}

    alert = alert_of(write(tmp_path / "c.csv", ROW | {"con_Consent": ticked}), base)

    assert alert.label.consent is expected


@pytest.mark.parametrize(
    ("changes", "reason", "column"),
    [
        ({"con_Consent": SECRET}, Reason.CODE_UNKNOWN, "con_Consent"),
        ({"vic_TypeOfExploitation": f"ForcedLabour {SECRET}"}, Reason.CODE_UNKNOWN, None),
        ({"vic_TraffickingStatus": SECRET}, Reason.CODE_UNKNOWN, "vic_TraffickingStatus"),
        ({"prs_Citizenship": "Atlantis"}, Reason.CODE_UNKNOWN, "prs_Citizenship"),
        ({"prs_Birthdate": "03/04/2009"}, Reason.FIELD_INVALID, "prs_Birthdate"),
        ({"prs_HomePhone": SECRET}, Reason.FIELD_INVALID, "prs_HomePhone"),
        ({"cas_Status": SECRET}, Reason.CODE_UNKNOWN, "cas_Status"),
    ],
)
def test_an_unknown_code_names_row_and_column_and_no_value(tmp_path, changes, reason, column):
    column = column or next(iter(changes))

    assert row_refusal(tmp_path, **changes) == (2, reason, column)


def test_one_bad_row_never_stops_its_neighbours(tmp_path):
    rows = [ROW, ROW | {"con_Consent": "perhaps"}, dict.fromkeys(ROW, ""), ROW]

    found = list(read_htcds(write(tmp_path / "c.csv", *rows), BASE))

    assert [(one.line, one.refusal is None) for one in found] == [(2, True), (3, False), (5, True)]


def test_codes_are_found_however_they_are_parted():
    for cell in (
        "DebtBondage PhysicalThreats",
        "DebtBondage;PhysicalThreats",
        "Debt bondage, Physical threats",
        "debt bondage\nPHYSICAL THREATS; DebtBondage",
    ):
        assert pick_all(cell, htcds_codes.CONTROLS) == ("DebtBondage", "PhysicalThreats")


def test_labels_that_hold_separators_are_one_code():
    cell = "Wholesale and retail trade; repair of motor vehicles and motorcycles"

    assert pick_all(cell, htcds_codes.INDUSTRY) == (Sector.TRADE,)
    assert pick_all("Agriculture, forestry and fishing", htcds_codes.INDUSTRY) == (
        Sector.AGRICULTURE_FORESTRY,
    )


# Sheets


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_is_read_as_excel_writes_it(tmp_path, encoding, delimiter):
    path = write(tmp_path / "c.csv", ROW, encoding=encoding, delimiter=delimiter)

    assert alert_of(path).compartments.victims.persons[0].names == (f"ʻAna {SECRET}",)


def test_excels_own_separator_line_is_understood(tmp_path):
    path = write(tmp_path / "c.csv", ROW, delimiter=";")
    path.write_bytes(b"sep=;\r\n" + path.read_bytes())

    assert alert_of(path).compartments.victims.persons[0].names == (f"ʻAna {SECRET}",)


def test_an_old_code_page_is_refused_and_not_guessed(tmp_path):
    path = tmp_path / "c.csv"
    path.write_bytes(",".join(ROW).encode() + b"\nT\xe2ufa,x,,,,\n")

    assert sheet_refusal(path) == (Reason.NOT_UTF8, "")


@pytest.mark.parametrize("column", REQUIRED)
def test_a_missing_column_is_named(tmp_path, column):
    row = {name: value for name, value in ROW.items() if name != column}

    assert sheet_refusal(write(tmp_path / "c.csv", row)) == (Reason.COLUMN_MISSING, column)


def test_an_unknown_column_is_named_if_it_looks_like_one(tmp_path):
    path = write(tmp_path / "c.csv", ROW | {"vic_Shelter": "x"})

    assert sheet_refusal(path) == (Reason.COLUMN_UNKNOWN, "vic_Shelter")


def test_a_header_that_may_be_a_value_is_told_by_its_place(tmp_path):
    path = write(tmp_path / "c.csv", ROW | {SECRET: "x"})

    assert sheet_refusal(path) == (Reason.COLUMN_UNKNOWN, "column 7")


def test_a_cell_under_no_header_is_not_dropped_in_silence(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text(",".join(ROW) + "\n" + ",".join(ROW.values()) + f",{SECRET}\n")

    (found,) = read_htcds(path, BASE)

    assert (found.refusal.reason, found.refusal.path) == (Reason.COLUMN_UNKNOWN, "column 7")


def test_a_column_given_twice_is_refused(tmp_path):
    path = write(tmp_path / "c.csv", ROW | {"prs_First_Name": "other"})

    assert sheet_refusal(path) == (Reason.DUPLICATE_KEY, "prs_FirstName")


def test_a_file_without_a_header_has_its_first_required_column_missing(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text(f"{SECRET},1,2\n" * 20)

    assert sheet_refusal(path) == (Reason.COLUMN_MISSING, REQUIRED[0])


def test_what_survey_tools_add_is_passed_over(tmp_path):
    path = write(
        tmp_path / "c.csv", {"start": "2026-01-01", **ROW, "_uuid": "x", "__version__": "v"}
    )

    assert alert_of(path).compartments.mask
