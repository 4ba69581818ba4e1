"""HTCDS 2.0 cases from the standard's own files: every picklist value maps, nothing is guessed."""

import contextlib
import csv
import io
import os
import re
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path
from random import Random
from xml.etree import ElementTree

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.errors import Rejected
from broker.model.codes import Consent, Exploitation, Sector
from broker.model.content import Gender, Role
from broker.model.reason import Reason
from broker.pipeline.publish import split
from connectors.intake import htcds_codes, xlsx_sheet
from connectors.intake.htcds import read_htcds
from connectors.intake.htcds_codes import pick, pick_all
from connectors.intake.htcds_columns import COLUMNS, REQUIRED
from connectors.intake.sheet import MAX_COLUMNS, MAX_ROWS

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


def _write(path: Path, *rows, delimiter=",", encoding="utf-8", header=None):
    out = io.StringIO()
    writer = csv.DictWriter(out, header or list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(out.getvalue().encode(encoding))
    return path


def _alert(path: Path, base=BASE):
    (found,) = read_htcds(path, base)
    assert found.refusal is None, str(found.refusal)
    return split(found.draft)


def _sheet_refusal(path: Path, base=BASE):
    with pytest.raises(Rejected) as refused:
        list(read_htcds(path, base))
    assert SECRET not in str(refused.value)
    return refused.value.reason, refused.value.path


def _row_refusal(tmp_path: Path, **changes):
    (found,) = read_htcds(_write(tmp_path / "c.csv", ROW | changes), BASE)
    assert found.draft is None
    assert SECRET not in str(found.refusal)
    return found.line, found.refusal.reason, found.refusal.path


# The standard's own files


@pytest.fixture(scope="module")
def form(htcds: Path):
    """The form's fields, and its options as (field, code, label)."""
    root = ElementTree.parse(htcds / "htcds_xlsform.xml").getroot()
    space = "{http://www.w3.org/2002/xforms}"
    fields = {e.get("ref").rpartition("/")[2] for e in root.iter() if e.get("ref")}
    options = [
        (
            select.get("ref").rpartition("/")[2],
            *(item.findtext(space + n) for n in ("value", "label")),
        )
        for kind in ("select", "select1")
        for select in root.iter(space + kind)
        for item in select.iter(space + "item")
    ]
    return fields, options


def test_every_select_of_the_form_has_a_picklist(form):
    assert {field for field, _, _ in form[1]} == set(SELECTS)


def test_every_option_of_the_form_maps_by_its_code_and_by_its_label(form):
    assert len(form[1]) > 300
    for field, code, label in form[1]:
        by_code, by_label = pick(code, SELECTS[field]), pick(label, SELECTS[field])

        assert by_code is not None
        assert by_code == by_label, f"{field}: {code}"


def test_options_that_differ_map_to_codes_that_differ(form):
    for field, picklist in SELECTS.items():
        codes = [pick(code, picklist) for name, code, _ in form[1] if name == field]
        assert len(set(codes)) == len(codes), field


def test_a_csv_with_the_forms_own_columns_is_read(form, tmp_path):
    row = dict.fromkeys(sorted(form[0]), "")
    row |= {
        "prs_First_Name": "ʻAna",
        "con_Consent": "FALSE",
        "vic_Methods_of_Control": "DebtBondage PhysicalThreats",
    }

    alert = _alert(_write(tmp_path / "form.csv", row))

    assert alert.compartments.victims.persons[0].names == ("ʻAna",)
    assert alert.compartments.indicators.controls == ("DebtBondage", "PhysicalThreats")
    assert alert.label.consent is Consent.REFUSED


def test_every_method_of_control_of_the_field_list_maps(htcds):
    text = (htcds / "field-definitions.md").read_text()
    names = re.findall(r"^\| (MethodsOfControl\w+)", text, re.MULTILINE)

    codes = {pick(name, htcds_codes.CONTROLS) for name in names}

    assert len(names) == len(codes) == 17
    assert {"RestrictsMovement", "UsesChildren", "Threats"} <= codes


def test_every_section_of_the_field_list_maps_to_a_sector_of_its_own(htcds):
    text = (htcds / "field-definitions.md").read_text()
    names = re.findall(r"^\| ([A-U]_\w+)", text, re.MULTILINE)

    sectors = {pick(name, htcds_codes.INDUSTRY) for name in names}

    assert len(names) == len(sectors) == 21
    assert Sector.OTHER not in sectors


@pytest.mark.parametrize(
    ("name", "sector"),
    [
        ("Fishing and aquaculture", Sector.FISHING),
        ("Marine fishing or acquaculture", Sector.FISHING),
        ("Forestry and logging", Sector.LOGGING),
        ("Air transport", Sector.TRANSPORT),
    ],
)
def test_the_finer_tiers_that_matter_in_the_pacific_map(htcds, name, sector):
    assert name in (htcds / "field-definitions.md").read_text()
    assert pick(name, htcds_codes.INDUSTRY) == sector


def test_the_empty_template_holds_no_case(htcds):
    assert list(read_htcds(htcds / "htcds-spreadsheet-2.0.xlsx", BASE)) == []


@pytest.fixture
def template(htcds):
    """The spreadsheet of the standard, with a function that fills in by the visible labels."""
    book = openpyxl.load_workbook(htcds / "htcds-spreadsheet-2.0.xlsx")
    sheet = book.active
    labels = {cell.value: cell.column for cell in sheet[2] if cell.value}

    def fill(row, **cells):
        for label, value in cells.items():
            sheet.cell(row, labels[label.replace("_", " ")]).value = value

    return book, sheet, fill


def test_the_template_filled_in_by_its_labels_is_read(template, tmp_path):
    book, _, fill = template
    fill(3, First_Name="ʻAna", Second_Name=SECRET, Consent=True, Birthdate=date(2001, 3, 1))
    fill(3, Citizenship="Fiji; KI", Gender="Feminine", Home_Phone="+679 123-4567")
    fill(3, Trafficking_Status="Actual victim of trafficking", Case_Owner="Caseworker Seven")
    fill(3, Type_of_Exploitation="Forced labour; Sexual exploitation")
    fill(3, Mailing_Street="12 Test Rd", Mailing_Country="Fiji", Status="Follow Up")
    fill(3, Reason_for_Outgoing_Referral="moved on", Location_of_Exploitation="Lautoka")
    fill(5, Consent="no", Trafficking_Status="Possible victim of trafficking")
    book.save(tmp_path / "cases.xlsx")

    first, second = read_htcds(tmp_path / "cases.xlsx", BASE)

    assert (first.line, second.line) == (3, 5)
    alert = split(first.draft)
    (person,) = alert.compartments.victims.persons
    assert person.names == (f"ʻAna {SECRET}",)
    assert person.roles == (Role.VICTIM_CONFIRMED,)
    assert person.citizenships == ("FJ", "KI")
    assert person.gender is Gender.FEMININE
    assert person.phones == ("+6791234567",)
    assert person.address == "12 Test Rd, Fiji"
    assert alert.label.minor == "NO"
    assert alert.label.consent is Consent.GIVEN
    assert alert.label.exploitation == (
        Exploitation.FORCED_LABOUR,
        Exploitation.SEXUAL_EXPLOITATION,
    )
    assert [leg.place for leg in alert.compartments.movement.legs] == ["Lautoka"]
    assert alert.compartments.source.reference == "Caseworker Seven"
    assert "Reason for Outgoing Referral: moved on" in alert.compartments.source.text
    assert split(second.draft).label.consent is Consent.REFUSED


def test_a_column_renamed_in_the_template_is_unknown(template, tmp_path):
    book, sheet, _ = template
    sheet["F1"], sheet["F2"] = "con_Agreement", "Agreement"
    book.save(tmp_path / "cases.xlsx")

    assert _sheet_refusal(tmp_path / "cases.xlsx") == (Reason.COLUMN_UNKNOWN, "con_Agreement")


def test_a_column_taken_out_of_the_template_is_missing(template, tmp_path):
    book, sheet, _ = template
    sheet.delete_cols(6)
    book.save(tmp_path / "cases.xlsx")

    assert _sheet_refusal(tmp_path / "cases.xlsx") == (Reason.COLUMN_MISSING, "con_Consent")


def test_a_formula_is_text_and_is_never_computed(template, tmp_path):
    book, _, fill = template
    fill(3, Consent=True, Case_Owner='=cmd|"/c calc"!A1', First_Name='=CONCAT("A";"na")')
    book.save(tmp_path / "cases.xlsx")

    alert = _alert(tmp_path / "cases.xlsx")

    assert alert.compartments.source.reference == '=cmd|"/c calc"!A1'
    assert alert.compartments.victims.persons[0].names == ('=CONCAT("A";"na")',)


def test_a_date_out_of_range_is_not_repeated_on_standard_error(template, tmp_path):
    book, sheet, fill = template
    fill(3, Consent=True, Birthdate=98765432123)
    sheet["G3"].number_format = "yyyy-mm-dd"
    book.save(tmp_path / "cases.xlsx")
    program = (
        "from pathlib import Path; from connectors.intake.htcds import read_htcds;"
        "print([one.refusal.path for one in read_htcds(Path('cases.xlsx'), {})])"
    )

    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )

    assert ran.stdout.strip() == "['prs_Birthdate']"
    assert ran.stderr == ""


