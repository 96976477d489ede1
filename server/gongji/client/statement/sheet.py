"""A statement as one sheet: columns, rows, what stands before and after them, and how
its cells are written."""

from __future__ import annotations

import csv
import io
import json
from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from gongji.rules import money

Cell = str | int | datetime
"""A text, an amount in fen, or an instant in Shanghai."""

Row = tuple[Cell, ...]

_EXACT_DIGITS: Final = 11
"""Longer numbers are shown by spreadsheets in powers of ten, with their last digits lost."""

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet would compute."""


@dataclass(frozen=True, slots=True)
class StatementPeriod:
    """From a first to a last Shanghai day of settlement, both inclusive; None where open (C78)."""

    first: date | None = None
    last: date | None = None

    @classmethod
    def of_month(cls, day: date) -> StatementPeriod:
        """The month a day lies in."""
        return cls(
            day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1])
        )

    @property
    def from_day(self) -> str:
        """The first day as requests carry it; empty where open."""
        return str(self.first or "")

    @property
    def to_day(self) -> str:
        """The last day as requests carry it; empty where open."""
        return str(self.last or "")

    def __str__(self) -> str:
        if self.first and self.last:
            return f"{self.first} 至 {self.last}"
        if self.first:
            return f"自 {self.first} 起"
        return f"截至 {self.last}" if self.last else "全部记录"


@dataclass(frozen=True, slots=True)
class SheetColumn:
    """One column: its key for programs, its head for people; `fen` holds amounts,
    `wide` takes the room left over."""

    key: str
    head: str
    fen: bool = False
    wide: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One statement: whose, which days, its rows oldest first; before them an opening,
    after them totals or a closing.

    The name is masked as the service masks it.
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

    @property
    def heading(self) -> str:
        """What the sheet is and whose, on one line."""
        return f"{self.title} {self.party} {self.name} {self.person_no} {self.period}"

    @property
    def lines(self) -> tuple[Row, ...]:
        """All lines in order, opening and closing included."""
        return (*([self.opening] if self.opening else []), *self.rows, self.closing)

    def shown(self) -> Iterator[dict[str, str]]:
        """The lines as people read them, by the heads of their columns."""
        for line in self.lines:
            yield {
                column.head: written(cell)
                for column, cell in zip(self.columns, line, strict=True)
            }


def written(cell: Cell) -> str:
    """A cell as people read it: 1,234.56 yuan, 2025-09-30 10:00:00."""
    if isinstance(cell, int):
        return money.yuan(cell)
    return f"{cell:%Y-%m-%d %H:%M:%S}" if isinstance(cell, datetime) else cell


def to_csv(sheet: Sheet) -> bytes:
    """The columns' heads and all lines as CSV that spreadsheets open: UTF-8 with a
    mark, yuan without separators."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\r\n")
    rows.writerow([column.head for column in sheet.columns])
    rows.writerows([_plain(cell) for cell in line] for line in sheet.lines)
    return text.getvalue().encode("utf-8-sig")


def to_json(sheet: Sheet) -> bytes:
    """One document on one line: rows by key, amounts in fen, instants with their zone."""
    document = {
        "title": sheet.title,
        "person_no": sheet.person_no,
        "name": sheet.name,
        "from_day": sheet.period.from_day,
        "to_day": sheet.period.to_day,
        "rows": [_keyed(sheet, row) for row in sheet.rows],
        "opening": _amounts(sheet, sheet.opening or ()),
        "closing": _amounts(sheet, sheet.closing),
    }
    return (json.dumps({"statement": document}, ensure_ascii=False) + "\n").encode()


def _plain(cell: Cell) -> str:
    """A cell a spreadsheet takes for what it is: no formula out of a text, no rounded
    number out of a long code."""
    if isinstance(cell, int):
        return money.yuan(cell).replace(",", "")
    text = written(cell)
    if text.isdecimal() and len(text) > _EXACT_DIGITS:
        return text + "\t"
    return f"'{text}" if text.startswith(_FORMULA) else text


def _keyed(sheet: Sheet, row: Row) -> dict[str, str | int]:
    return {
        column.key: cell.isoformat() if isinstance(cell, datetime) else cell
        for column, cell in zip(sheet.columns, row, strict=True)
    }


def _amounts(sheet: Sheet, row: Row) -> Mapping[str, int]:
    """The amounts of a line by key; what it has no figure for is left out."""
    return {
        column.key: cell
        for column, cell in zip(sheet.columns, row, strict=bool(row))
        if isinstance(cell, int)
    }
