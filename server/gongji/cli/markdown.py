"""Markdown on a terminal: rich's own, but that no amount or clause is broken."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Markdown, Paragraph, TableElement

from gongji.cli.grid import GridColumn, is_amounts, rows_in
from gongji.cli.layout import broken


class _WholeParagraph(Paragraph):
    """A paragraph whose lines end between pieces that stay whole."""

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> RenderResult:
        """Yield its lines."""
        del console
        text = broken(self.text, options.max_width)
        text.no_wrap = True
        yield text


class _FittedTable(TableElement):
    """A table that fits the width, as all of ours do."""

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> RenderResult:
        """Yield its rows."""
        del console
        header, body = self.header, self.body
        if header is None or header.row is None or body is None:
            return
        rows = [[cell.content.plain for cell in row.cells] for row in body.rows]
        columns = [
            _column(head.content.plain, [row[place] for row in rows])
            for place, head in enumerate(header.row.cells)
        ]
        yield from rows_in(columns, options.max_width)


def _column(label: str, cells: list[str]) -> GridColumn:
    return GridColumn(label, cells, right=is_amounts(cells))


class WholeMarkdown(Markdown):
    """Markdown in which amounts and clauses stay whole; addresses are read, not followed."""

    elements: ClassVar[dict[str, Any]] = {
        **Markdown.elements,
        "paragraph_open": _WholeParagraph,
        "table_open": _FittedTable,
    }

    def __init__(self, text: str) -> None:
        super().__init__(text, hyperlinks=False)
