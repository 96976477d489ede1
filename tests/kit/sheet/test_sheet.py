"""The sheet that people sign: read back it is the city, and whatever changed is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from gongji.cities.city import City
from gongji.cli import cities
from gongji.cli import sheet as sheet_cli
from gongji.kit.sheet import due
from gongji.kit.sheet.changes import OtherCityError, changes
from gongji.kit.sheet.content import EXAMPLES, KEYS, RULES, RulesSheet, sheet_of
from gongji.kit.sheet.due import due_clauses
from gongji.kit.sheet.files import SheetToSign, UnreadableSheetError, kind_of
from gongji.kit.sheet.pdf import from_pdf, to_pdf
from gongji.kit.sheet.workbook import from_xlsx, to_xlsx
from gongji.rules.clauses import Clause, Grade
from gongji.rules.codes import Scheme
from gongji_conformance.reports import tiers

from tests.cli.command import gongji, tables
from tests.scaffold.cities import employee_table, shipped, two_cities
from tests.scaffold.people import CHUZHOU
from tests.settlement.shaped import AT_MOST_400, NOT_COVERED

TODAY = date(2026, 1, 31)
PRINTED_AT = datetime(2026, 1, 31, 12, tzinfo=ZoneInfo("Asia/Shanghai"))


def chuzhou(**values: object) -> City:
    """滁州市 as the province rules, but for these values."""
    return two_cities(**values).of(CHUZHOU)


def to_sign(sheet: RulesSheet) -> SheetToSign:
    """A sheet without a former one and with nothing due."""
    return SheetToSign(sheet, None, [])


def as_xlsx(sheet: RulesSheet) -> RulesSheet:
    """A sheet written as XLSX and read back."""
    return from_xlsx(to_xlsx(to_sign(sheet)))


def as_pdf(sheet: RulesSheet) -> RulesSheet:
    """A sheet written as PDF and read back."""
    return from_pdf(to_pdf(to_sign(sheet), PRINTED_AT))


@pytest.mark.parametrize("city", shipped().all, ids=lambda city: city.pinyin)
def test_a_workbook_read_back_is_the_sheet(city: City) -> None:
    """Head and every cell, of every shipped city."""
    sheet = sheet_of(city, TODAY)
    assert all(sheet.tables.values())
    assert sheet == as_xlsx(sheet)


def test_a_pdf_read_back_is_the_sheet() -> None:
    """Its attached data are the cells that it prints."""
    sheet = sheet_of(chuzhou(), TODAY)
    assert sheet == as_pdf(sheet)


def test_a_figure_that_changed_is_named() -> None:
    """The rule, its examples and its effects differ, and no clause or other rule does."""
    before = as_xlsx(sheet_of(chuzhou(), TODAY))
    ratios = {1: 61_00, 2: 55_00, 3: 50_00}
    after = chuzhou(reimbursement=employee_table({"ratio_bp": ratios}))
    found = list(changes(before, sheet_of(after, TODAY)))

    told = {(change["表"], change["栏"]) for change in found}
    assert {(RULES, "取值"), (RULES, "核对码"), (EXAMPLES, "统筹支付")} <= told
    assert {"规则", "算例", "影响"} == {change["表"] for change in found}
    assert all(
        change["行"].startswith("reimbursement 门诊")
        for change in found
        if change["表"] == RULES
    )


def test_another_day_and_version_are_no_change() -> None:
    """What is printed later, of a plugin with another number, says the same rules."""
    city = chuzhou()
    later = sheet_of(replace(city, version="9.9"), TODAY + timedelta(1))
    assert [] == list(changes(sheet_of(city, TODAY), later))


def test_a_row_struck_out_or_written_twice_is_named() -> None:
    """In whichever sheet it is."""
    sheet = sheet_of(chuzhou(), TODAY)
    for table in KEYS:
        first, *rest = sheet.tables[table]
        for rows in (rest, [first, *sheet.tables[table]]):
            other = RulesSheet(sheet.head, {**sheet.tables, table: rows})
            for pair in ((sheet, other), (other, sheet)):
                (change,) = changes(*pair)
                assert (table, "整行") == (change["表"], change["栏"])


def test_another_citys_sheet() -> None:
    """It is refused, not told as a thousand differences."""
    anqing, huangshan = (
        sheet_of(shipped().named(name), TODAY) for name in ("anqing", "huangshan")
    )
    with pytest.raises(OtherCityError, match="340800 与 341000"):
        list(changes(anqing, huangshan))


EXAMPLE_FIGURES = {
    "below the deductible of 800 (C58)": ("一级在职", "100.00", "0.00", "100.00"),
    "200 at 50 % (C61)": ("三级在职", "1,000.00", "100.00", "900.00"),
    "200 at 5 points more (C61b)": ("三级退休", "1,000.00", "110.00", "890.00"),
    "no more than 2,000 a year (C62)": (
        *("三级在职", "10,000.00"),
        *("2,000.00", "8,000.00"),
    ),
}


@pytest.mark.parametrize("figures", EXAMPLE_FIGURES.values(), ids=EXAMPLE_FIGURES)
def test_examples_are_by_the_clauses(figures: tuple[str, ...]) -> None:
    """The first bill of a year, reckoned by hand."""
    rows = sheet_of(chuzhou(), TODAY).tables[EXAMPLES]
    headings = ("参保人", "政策范围内费用", "统筹支付", "个人负担")
    found = [tuple(row[heading] for heading in headings) for row in rows]
    assert figures in found


def test_examples_of_rows_are_worked_out_too() -> None:
    """Each case of a benefit of another shape has its examples, by hand for one of them."""
    benefits = {Scheme.EMPLOYEE: AT_MOST_400, Scheme.RESIDENT: NOT_COVERED}
    examples = sheet_of(chuzhou(reimbursement=benefits), date(2026, 1, 1)).tables[
        EXAMPLES
    ]
    paid = {
        row["参保人"]: row["统筹支付"]
        for row in examples
        if row["政策范围内费用"] == "1,000.00"
    }

    assert len({"在职", "退休"}) * 3 == len(paid)
    # (1,000 - 200) × 60 %, (1,000 - 400) × 60 %.
    assert ("480.00", "360.00") == (paid["在职、一级"], paid["退休、三级"])


def test_a_text_that_begins_as_a_formula_stays_a_text() -> None:
    """A spreadsheet computes nothing of what a plugin wrote."""
    sheet = sheet_of(chuzhou(), TODAY)
    first, *rest = sheet.tables[RULES]
    sheet = RulesSheet(
        sheet.head, {**sheet.tables, RULES: [{**first, "理由": "=1+1"}, *rest]}
    )
    file = to_xlsx(to_sign(sheet))
    page = openpyxl.load_workbook(BytesIO(file))[RULES]
    kinds = {cell.data_type for row in page.iter_rows() for cell in row if cell.value}

    assert {"s"} == kinds
    assert sheet == from_xlsx(file)


def without(name: str) -> bytes:
    """A workbook that lacks a worksheet."""
    book = openpyxl.Workbook()
    for other in {"首页", *KEYS} - {name}:
        book.create_sheet(other)
    written = BytesIO()
    book.save(written)
    return written.getvalue()


UNREADABLE: dict[str, tuple[Callable[[], RulesSheet], str]] = {
    "no workbook": (lambda: from_xlsx(b"PK\3\4"), "不是可读的 XLSX"),
    "a worksheet gone": (lambda: from_xlsx(without("算例")), "缺少工作表算例"),
    "no PDF": (lambda: from_pdf(b"%PDF-1.7"), "不是可读的 PDF"),
}


@pytest.mark.parametrize(("read", "told"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_sheet(read: Callable[[], RulesSheet], told: str) -> None:
    """It is refused in one sentence."""
    with pytest.raises(UnreadableSheetError, match=told):
        read()


def test_another_kind_of_file() -> None:
    """Its name is refused before anything is made."""
    with pytest.raises(ValueError, match=r"只写成 \.pdf 或 \.xlsx，得到 a\.doc"):
        kind_of("a.doc")


def clause(number: str, verified_on: str, grade: Grade = Grade.DOCUMENT) -> Clause:
    """A clause of an invented document."""
    return Clause(number, "原文", "某文件", grade, verified_on)


CITED = [
    clause("61日", str(TODAY - timedelta(365 - 61))),
    clause("60日", str(TODAY - timedelta(365 - 60))),
    clause("今日", str(TODAY - timedelta(365))),
    clause("昨日", str(TODAY - timedelta(366))),
    clause("明日", str(TODAY + timedelta(1))),
    clause("从未", ""),
    clause("官方", "", Grade.OFFICIAL),
    clause("推定", "", Grade.ASSUMPTION),
    clause("运营", "", Grade.OPERATOR),
]
CALLED_FOR = [
    ("昨日", "已过期 1 日"),
    ("今日", "还有 0 日"),
    ("60日", "还有 60 日"),
    ("明日", "核实日在 2026-01-31 之后"),
    ("从未", "从未核实"),
    ("官方", "从未核实"),
]


def test_clauses_are_called_for_60_days_before_the_end() -> None:
    """From then on and after it; not before, nor what no document states."""
    city = replace(chuzhou(), _clauses={one.id: one for one in CITED}, candidates=())
    found = due_clauses(city, TODAY)
    assert CALLED_FOR == [(row["条款"], row["说明"]) for row in found]


def test_a_verification_holds_as_long_as_for_a_tier() -> None:
    """The suite and the sheet name one day."""
    assert tiers.FRESH == due.FRESH


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The installed cities, loaded once: each command would take half a second."""
    for module in (cities, sheet_cli):
        monkeypatch.setattr(module, "installed_cities", shipped)


