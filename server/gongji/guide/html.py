"""Writes a guide's page as one self-contained HTML document; the frame and its style
stand in page.html."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib.resources import files
from string import Template

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
from gongji.rules.clauses import Clause

_FRAME = Template(files(__package__).joinpath("page.html").read_bytes().decode())

_FOCUSABLE = 0
"""Lets people scroll a wide table by keyboard."""


def to_html(page: GuidePage) -> str:
    """The whole document; every piece of text is escaped on its way in."""
    contents = (
        f'<li><a href="#section-{n}">{escape(s.heading)}</a></li>'
        for n, s in enumerate(page.sections)
    )
    return _FRAME.substitute(
        title=escape(page.title),
        lead="\n".join(f"<p>{_said(said)}</p>" for said in page.lead),
        contents="\n".join(contents),
        body="\n".join(
            line
            for n, s in enumerate(page.sections)
            for line in _section(s, 2, f"section-{n}")
        ),
    )


def _section(section: Section, depth: int, anchor: str = "") -> Iterator[str]:
    named = f' id="{anchor}"' if anchor else ""
    yield f"<section{named}>"
    yield f"<h{depth}>{escape(section.heading)}</h{depth}>"
    for block in section.blocks:
        yield _block(block)
    for part in section.parts:
        yield from _section(part, depth + 1)
    yield "</section>"


def _block(block: Block) -> str:
    match block:
        case Said():
            return f"<p>{_said(block)}</p>"
        case LineList():
            kind = "ol" if block.numbered else "ul"
            items = "".join(f"<li>{_said(item)}</li>\n" for item in block.items)
            return f"<{kind}>\n{items}</{kind}>"
        case Grid():
            return _grid(block)


def _grid(grid: Grid) -> str:
    """A table that scrolls inside its own frame where it is wide, and folds into cards
    on a phone where it is not."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in grid.head)
    anchors = grid.anchors or ("",) * len(grid.rows)
    rows = "\n".join(
        _row(grid, row, anchor) for row, anchor in zip(grid.rows, anchors, strict=True)
    )
    table = (
        f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
    )
    if grid.wide:
        label = escape(grid.head[0])
        return (
            f'<div class="wide" role="region" aria-label="{label}" '
            f'tabindex="{_FOCUSABLE}">\n{table}\n</div>'
        )
    return f'<div class="folds">\n{table}\n</div>'


def _row(grid: Grid, row: tuple[Said, ...], anchor: str) -> str:
    named = f' id="{_anchor(anchor)}"' if anchor else ""
    cells = "".join(
        f'<td data-name="{escape(name)}">{_said(cell)}</td>'
        for name, cell in zip(grid.head[1:], row[1:], strict=True)
    )
    return f'<tr{named}><th scope="row">{_said(row[0])}</th>{cells}</tr>'


def _said(said: Said) -> str:
    """Text, links to its clauses, the mark of a provincial answer, what to mind."""
    mind = f'<span class="mind">注意: {escape(said.mind)}</span>' if said.mind else ""
    cited = "、".join(_cite(cite) for cite in cites(said.clauses))
    marks = (f'<span class="cites">[{cited}]</span>' if cited else "") + _mark(
        PROVINCIAL if said.provincial else ""
    )
    return " ".join(part for part in (escape(said.text), marks, mind) if part)


def _cite(cite: Cite) -> str:
    until = f"–{_link(cite.last)}" if cite.last else ""
    return _link(cite.first) + until + _mark(cite.mark)


def _link(clause: Clause) -> str:
    return f'<a href="#{_anchor(clause.id)}" title="{escape(clause.text)}">{escape(clause.id)}</a>'


def _mark(mark: str) -> str:
    return f'<span class="mark">{escape(mark)}</span>' if mark else ""


def _anchor(number: str) -> str:
    """The name of a clause's row, safe in an attribute and a link."""
    return "clause-" + "".join(c if c.isalnum() else f"-{ord(c)}-" for c in number)
