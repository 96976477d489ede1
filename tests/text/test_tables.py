"""A row is its line: read whole with its number, or named by what is wrong with it."""

from __future__ import annotations

import csv
import io

import pytest
from gongji.text.files import LONGEST_LINE, FileFaultError, TextFile
from gongji.text.tables import CsvFile
from hypothesis import given
from hypothesis import strategies as st


def table(text: str, encoding: str = "utf-8") -> CsvFile:
    return CsvFile(TextFile("x.csv", io.BytesIO(text.encode(encoding))))


def rows(text: str) -> list[tuple[int, str]]:
    """Return each row's number with its cells, or with what is wrong."""
    return [
        (number, fault.message if fault else "|".join(cells.values()))
        for number, cells, fault in table(text)
    ]


SHAPES = {
    "rows": ("1,2\n3,4\n", [(2, "1|2"), (3, "3|4")]),
    "no end of the last line": ("1,2", [(2, "1|2")]),
    "ends of Windows": ("1,2\r\n3,4\r\n", [(2, "1|2"), (3, "3|4")]),
    "ends of old Macs": ("1,2\r3,4\r", [(2, "1|2"), (3, "3|4")]),
    "quotes": ('"1,5","a ""b"""\n', [(2, '1,5|a "b"')]),
    "empty cells": (',2\n"",4\n', [(2, "|2"), (3, "|4")]),
    "blank lines at the end": ("1,2\n\n,\n  \n", [(2, "1|2")]),
    "nothing": ("", []),
}


@pytest.mark.parametrize(("text", "expected"), SHAPES.values(), ids=SHAPES)
def test_sound_rows(text: str, expected: list[tuple[int, str]]) -> None:
    """Rows are numbered as a spreadsheet shows them: the header is row 1."""
    assert expected == rows(f"a,b\n{text}")


QUOTES = "引号没有成对，或单元格内有换行"
AT_FAULT = {
    "a cell too few": ("1\n3,4\n", "应有 2 格，只有 1 格，自 b 起缺失"),
    "a cell too many": ("1,2,3\n3,4\n", "应有 2 格，却有 3 格"),
    "thousands without quotes": ("1,1,234.50\n3,4\n", '须连同引号写作 "1,234.50"'),
    "a blank line": ("\n3,4\n", "是空行"),
    "a row without anything": (",\n3,4\n", "是空行"),
    "a quote that never closes": ('1,"2\n3,4\n', QUOTES),
    "a quote within a cell": ('1,2"\n3,4\n', QUOTES),
    "something after a quote": ('"1"x,2\n3,4\n', QUOTES),
    "a line too long": (f"1,{'x' * LONGEST_LINE}\n3,4\n", "超过 131072 个字符"),
}


@pytest.mark.parametrize(("text", "message"), AT_FAULT.values(), ids=AT_FAULT)
def test_a_row_at_fault_stands_alone(text: str, message: str) -> None:
    """A row at fault has no cells and its reason; the row after it is sound."""
    first, second = rows(f"a,b\n{text}")
    assert 2 == first[0]
    assert message in first[1]
    assert (3, "3|4") == second


def test_a_line_break_within_quotes() -> None:
    """A cell with a line break is two rows at fault: nothing of ours has one."""
    assert [(2, QUOTES), (3, QUOTES), (4, "5|6")] == rows('a,b\n1,"2\n3"\n5,6\n')


def test_the_column_at_fault_is_named() -> None:
    """The fault says in which column it is, if in one of its own."""
    faults = [row.fault.column for row in table('a,b\n1\n"x,2\n1,"x\n') if row.fault]
    assert ["b", "a", "b"] == faults


def test_spreadsheets_save_unicode_with_tabs() -> None:
    """A file of tabs is a table too, and its commas are text."""
    (row,) = table('a\tb\n"1,5"\t2,5\n', "utf-16")
    assert {"a": "1,5", "b": "2,5"} == row.cells


@pytest.mark.parametrize("header", ["a,b,a", ",b,", '"a,b'])
def test_a_header_at_fault(header: str) -> None:
    """A header with a column twice, or a quote that never closes, is refused."""
    with pytest.raises(FileFaultError, match=r"^x\.csv 的表头"):
        table(f"{header}\n1,2\n")


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), max_size=9)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=5))
def test_what_python_writes_is_read(written: list[list[str]]) -> None:
    """Rows written by the standard library are read as they are."""
    out = io.StringIO()
    csv.writer(out).writerows([["a编", "b"], *written, ["1", "2"]])
    read = [list(row.cells.values()) for row in table(out.getvalue()) if not row.fault]
    blank = [not "".join(cells).strip(", ") for cells in written]
    sound = [cells for cells, none in zip(written, blank, strict=True) if not none]
    assert [*sound, ["1", "2"]] == read
