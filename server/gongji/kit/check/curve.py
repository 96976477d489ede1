"""The fund's part of a bill as a curve over (in scope, deductible used, fund paid),
proved at its breakpoints.

Before rounding, one row of a table pays f(x, u, p) = min(r * max(0, x - d(u)), V,
max(0, C - p)) with d(u) = max(0, min(D, M) - u): continuous and piecewise linear. So

- 0 <= f <= x, f <= V and p + f <= max(p, C) hold everywhere if they hold where the
  pieces meet and on one point beyond: in u at 0 and min(D, M), in p at 0, C - V and
  C, in x at d, d + V/r, d + (C - p)/r. The same points give the slopes; none above 1
  means no cliff.
- f1 >= f2 holds everywhere if f2 stays under each of the three parts of f1. Under V1
  and C1 - p: f2 is greatest where x has no end, which leaves the points of p. Under r1
  * (x - d1): f2 is greatest at p = 0, and rises in x only between its own breakpoints,
  which move linearly between the points of u. So the breakpoints of both rows decide.
- bills are whole fen: a linear piece is greatest over whole numbers at those next to its ends.

Rounding is proved once, not a city at a time: `money.share` is floor((n * r + h) /
10000) with h = 5000 or 0. The floor of a rising sequence rises, and is whole; for r <=
10000 a step adds at most 1 before the floor and so at most 1 after (tests/test_proof.py
holds the function to it). Limits are whole fen, so min and rounding change places:
rounding the curve is what `split.fund_share` must do, and order between two rows
survives it. Half up reaches a whole limit T as soon as n * r + 1/2 >= T, at most 1/(2r)
before the breakpoint b = T/r: so the real split is evaluated at every fen from b -
ceil(1/(2r)) - 1 to b + 1, in years at their breakpoints and a fen before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise, product

from gongji.kit.check.findings import FindingKind
from gongji.rules.binding import NoLimit
from gongji.rules.money import FULL_BP, Rounding
from gongji.settlement import split
from gongji.settlement.split import Benefit, Used

BEYOND_FEN = 10_000_00
"""How far past the last breakpoint the last piece is looked at."""


@dataclass(frozen=True, slots=True)
class Point:
    """One bill of so much in scope, for somebody who has used up so much this year; fen."""

    in_scope_fen: int
    used: Used


@dataclass(frozen=True, slots=True)
class Fault:
    """What does not hold, where, and the figures in fen: what the fund pays there, and
    what it may or must pay."""

    kind: FindingKind
    at: Point
    fund_fen: int
    may_fen: int


def most_deductible(benefit: Benefit) -> int:
    """The most this row ever charges in a year: min(D, M)."""
    year_max = benefit.year_max_fen
    return (
        benefit.deductible_fen
        if isinstance(year_max, NoLimit)
        else min(benefit.deductible_fen, year_max)
    )


def limits(benefit: Benefit, used: Used) -> list[int]:
    """The fund's limits for one bill, in fen: of the visit, and what is left of the year."""
    year = (
        []
        if isinstance(benefit.cap_fen, NoLimit)
        else [max(0, benefit.cap_fen - used.fund_fen)]
    )
    return (
        year
        if isinstance(benefit.visit_cap_fen, NoLimit)
        else [benefit.visit_cap_fen, *year]
    )


def exact(in_scope_fen: int, benefit: Benefit, used: Used) -> int:
    """The fund's part before rounding, in ten-thousandths of a fen."""
    left = max(0, most_deductible(benefit) - used.deductible_fen)
    return min(
        [
            benefit.ratio_bp * max(0, in_scope_fen - left),
            *(FULL_BP * top for top in limits(benefit, used)),
        ]
    )


def breakpoints(benefit: Benefit, used: Used) -> list[int]:
    """The whole fen on either side of each breakpoint of the row in x, from 0 to one
    point beyond the last."""
    left = max(0, most_deductible(benefit) - used.deductible_fen)
    points = {0, left}
    for top in limits(benefit, used) if benefit.ratio_bp > 0 else ():
        whole, rest = divmod(top * FULL_BP, benefit.ratio_bp)
        points |= {left + whole, left + whole + bool(rest)}
    return sorted(points | {max(points) + BEYOND_FEN})


