"""Prove the fund's part of a bill at the breakpoints of its curve.

Before rounding, one row of a table pays f(x, u, p) = min(r * max(0, x - d(u)), V,
max(0, C - p)) with d(u) = max(0, min(D, M) - u), for x in scope, u of deductible used
and p paid by the fund: continuous and piecewise linear. So

- 0 <= f <= x, f <= V and p + f <= max(p, C) hold everywhere if they hold where the
  pieces meet and on one point beyond: in u at 0 and min(D, M), in p at 0, C - V and
  C, in x at d, d + V/r, d + (C - p)/r. The same points give the slopes; none above 1
  means no cliff.
- f1 >= f2 holds everywhere if f2 stays under each of the three parts of f1. Under V1
  and C1 - p: f2 is greatest where x has no end, which leaves the points of p. Under r1
  * (x - d1): f2 is greatest at p = 0, and rises in x only between its own breakpoints,
  which move linearly between the points of u. So the breakpoints of both rows decide.
- bills are whole fen: a linear piece is greatest over whole numbers at those next to
  its ends.

Rounding is proved once, not a city at a time: `money.share` is floor((n * r + h) /
10000) with h = 5000 or 0. The floor of a rising sequence rises, and is whole; for r <=
10000 a step adds at most 1 before the floor and so at most 1 after
(tests/kit/check/test_proof.py holds the function to it). Limits are whole fen, so min
and rounding change places: rounding the curve is what `split.fund_share` must do, and
order between two rows survives it. Half up reaches a whole limit T as soon as n * r +
1/2 >= T, at most 1/(2r) before the breakpoint b = T/r: so the real split is evaluated
at every fen from b - ceil(1/(2r)) - 1 to b + 1, in years at their breakpoints and a fen
before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise, product

from gongji.kit.check.findings import FindingKind
from gongji.rules.binding import NoLimit
from gongji.rules.money import FULL_BP, Rounding
from gongji.settlement import split
from gongji.settlement.split import FlatRow, Used

BEYOND_FEN = 10_000_00
"""How far past the last breakpoint the last piece is looked at."""


@dataclass(frozen=True, slots=True)
class Point:
    """One bill, in fen in scope, after what its patient has used up this year."""

    in_scope_fen: int
    used: Used


@dataclass(frozen=True, slots=True)
class Fault:
    """A breach: where, and in fen what the fund pays there and what it may or must."""

    kind: FindingKind
    at: Point
    fund_fen: int
    may_fen: int


def most_deductible(benefit: FlatRow) -> int:
    """Return the most this row ever charges in a year, in fen: min(D, M)."""
    if isinstance(benefit.year_max_fen, NoLimit):
        return benefit.deductible_fen
    return min(benefit.deductible_fen, benefit.year_max_fen)


def limits(benefit: FlatRow, used: Used) -> list[int]:
    """Return the fund's limits for one bill, in fen: the visit's, the rest of the year's."""
    tops = []
    if not isinstance(benefit.visit_cap_fen, NoLimit):
        tops.append(benefit.visit_cap_fen)
    if not isinstance(benefit.cap_fen, NoLimit):
        tops.append(max(0, benefit.cap_fen - used.fund_fen))
    return tops


def exact(
    in_scope_fen: int,
    benefit: FlatRow,
    used: Used,
) -> int:
    """Return the fund's part before rounding, in ten-thousandths of a fen."""
    above = max(0, in_scope_fen - _deductible_left(benefit, used))
    tops = [FULL_BP * top for top in limits(benefit, used)]
    return min([benefit.ratio_bp * above, *tops])


def breakpoints(benefit: FlatRow, used: Used) -> list[int]:
    """Return the whole fen on either side of each breakpoint in x, and one beyond."""
    deductible = _deductible_left(benefit, used)
    points = {0, deductible}
    # A row that pays nothing, or less, meets none of its limits.
    tops = limits(benefit, used) if benefit.ratio_bp > 0 else []
    for top in tops:
        whole, remainder = divmod(top * FULL_BP, benefit.ratio_bp)
        points.add(deductible + whole)
        points.add(deductible + whole + bool(remainder))
    points.add(max(points) + BEYOND_FEN)
    return sorted(points)


def _deductible_left(benefit: FlatRow, used: Used) -> int:
    return max(0, most_deductible(benefit) - used.deductible_fen)


def years(benefits: Iterable[FlatRow]) -> tuple[Used, ...]:
    """Return the breakpoints in (deductible used, fund paid) of one person's rows.

    Each with the fen before it.
    """
    borne = {0}
    paid = {0}
    for benefit in benefits:
        borne |= _and_a_fen_before(most_deductible(benefit))
        cap = benefit.cap_fen
        if isinstance(cap, NoLimit):
            continue
        visit = benefit.visit_cap_fen
        paid |= _and_a_fen_before(cap)
        if not isinstance(visit, NoLimit):
            paid |= _and_a_fen_before(cap - visit)
    pairs = product(sorted(borne), sorted(paid))
    return tuple(Used(deductible, fund) for deductible, fund in pairs)


