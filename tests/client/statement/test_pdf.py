"""The printed page: every figure on it, in a font that has every letter, its head on each page."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import datetime

import pypdfium2 as pdfium
import pytest
from gongji.client.statement import Sheet, SheetColumn, UnprintableError, to_pdf
from gongji.client.statement.sheet import text_of
from gongji.rules.codes import SHANGHAI

NOW = datetime(2025, 9, 30, 20, 0, tzinfo=SHANGHAI)
A4 = (595, 842)
"""Width and height in points."""
HEAD = "时间机构共济支付(元)"
MARKUP = '#strong[x] $a$ \\ *b* _c_ <d> @e `f` // g -- "h"'


def pages(sheet: Sheet) -> list[str]:
    """The text of each page as a reader would copy it, without spaces and line ends."""
    document = pdfium.PdfDocument(to_pdf(sheet, NOW))
    return [
        re.sub(r"\s", "", page.get_textpage().get_text_range()) for page in document
    ]


def inked(page: pdfium.PdfPage) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is not white, in points; a quick look at the
    page as a picture."""
    bitmap = page.render(scale=1, grayscale=True)
    width, rows = bitmap.width, bytes(bitmap.buffer)
    marks = [
        i for i, shade in enumerate(rows) if shade < 128 and i % bitmap.stride < width
    ]
    columns = [i % bitmap.stride for i in marks]
    return (
        min(columns),
        min(marks) // bitmap.stride,
        max(columns),
        max(marks) // bitmap.stride,
    )


@pytest.mark.parametrize(("rows", "count"), [(0, 1), (3, 1), (30, 1), (120, 3)])
def test_every_cell_is_printed(
    new_sheet: Callable[..., Sheet], rows: int, count: int
) -> None:
    """Each row's time, place and amount can be copied from the page, in the order of the sheet."""
    sheet = new_sheet(rows)

    told = pages(sheet)

    assert count == len(told)
    rest = "".join(told)
    for line in sheet.lines:
        row = "".join(text_of(cell) for cell in line).replace(" ", "")
        assert row in rest
        rest = rest[rest.index(row) + len(row) :]


def test_each_page_has_head_and_number(new_sheet: Callable[..., Sheet]) -> None:
    """The table's head, the page's number and the time of printing stand on every page;
    the end only on the last."""
    told = pages(new_sheet(120))

    assert [1] * 3 == [page.count(HEAD) for page in told]
    assert [f"第{n}/3页" in page for n, page in enumerate(told, 1)] == [True] * 3
    assert ["打印时间2025-09-3020:00" in page for page in told] == [True] * 3
    assert ["打印窗口" in page for page in told] == [False] * 2 + [True]
    assert ["本单不显示诊断与项目。" in page for page in told] == [False] * 2 + [True]


def test_the_end_never_stands_without_a_head(new_sheet: Callable[..., Sheet]) -> None:
    """However the rows fill the page, totals, note and the line to sign stay together
    under the table's head."""
    for rows in range(30, 45):
        last = pages(new_sheet(rows))[-1]
        told = [last.find(word) for word in (HEAD, "合计", "本单不显示", "打印窗口")]
        assert [-1, *told] == sorted({-1, *told})


def test_each_page_says_whose_it_is(new_sheet: Callable[..., Sheet]) -> None:
    """Title, masked name, number and period stand on every page, also on one that got separated."""
    told = pages(new_sheet(120))

    for word in ("共济消费查询单", "授权人陈**", "CZ001", "2025-09-01至2025-12-31"):
        assert [1] * 3 == [page.count(word) for page in told]


def test_nothing_leaves_the_page(new_sheet: Callable[..., Sheet]) -> None:
    """Long names break into lines, the greatest amounts stay apart; five columns of
    them lie on a page turned round."""
    amounts = tuple(SheetColumn(f"fen{n}", f"金额{n}(元)", fen=True) for n in range(5))
    columns = (
        SheetColumn("at", "时间"),
        SheetColumn("institution", "机构", wide=True),
        *amounts,
        SheetColumn("status", "状态"),
    )
    row = (NOW, "极长的机构名称" * 8, *[100_000_000_000] * 5, "已撤销")
    sheet = new_sheet(columns=columns, rows=(row,) * 3, closing=row, person_no="W" * 30)

    (page,) = pdfium.PdfDocument(to_pdf(sheet, NOW))

    assert A4[::-1] == tuple(round(side) for side in page.get_size())
    left, top, right, bottom = inked(page)
    assert (True, True) == (
        40 <= left < right <= A4[1] - 40,
        40 <= top < bottom <= A4[0] - 30,
    )
    assert 20 == pages(sheet)[0].count("1,000,000,000.00")


def test_a_page_is_a4(new_sheet: Callable[..., Sheet]) -> None:
    """A statement stands on A4, with margins on every side."""
    (page,) = pdfium.PdfDocument(to_pdf(new_sheet(), NOW))

    assert A4 == tuple(round(side) for side in page.get_size())
    left, top, right, bottom = inked(page)
    assert (True, True) == (
        40 <= left < right <= A4[0] - 40,
        40 <= top < bottom <= A4[1] - 30,
    )


def test_text_is_never_markup(new_sheet: Callable[..., Sheet]) -> None:
    """Whatever a name or an institution is called is printed letter by letter."""
    sheet = new_sheet(name=MARKUP, rows=((NOW, MARKUP, 1),))

    (told,) = pages(sheet)

    assert 2 == told.count(MARKUP.replace(" ", ""))


@pytest.mark.parametrize("name", ["㛃〇", "䶮", "𬭎", "é", "·"])
def test_rare_letters_are_printed(new_sheet: Callable[..., Sheet], name: str) -> None:
    """Rare characters of names are in the font."""
    (told,) = pages(new_sheet(name=name))

    assert f"授权人{name}" in told


def test_a_letter_the_font_lacks_is_named(new_sheet: Callable[..., Sheet]) -> None:
    """Where the font has no picture of a letter nothing is printed, rather than an empty box."""
    with pytest.raises(UnprintableError, match=r"改用 --format csv.*𪚥"):
        to_pdf(new_sheet(name="𪚥"), NOW)


def test_the_same_sheet_is_the_same_file(new_sheet: Callable[..., Sheet]) -> None:
    """A sheet printed twice for the same instant is the same, byte for byte."""
    assert to_pdf(new_sheet(), NOW) == to_pdf(new_sheet(), NOW)


@pytest.mark.parametrize("package", ["typst", "pylopdf_fonts_zh_cn"])
def test_without_the_extra(
    new_sheet: Callable[..., Sheet], monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    """Where the extra is not installed a sentence says what is missing and how to get it."""
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(
        UnprintableError, match=rf"{package}.*gongji\[pdf\].*--format csv"
    ):
        to_pdf(new_sheet(), NOW)
