"""C34: what a sheet hides, and cells that do not hold what was typed, are refused by their name."""

import openpyxl
import pytest
from htcds_sheets import BASE, ROW, SECRET, row_refusal, sheet_refusal, write
from hypothesis import given
from hypothesis import strategies as st

from broker.client.files import alerts_in
from broker.model.reason import Reason
from connectors.intake.htcds import read_htcds
from connectors.intake.sheet import Chosen, letters_of


def book_of(*sheets):
    """Return a workbook with the same two cases in each of *sheets*."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title in sheets:
        sheet = book.create_sheet(title)
        sheet.append(list(ROW))
        sheet.append(list(ROW.values()))
        sheet.append(list((ROW | {"prs_FirstName": f"of {title}"}).values()))
    return book


def saved(book, tmp_path):
    book.save(tmp_path / "cases.xlsx")
    return tmp_path / "cases.xlsx"


def names(path, **chosen):
    found = list(read_htcds(path, BASE, Chosen(**chosen)))
    return [each.draft["persons"][0]["names"][0].split(SECRET)[0].strip() for each in found]


def refusal(path, **chosen):
    with pytest.raises(Exception, match="SHEET") as met:
        list(read_htcds(path, BASE, Chosen(**chosen)))
    assert SECRET not in str(met.value)
    return met.value.reason, met.value.path


# Sheets


def test_c34_a_second_sheet_is_not_dropped_in_silence(tmp_path):
    path = saved(book_of("One", "Two"), tmp_path)
    assert refusal(path) == (Reason.SHEETS_SEVERAL, "sheet 2")
    assert names(path, sheet="Two") == ["ʻAna", "of Two"]
    assert names(path, sheet="1") == ["ʻAna", "of One"]
    assert refusal(path, sheet="Three") == (Reason.SHEET_UNKNOWN, "")


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_c34_a_hidden_sheet_is_never_read_in_place_of_a_visible_one(tmp_path, state):
    book = book_of("Old", "New")
    book["Old"].sheet_state = state
    path = saved(book, tmp_path)
    assert refusal(path) == (Reason.SHEET_HIDDEN, "sheet 1")
    assert names(path, sheet="New") == ["ʻAna", "of New"]
    assert refusal(path, sheet="Old") == (Reason.SHEET_HIDDEN, "sheet 1")
    assert names(path, sheet="Old", hidden=True) == ["ʻAna", "of Old"]
    assert refusal(path, hidden=True) == (Reason.SHEETS_SEVERAL, "sheet 2")


def test_c34_empty_sheets_say_nothing(tmp_path):
    book = book_of("One")
    book.create_sheet("Empty")
    book.create_sheet("Hidden").sheet_state = "hidden"
    assert names(saved(book, tmp_path)) == ["ʻAna", "of One"]


@pytest.mark.parametrize("how", ["row", "rows by default", "column"])
def test_c34_what_is_hidden_below_the_header_is_refused_by_its_name(tmp_path, how):
    book = book_of("One")
    sheet, expected = book["One"], "column B"
    if how == "row":
        sheet.row_dimensions[3].hidden = True
        expected = "row 3"
    elif how == "rows by default":
        sheet.sheet_format.zeroHeight = True
        expected = "row 2"
    else:
        sheet.column_dimensions["B"].hidden = True
    path = saved(book, tmp_path)
    assert refusal(path) == (Reason.SHEET_HIDDEN, expected)
    assert names(path, hidden=True) == ["ʻAna", "of One"]


def test_c34_a_hidden_header_and_hidden_empty_rows_and_columns_hide_nothing(tmp_path):
    book = book_of("One")
    sheet = book["One"]
    sheet.insert_rows(2)
    for place, name in enumerate(ROW, 1):
        from connectors.intake.htcds_columns import COLUMNS

        sheet.cell(2, place, COLUMNS[name])
    sheet.row_dimensions[1].hidden = True  # as in HTCDS's own spreadsheet
    sheet.row_dimensions[99].hidden = True
    sheet.column_dimensions["Z"].hidden = True
    assert names(saved(book, tmp_path)) == ["ʻAna", "of One"]


def test_c34_a_filtered_sheet_publishes_nothing_that_is_not_seen(tmp_path):
    book = book_of("One")
    book["One"].auto_filter.ref = "A1:F3"
    book["One"].row_dimensions[2].hidden = True
    assert refusal(saved(book, tmp_path)) == (Reason.SHEET_HIDDEN, "row 2")


def test_c34_files_and_the_command_can_name_a_sheet(tmp_path, lali):
    path = saved(book_of("One", "Two"), tmp_path)
    label = {"originator": "fiji-police", "tlp": "AMBER", "source_type": "CIVIL_SOCIETY"}
    (whole,) = alerts_in(path, label=label)
    assert whole.refusal.reason is Reason.SHEETS_SEVERAL
    assert len(list(alerts_in(path, label=label, chosen=Chosen("Two")))) == 2
    options = ("--as", "fiji-police", "--tlp", "AMBER", "--source-type", "CIVIL_SOCIETY")
    code, out, _ = lali("publish", path, "--dry-run", "--json", *options)
    assert (code, "SHEETS_SEVERAL" in out) == (1, True)
    code, out, _ = lali("publish", path, "--dry-run", "--json", "--sheet", "Two", *options)
    assert code == 0, out


# Cells


def test_c34_a_stray_quote_swallows_no_row_into_a_name(tmp_path):
    path = tmp_path / "c.csv"
    header = ",".join(ROW)
    rows = [",".join(ROW.values()), ",".join(["Bee", *list(ROW.values())[1:]])]
    first = rows[0].replace(SECRET, f'"{SECRET}')  # opened, and closed two rows later
    second = rows[1].replace(SECRET, f'{SECRET}"')
    path.write_text("\n".join([header, first, second, rows[1]]) + "\n")
    found = list(read_htcds(path, BASE))
    assert [each.draft is None for each in found] == [True, False]
    assert (found[0].refusal.reason, found[0].refusal.path) == (
        Reason.TEXT_LINE_BREAK, "cell B2",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "reason"),
    [("a\nb", Reason.TEXT_LINE_BREAK), ("a\r\nb", Reason.TEXT_LINE_BREAK),
     ("a\u2028b", Reason.TEXT_LINE_BREAK), ("a\x0bb", Reason.TEXT_LINE_BREAK),
     ("a\x00b", Reason.TEXT_CONTROL), ("a\x1bb", Reason.TEXT_CONTROL),
     ("1.23457E+18", Reason.NUMBER_LOSSY), ("1,23457E+18", Reason.NUMBER_LOSSY),
     ("4e12", Reason.NUMBER_LOSSY)],
)  # fmt: skip
@pytest.mark.parametrize("column", ["prs_FirstName", "prs_SecondName"])
def test_c34_a_cell_that_holds_not_what_was_typed_is_refused_by_its_name(
    tmp_path, cell, reason, column
):
    name = letters_of(list(ROW).index(column))
    assert row_refusal(tmp_path, **{column: cell}) == (2, reason, f"cell {name}2")


@pytest.mark.parametrize("number", [1234567890123456789, 1.2345678901234567e18, 10**15])
def test_c34_an_identity_number_that_has_lost_digits_is_refused(tmp_path, number):
    book = book_of("One")
    sheet = book["One"]
    sheet.cell(1, 7, "prs_IdentityNumber")
    sheet.cell(2, 7, number)
    sheet.cell(3, 7, str(number) if isinstance(number, int) else "1234567890123456789")
    found = list(read_htcds(saved(book, tmp_path), BASE))
    assert (found[0].refusal.reason, found[0].refusal.path) == (Reason.NUMBER_LOSSY, "cell G2")
    (document,) = found[1].draft["persons"][0]["documents"]  # as text it is whole
    assert document["number"] in (str(number), "1234567890123456789")


@given(st.integers(0, 10**15 - 1))
def test_c34_every_number_that_a_spreadsheet_keeps_is_taken(number):
    from connectors.intake.sheet import check_cell

    check_cell(number, 1, 1)
    check_cell(str(number), 1, 1)
    check_cell(f"{number}" * 2, 1, 1)


@given(st.integers(0, 16_383))
def test_c34_columns_are_named_as_spreadsheets_name_them(place):
    assert letters_of(place) == openpyxl.utils.get_column_letter(place + 1)


def test_c34_a_header_with_commas_in_its_quotes_is_parted_by_semicolons(tmp_path):
    path = tmp_path / "c.csv"
    header = [*ROW, *(f"Type of Exploitation/{each}" for each in ("Forced labour", "Other"))]
    header += [
        "Forced Labour Industry/Public administration and defence; compulsory social security"
    ]
    header += ["Forced Labour Industry/Agriculture, forestry and fishing"] * 1
    header += ["Forced Labour Industry/Arts, entertainment and recreation"]
    lines = [";".join(f'"{each}"' for each in header)]
    lines += [";".join(f'"{each}"' for each in [*ROW.values(), "1", "0", "1", "0", "0"])]
    path.write_bytes(("\n".join(lines)).encode("utf-8-sig"))
    (found,) = read_htcds(path, BASE)
    assert found.refusal is None
    assert len(found.draft["label"]["sectors"]) == 1


def test_c34_a_damaged_header_is_still_named(tmp_path):
    assert sheet_refusal(write(tmp_path / "c.csv", ROW | {"prs_Nothing": "x"}))[0] is (
        Reason.COLUMN_UNKNOWN
    )


def test_c34_a_formula_is_its_own_text_and_is_never_computed(tmp_path):
    book = book_of("One")
    book["One"].cell(2, list(ROW).index("prs_FirstName") + 1, '="Ana"&" "&"Computed"')
    (first, _) = names(saved(book, tmp_path))
    assert first.startswith('="Ana"&')
