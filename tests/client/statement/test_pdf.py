"""The printed page: every figure on it, in a font that has every letter, its head on each page."""

from __future__ import annotations

import re
import sys
from datetime import datetime
from typing import NamedTuple

import pypdfium2 as pdfium
import pytest
from gongji.client.statement import Sheet, SheetColumn, UnprintableError, to_pdf
from gongji.client.statement.sheet import cells_of
from gongji.rules.codes import SHANGHAI

from tests.client.statement.conftest import NewSheet

NOW = datetime(2025, 9, 30, 20, 0, tzinfo=SHANGHAI)
A4_WIDTH, A4_HEIGHT = 595, 842
"""In points."""

HEAD = "时间机构共济支付（元）"
MARKUP = '#strong[x] $a$ \\ *b* _c_ <d> @e `f` // g -- "h"'


def pages(sheet: Sheet) -> list[str]:
    """Return the text of each page as a reader would copy it, without white space."""
    document = pdfium.PdfDocument(to_pdf(sheet))
    texts = [page.get_textpage().get_text_range() for page in document]
    return [re.sub(r"\s", "", text) for text in texts]


class Box(NamedTuple):
    """A part of a page, in points from its upper left corner."""

    left: int
    top: int
    right: int
    bottom: int


def inked(page: pdfium.PdfPage) -> Box:
    """Return the box of what is not white."""
    bitmap = page.render(scale=1, grayscale=True)
    rows, columns = set(), set()
    for place, shade in enumerate(bytes(bitmap.buffer)):
        row, column = divmod(place, bitmap.stride)
        # Beyond the width a row is filled up.
        if shade < 128 and column < bitmap.width:
            rows.add(row)
            columns.add(column)
    return Box(min(columns), min(rows), max(columns), max(rows))


def check_margins(page: pdfium.PdfPage, width: int, height: int) -> None:
    """The page has this size, in points, and margins on every side."""
    assert (width, height) == tuple(round(side) for side in page.get_size())
    box = inked(page)
    assert 40 <= box.left < box.right <= width - 40
    assert 40 <= box.top < box.bottom <= height - 30


@pytest.mark.parametrize(("rows", "count"), [(0, 1), (3, 1), (25, 1), (120, 4)])
def test_every_cell_is_printed(new_sheet: NewSheet, rows: int, count: int) -> None:
    """Each row's time, place and amount can be copied from the page, in the order of the sheet."""
    sheet = new_sheet(rows)

    printed = pages(sheet)

    assert count == len(printed)
    unread = "".join(printed)
    for line in sheet.lines:
        row = "".join(cells_of(line)).replace(" ", "")
        assert row in unread
        _, _, unread = unread.partition(row)


def test_each_page_has_head_and_number(new_sheet: NewSheet) -> None:
    """The table's head, the page's number and the time of issuing are on every page;
    the end only on the last."""
    printed = pages(new_sheet(120))

    assert 4 == len(printed)
    for number, page in enumerate(printed, start=1):
        last = number == len(printed)
        assert 1 == page.count(HEAD)
        assert f"第{number}/4页" in page
        assert "出具时间2025-09-3020:00:05" in page
        assert last == ("打印窗口" in page)
        assert last == ("本单不显示诊断与项目。" in page)


def test_the_end_never_stands_without_a_head(new_sheet: NewSheet) -> None:
    """However the rows fill the page, totals, note and the line to sign stay together
    under the table's head."""
    for rows in range(30, 45):
        last = pages(new_sheet(rows))[-1]
        places = [last.find(word) for word in (HEAD, "合计", "本单不显示", "打印窗口")]
        assert -1 not in places
        assert sorted(places) == places


def test_each_page_says_whose_it_is(new_sheet: NewSheet) -> None:
    """Title, masked name, number and period are on every page, even one by itself."""
    for page in pages(new_sheet(120)):
        for word in ("共济消费查询单", "授权人陈**", "CZ001", "2025-09-01至2025-12-31"):
            assert 1 == page.count(word)


