"""A sheet as PDF: A4, in a font that has Chinese; template.typ lays out the page."""

from __future__ import annotations

import json
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

from gongji.client.statement.sheet import Issuance, Sheet, cells_of
from gongji.text.characters import shown

if TYPE_CHECKING:
    from typst import PDFStandard


_TEMPLATE: Final = files(__package__).joinpath("template.typ")

_STANDARDS: Final[list[PDFStandard]] = ["a-2a", "ua-1"]
"""For archives and for screen readers.

Under both a letter that the font lacks is an error, never an empty box.
"""


class UnprintableError(ValueError):
    """A sheet cannot be printed here; the message says why, in Chinese."""


def to_pdf(sheet: Sheet) -> bytes:
    """Return an issued sheet as PDF, the same bytes each time. UnprintableError."""
    if sheet.issued is None:
        raise UnprintableError("没有编号与验证码的不打印成查询单；请由服务出具")
    document = json.dumps(_document(sheet, sheet.issued), ensure_ascii=False)
    inputs = {"statement": document}
    return print_page(_TEMPLATE.read_bytes(), inputs, sheet.issued.issued_at)


def require_printing() -> None:
    """Stop what is to be printed where nothing can be. UnprintableError."""
    _typesetter()


def print_page(
    template: bytes,
    inputs: dict[str, str],
    printed_at: datetime,
    standards: list[PDFStandard] = _STANDARDS,
) -> bytes:
    """Return a template's page over its inputs as PDF. UnprintableError."""
    typst, font_folder = _typesetter()
    # No font of the machine's: the page must look the same everywhere.
    fonts = typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=False,
        font_paths=[font_folder],
    )
    try:
        page: bytes = typst.compile(
            template,
            font_paths=fonts,
            format="pdf",
            # Data, not source: nothing in it is taken for markup.
            sys_inputs=inputs,
            pdf_standards=standards,
            timestamp=int(printed_at.timestamp()),
        )
    except typst.TypstError as fault:
        raise UnprintableError(f"无法排成 PDF，可改用 --format csv：{fault}") from fault
    return page


def _typesetter() -> tuple[ModuleType, Path]:
    """Return the typesetter and the folder of its font. UnprintableError."""
    try:
        import typst  # noqa: PLC0415 - an extra, needed only here
        from pylopdf_fonts_zh_cn import sans_path  # noqa: PLC0415 - as above
    except ImportError as missing:
        raise UnprintableError(
            f"打印 PDF 需要附加组件 {missing.name}，请运行 pip install 'gongji[pdf]'；"
            "或改用 --format csv"
        ) from missing
    return typst, sans_path().parent


def _document(sheet: Sheet, issued: Issuance) -> dict[str, object]:
    """Return what the template prints, each cell as text."""
    columns = [
        {"head": column.head, "fen": column.fen, "wide": column.wide}
        for column in sheet.columns
    ]
    return {
        "title": sheet.title,
        "party": sheet.party,
        "person_no": sheet.person_no,
        "name": shown(sheet.name),
        "period": str(sheet.period),
        "others": [[label, shown(words)] for label, words in sheet.others],
        "statement_no": issued.statement_no,
        "code": issued.code,
        "authority": shown(issued.authority),
        "issued_at": f"{issued.issued_at:%Y-%m-%d %H:%M:%S}",
        "columns": columns,
        "opening": cells_of(sheet.opening or ()),
        "rows": [cells_of(row) for row in sheet.rows],
        "closing": cells_of(sheet.closing),
        "note": sheet.note,
    }
