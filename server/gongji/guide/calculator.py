"""What the guide's calculator and curves show: each case's row of the table, as data.

The page works out a bill by these rows alone (`fundShare` in calculator.js), as
`settlement/split.py` does; tests/examples/test_calculator.py compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Final

from gongji.cities.city import DayRules
from gongji.guide.builder import phrase
from gongji.guide.curves import Curve, Rise, curve_of
from gongji.rules.benefits import NoFund, Table
from gongji.rules.binding import NO_LIMIT, NoLimit
from gongji.rules.clauses import Clause
from gongji.rules.codes import STANDINGS, Scheme, Standing
from gongji.rules.hookspecs import CityRules
from gongji.rules.money import Rounding
from gongji.rules.phrases import level_in_words
from gongji.rules.shapes import Benefit

BORNE: Final = "borne"
"""The deductible borne this year (今年已负担的起付标准)."""
FUND: Final = "fund"
"""What the fund has paid this year (今年统筹基金已支付)."""
VISIT: Final = "visit"
"""This visit alone: nothing was used before."""

UNRANKED: Final = "未定级医疗机构"
PHARMACY: Final = "定点零售药店"


@dataclass(frozen=True, slots=True)
class Most:
    """An amount in fen, less what its meter (BORNE, FUND, VISIT) reads already."""

    fen: int
    meter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRow:
    """What the fund pays of one bill of these people at this place.

    The deductible is the least that `deductibles` leave; `limits` hold for what the
    fund pays. `denied` says why it pays nothing, if so.
    """

    people: str
    place: str
    clauses: tuple[Clause, ...]
    deductibles: tuple[Most, ...] = ()
    ratio_bp: int = 0
    limits: tuple[Most, ...] = ()
    half_up: bool = True
    denied: str = ""

    def as_data(self) -> dict[str, object]:
        """Return what calculator.js reads."""
        return {
            "people": self.people,
            "place": self.place,
            "denied": self.denied,
            "deductibles": [[most.fen, most.meter] for most in self.deductibles],
            "ratio": self.ratio_bp,
            "limits": [[most.fen, most.meter] for most in self.limits],
            "halfUp": self.half_up,
            "clauses": [clause.id for clause in self.clauses],
        }


@dataclass(frozen=True, slots=True)
class Calculator:
    """The rows of one city on one day, and a curve of each people's."""

    rows: tuple[CaseRow, ...]
    curves: tuple[Curve, ...]
    left_out: tuple[str, ...] = ()
    """The schemes whose benefit has rows of other shapes, which the page cannot work out."""

    @property
    def data(self) -> list[dict[str, object]]:
        """The rows as calculator.js reads them."""
        return [row.as_data() for row in self.rows]


def calculator(rules: DayRules) -> Calculator:
    """Return what the fund pays on a day: every scheme, standing and kind of place."""
    rows = tuple(_rows(rules))
    people = [tuple(alike) for _, alike in groupby(rows, attrgetter("people"))]
    benefits = rules.value(CityRules.reimbursement)
    left_out = [phrase(s) for s, one in benefits.items() if isinstance(one, Benefit)]
    return Calculator(rows, tuple(_curves(people)), tuple(left_out))


def _rows(rules: DayRules) -> Iterator[CaseRow]:
    for scheme, entry in rules.value(CityRules.reimbursement).items():
        if isinstance(entry, NoFund):
            yield _denied(phrase(scheme), "各类机构", entry.clause)
        elif isinstance(entry, Table):
            for standing in STANDINGS[scheme]:
                yield from _rows_of(rules, entry, scheme, standing)


def _rows_of(
    rules: DayRules, table: Table, scheme: Scheme, standing: Standing
) -> Iterator[CaseRow]:
    employee = scheme is Scheme.EMPLOYEE
    people = f"{phrase(scheme)}{phrase(standing)}" if employee else phrase(scheme)
    whole = rules.answer(CityRules.reimbursement).clauses
    for place, level, cited in _places(table, standing):
        yield _row(people, place, cited or whole, (table, level, standing))
    if isinstance(table.pharmacy, NoFund):
        yield _denied(people, PHARMACY, table.pharmacy.clause)


def _places(
    table: Table, standing: Standing
) -> Iterator[tuple[str, int, tuple[Clause, ...]]]:
    """Yield each kind of place that the fund pays at, its level and the clauses."""
    for level in sorted(table.ratio_bp):
        place = f"{level_in_words(level)}医疗机构"
        yield place, level, table.cited(standing, level, ranked=True)
    level = table.unranked_as
    yield UNRANKED, level, table.cited(standing, level, ranked=False)
    if isinstance(table.pharmacy, int):
        level = table.pharmacy
        cited = table.cited(standing, level, ranked=True, pharmacy=True)
        yield PHARMACY, level, cited


def _row(
    people: str,
    place: str,
    cited: tuple[Clause, ...],
    benefit: tuple[Table, int, Standing],
) -> CaseRow:
    table, level, standing = benefit
    deductibles = [
        (table.deductible_fen[level], BORNE),
        (table.deductible_year_max_fen, BORNE),
    ]
    limits = [(table.visit_cap_fen[level], VISIT), (table.cap_fen[standing], FUND)]
    return CaseRow(
        people=people,
        place=place,
        clauses=tuple(dict.fromkeys(cited)),
        deductibles=_given(deductibles),
        ratio_bp=table.ratio_of(standing, level),
        limits=_given(limits),
        half_up=table.rounding is Rounding.HALF_UP,
    )


def _given(amounts: Sequence[tuple[int | NoLimit, str]]) -> tuple[Most, ...]:
    return tuple(
        Most(fen, meter) for fen, meter in amounts if not isinstance(fen, NoLimit)
    )


def _denied(people: str, place: str, clause: Clause) -> CaseRow:
    return CaseRow(people=people, place=place, clauses=(clause,), denied=clause.text)


def _curves(people: Sequence[tuple[CaseRow, ...]]) -> Iterator[Curve]:
    """Yield a curve of each people whom the fund pays at all; like places share a line."""
    for rows in people:
        lines: dict[tuple[object, ...], list[CaseRow]] = {}
        for row in rows:
            if not row.denied:
                terms = (row.deductibles, row.ratio_bp, row.limits, row.half_up)
                lines.setdefault(terms, []).append(row)
        if lines:
            yield curve_of(rows[0].people, [_rise(alike) for alike in lines.values()])


def _rise(alike: Sequence[CaseRow]) -> Rise:
    """Return the curve of a year's first bill at places where the same holds."""
    row = alike[0]
    return Rise(
        place="、".join(each.place for each in alike),
        deductible_fen=min(most.fen for most in row.deductibles),
        ratio_bp=row.ratio_bp,
        limit_fen=min((most.fen for most in row.limits), default=NO_LIMIT),
        rounding=Rounding.HALF_UP if row.half_up else Rounding.DOWN,
    )