def test_each_page_can_be_checked(new_sheet: NewSheet) -> None:
    """Number and code stand on every page; the authority stands over the title."""
    first, *others = pages(new_sheet(120))

    assert first.startswith("某市医疗保障部门共济消费查询单")
    for page in (first, *others):
        assert "编号20250930-9QXT0-7K3MV验证码7K3M-9QXT-0VBD-2F6H" in page


def test_what_was_not_issued_is_not_printed(new_sheet: NewSheet) -> None:
    """A sheet without number and code is a list and becomes no document."""
    with pytest.raises(UnprintableError, match="由服务出具"):
        to_pdf(new_sheet(issued=None))


def test_others_stand_at_the_head(new_sheet: NewSheet) -> None:
    """Who else takes part stands below the person, letter by letter."""
    (text,) = pages(new_sheet(others=(("授权人", "方** P1"), ("授权人", MARKUP))))

    assert "授权人方**P1" in text
    assert MARKUP.replace(" ", "") in text


WIDE = (
    SheetColumn("at", "时间"),
    SheetColumn("institution", "机构", wide=True),
    *(SheetColumn(f"fen{n}", f"金额{n}（元）", fen=True) for n in range(5)),
    SheetColumn("status", "状态"),
)
"""Five columns of amounts."""


def test_nothing_leaves_the_page(new_sheet: NewSheet) -> None:
    """Long names break into lines, the greatest amounts stay apart; five columns of
    them are printed on a page turned round."""
    row = (NOW, "极长的机构名称" * 8, *[100_000_000_000] * 5, "已撤销")
    sheet = new_sheet(columns=WIDE, rows=(row,) * 3, closing=row, person_no="W" * 30)

    (page,) = pdfium.PdfDocument(to_pdf(sheet))

    check_margins(page, width=A4_HEIGHT, height=A4_WIDTH)
    (text,) = pages(sheet)
    assert 20 == text.count("1,000,000,000.00")


def test_a_page_is_a4(new_sheet: NewSheet) -> None:
    """A statement is printed on A4, with margins on every side."""
    (page,) = pdfium.PdfDocument(to_pdf(new_sheet()))

    check_margins(page, width=A4_WIDTH, height=A4_HEIGHT)


def test_text_is_never_markup(new_sheet: NewSheet) -> None:
    """Names of people and institutions are printed letter by letter."""
    sheet = new_sheet(name=MARKUP, rows=((NOW, MARKUP, 1),))

    (text,) = pages(sheet)

    assert 2 == text.count(MARKUP.replace(" ", ""))


@pytest.mark.parametrize("name", ["㛃〇", "䶮", "𬭎", "é", "·"])
def test_rare_letters_are_printed(new_sheet: NewSheet, name: str) -> None:
    """Rare characters of names are in the font."""
    (text,) = pages(new_sheet(name=name))

    assert f"授权人{name}" in text


def test_a_letter_the_font_lacks_is_named(new_sheet: NewSheet) -> None:
    """If the font has no picture of a letter nothing is printed, rather than an empty box."""
    with pytest.raises(UnprintableError, match=r"改用 --format csv.*𪚥"):
        to_pdf(new_sheet(name="𪚥"))


def test_the_same_sheet_is_the_same_file(new_sheet: NewSheet) -> None:
    """A sheet printed twice for the same instant is the same, byte for byte."""
    assert to_pdf(new_sheet()) == to_pdf(new_sheet())


@pytest.mark.parametrize("package", ["typst", "pylopdf_fonts_zh_cn"])
def test_without_the_extra(
    new_sheet: NewSheet, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    """If the extra is not installed a sentence says what is missing and how to get it."""
    monkeypatch.setitem(sys.modules, package, None)

    message = rf"{package}.*gongji\[pdf\].*--format csv"
    with pytest.raises(UnprintableError, match=message):
        to_pdf(new_sheet())
