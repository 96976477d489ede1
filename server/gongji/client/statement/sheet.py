"""A statement as one sheet: columns and rows, and its cells as text, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Final

from gongji.rules import money
from gongji.rules.days import month_around
from gongji.text.characters import shown, shown_json

Cell = str | int | datetime
"""A text, an amount in fen, or an instant in Shanghai."""

Row = tuple[Cell, ...]

_EXACT_DIGITS: Final = 11
"""Spreadsheets round longer numbers and show them in powers of ten."""

_FORMULA: Final = tuple("=+-@＝＋－＠")  # noqa: RUF001 - Chinese spreadsheets read both
"""Beginnings of texts that a spreadsheet would compute, after any blanks."""


@dataclass(frozen=True, slots=True)
class StatementPeriod:
    """Shanghai days of settlement or refund, both ends included; None if open (C78)."""

    first: date | None = None
    last: date | None = None

    @classmethod
    def of_month(cls, day: date) -> StatementPeriod:
        """Return the month of a day."""
        return cls(*month_around(day))

    @property
    def from_day(self) -> str:
        """The first day as in requests, empty if open."""
        return str(self.first or "")

    @property
    def to_day(self) -> str:
        """The last day as in requests, empty if open."""
        return str(self.last or "")

    def __str__(self) -> str:
        if self.first and self.last:
            return f"{self.first} 至 {self.last}"
        if self.first:
            return f"自 {self.first} 起"
        return f"截至 {self.last}" if self.last else "全部记录"


@dataclass(frozen=True, slots=True)
class SheetColumn:
    """One column: its key for programs, its head for people.

    `fen` marks amounts, `wide` the column that takes the remaining width.
    """

    key: str
    head: str
    fen: bool = False
    wide: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuance:
    """By whom and when a statement was issued, and what it is checked by."""

    statement_no: str
    code: str
    authority: str
    issued_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One statement: whose and of which days, rows oldest first, a closing line.

    An account's begins with an opening balance. The name is as the service masks it;
    `others` are labels and words for those who take part. Without `issued` it is a list
    and no document.
    """

    title: str
    party: str
    person_no: str
    name: str
    period: StatementPeriod
    columns: tuple[SheetColumn, ...]
    rows: tuple[Row, ...]
    opening: Row | None = None
    closing: Row
    note: str
    others: tuple[tuple[str, str], ...] = ()
    issued: Issuance | None = None

    @property
    def heading(self) -> str:
        """Title, party and period on one line."""
        return f"{self.title} {self.party} {self.name} {self.person_no} {self.period}"

    @property
    def lines(self) -> tuple[Row, ...]:
        """All lines in order, opening and closing included."""
        opening = (self.opening,) if self.opening else ()
        return (*opening, *self.rows, self.closing)

    def shown(self) -> Iterator[dict[str, str]]:
        """Return the lines as people read them, by the heads of their columns."""
        heads = [column.head for column in self.columns]
        for line in self.lines:
            yield dict(zip(heads, cells_of(line), strict=True))


def cells_of(row: Row) -> list[str]:
    """Return the cells of a row as people read them."""
    return [text_of(cell) for cell in row]


def text_of(cell: Cell) -> str:
    """Return a cell as people read it: 1,234.56 yuan, 2025-09-30 10:00:00."""
    if isinstance(cell, int):
        return money.yuan(cell)
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M:%S}"
    return shown(cell)


def to_csv(sheet: Sheet) -> bytes:
    """Return heads and lines as CSV for spreadsheets, amounts in yuan without separators."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\r\n")
    rows.writerow([column.head for column in sheet.columns])
    rows.writerows([_plain(cell) for cell in line] for line in sheet.lines)
    # With a byte order mark, without which Excel does not take it for UTF-8.
    return text.getvalue().encode("utf-8-sig")


def document_of(sheet: Sheet) -> dict[str, object]:
    """Return a sheet for programs: amounts in fen, instants with their zone."""
    document: dict[str, object] = {
        "title": sheet.title,
        "person_no": sheet.person_no,
        "name": sheet.name,
        "from_day": sheet.period.from_day,
        "to_day": sheet.period.to_day,
        "rows": [_keyed(sheet, row) for row in sheet.rows],
        "opening": _amounts(sheet, sheet.opening or ()),
        "closing": _amounts(sheet, sheet.closing),
    }
    if sheet.issued is not None:
        document["issued"] = asdict(sheet.issued) | {
            "issued_at": sheet.issued.issued_at.isoformat()
        }
    return document


def to_json(sheet: Sheet) -> bytes:
    """Return one document on one line, as of `document_of`."""
    text = json.dumps({"statement": document_of(sheet)}, ensure_ascii=False)
    return f"{shown_json(text)}\n".encode()


def _plain(cell: Cell) -> str:
    """Return a cell as a spreadsheet reads it rightly."""
    if isinstance(cell, int):
        return money.yuan(cell).replace(",", "")
    text = text_of(cell)
    # A tab keeps a long code from being rounded as a number, an apostrophe a text from
    # being computed as a formula.
    if text.isdecimal() and len(text) > _EXACT_DIGITS:
        return text + "\t"
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def _keyed(sheet: Sheet, row: Row) -> dict[str, str | int]:
    return {
        column.key: cell.isoformat() if isinstance(cell, datetime) else cell
        for column, cell in zip(sheet.columns, row, strict=True)
    }


def _amounts(sheet: Sheet, row: Row) -> Mapping[str, int]:
    """Return the amounts of a line by key, without those it has no figure for."""
    return {
        column.key: cell
        for column, cell in zip(sheet.columns, row, strict=bool(row))
        if isinstance(cell, int)
    }