# Rows


def test_a_row_starts_from_the_label_file(tmp_path):
    base = {
        "label": LABEL | {"tlp": "RED", "exploitation": ["SERVITUDE"]},
        "distribution": {"named_recipients": ["fiji-tcu"]},
        "compartments": {"contact": {"desk": "Hotline"}},
    }

    alert = _alert(_write(tmp_path / "c.csv", ROW | {"vic_TypeOfExploitation": ""}), base)

    assert alert.label.tlp == "RED"
    assert alert.label.exploitation == (Exploitation.SERVITUDE,)
    assert alert.distribution.named_recipients == ("fiji-tcu",)
    assert alert.compartments.contact.desk == "Hotline"
    assert alert.label.minor == "YES"


def test_a_label_file_cannot_replace_what_the_sheet_says(tmp_path):
    base = BASE | {"compartments": {"source": {"organisation": "X"}}}

    refusal = _sheet_refusal(_write(tmp_path / "c.csv", ROW), base)

    assert refusal == (Reason.FIELD_INVALID, "compartments.source")


@pytest.mark.parametrize("role", sorted(htcds_codes.ROLES_IN_PROCESS.values()))
@pytest.mark.parametrize("status", ["", "NotAVictimOfTrafficking", "PossibleVictimOfTrafficking"])
def test_no_role_in_process_ever_makes_a_suspect(tmp_path, role, status):
    row = ROW | {"per_RoleInProcess": role, "vic_TraffickingStatus": status}

    alert = _alert(_write(tmp_path / "c.csv", row))

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

    alert = _alert(_write(tmp_path / "c.csv", ROW | {"con_Consent": ticked}), base)

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

    assert _row_refusal(tmp_path, **changes) == (2, reason, column)


