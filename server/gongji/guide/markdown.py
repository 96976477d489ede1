"""Writes a guide as CommonMark with tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from gongji.guide.page import (
    PROVINCIAL,
    Block,
    Citation,
    Grid,
    GuidePage,
    LineList,
    Section,
    Statement,
    citations,
)

# Code, emphasis, HTML and the cells of a table begin with these; links and entities too.
_SPECIAL = re.compile(r"[\\`*<|]|\](?=\()|&(?=#?\w+;)")


def to_markdown(page: GuidePage) -> str:
    """Return the whole page; blocks stand apart by an empty line."""
    blocks = [f"# {_text(page.title)}"]
    blocks += [_statement(statement) for statement in page.lead]
    for section in page.sections:
        blocks += _section(section, 2)
    return "\n\n".join(blocks) + "\n"


def _section(section: Section, depth: int) -> Iterator[str]:
    yield f"{'#' * depth} {_text(section.heading)}"
    for block in section.blocks:
        yield _block(block)
    for part in section.parts:
        yield from _section(part, depth + 1)


def _block(block: Block) -> str:
    match block:
        case Statement():
            return _statement(block)
        case LineList():
            return "\n".join(_items(block))
        case Grid():
            return "\n".join(_rows(block))


def _items(lines: LineList) -> Iterator[str]:
    for number, item in enumerate(lines.items, 1):
        bullet = f"{number}." if lines.numbered else "-"
        yield f"{bullet} {_statement(item)}"


def _rows(grid: Grid) -> Iterator[str]:
    yield _row(_text(name) for name in grid.head)
    yield _row("---" for _ in grid.head)
    for row in grid.rows:
        yield _row(_statement(cell) for cell in row)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _statement(statement: Statement) -> str:
    """Return text, what to mind, clauses in brackets, the mark of the province."""
    text = _text(statement.text)
    if statement.caution:
        text += f" **注意：** {_text(statement.caution)}"
    cited = "、".join(_citation(citation) for citation in citations(statement.clauses))
    marks = f"[{cited}]" if cited else ""
    if statement.provincial:
        marks += PROVINCIAL
    return f"{text} {marks}".strip()


def _citation(citation: Citation) -> str:
    span = f"–{citation.last.id}" if citation.last else ""
    return f"{citation.first.id}{span}{citation.mark}"


def _text(text: str) -> str:
    """Return text on one line, with all escaped that CommonMark reads as more than text."""
    one_line = " ".join(text.split())
    return _SPECIAL.sub(lambda match: f"\\{match[0]}", one_line)
