"""A guide as data: sections of statements, lists and tables, each statement with the
clauses it rests on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gongji.rules.clauses import Clause, Contradiction, Grade

_NUMBERED = re.compile(r"([A-Z]+)(\d+)(.*)")

_MARK = {Grade.ASSUMPTION: "〔推定〕", Grade.UNCONFIRMED: "〔未证实〕"}

PROVINCIAL = "〔省级〕"


@dataclass(frozen=True, slots=True)
class Said:
    """One statement: its text, what to mind, the clauses it rests on, whether it is the
    province's answer."""

    text: str
    clauses: tuple[Clause, ...] = ()
    provincial: bool = False
    mind: str = ""


@dataclass(frozen=True, slots=True)
class LineList:
    """Statements one below the other; numbered where their order is to be followed."""

    items: tuple[Said, ...]
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """A table; the first cell of a row names it. A `wide` one scrolls on a phone,
    others fold row by row.

    `anchors` name the rows that others point to, one a row.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[Said, ...], ...]
    wide: bool = False
    anchors: tuple[str, ...] = ()


Block = Said | LineList | Grid


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, what stands below it, and its parts."""

    heading: str
    blocks: tuple[Block, ...] = ()
    parts: tuple[Section, ...] = ()


@dataclass(frozen=True, slots=True)
class GuidePage:
    """A whole guide."""

    title: str
    lead: tuple[Said, ...]
    sections: tuple[Section, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Cite:
    """A clause, or a run of clauses numbered one after the other, and the mark of how
    far to trust it."""

    first: Clause
    last: Clause | None = None
    mark: str = ""


def cites(clauses: Iterable[Clause]) -> tuple[Cite, ...]:
    """Clauses in the order of their numbers, runs of three and more of one grade drawn together."""
    runs: list[list[Clause]] = []
    for clause in sorted({c.id: c for c in clauses}.values(), key=in_order):
        if runs and _follows(runs[-1][-1], clause):
            runs[-1].append(clause)
        else:
            runs.append([clause])
    return tuple(cite for run in runs for cite in _drawn_together(run))


def in_order(clause: Clause | Contradiction) -> tuple[str, int, str]:
    """Sorts C9 before C10 and C61b between C61 and C62."""
    match = _NUMBERED.fullmatch(clause.id)
    return (match[1], int(match[2]), match[3]) if match else (clause.id, 0, "")


def _follows(before: Clause, clause: Clause) -> bool:
    (letter, number, rest), (letter_before, number_before, rest_before) = (
        in_order(clause),
        in_order(before),
    )
    return (
        (letter, number) == (letter_before, number_before + 1)
        and not rest + rest_before
        and clause.grade is before.grade is Grade.DOCUMENT
    )


def _drawn_together(run: list[Clause]) -> Iterator[Cite]:
    if len(run) > 2:
        yield Cite(run[0], run[-1])
    else:
        yield from (Cite(clause, mark=_MARK.get(clause.grade, "")) for clause in run)


def clauses_of(block: Block | Section) -> Iterator[Clause]:
    """Every clause cited in a part of a page."""
    match block:
        case Said():
            yield from block.clauses
        case LineList():
            yield from (clause for item in block.items for clause in item.clauses)
        case Grid():
            yield from (
                clause for row in block.rows for cell in row for clause in cell.clauses
            )
        case Section():
            for part in (*block.blocks, *block.parts):
                yield from clauses_of(part)
