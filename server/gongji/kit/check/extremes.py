"""Find what order and splitting alone do to the fund's part of a year's bills.

A deductible that is topped up, ratios by level and rounding once a visit make the
fund's part of a year turn on how its bills are cut and ordered. No rule forbids that; a
city declares beside its table how much it can come to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import combinations, permutations

from gongji.rules.benefits import Effects, Table
from gongji.rules.binding import NoLimit
from gongji.rules.codes import Standing
from gongji.rules.money import yuan
from gongji.rules.terms import LEVELS
from gongji.settlement.split import Used, benefit_of, fund_share

BILLS_FEN = (800_00, 800_00)
"""The two bills put in either order, in fen."""

_EFFECT_NAMES = tuple(field.name for field in fields(Effects))

VISIT_FEN = 33_33
"""What each visit costs that is compared with one bill of their sum."""

VISITS = 100
"""Up to how many such visits are compared."""


@dataclass(frozen=True, slots=True)
class Visit:
    """In-scope cost, in fen, at an institution of a level (1, 2, 3)."""

    level: int
    in_scope_fen: int


@dataclass(frozen=True, slots=True)
class Extreme:
    """Two ways to the same total cost, and what the fund pays of each, in fen."""

    standing: Standing
    visits: tuple[Visit, ...]
    fund_fen: int
    against: tuple[Visit, ...]
    against_fen: int

    @property
    def fen(self) -> int:
        """By how much the first way gets more."""
        return self.fund_fen - self.against_fen


def extremes(table: Table, standing: Standing) -> Mapping[str, Extreme]:
    """Return the situations that reach each figure of `Effects`, by its name."""
    # Of equal losses the one with most visits is shown, of equal gains as well.
    cuts = list(splittings(table, standing))
    return {
        "order_fen": max(orders(table, standing), key=lambda e: e.fen),
        "splitting_loses_fen": min(cuts, key=lambda e: (e.fen, -len(e.visits))),
        "splitting_gains_fen": max(cuts, key=lambda e: (e.fen, len(e.visits))),
    }


def orders(
    table: Table, standing: Standing, bills_fen: tuple[int, int] = BILLS_FEN
) -> Iterator[Extreme]:
    """Yield two bills at every pair of levels, the better order against the other."""
    first_fen, second_fen = bills_fen
    # Bills of one amount have one pair of levels in either order, others have two.
    pair_up = combinations if first_fen == second_fen else permutations
    for first_level, second_level in pair_up(table.ratio_bp, 2):
        visits = Visit(first_level, first_fen), Visit(second_level, second_fen)
        ways = [(_fund(table, standing, way), way) for way in (visits, visits[::-1])]
        if ways[0][0] < ways[1][0]:
            ways.reverse()
        (fund_fen, better), (against_fen, worse) = ways
        yield Extreme(
            standing=standing,
            visits=better,
            fund_fen=fund_fen,
            against=worse,
            against_fen=against_fen,
        )


def splittings(
    table: Table, standing: Standing, visit_fen: int = VISIT_FEN, visits: int = VISITS
) -> Iterator[Extreme]:
    """Yield 1 to `visits` equal visits at every level against one bill of their sum.

    The deductible of the year is met before.
    """
    met = Used(_most_deductible(table))
    for level in table.ratio_bp:
        visit = Visit(level, visit_fen)
        used = met
        for count in range(1, visits + 1):
            used = _after(table, standing, visit, used)
            whole = Visit(level, visit_fen * count)
            whole_fen = _after(table, standing, whole, met).fund_fen
            yield Extreme(
                standing=standing,
                visits=(visit,) * count,
                fund_fen=used.fund_fen,
                against=(whole,),
                against_fen=whole_fen,
            )


def visits_in_words(visits: tuple[Visit, ...]) -> str:
    """Return visits as people read them, equal ones counted.

    "三级 800.00 元, 一级 800.00 元"; "二级 33.33 元 × 100".
    """
    words = [f"{LEVELS[v.level]} {yuan(v.in_scope_fen)} 元" for v in visits]
    if len(words) > 1 and len(set(words)) == 1:
        return f"{words[0]} × {len(words)}"
    return "，".join(words)


def effects_of(table: Table) -> Effects:
    """Return what a table's declaration should say."""
    by_standing = [extremes(table, standing) for standing in Standing]
    figures = {
        name: max(abs(by_name[name].fen) for by_name in by_standing)
        for name in _EFFECT_NAMES
    }
    return Effects(**figures)


def problems_of_effects(table: Table) -> Iterator[str]:
    """Yield what the table's declaration leaves out or says wrongly, in Chinese."""
    computed = effects_of(table)
    declared = table.effects
    if declared is None:
        figures = [f"{name}={getattr(computed, name)}" for name in _EFFECT_NAMES]
        yield (
            "没有声明次序与拆分的影响；"
            f"按本表计算应为 effects=Effects({', '.join(figures)})"
        )
        return
    for name in _EFFECT_NAMES:
        figure = getattr(declared, name)
        right = getattr(computed, name)
        if figure != right:
            yield f"effects.{name} 声明为 {yuan(figure)} 元，按本表计算为 {yuan(right)} 元"


def _fund(
    table: Table,
    standing: Standing,
    visits: Iterable[Visit],
) -> int:
    """Return what the fund pays of these visits in a fresh year, in fen."""
    used = Used()
    for visit in visits:
        used = _after(table, standing, visit, used)
    return used.fund_fen


def _after(
    table: Table,
    standing: Standing,
    visit: Visit,
    used: Used,
) -> Used:
    """Return what is used up after one more visit."""
    benefit = benefit_of(table, visit.level, standing)
    paid = fund_share(visit.in_scope_fen, benefit, used)
    return Used(
        used.deductible_fen + paid.deductible_fen,
        used.fund_fen + paid.fund_fen,
    )


def _most_deductible(table: Table) -> int:
    """Return the most anybody bears in a year, in fen."""
    highest = max(table.deductible_fen.values())
    year_max = table.deductible_year_max_fen
    if isinstance(year_max, NoLimit):
        return highest
    return min(highest, year_max)
