"""A sheet as a workbook (XLSX): a first page, and a worksheet for each table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from io import BytesIO
from types import ModuleType
from typing import Any, Final

from gongji.kit.sheet.changes import CHANGE_COLUMNS
from gongji.kit.sheet.content import KEYS, RulesSheet, SheetRow
from gongji.kit.sheet.due import DUE_COLUMNS
from gongji.kit.sheet.files import SIGNATURES, SheetToSign, UnreadableSheetError

FIRST_PAGE: Final = "首页"


def to_xlsx(signed: SheetToSign) -> bytes:
    """Return a sheet as XLSX. UnreadableSheetError without its extra."""
    openpyxl = _library()
    book = openpyxl.Workbook()
    page = book.active
    page.title = FIRST_PAGE
    signatures = [(line, "____________") for line in SIGNATURES]
    _write(page, [*signed.sheet.head.items(), (), *signatures])
    for name in KEYS:
        _table(book.create_sheet(name), signed.sheet.tables[name])
    if signed.changes is not None:
        _table(book.create_sheet("改动"), signed.changes, CHANGE_COLUMNS)
    _table(book.create_sheet("待核实"), signed.due, DUE_COLUMNS)
    written = BytesIO()
    book.save(written)
    return written.getvalue()


def from_xlsx(file: bytes) -> RulesSheet:
    """Return the sheet of a workbook, as whoever had it last left it. UnreadableSheetError."""
    openpyxl = _library()
    try:
        book = openpyxl.load_workbook(BytesIO(file))
    # A broken file makes the library raise nearly anything.
    except Exception as fault:
        raise UnreadableSheetError("文件不是可读的 XLSX") from fault
    missing = [name for name in (FIRST_PAGE, *KEYS) if name not in book.sheetnames]
    if missing:
        raise UnreadableSheetError(f"不是规则清单：缺少工作表{'、'.join(missing)}")
    head = {}
    for label, *cells in _rows(book[FIRST_PAGE]):
        # Below the first empty line is where people sign.
        if not label:
            break
        head[label] = cells[0] if cells else ""
    return RulesSheet(head, {name: _read(name, book[name]) for name in KEYS})


def _library() -> ModuleType:
    try:
        import openpyxl  # noqa: PLC0415 - an extra, needed only here
    except ImportError as missing:
        raise UnreadableSheetError(
            f"XLSX 需要附加组件 {missing.name}，请运行 pip install 'gongji[xlsx]'；"
            "或改用 .pdf"
        ) from missing
    library: ModuleType = openpyxl
    return library


def _table(page: Any, rows: Sequence[SheetRow], columns: Sequence[str] = ()) -> None:
    headings = tuple(columns) or tuple(rows[0] if rows else KEYS[page.title])
    _write(page, [headings, *([row[h] for h in headings] for row in rows)])
    page.freeze_panes = "A2"


def _write(page: Any, rows: Iterable[Sequence[str]]) -> None:
    for line, row in enumerate(rows, 1):
        for column, text in enumerate(row, 1):
            cell = page.cell(line, column, text)
            # A text that begins with = is no formula.
            cell.data_type = "s"


def _rows(page: Any) -> list[list[str]]:
    return [[_text(cell) for cell in row] for row in page.iter_rows(values_only=True)]


def _read(name: str, page: Any) -> list[Mapping[str, str]]:
    headings, *rows = _rows(page) or [[]]
    missing = [heading for heading in KEYS[name] if heading not in headings]
    if missing:
        raise UnreadableSheetError(
            f"不是规则清单：工作表{name}缺少栏目{'、'.join(missing)}"
        )
    # A line that somebody emptied is no row.
    return [dict(zip(headings, row, strict=True)) for row in rows if any(row)]


def _text(cell: object) -> str:
    """Return a cell as text: an editor may have made a day of what looked like one."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return str(cell.date())
    return cell.isoformat() if isinstance(cell, date) else str(cell).strip()
