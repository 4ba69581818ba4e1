"""HTCDS 2.0 from the standard's own files: every picklist value maps, nothing is guessed."""

import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import openpyxl
import pytest
from htcds_sheets import BASE, SECRET, SELECTS, alert_of, sheet_refusal, write

from broker.model.codes import Consent, Exploitation, Sector
from broker.model.content import Gender, Role
from broker.model.reason import Reason
from broker.pipeline.publish import split
from connectors.intake import htcds_codes
from connectors.intake.htcds import read_htcds
from connectors.intake.htcds_codes import pick


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

    alert = alert_of(write(tmp_path / "form.csv", row))

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
    assert [place.name for place in alert.compartments.places.items] == ["Lautoka"]
    assert alert.compartments.source.reference == "Caseworker Seven"
    assert "Reason for Outgoing Referral: moved on" in alert.compartments.source.text
    assert split(second.draft).label.consent is Consent.REFUSED


def test_a_column_renamed_in_the_template_is_unknown(template, tmp_path):
    book, sheet, _ = template
    sheet["F1"], sheet["F2"] = "con_Agreement", "Agreement"
    book.save(tmp_path / "cases.xlsx")

    assert sheet_refusal(tmp_path / "cases.xlsx") == (Reason.COLUMN_UNKNOWN, "con_Agreement")


def test_a_column_taken_out_of_the_template_is_missing(template, tmp_path):
    book, sheet, _ = template
    sheet.delete_cols(6)
    book.save(tmp_path / "cases.xlsx")

    assert sheet_refusal(tmp_path / "cases.xlsx") == (Reason.COLUMN_MISSING, "con_Consent")


def test_a_formula_is_text_and_is_never_computed(template, tmp_path):
    book, _, fill = template
    fill(3, Consent=True, Case_Owner='=cmd|"/c calc"!A1', First_Name='=CONCAT("A";"na")')
    book.save(tmp_path / "cases.xlsx")

    alert = alert_of(tmp_path / "cases.xlsx")

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
