"""Rows of a CSV file (表格), each on a line of its own, none read beyond its cells.

A row is known by the number of its line, as spreadsheets show it: the header is row 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from gongji.text.characters import shown
from gongji.text.files import LONGEST_LINE, FileFaultError, TextFile


class CellFault(NamedTuple):
    """What is wrong with a row, and in which column; "" if in none of its own."""

    column: str
    message: str


class CsvRow(NamedTuple):
    """A row: its cells by column, none if it is at fault."""

    number: int
    cells: Mapping[str, str]
    fault: CellFault | None = None


class CsvFile:
    """A file's header and rows; only one row is in memory.

    FileFaultError if a column of the header stands there twice.
    """

    def __init__(self, file: TextFile) -> None:
        self.name = file.name
        self._file = file
        self.header, self._separator = self._read_header()

    def __iter__(self) -> Iterator[CsvRow]:
        """Yield the rows; blank lines after the last are none."""
        blank_since = 0
        for number, line in self._file.lines():
            if number == 1:
                continue
            if line is not None and not line.strip(f"{self._separator} "):
                blank_since = blank_since or number
                continue
            for blank in range(blank_since or number, number):
                yield CsvRow(blank, {}, CellFault("", "是空行"))
            blank_since = 0
            yield self._row(number, line)

    def __len__(self) -> int:
        """Count the rows, in a pass of its own."""
        return sum(1 for _ in self)

    def missing(self, required: Iterable[str]) -> list[str]:
        """Return the columns that are required and not there."""
        return [name for name in required if name not in self.header]

    def unknown(self, known: Iterable[str]) -> list[str]:
        """Return the columns that nobody knows, as they may be shown."""
        others = [name for name in self.header if name not in set(known)]
        return [shown(name) or "（空）" for name in others]

    def _read_header(self) -> tuple[list[str], str]:
        _, line = next(self._file.lines())
        if line is None:
            raise FileFaultError(f"{self.name} 的表头超过 {LONGEST_LINE} 个字符")
        # Spreadsheets save "Unicode text" with tabs.
        separator = "\t" if "\t" in line else ","
        cells = _split(line, separator)
        if isinstance(cells, int):
            raise FileFaultError(f"{self.name} 的表头引号没有成对")
        doubled = [shown(name) for name in cells if cells.count(name) > 1]
        if doubled:
            raise FileFaultError(f"{self.name} 的表头中 {doubled[0]} 一列出现两次")
        return cells, separator

    def _row(self, number: int, line: str | None) -> CsvRow:
        if line is None:
            fault = CellFault("", f"超过 {LONGEST_LINE} 个字符")
            return CsvRow(number, {}, fault)
        cells = _split(line, self._separator)
        if isinstance(cells, int):
            column = self.header[cells] if cells < len(self.header) else ""
            return CsvRow(number, {}, CellFault(column, _QUOTES))
        if len(cells) != len(self.header):
            return CsvRow(number, {}, self._miscounted(len(cells)))
        return CsvRow(number, dict(zip(self.header, cells, strict=True)))

    def _miscounted(self, count: int) -> CellFault:
        wanted = len(self.header)
        if count < wanted:
            missing = self.header[count]
            return CellFault(
                missing, f"应有 {wanted} 格，只有 {count} 格，自 {missing} 起缺失"
            )
        return CellFault(
            self.header[-1],
            f"应有 {wanted} 格，却有 {count} 格；单元格内的逗号"
            '（如金额的千分位）须连同引号写作 "1,234.50"',
        )


_QUOTES: Final = "引号没有成对，或单元格内有换行"

_CELLS: Final = {
    separator: re.compile(
        rf'(?:"((?:[^"]++|"")*+)"|([^"{separator}]*+))(?:{separator}|(\Z))'
    )
    for separator in (",", "\t")
}


def _split(line: str, separator: str) -> list[str] | int:
    """Return the cells of a line, or the number of the first that is not one."""
    # hot path: quotes are rare.
    if '"' not in line:
        return line.split(separator)
    cells: list[str] = []
    position = 0
    while True:
        cell = _CELLS[separator].match(line, position)
        if cell is None:
            return len(cells)
        quoted, plain, end = cell.groups()
        cells.append(plain if quoted is None else quoted.replace('""', '"'))
        if end is not None:
            return cells
        position = cell.end()
