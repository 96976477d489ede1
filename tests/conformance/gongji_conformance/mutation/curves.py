"""What a reimbursement table makes of every bill there may be, whatever it is written as."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from gongji import Clause, NoFund, NoLimit, Scheme, Standing, Table
from gongji.rules.codes import STANDINGS
from gongji.rules.terms import LEVELS

Outcome = tuple[Any, ...]
"""What decides the fund's part of every bill of one kind, and what the bill cites."""


def outcomes(
    tables: Mapping[Scheme, Table | NoFund],
) -> list[Outcome] | None:
    """Return what becomes of the bills of everybody; None if some row is missing."""
    try:
        return [
            outcome
            for scheme, entry in sorted(tables.items())
            for outcome in _of_scheme(scheme, entry)
        ]
    # Which figure is missing is for the guards to say.
    except KeyError:
        return None


def _of_scheme(scheme: Scheme, entry: Table | NoFund) -> Iterator[Outcome]:
    """Yield what becomes of the bills of one scheme: at every place, of every standing."""
    if not isinstance(entry, Table):
        yield scheme, entry
        return
    yield scheme, entry.covers, entry.uncovered, entry.rounding
    for standing, level in product(STANDINGS[scheme], LEVELS):
        yield _at(entry, standing, level)
    for standing in STANDINGS[scheme]:
        yield _at(entry, standing, entry.unranked_as, ranked=False)
        if isinstance(entry.pharmacy, int):
            yield _at(entry, standing, entry.pharmacy, pharmacy=True)
        else:
            yield (entry.pharmacy,)


def _at(
    table: Table,
    standing: Standing,
    level: int,
    *,
    ranked: bool = True,
    pharmacy: bool = False,
) -> Outcome:
    """Return the curve of one row by the figures that some bill can reach."""
    cited: tuple[Clause, ...] = table.cited(
        standing,
        level,
        ranked=ranked,
        pharmacy=pharmacy,
    )
    # A year's most that is not below a level's deductible is never reached there, and
    # a deductible above it never is either: what is borne is the lesser of the two.
    borne = _lesser(table.deductible_fen[level], table.deductible_year_max_fen)
    year = table.cap_fen[standing]
    visit = table.visit_cap_fen[level]
    # A visit never takes more than the year has left.
    if not isinstance(year, NoLimit):
        visit = _lesser(year, visit)
    return borne, table.ratio_of(standing, level), visit, year, cited


def _lesser(fen: int, limit: int | NoLimit) -> int:
    return fen if isinstance(limit, NoLimit) else min(fen, limit)