def test_one_bad_row_never_stops_its_neighbours(tmp_path):
    rows = [ROW, ROW | {"con_Consent": "perhaps"}, dict.fromkeys(ROW, ""), ROW]

    found = list(read_htcds(_write(tmp_path / "c.csv", *rows), BASE))

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
    path = _write(tmp_path / "c.csv", ROW, encoding=encoding, delimiter=delimiter)

    assert _alert(path).compartments.victims.persons[0].names == (f"ʻAna {SECRET}",)


def test_excels_own_separator_line_is_understood(tmp_path):
    path = _write(tmp_path / "c.csv", ROW, delimiter=";")
    path.write_bytes(b"sep=;\r\n" + path.read_bytes())

    assert _alert(path).compartments.victims.persons[0].names == (f"ʻAna {SECRET}",)


def test_an_old_code_page_is_refused_and_not_guessed(tmp_path):
    path = tmp_path / "c.csv"
    path.write_bytes(",".join(ROW).encode() + b"\nT\xe2ufa,x,,,,\n")

    assert _sheet_refusal(path) == (Reason.NOT_UTF8, "")


@pytest.mark.parametrize("column", REQUIRED)
def test_a_missing_column_is_named(tmp_path, column):
    row = {name: value for name, value in ROW.items() if name != column}

    assert _sheet_refusal(_write(tmp_path / "c.csv", row)) == (Reason.COLUMN_MISSING, column)


def test_an_unknown_column_is_named_if_it_looks_like_one(tmp_path):
    path = _write(tmp_path / "c.csv", ROW | {"vic_Shelter": "x"})

    assert _sheet_refusal(path) == (Reason.COLUMN_UNKNOWN, "vic_Shelter")


def test_a_header_that_may_be_a_value_is_told_by_its_place(tmp_path):
    path = _write(tmp_path / "c.csv", ROW | {SECRET: "x"})

    assert _sheet_refusal(path) == (Reason.COLUMN_UNKNOWN, "column 7")


