"""Writes a guide's page as CommonMark with tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from gongji.guide.page import (
    PROVINCIAL,
    Block,
    Cite,
    Grid,
    GuidePage,
    LineList,
    Said,
    Section,
    cites,
)

_SPECIAL = re.compile(r"[\\`*<|]")


def to_markdown(page: GuidePage) -> str:
    """The whole page; blocks stand apart by an empty line, the text ends with a line feed."""
    told = [f"# {_text(page.title)}", *(_said(said) for said in page.lead)]
    for section in page.sections:
        told += _section(section, 2)
    return "\n\n".join(told) + "\n"


def _section(section: Section, depth: int) -> Iterator[str]:
    yield f"{'#' * depth} {_text(section.heading)}"
    for block in section.blocks:
        yield _block(block)
    for part in section.parts:
        yield from _section(part, depth + 1)


def _block(block: Block) -> str:
    match block:
        case Said():
            return _said(block)
        case LineList():
            return "\n".join(
                f"{_bullet(block, number)} {_said(item)}"
                for number, item in enumerate(block.items, 1)
            )
        case Grid():
            rule = ["---"] * len(block.head)
            rows = ([_said(cell) for cell in row] for row in block.rows)
            return "\n".join(
                _row(cells)
                for cells in ([_text(name) for name in block.head], rule, *rows)
            )


def _bullet(lines: LineList, number: int) -> str:
    return f"{number}." if lines.numbered else "-"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _said(said: Said) -> str:
    """Text, what to mind, clauses in brackets, the mark of a provincial answer."""
    mind = f" **注意:** {_text(said.mind)}" if said.mind else ""
    cited = "、".join(_cite(cite) for cite in cites(said.clauses))
    marks = (f"[{cited}]" if cited else "") + (PROVINCIAL if said.provincial else "")
    return f"{_text(said.text)}{mind} {marks}".strip()


def _cite(cite: Cite) -> str:
    return cite.first.id + (f"–{cite.last.id}" if cite.last else "") + cite.mark


def _text(text: str) -> str:
    """Text with everything escaped that CommonMark would read as more than text."""
    return _SPECIAL.sub(lambda match: "\\" + match[0], " ".join(text.split()))
