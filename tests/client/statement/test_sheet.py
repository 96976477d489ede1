"""A sheet's cells as people, spreadsheets and programs read them."""

from __future__ import annotations

import csv
import io
import json
from datetime import date

import pytest
from gongji.client.statement import SheetColumn, StatementPeriod, to_csv, to_json
from gongji.rules import money

from tests.client.statement.conftest import NewSheet

MONTHS = {
    "a month of thirty days": (date(2025, 9, 15), "2025-09-01 至 2025-09-30"),
    "February of a leap year": (date(2024, 2, 29), "2024-02-01 至 2024-02-29"),
    "a year's last month": (date(2025, 12, 1), "2025-12-01 至 2025-12-31"),
    "the calendar's last month": (date(9999, 12, 1), "9999-12-01 至 9999-12-31"),
}
PERIODS = {
    "both ends": (
        StatementPeriod(date(2025, 9, 1), date(2025, 9, 2)),
        ("2025-09-01", "2025-09-02", "2025-09-01 至 2025-09-02"),
    ),
    "from a day on": (
        StatementPeriod(first=date(2025, 9, 1)),
        ("2025-09-01", "", "自 2025-09-01 起"),
    ),
    "up to a day": (
        StatementPeriod(last=date(2025, 9, 2)),
        ("", "2025-09-02", "截至 2025-09-02"),
    ),
    "everything": (StatementPeriod(), ("", "", "全部记录")),
}
TEXTS = {
    "a plain text": ("滁州示例三级医院", "滁州示例三级医院"),
    "a comma and a quotation mark": ('甲,"乙"', '甲,"乙"'),
    "a formula": ("=1+1", "'=1+1"),
    "a formula that begins with a sign": ("-1+1", "'-1+1"),
    "a formula that begins with @": ("@SUM(A1)", "'@SUM(A1)"),
    "a formula in full width": ("\uff1d1+1", "'\uff1d1+1"),
    "a formula behind blanks": (" \u3000=1+1", "' \u3000=1+1"),
    "a formula behind a tab": ("\t=1+1", r"\t=1+1"),
    "an escape": ("\x1b[31m汪", r"\x1b[31m汪"),
    "a mark of direction": ("\u202e例汪", r"\u202e例汪"),
    "a line break": ("a\nb", r"a\nb"),
    "a code too long to be a number": ("341100000000000001", "341100000000000001\t"),
    "a code short enough": ("34110000001", "34110000001"),
    "a code with letters": ("H34110000001", "H34110000001"),
    "nothing": ("", ""),
}
AMOUNTS = {0: "0.00", 5: "0.05", -12_345: "-123.45", 123_456_789: "1234567.89"}


def lines(written: bytes) -> list[list[str]]:
    """Return CSV as a spreadsheet reads it."""
    text = io.StringIO(written.decode("utf-8-sig"), newline="")
    return list(csv.reader(text))


@pytest.mark.parametrize(("day", "words"), MONTHS.values(), ids=MONTHS)
def test_a_month_is_its_days(day: date, words: str) -> None:
    """Any day of a month stands for the month from its first to its last day."""
    assert words == str(StatementPeriod.of_month(day))


@pytest.mark.parametrize(("period", "expected"), PERIODS.values(), ids=PERIODS)
def test_a_period_on_the_wire_and_in_words(
    period: StatementPeriod, expected: tuple[str, str, str]
) -> None:
    """An open end is an empty field of a request, and has its own words on paper."""
    assert expected == (period.from_day, period.to_day, str(period))


def test_spreadsheets_open_it(new_sheet: NewSheet) -> None:
    """CSV begins with the mark of UTF-8, ends lines as RFC 4180 says, and has the
    columns' heads first."""
    written = to_csv(new_sheet(1))

    assert (
        "\ufeff时间,机构,共济支付（元）\r\n2025-09-01 08:00:07,"
        "滁州示例三级医院,1000.01\r\n合计,,1000.01\r\n"
    ) == written.decode()


@pytest.mark.parametrize(("text", "expected"), TEXTS.values(), ids=TEXTS)
def test_a_text_is_neither_computed_nor_rounded(
    new_sheet: NewSheet, text: str, expected: str
) -> None:
    """A spreadsheet reads the text that was meant, whatever it begins with and however
    long it is."""
    column = SheetColumn("x", "x")
    sheet = new_sheet(columns=(column,), rows=((text,),), closing=("end",))

    assert [["x"], [expected], ["end"]] == lines(to_csv(sheet))


@pytest.mark.parametrize(("fen", "yuan"), AMOUNTS.items())
def test_an_amount_is_a_number_of_yuan(
    new_sheet: NewSheet, fen: int, yuan: str
) -> None:
    """Amounts have two decimals and no separators, so that they can be added up; they
    read back as they were."""
    column = SheetColumn("fen", "元", fen=True)
    sheet = new_sheet(columns=(column,), rows=((fen,),), closing=(fen,))

    assert [["元"], [yuan], [yuan]] == lines(to_csv(sheet))
    assert fen == money.fen(yuan)


def test_opening_stands_before_the_rows(new_sheet: NewSheet) -> None:
    """A sheet with an opening balance begins with it and ends with the closing one, in
    every shape."""
    sheet = new_sheet(1, opening=("期初余额", "", 7))

    expected = ["期初余额", "2025-09-01 08:00:07", "合计"]
    _head, *written = lines(to_csv(sheet))
    assert expected == [row[0] for row in written]
    assert expected == [row["时间"] for row in sheet.shown()]


def test_programs_get_fen_and_instants(new_sheet: NewSheet) -> None:
    """JSON has rows by key, amounts in fen, instants with their zone, balances apart
    from the rows."""
    sheet = new_sheet(1, opening=("期初余额", "", 7))

    document = json.loads(to_json(sheet))["statement"]

    row = {
        "at": "2025-09-01T08:00:07+08:00",
        "institution": "滁州示例三级医院",
        "charged_fen": 100_001,
    }
    assert [row] == document["rows"]
    assert {"charged_fen": 7} == document["opening"]
    assert {"charged_fen": 100_001} == document["closing"]
    assert "CZ001" == document["person_no"]
    assert "2025-09-01" == document["from_day"]
    assert "2025-12-31" == document["to_day"]


def test_programs_get_the_unseen_escaped(new_sheet: NewSheet) -> None:
    """What nobody sees in a stored name is JSON's escape, with the same value."""
    name = "\x9b\u202e\x1b汪"
    written = to_json(new_sheet(name=name)).decode()
    assert written.removesuffix("\n").isprintable()
    assert name == json.loads(written)["statement"]["name"]
