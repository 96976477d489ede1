"""What a spreadsheet did to a cell is named, with what to write instead."""

from __future__ import annotations

import pytest
from gongji.client.cells import fault_of
from gongji.client.imports import COLUMNS
from gongji.client.reconcile import COLUMNS as RECONCILED
from gongji.text.tables import CellFault

KEPT = {
    "a number": ("person_no", "CZ001"),
    "a certificate with a blank after it": ("cert_no", "341199196304120110 "),
    "a certificate in full width": ("cert_no", "\uff2811345678"),
    "a name with a blank after it": ("name", "汪例 "),
    "a name with a middle dot": ("name", "古丽米热·艾比布力"),
    "a name of the private area": ("name", "王\ue863"),
    "an amount": ("brought_forward_yuan", "1234.5"),
    "an amount by thousands": ("brought_forward_yuan", "1,234.50"),
    "an amount with blanks around": ("brought_forward_yuan", " 1234.50 "),
    "no amount": ("contribution_base_yuan", ""),
    "a day": ("died_on", "2025-09-01"),
    "no day": ("died_on", ""),
}
LOST = "科学计数法"
SPOILT = {
    "a blank after a number": ("person_no", "CZ001 ", "U+0020"),
    "a blank before": ("code", " H34110000001", "U+0020"),
    "a full-width blank": ("settlement_id", "S1\u3000", "U+3000"),
    "a no-break space": ("patient", "\xa0CZ001", "U+00A0"),
    "a character of no width": ("person_no", "CZ\u200b001", "U+200B"),
    "a number in full width": ("person_no", "\uff23\uff3a\uff10\uff10\uff11", "半角"),
    "an apostrophe before a number": ("cert_no", "'341199196304120110", "撇号"),
    "an apostrophe before a name": ("name", "'汪例", "撇号"),
    "a type of certificate without its nought": ("cert_type", "1", "如 01"),
    "a number rounded": ("cert_no", "3.41199E+17", LOST),
    "a number rounded to one digit": ("person_no", "3E+17", LOST),
    "a phone rounded": ("phone", "1.38E+10", LOST),
    "a number too long": ("person_no", "P" * 31, "至多 30 个字符"),
    "a formula": ("name", '=HYPERLINK("x")', "公式"),
    "damage": ("name", "张\ufffd", "U+FFFD"),
    "a name nobody sees": ("name", "\u200b", "U+200B"),
    "a name that turns the line": ("name", "\u202e例汪", "U+202E"),
    "a name with an escape": ("name", "\x1b[31m汪", "U+001B"),
    "a name of blanks": ("name", " \u3000", "只有空白"),
    "an amount in full width": (
        "brought_forward_yuan",
        "\uff11\uff12\uff13\uff14\uff0e\uff15\uff10",
        "1234.50",
    ),
    "an amount in powers of ten": ("brought_forward_yuan", "1.2E+3", LOST),
    "a decimal comma": ("brought_forward_yuan", "1,23", "金额"),
    "a currency": ("brought_forward_yuan", "¥12.00", "金额"),
    "a day with slashes": ("died_on", "2025/9/1", "须写作 2025-09-01"),
    "a day without noughts": ("designated_from", "2025-9-1", "须写作 2025-09-01"),
    "a day with dots": ("designated_to", "2025.09.01", "须写作 2025-09-01"),
    "a day in characters": ("died_on", "2025年9月1日", "须写作 2025-09-01"),
    "a day without signs": ("died_on", "20250901", "须写作 2025-09-01"),
    "a day with an hour": ("died_on", "2025/9/1 0:00", "须写作 2025-09-01"),
    "a day in full width": (
        "died_on",
        "\uff12\uff10\uff12\uff15\uff0d\uff10\uff19\uff0d\uff10\uff11",
        "须写作 2025-09-01",
    ),
    "a day counted from 1900": ("died_on", "45901", "YYYY-MM-DD"),
    "an American day": ("died_on", "9/1/2025", "YYYY-MM-DD"),
}


@pytest.mark.parametrize(("column", "cell"), KEPT.values(), ids=KEPT)
def test_sound_cells(column: str, cell: str) -> None:
    """What has one meaning is taken."""
    assert fault_of({column: cell}, [column]) is None


@pytest.mark.parametrize(("column", "cell", "message"), SPOILT.values(), ids=SPOILT)
def test_spoilt_cells(column: str, cell: str, message: str) -> None:
    """What is spoilt is named by its column, and says how it is written."""
    fault = fault_of({column: cell}, [column])
    assert isinstance(fault, CellFault)
    assert column == fault.column
    assert message in fault.message


@pytest.mark.parametrize("column", ["person_no", "cert_no", "phone", "settlement_id"])
def test_no_number_is_repeated(column: str) -> None:
    """What is said of a number does not repeat it: it may be somebody's."""
    for spoilt in (
        "'3411991963",
        "3.411991963E+17",
        "3411991963\x00",
        "\uff13411991963",
    ):
        fault = fault_of({column: spoilt}, [column])
        assert fault is None or "3411991963" not in fault.message


def test_other_columns_are_not_looked_at() -> None:
    """A column that is not read may hold whatever it likes."""
    assert fault_of({"person_no": "P1", "note": "'=\x00"}, ["person_no"]) is None


def test_every_column_is_checked() -> None:
    """No column of any file takes a character that nobody sees."""
    columns = {*RECONCILED, *(name for names in COLUMNS.values() for name in names)}
    for column in columns:
        fault = fault_of({column: "1\u200b"}, [column])
        assert fault is not None, column
