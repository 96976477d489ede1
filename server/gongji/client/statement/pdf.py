"""Prints a sheet: A4, Chinese, in a font that comes by package; the page itself stands
in template.typ."""

from __future__ import annotations

import json
from datetime import datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from gongji.client.statement.sheet import Sheet, written

if TYPE_CHECKING:
    from typst import PDFStandard


_TEMPLATE: Final = files(__package__).joinpath("template.typ")

_STANDARDS: Final[list[PDFStandard]] = ["a-2a", "ua-1"]
"""For archives and for screen readers; under both a letter the font lacks is an error,
never an empty box."""


class UnprintableError(ValueError):
    """A sheet cannot be printed here; the message says what is missing, in Chinese."""


def to_pdf(sheet: Sheet, printed_at: datetime) -> bytes:
    """The sheet as a PDF; the same sheet printed at the same instant is the same file.
    UnprintableError."""
    try:
        import typst  # noqa: PLC0415 - an extra, looked for only where something is printed
        from pylopdf_fonts_zh_cn import sans_path  # noqa: PLC0415 - as above
    except ImportError as missing:
        raise UnprintableError(
            f"打印 PDF 需要附加组件 {missing.name}, 请运行 pip install 'gongji[pdf]'; "
            "或改用 --format csv"
        ) from missing
    fonts = typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=False,
        font_paths=[sans_path().parent],
    )
    try:
        return typst.compile(
            _TEMPLATE.read_bytes(),
            font_paths=fonts,
            format="pdf",
            sys_inputs={
                "statement": json.dumps(_told(sheet, printed_at), ensure_ascii=False)
            },
            pdf_standards=_STANDARDS,
            timestamp=int(printed_at.timestamp()),
        )
    except typst.TypstError as fault:
        raise UnprintableError(f"无法排成 PDF, 可改用 --format csv: {fault}") from fault


def _told(sheet: Sheet, printed_at: datetime) -> dict[str, object]:
    """What the template is told; everything in it is text, never markup."""
    return {
        "title": sheet.title,
        "party": sheet.party,
        "person_no": sheet.person_no,
        "name": sheet.name,
        "period": str(sheet.period),
        "printed_at": f"{printed_at:%Y-%m-%d %H:%M}",
        "columns": [
            {"head": c.head, "fen": c.fen, "wide": c.wide} for c in sheet.columns
        ],
        "opening": [written(cell) for cell in sheet.opening or ()],
        "rows": [[written(cell) for cell in row] for row in sheet.rows],
        "closing": [written(cell) for cell in sheet.closing],
        "note": sheet.note,
    }