@pytest.mark.usefixtures("loaded")
def test_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `gongji sheet` writes, `gongji check --against` finds to be the plugin; a cell
    changed by hand fails the check and is named, as against the next sheet."""
    # The proof is no part of it, and takes ten seconds.
    monkeypatch.setattr(cities, "show_check", lambda *_, **__: True)
    file = tmp_path / "anqing.xlsx"
    assert 0 == gongji("sheet", "anqing", "--out", file).exit_code
    same = gongji("--json", "check", "anqing", "--against", file)
    assert 0 == same.exit_code
    assert [] == tables(same)["sheet_changes"]

    book = openpyxl.load_workbook(file)
    book[EXAMPLES]["E3"] = "0.01"
    book.save(file)
    changed = gongji("--json", "check", "anqing", "--against", file)
    next_one = gongji("--json", "sheet", "anqing", "--last", file)
    (change,) = tables(changed)["sheet_changes"]
    assert (1, 0) == (changed.exit_code, next_one.exit_code)
    assert ("统筹支付", "0.01") == (change["栏"], change["此前"])
    assert [change] == tables(next_one)["sheet_changes"]


REFUSED: dict[str, tuple[list[Any], str]] = {
    "a kind of file": (["sheet", "anqing", "--out", "a.doc"], "只写成 .pdf 或 .xlsx"),
    "no such city": (["sheet", "nowhere", "--out", "a.pdf"], "没有城市 nowhere"),
    "a server's rules": (
        ["check", "anqing", "--against", __file__, "--target", "127.0.0.1:1"],
        "--against 核对本机安装的插件",
    ),
    "no sheet": (["check", "anqing", "--against", __file__], "不是可读的 XLSX"),
}


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(("arguments", "told"), REFUSED.values(), ids=REFUSED)
def test_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    arguments: list[Any],
    told: str,
) -> None:
    """In one sentence, and no file is written."""
    monkeypatch.chdir(tmp_path)
    result = gongji(*arguments)

    assert 0 != result.exit_code
    assert told in result.output
    assert [] == list(tmp_path.iterdir())
