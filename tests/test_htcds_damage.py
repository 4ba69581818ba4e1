"""Damaged, hostile and huge HTCDS sheets: rows or a refusal, and nothing worse."""

import contextlib
import re
import zipfile
from random import Random

import openpyxl
import pytest
from htcds_sheets import (
    BASE,
    ROW,
    alert_of,
    sheet_refusal,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.errors import Rejected
from broker.model.reason import Reason
from connectors.intake import xlsx_sheet
from connectors.intake.htcds import read_htcds
from connectors.intake.htcds_columns import COLUMNS
from connectors.intake.sheet import MAX_COLUMNS, MAX_ROWS


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"plain text"])
def test_a_damaged_spreadsheet_is_unreadable(tmp_path, content):
    path = tmp_path / "c.xlsx"
    path.write_bytes(content)

    assert sheet_refusal(path) == (Reason.FILE_UNREADABLE, "")


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
    assert sheet_refusal(path) == (Reason.OVERSIZED, "")


@pytest.mark.parametrize("spoil", [lambda p: b"<!DOCTYPE x>" + p, lambda p: p[: len(p) // 2]])
def test_a_part_with_entities_or_cut_short_is_unreadable(tmp_path, spoil):
    path = _repacked(tmp_path, lambda name, part: spoil(part) if "sheet1" in name else part)

    assert sheet_refusal(path) == (Reason.FILE_UNREADABLE, "")


@pytest.mark.parametrize(
    ("row", "column"), [(1_048_576, 1), (3, MAX_COLUMNS + 1), (MAX_ROWS + 1, 1)]
)
def test_a_sheet_of_huge_extent_is_refused(tmp_path, row, column):
    book = openpyxl.Workbook()
    book.active.append(list(ROW))
    book.active.cell(row, column).value = "x"
    book.save(tmp_path / "c.xlsx")

    assert sheet_refusal(tmp_path / "c.xlsx") == (Reason.ITEMS, "")


def test_a_sheet_that_claims_to_be_huge_and_is_not_is_read(tmp_path):
    path = _repacked(
        tmp_path,
        lambda name, part: re.sub(rb'ref="[A-Z0-9:]+"', b'ref="A1:XFD1048576"', part),
    )

    assert alert_of(path).label.minor == "YES"


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
