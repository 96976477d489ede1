"""A sheet as PDF: A4, in a font that has Chinese; template.typ lays out the page."""

from __future__ import annotations

import json
from datetime import datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from gongji.client.statement.sheet import Sheet, cells_of
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


def to_pdf(sheet: Sheet, printed_at: datetime) -> bytes:
    """Return a sheet as PDF, the same bytes for the same instant. UnprintableError."""
    document = json.dumps(_document(sheet, printed_at), ensure_ascii=False)
    return print_page(_TEMPLATE.read_bytes(), {"statement": document}, printed_at)


def print_page(template: bytes, inputs: dict[str, str], printed_at: datetime) -> bytes:
    """Return a template's page over its inputs as PDF. UnprintableError."""
    try:
        import typst  # noqa: PLC0415 - an extra, needed only here
        from pylopdf_fonts_zh_cn import sans_path  # noqa: PLC0415 - as above
    except ImportError as missing:
        raise UnprintableError(
            f"打印 PDF 需要附加组件 {missing.name}，请运行 pip install 'gongji[pdf]'；"
            "或改用 --format csv"
        ) from missing
    # No font of the machine's: the page must look the same everywhere.
    fonts = typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=False,
        font_paths=[sans_path().parent],
    )
    try:
        return typst.compile(
            template,
            font_paths=fonts,
            format="pdf",
            # Data, not source: nothing in it is taken for markup.
            sys_inputs=inputs,
            pdf_standards=_STANDARDS,
            timestamp=int(printed_at.timestamp()),
        )
    except typst.TypstError as fault:
        raise UnprintableError(f"无法排成 PDF，可改用 --format csv：{fault}") from fault


def _document(sheet: Sheet, printed_at: datetime) -> dict[str, object]:
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
        "printed_at": f"{printed_at:%Y-%m-%d %H:%M}",
        "columns": columns,
        "opening": cells_of(sheet.opening or ()),
        "rows": [cells_of(row) for row in sheet.rows],
        "closing": cells_of(sheet.closing),
        "note": sheet.note,
    }
