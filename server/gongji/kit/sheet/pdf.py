"""A sheet as PDF: what people read, and the same as data attached to it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from importlib.resources import files
from typing import Final

from gongji.client.statement.pdf import print_page
from gongji.kit.sheet.changes import CHANGE_COLUMNS
from gongji.kit.sheet.content import KEYS, RulesSheet, SheetRow
from gongji.kit.sheet.due import DUE_COLUMNS
from gongji.kit.sheet.files import (
    SIGNATURES,
    SheetToSign,
    UnreadableSheetError,
)

ATTACHED: Final = "rules.json"
"""The name of the attached file; the template gives it."""

_TEMPLATE: Final = files(__package__).joinpath("template.typ")


def to_pdf(signed: SheetToSign, printed_at: datetime) -> bytes:
    """Return a sheet as PDF. UnprintableError."""
    parts = [_part(name, signed.sheet.tables[name], KEYS[name]) for name in KEYS]
    if signed.changes is not None:
        parts.insert(0, _part("与上一份的改动", signed.changes, CHANGE_COLUMNS))
    parts.append(_part("待核实的条款", signed.due, DUE_COLUMNS))
    told = {
        "title": f"{signed.sheet.head['城市']}规则清单",
        "head": list(signed.sheet.head.items()),
        "parts": parts,
        "signatures": SIGNATURES,
        "data": json.dumps(asdict(signed.sheet), ensure_ascii=False),
    }
    inputs = {"sheet": json.dumps(told, ensure_ascii=False)}
    # The archive standard that allows a file of data within.
    return print_page(
        _TEMPLATE.read_bytes(), inputs, printed_at, standards=["a-3a", "ua-1"]
    )


def from_pdf(file: bytes) -> RulesSheet:
    """Return the sheet attached to a PDF. UnreadableSheetError."""
    try:
        import pypdfium2 as pdfium  # noqa: PLC0415 - an extra, needed only here
    except ImportError as missing:
        raise UnreadableSheetError(
            f"读 PDF 需要附加组件 {missing.name}，请运行 pip install 'gongji[pdf]'"
        ) from missing
    try:
        with pdfium.PdfDocument(file) as document:
            count = document.count_attachments()
            attached = [document.get_attachment(index) for index in range(count)]
            found = [bytes(a.get_data()) for a in attached if a.get_name() == ATTACHED]
    except pdfium.PdfiumError as fault:
        raise UnreadableSheetError(f"文件不是可读的 PDF：{fault}") from fault
    if len(found) != 1:
        raise UnreadableSheetError("PDF 里没有规则清单的数据，请用 gongji sheet 写出的")
    return _sheet_in(found[0])


def _part(
    name: str, rows: Sequence[SheetRow], columns: Sequence[str]
) -> dict[str, object]:
    headings = list(rows[0] if rows else columns)
    return {"name": name, "head": headings, "rows": [[*row.values()] for row in rows]}


def _sheet_in(document: bytes) -> RulesSheet:
    """Return the sheet of attached data, whose every cell is text. UnreadableSheetError."""
    try:
        told = json.loads(document)
        head = _texts(told["head"])
        tables = {name: [*map(_texts, told["tables"][name])] for name in KEYS}
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise UnreadableSheetError("PDF 所附的数据不是规则清单的") from fault
    return RulesSheet(head, tables)


def _texts(cells: Mapping[object, object]) -> dict[str, str]:
    return {str(heading): str(cell) for heading, cell in cells.items()}