def years(benefits: Iterable[Benefit]) -> tuple[Used, ...]:
    """The breakpoints in (deductible used, fund paid) of rows one person may meet in a
    year, and a fen before each."""
    borne, paid = {0}, {0}
    for benefit in benefits:
        borne |= _and_a_fen_before(most_deductible(benefit))
        if not isinstance(benefit.cap_fen, NoLimit):
            visit = (
                0
                if isinstance(benefit.visit_cap_fen, NoLimit)
                else benefit.visit_cap_fen
            )
            paid |= _and_a_fen_before(benefit.cap_fen) | _and_a_fen_before(
                benefit.cap_fen - visit
            )
    return tuple(Used(*pair) for pair in product(sorted(borne), sorted(paid)))


def _and_a_fen_before(fen: int) -> set[int]:
    return {max(0, fen - 1), max(0, fen)}


def faults(benefit: Benefit, used_up: Iterable[Used]) -> Iterator[Fault]:
    """Everything one row breaks: the curve at its breakpoints, then the real split
    around each of them."""
    for used in used_up:
        yield from _faults_before_rounding(benefit, used)
        yield from _faults_of_split(benefit, used)


def worst_shortfall(
    benefit: Benefit, other: Benefit, used_up: Iterable[Used]
) -> Point | None:
    """The bill for which the row pays least compared with the other; None where it
    never pays less."""
    worst, found = 0, None
    for used in used_up:
        for in_scope in sorted(
            {*breakpoints(benefit, used), *breakpoints(other, used)}
        ):
            short = exact(in_scope, other, used) - exact(in_scope, benefit, used)
            if short > worst:
                worst, found = short, Point(in_scope, used)
    return found


def windows(benefit: Benefit, used: Used) -> Iterator[range]:
    """The runs of whole fen over which the real split is evaluated: around each
    breakpoint, and between two."""
    reach = -(-FULL_BP // (2 * benefit.ratio_bp)) if benefit.ratio_bp > 0 else 1
    points = breakpoints(benefit, used)
    for point in points:
        yield range(max(0, point - reach - 1), point + 2)
    for before, after in pairwise(points):
        yield range((before + after) // 2, (before + after) // 2 + 3)


def _faults_before_rounding(benefit: Benefit, used: Used) -> Iterator[Fault]:
    """Breaches of the curve itself: 0 <= f <= x, and no slope below 0 or above 1."""
    points = [(x, exact(x, benefit, used)) for x in breakpoints(benefit, used)]
    for x, fund in points:
        if not 0 <= fund <= x * FULL_BP:
            yield Fault(FindingKind.OUT_OF_SCOPE, Point(x, used), fund // FULL_BP, x)
    for (x, fund), (further, more) in pairwise(points):
        if not 0 <= more - fund <= (further - x) * FULL_BP:
            at = Point(further, used)
            if more < fund:
                yield Fault(FindingKind.DROP, at, more // FULL_BP, fund // FULL_BP)
            else:
                yield Fault(
                    FindingKind.CLIFF,
                    at,
                    more // FULL_BP,
                    fund // FULL_BP + further - x,
                )


def _faults_of_split(benefit: Benefit, used: Used) -> Iterator[Fault]:
    """Breaches of the real split over its windows: each fen by itself, and against the
    fen before."""
    tops = limits(benefit, used)
    half = FULL_BP // 2 if benefit.rounding is Rounding.HALF_UP else 0
    for window in windows(benefit, used):
        before = None
        for x in window:
            paid, at = split.fund_share(x, benefit, used), Point(x, used)
            fund, due = paid.fund_fen, (exact(x, benefit, used) + half) // FULL_BP
            if not 0 <= fund <= x - paid.deductible_fen:
                yield Fault(FindingKind.OUT_OF_SCOPE, at, fund, x - paid.deductible_fen)
            if tops and fund > min(tops):
                yield Fault(FindingKind.CAP, at, fund, min(tops))
            if fund != due:
                yield Fault(FindingKind.ARITHMETIC, at, fund, due)
            if before is not None and not 0 <= fund - before <= 1:
                kind, may = (
                    (FindingKind.DROP, before)
                    if fund < before
                    else (FindingKind.CLIFF, before + 1)
                )
                yield Fault(kind, at, fund, may)
            before = fund
