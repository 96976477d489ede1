"""What order and splitting alone do to the fund's part: the extremes of a table, and
whether its city declares them.

A deductible that is topped up, ratios by level and rounding once a visit make the
fund's part of a year turn on how its bills are cut and ordered. No rule forbids that; a
city says beside its table how much it can come to.
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
"""The two bills put in either order."""

VISIT_FEN = 33_33

VISITS = 100
"""The visits compared with one bill of their sum: 1 to so many, each of so many fen."""


@dataclass(frozen=True, slots=True)
class Visit:
    """In-scope cost, in fen, at an institution of a level (1, 2, 3)."""

    level: int
    in_scope_fen: int


@dataclass(frozen=True, slots=True)
class Extreme:
    """Two ways to the same total: what the fund pays of `visits`, and of the same cost
    ordered or cut as `against`."""

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
    """The situations that reach each figure of `Effects`, by its name."""
    cuts = list(splittings(table, standing))
    return {
        "order_fen": max(orders(table, standing), key=lambda e: e.fen),
        "splitting_loses_fen": min(cuts, key=lambda e: (e.fen, -len(e.visits))),
        "splitting_gains_fen": max(cuts, key=lambda e: (e.fen, len(e.visits))),
    }


def orders(
    table: Table, standing: Standing, bills_fen: tuple[int, int] = BILLS_FEN
) -> Iterator[Extreme]:
    """Two bills at every pair of levels in a fresh year, the better order against the other."""
    pairs = (
        combinations(table.ratio_bp, 2)
        if bills_fen[0] == bills_fen[1]
        else permutations(table.ratio_bp, 2)
    )
    for levels in pairs:
        one = tuple(
            Visit(level, fen) for level, fen in zip(levels, bills_fen, strict=True)
        )
        other = one[::-1]
        paid, otherwise = _fund(table, standing, one), _fund(table, standing, other)
        if paid < otherwise:
            one, paid, other, otherwise = other, otherwise, one, paid
        yield Extreme(standing, one, paid, other, otherwise)


def splittings(
    table: Table, standing: Standing, visit_fen: int = VISIT_FEN, visits: int = VISITS
) -> Iterator[Extreme]:
    """1 to `visits` equal visits at every level, the deductible met, against one bill
    of their sum."""
    met = Used(_most_deductible(table))
    for level in table.ratio_bp:
        visit, used = Visit(level, visit_fen), met
        cut: tuple[Visit, ...] = ()
        for count in range(1, visits + 1):
            cut, used = (*cut, visit), _after(table, standing, visit, used)
            whole = Visit(level, visit_fen * count)
            yield Extreme(
                standing,
                cut,
                used.fund_fen,
                (whole,),
                _after(table, standing, whole, met).fund_fen,
            )


def visits_in_words(visits: tuple[Visit, ...]) -> str:
    """Visits as people read them: "三级 800.00 元, 一级 800.00 元"; equal ones counted."""
    told = [
        f"{LEVELS[level]} {yuan(fen)} 元"
        for level, fen in ((v.level, v.in_scope_fen) for v in visits)
    ]
    return (
        f"{told[0]} × {len(told)}"
        if len(told) > 1 and len(set(told)) == 1
        else ", ".join(told)
    )


def effects_of(table: Table) -> Effects:
    """What a table's declaration should say."""
    found = [extremes(table, standing) for standing in Standing]
    return Effects(
        **{
            f.name: max(abs(by_name[f.name].fen) for by_name in found)
            for f in fields(Effects)
        }
    )


def problems_of_effects(table: Table) -> Iterator[str]:
    """What the table's declaration leaves out or says wrongly, one Chinese sentence each."""
    computed = effects_of(table)
    if table.effects is None:
        figures = ", ".join(
            f"{f.name}={getattr(computed, f.name)}" for f in fields(Effects)
        )
        yield f"没有声明次序与拆分的影响; 按本表计算应为 effects=Effects({figures})"
        return
    for f in fields(Effects):
        told, right = getattr(table.effects, f.name), getattr(computed, f.name)
        if told != right:
            yield f"effects.{f.name} 声明为 {yuan(told)} 元, 按本表计算为 {yuan(right)} 元"


def _fund(table: Table, standing: Standing, visits: Iterable[Visit]) -> int:
    """What the fund pays of these visits in a fresh year, one after the other."""
    used = Used()
    for visit in visits:
        used = _after(table, standing, visit, used)
    return used.fund_fen


def _after(table: Table, standing: Standing, visit: Visit, used: Used) -> Used:
    """What is used up after one more visit."""
    paid = fund_share(
        visit.in_scope_fen, benefit_of(table, visit.level, standing), used
    )
    return Used(
        used.deductible_fen + paid.deductible_fen, used.fund_fen + paid.fund_fen
    )


def _most_deductible(table: Table) -> int:
    """The most anybody bears in a year."""
    highest = max(table.deductible_fen.values())
    most = table.deductible_year_max_fen
    return highest if isinstance(most, NoLimit) else min(highest, most)