def test_a_cell_under_no_header_is_not_dropped_in_silence(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text(",".join(ROW) + "\n" + ",".join(ROW.values()) + f",{SECRET}\n")

    (found,) = read_htcds(path, BASE)

    assert (found.refusal.reason, found.refusal.path) == (Reason.COLUMN_UNKNOWN, "column 7")


def test_a_column_given_twice_is_refused(tmp_path):
    path = _write(tmp_path / "c.csv", ROW | {"prs_First_Name": "other"})

    assert _sheet_refusal(path) == (Reason.DUPLICATE_KEY, "prs_FirstName")


def test_a_file_without_a_header_has_its_first_required_column_missing(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text(f"{SECRET},1,2\n" * 20)

    assert _sheet_refusal(path) == (Reason.COLUMN_MISSING, REQUIRED[0])


def test_what_survey_tools_add_is_passed_over(tmp_path):
    path = _write(
        tmp_path / "c.csv", {"start": "2026-01-01", **ROW, "_uuid": "x", "__version__": "v"}
    )

    assert _alert(path).compartments.mask


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"plain text"])
def test_a_damaged_spreadsheet_is_unreadable(tmp_path, content):
    path = tmp_path / "c.xlsx"
    path.write_bytes(content)

    assert _sheet_refusal(path) == (Reason.FILE_UNREADABLE, "")


def _repacked(tmp_path, change):
    """A small spreadsheet with its parts passed through *change*."""
    book = openpyxl.Workbook()
    book.active.append(list(ROW))
    book.active.append(list(ROW.values()))
    book.save(tmp_path / "whole.xlsx")
    path = tmp_path / "c.xlsx"
    with (
        zipfile.ZipFile(tmp_path / "whole.xlsx") as whole,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in whole.namelist():
            packed.writestr(name, change(name, whole.read(name)))
    return path


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    path = _repacked(
        tmp_path,
        lambda name, part: b" " * (xlsx_sheet.MAX_UNPACKED_BYTES + 1) if "sheet1" in name else part,
    )

    assert path.stat().st_size < 200_000
    assert _sheet_refusal(path) == (Reason.OVERSIZED, "")


@pytest.mark.parametrize("spoil", [lambda p: b"<!DOCTYPE x>" + p, lambda p: p[: len(p) // 2]])
def test_a_part_with_entities_or_cut_short_is_unreadable(tmp_path, spoil):
    path = _repacked(tmp_path, lambda name, part: spoil(part) if "sheet1" in name else part)

    assert _sheet_refusal(path) == (Reason.FILE_UNREADABLE, "")


@pytest.mark.parametrize(
    ("row", "column"), [(1_048_576, 1), (3, MAX_COLUMNS + 1), (MAX_ROWS + 1, 1)]
)
def test_a_sheet_of_huge_extent_is_refused(tmp_path, row, column):
    book = openpyxl.Workbook()
    book.active.append(list(ROW))
    book.active.cell(row, column).value = "x"
    book.save(tmp_path / "c.xlsx")

    assert _sheet_refusal(tmp_path / "c.xlsx") == (Reason.ITEMS, "")


def test_a_sheet_that_claims_to_be_huge_and_is_not_is_read(tmp_path):
    path = _repacked(
        tmp_path,
        lambda name, part: re.sub(rb'ref="[A-Z0-9:]+"', b'ref="A1:XFD1048576"', part),
    )

    assert _alert(path).label.minor == "YES"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_rows_or_a_refusal_as_csv(tmp_path, content):
    header = ",".join(ROW).encode() + b"\n"
    for start in (b"", header):
        path = tmp_path / "c.csv"
        path.write_bytes(start + content)
        with contextlib.suppress(Rejected):
            assert all(one.draft or one.refusal for one in read_htcds(path, BASE))


@pytest.mark.parametrize("seed", range(5))
def test_any_damage_to_a_spreadsheet_is_rows_or_a_refusal(tmp_path, seed):
    chance = Random(seed)
    whole = _repacked(tmp_path, lambda _name, part: part).read_bytes()
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(whole))] = chance.randrange(256)
        (tmp_path / "c.xlsx").write_bytes(damaged)

        with contextlib.suppress(Rejected):
            assert all(one.draft or one.refusal for one in read_htcds(tmp_path / "c.xlsx", BASE))


@pytest.mark.filterwarnings("ignore::UserWarning:openpyxl")
@pytest.mark.parametrize("seed", range(5))
def test_any_damage_within_a_spreadsheets_parts_is_rows_or_a_refusal(tmp_path, seed):
    chance = Random(seed)

    def spoil(name, part):
        at = chance.randint(0, len(part))
        if not name.endswith((".xml", ".rels")) or chance.random() < 0.7:
            return part
        return (
            part[:at] + chance.randbytes(chance.randint(0, 3)) + part[at + chance.randint(0, 9) :]
        )

    for _ in range(60):
        path = _repacked(tmp_path, spoil)

        with contextlib.suppress(Rejected):
            assert all(one.draft or one.refusal for one in read_htcds(path, BASE))


def test_every_column_has_a_label_of_its_own():
    assert len(set(COLUMNS.values())) == len(COLUMNS)
