"""Rows in the width of a terminal: side by side, or one block below the other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.console import JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from gongji.cli.layout import widest, wrapped

_PROSE: Final = 12
"""Fewest cells of a column whose text does not fit into them."""

_LABEL_PART: Final = re.compile(r"（[^）]*）|[^\s（]+")
"""The parts of a label between which it may be broken: words, and a unit in brackets."""

_TALLEST: Final = 12
"""Lines of a cell beyond which rows are better read as blocks."""

_AMOUNT: Final = re.compile(
    r"[-+]?\d[\d,]*(?:\.\d\d(?: ?\u5143)?| ?\u5143)|[-+]?\d[\d,.]*%"
)
"""An amount in yuan, or a share."""


@dataclass(frozen=True, slots=True)
class GridColumn:
    """A column of a table: its label, its cells and how they are set."""

    label: str
    cells: Sequence[str]
    right: bool = False
    clauses: bool = False

    @property
    def natural(self) -> int:
        """Cells of its widest line."""
        return max(map(_width, self._texts))

    @property
    def natural_cells(self) -> int:
        """Cells of the widest line below its label."""
        return max(map(_width, self.cells), default=0)

    @property
    def least(self) -> int:
        """Fewest cells in which it can be read."""
        whole = max(widest(text, clauses=self.clauses) for text in self._texts)
        label = max(map(cell_len, _LABEL_PART.findall(self.label)), default=0)
        return max(whole, label, min(self.natural_cells, _PROSE))

    @property
    def _texts(self) -> Sequence[str]:
        return (self.label, *self.cells)

    def lines(self, cell: str, width: int) -> str:
        """Return a cell broken into lines of a width."""
        return "\n".join(wrapped(cell, width, clauses=self.clauses))


def _width(text: str) -> int:
    """Return the cells of the widest line of a text."""
    return max(map(cell_len, text.split("\n")))


def is_amounts(cells: Sequence[object]) -> bool:
    """Return whether a column holds numbers or amounts and nothing else but dashes."""
    said = [cell for cell in cells if str(cell) not in {"", "—"}]
    return bool(said) and all(map(_is_amount, said))


def _is_amount(cell: object) -> bool:
    if isinstance(cell, bool):
        return False
    return isinstance(cell, int | float) or bool(_AMOUNT.fullmatch(str(cell)))


def rows_in(columns: Sequence[GridColumn], width: int) -> Iterator[RenderableType]:
    """Yield rows as they fit into a width: a table, or lines of a block for each row."""
    borders = 3 * len(columns) + 1
    widths = _widths(columns, width - borders)
    if widths is None:
        yield from _blocks(columns, width)
    else:
        yield _table(columns, widths)


def _widths(columns: Sequence[GridColumn], width: int) -> list[int] | None:
    """Return how wide columns are that share a width; None if rows do not fit."""
    natural = [column.natural for column in columns]
    widths = [column.least for column in columns]
    spare = width - sum(widths)
    if spare < 0:
        return None
    for _ in range(spare):
        # The one whose cells are the most lines.
        first = max(range(len(columns)), key=lambda n: natural[n] / widths[n])
        if widths[first] >= natural[first]:
            break
        widths[first] += 1
    tallest = max(n / w for n, w in zip(natural, widths, strict=True))
    return None if tallest > _TALLEST else widths


def _rows(columns: Sequence[GridColumn]) -> Iterator[tuple[str, ...]]:
    yield from zip(*[column.cells for column in columns], strict=True)


def _table(columns: Sequence[GridColumn], widths: Sequence[int]) -> Table:
    table = Table(header_style="bold")
    for column, width in zip(columns, widths, strict=True):
        justify: JustifyMethod = "right" if column.right else "left"
        label = column.lines(column.label, width)
        table.add_column(label, width=width, no_wrap=True, justify=justify)
    for row in _rows(columns):
        cells = zip(columns, row, widths, strict=True)
        table.add_row(*[column.lines(cell, width) for column, cell, width in cells])
    return table


def _blocks(columns: Sequence[GridColumn], width: int) -> Iterator[Text]:
    """Yield each row as a block of lines, a label before each value there is.

    Amounts end below each other, as in a table.
    """
    indent = max(cell_len(column.label) for column in columns) + 2
    room = max(width - indent, 1)
    figures = [column.natural_cells for column in columns if column.right]
    ends_at = max(figures, default=0)
    for row in _rows(columns):
        for column, cell in zip(columns, row, strict=True):
            if not cell:
                continue
            label = Text(column.label, "bold")
            for line in column.lines(cell, room).split("\n"):
                blank = ends_at - cell_len(line) if column.right else 0
                label.pad_right(indent - label.cell_len + blank)
                yield label + Text(line)
                label = Text()
        yield Text()