def _and_a_fen_before(fen: int) -> set[int]:
    return {max(0, fen - 1), max(0, fen)}


def faults(benefit: FlatRow, used_up: Iterable[Used]) -> Iterator[Fault]:
    """Yield everything one row breaks, before rounding and in the real split."""
    for used in used_up:
        yield from _faults_before_rounding(benefit, used)
        yield from _faults_of_split(benefit, used)


def worst_shortfall(
    benefit: FlatRow, other: FlatRow, used_up: Iterable[Used]
) -> Point | None:
    """Return the bill for which the row pays least beside the other; None if never less."""
    most = 0
    worst = None
    for used in used_up:
        points = {*breakpoints(benefit, used), *breakpoints(other, used)}
        for in_scope in sorted(points):
            shortfall = exact(in_scope, other, used) - exact(in_scope, benefit, used)
            if shortfall > most:
                most = shortfall
                worst = Point(in_scope, used)
    return worst


def windows(benefit: FlatRow, used: Used) -> Iterator[range]:
    """Yield the runs of whole fen over which the real split is evaluated.

    Around each breakpoint, and three in the middle of each piece.
    """
    # How long before a breakpoint half up may reach it: ceil(1/(2r)).
    reach = -(-FULL_BP // (2 * benefit.ratio_bp)) if benefit.ratio_bp > 0 else 1
    points = breakpoints(benefit, used)
    for point in points:
        yield range(max(0, point - reach - 1), point + 2)
    for start, end in pairwise(points):
        middle = (start + end) // 2
        yield range(middle, middle + 3)


def _faults_before_rounding(benefit: FlatRow, used: Used) -> Iterator[Fault]:
    """Yield breaches of the curve: 0 <= f <= x, and no slope below 0 or above 1."""
    points = [(x, exact(x, benefit, used)) for x in breakpoints(benefit, used)]
    for x, fund in points:
        if not 0 <= fund <= x * FULL_BP:
            yield Fault(
                FindingKind.OUT_OF_SCOPE,
                at=Point(x, used),
                fund_fen=fund // FULL_BP,
                may_fen=x,
            )
    for (x, fund), (next_x, next_fund) in pairwise(points):
        step = next_x - x
        if 0 <= next_fund - fund <= step * FULL_BP:
            continue
        falls = next_fund < fund
        before = fund // FULL_BP
        yield Fault(
            FindingKind.DROP if falls else FindingKind.CLIFF,
            at=Point(next_x, used),
            fund_fen=next_fund // FULL_BP,
            may_fen=before if falls else before + step,
        )


def _faults_of_split(benefit: FlatRow, used: Used) -> Iterator[Fault]:
    """Yield breaches of the real split: at each fen, and against the fen before."""
    for window in windows(benefit, used):
        previous = None
        for in_scope in window:
            paid = split.fund_share(in_scope, benefit, used)
            at = Point(in_scope, used)
            yield from _faults_at(at, paid, benefit)
            if previous is not None:
                yield from _faults_of_step(at, previous, paid.fund_fen)
            previous = paid.fund_fen


def _faults_at(
    at: Point,
    paid: split.FundShare,
    benefit: FlatRow,
) -> Iterator[Fault]:
    """Yield what is wrong with one bill by itself."""
    fund = paid.fund_fen
    above_deductible = at.in_scope_fen - paid.deductible_fen
    if not 0 <= fund <= above_deductible:
        yield Fault(
            FindingKind.OUT_OF_SCOPE,
            at=at,
            fund_fen=fund,
            may_fen=above_deductible,
        )
    tops = limits(benefit, at.used)
    if tops and fund > min(tops):
        yield Fault(
            FindingKind.CAP,
            at=at,
            fund_fen=fund,
            may_fen=min(tops),
        )
    half = FULL_BP // 2 if benefit.rounding is Rounding.HALF_UP else 0
    due = (exact(at.in_scope_fen, benefit, at.used) + half) // FULL_BP
    if fund != due:
        yield Fault(
            FindingKind.ARITHMETIC,
            at=at,
            fund_fen=fund,
            may_fen=due,
        )


def _faults_of_step(
    at: Point,
    previous: int,
    fund: int,
) -> Iterator[Fault]:
    """Yield what is wrong between a bill and the one a fen smaller."""
    if fund < previous:
        yield Fault(
            FindingKind.DROP,
            at=at,
            fund_fen=fund,
            may_fen=previous,
        )
    elif fund > previous + 1:
        yield Fault(
            FindingKind.CLIFF,
            at=at,
            fund_fen=fund,
            may_fen=previous + 1,
        )
