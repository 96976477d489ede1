"""A guide as data: sections of statements, lists and tables, with the clauses cited."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gongji.rules.clauses import (
    Clause,
    Contradiction,
    Grade,
)

PROVINCIAL = "〔省级〕"
"""Marks a statement that rests on the province's answer."""

_MARKS = {Grade.ASSUMPTION: "〔推定〕", Grade.UNCONFIRMED: "〔未证实〕"}

_NUMBERED = re.compile(r"([A-Z]+)(\d+)(.*)")

# Two clauses in a row are named, three are written as a span.
_SHORTEST_RUN = 3


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of the guide.

    `provincial` says that the city leaves the answer to the province; `caution` is what
    to mind when following it.
    """

    text: str
    clauses: tuple[Clause, ...] = ()
    provincial: bool = False
    caution: str = ""


@dataclass(frozen=True, slots=True)
class LineList:
    """Statements one below the other, numbered if their order is to be followed."""

    items: tuple[Statement, ...]
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """A table whose first cell names its row.

    A `wide` one scrolls on a phone, others fold row by row. `anchors` are the names by
    which others point to the rows, one a row, or none at all.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[Statement, ...], ...]
    wide: bool = False
    anchors: tuple[str, ...] = ()


Block = Statement | LineList | Grid


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, what stands below it, and its parts.

    What is `for_clerks` is folded where there is little room: whoever applies needs none
    of it.
    """

    heading: str
    blocks: tuple[Block, ...] = ()
    parts: tuple[Section, ...] = ()
    for_clerks: bool = False


def list_section(
    heading: str,
    lines: Iterable[Statement],
) -> Section:
    """Return a section that is one list without numbers."""
    return Section(
        heading,
        (LineList(tuple(lines)),),
    )


@dataclass(frozen=True, slots=True)
class GuidePage:
    """A whole guide."""

    title: str
    lead: tuple[Statement, ...]
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Citation:
    """A clause, or a span of clauses numbered in a row; `mark` says how far to trust it."""

    first: Clause
    last: Clause | None = None
    mark: str = ""


def citations(clauses: Iterable[Clause]) -> tuple[Citation, ...]:
    """Return clauses by number, three and more in a row as a span."""
    by_number = {clause.id: clause for clause in clauses}
    runs: list[list[Clause]] = []
    for clause in sorted(by_number.values(), key=clause_order):
        if runs and _follows(runs[-1][-1], clause):
            runs[-1].append(clause)
        else:
            runs.append([clause])
    return tuple(citation for run in runs for citation in _citations_of_run(run))


def clause_order(clause: Clause | Contradiction) -> tuple[str, int, str]:
    """Return the sort key that puts C9 before C10, and C61b between C61 and C62."""
    match = _NUMBERED.fullmatch(clause.id)
    if match is None:
        return clause.id, 0, ""
    letter, number, suffix = match.groups()
    return letter, int(number), suffix


def _follows(before: Clause, clause: Clause) -> bool:
    """Return whether two clauses of documents are numbered one after the other."""
    letter_before, number_before, suffix_before = clause_order(before)
    letter, number, suffix = clause_order(clause)
    numbered = (letter, number) == (letter_before, number_before + 1)
    lettered = bool(suffix or suffix_before)
    # A span has no place for the mark an assumption or an unconfirmed clause needs.
    documents = before.grade is clause.grade is Grade.DOCUMENT
    return numbered and not lettered and documents


def _citations_of_run(run: list[Clause]) -> Iterator[Citation]:
    if len(run) >= _SHORTEST_RUN:
        yield Citation(run[0], run[-1])
        return
    for clause in run:
        yield Citation(
            clause,
            mark=_MARKS.get(clause.grade, ""),
        )


def statements_in(part: Block | Section) -> Iterator[Statement]:
    """Return every statement of a part of a page, in its order."""
    match part:
        case Statement():
            yield part
        case LineList():
            yield from part.items
        case Grid():
            for row in part.rows:
                yield from row
        case Section():
            for inner in (*part.blocks, *part.parts):
                yield from statements_in(inner)
