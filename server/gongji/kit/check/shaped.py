"""Prove a benefit of any shape: each case's curve, and cases against each other.

A row is continuous and never falls as the amount grows, whatever its figures
(`settlement.rows`); it is piecewise linear in the amount and in what each meter counted.
So that it keeps within scope and limits, and that it is not below another row, holds
everywhere if it holds where the pieces of either meet, and a fen on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, pairwise, product
from typing import Final

from gongji.kit.check.findings import Finding, FindingKind
from gongji.rules.benefits import NoFund, Oddity
from gongji.rules.binding import NoLimit
from gongji.rules.codes import Scheme
from gongji.rules.money import MAX_FEN, yuan
from gongji.rules.phrases import case_named, in_words, row_in_words
from gongji.rules.shapes import Benefit, Facet, FacetOf, Meter, Period, Row, Upto
from gongji.rules.terms import TERMS
from gongji.rules.unfolding import Values, unfolded
from gongji.settlement.rows import Readings, exact_share, left_of, row_share, row_steps

HOOK: Final = "reimbursement"

_BEYOND_FEN: Final = 10_000_00
"""How far past the last breakpoint the last piece is looked at."""

_MOST_READINGS: Final = 512
"""Combinations of what meters may have counted that are tried for one row or pair."""

_KINDS: Final = {
    Oddity.RETIRED_BELOW_ACTIVE: FindingKind.RETIRED_BELOW,
    Oddity.LOWER_LEVEL_BELOW_HIGHER: FindingKind.LEVEL_BELOW,
    Oddity.MARKED_BELOW_UNMARKED: FindingKind.MARKED_BELOW,
}

_OF_A_VISIT: Final = frozenset(
    {
        FacetOf.LEVEL,
        FacetOf.CLASS,
        FacetOf.VISIT,
        FacetOf.ELSEWHERE,
        FacetOf.MARKED_HERE,
    }
)
"""Facets in which two visits of one person on one day may differ."""


@dataclass(frozen=True, slots=True)
class Below:
    """Where one case pays least beside another: the bill, what was counted, both sums."""

    in_scope_fen: int
    read: Readings
    paid_fen: int
    other_fen: int


def prove_benefit(benefit: Benefit, scheme: Scheme, since: str) -> Iterator[Finding]:
    """Yield everything that does not hold of a benefit; one finding a sentence."""
    proof = _Proof(benefit, scheme, since)
    yield from proof.rows()
    yield from proof.order()
    yield from proof.shared_limits()
    yield from proof.splitting()
    for further in benefit.then:
        yield from prove_benefit(further.benefit, scheme, since)


class _Proof:
    """The proof of one payer's benefit."""

    def __init__(self, benefit: Benefit, scheme: Scheme, since: str) -> None:
        self._benefit = benefit
        self._scheme = scheme
        self._since = since
        self._rows = unfolded(benefit)

    def rows(self) -> Iterator[Finding]:
        """Yield rows that leave scope or limits, fall, or jump; each row once."""
        for values, row in _once(self._rows.items()):
            if isinstance(row, Row):
                fault = next(faults_of(row), None)
                if fault is not None:
                    kind, x, read = fault
                    yield self._finding(
                        kind,
                        f"{self._named(values)}，{_bill(x, read)}",
                        f"统筹支付 {yuan(row_share(x, row, read).fund_fen)} 元",
                        f"请核对该行：{row_in_words(row)}",
                    )

    def order(self) -> Iterator[Finding]:
        """Yield, for each axis that has an order, the worst pair that breaks it."""
        met = set()
        for oddity in _KINDS:
            worst = self._worst(oddity)
            if worst is None:
                continue
            met.add(oddity)
            values, other, below = worst
            yield self._finding(
                _KINDS[oddity],
                f"{self._named(values)}与{self._named(other)}，"
                f"{_bill(below.in_scope_fen, below.read)}",
                f"前者支付 {yuan(below.paid_fen)} 元，后者 {yuan(below.other_fen)} 元",
                f"请核对两行；确有此规定的，写 declared={{Oddity.{oddity.name}: 条款}}",
                oddity,
            )
        for oddity in self._benefit.declared.keys() & _KINDS.keys() - met:
            yield self._idle(oddity)

    def shared_limits(self) -> Iterator[Finding]:
        """Yield limits on one meter that rows of one person set differently."""
        oddity = Oddity.LIMIT_USED_UP_ELSEWHERE
        for meter, (values, fen), (other, more) in self._unequal():
            yield self._finding(
                FindingKind.LIMIT_ELSEWHERE,
                f"{self._named(values)}与{self._named(other)}",
                f"同一累计（{_meter(meter)}）的限额为 {yuan(fen)} 元与 {yuan(more)} 元，"
                "前者可能先被后者用完",
                f"各自计算的，写不同的 group；确有此规定的，"
                f"写 declared={{Oddity.{oddity.name}: 条款}}",
                oddity,
            )
            return
        if oddity in self._benefit.declared:
            yield self._idle(oddity)

    def splitting(self) -> Iterator[Finding]:
        """Yield a deductible of each visit without the clause that says so."""
        rows = [row for row in self._rows.values() if isinstance(row, Row)]
        amounts = [one for row in rows for one in (*row.deductibles, *row.limits)]
        each = any(one.on.per is Period.VISIT and one.fen for one in amounts)
        clause = self._benefit.splitting
        if each and clause is None:
            yield self._finding(
                FindingKind.SPLITTING,
                "",
                "起付标准或限额按每次就诊计算，同样的费用分几次就诊支付额不同，没有上限",
                "请以 splitting=条款 写明",
            )
        elif clause is not None and not each:
            yield self._finding(
                FindingKind.INERT,
                "",
                "splitting 写了条款，而没有按每次就诊的起付标准或限额",
                "请删去 splitting",
            )

    def _worst(self, oddity: Oddity) -> tuple[Values, Values, Below] | None:
        worst: tuple[Values, Values, Below] | None = None
        seen: dict[tuple[int, int], Below | None] = {}
        for values, other in self._pairs(oddity):
            row, better = self._rows[values], self._rows[other]
            key = (id(row), id(better))
            if key not in seen:
                seen[key] = shortfall(row, better)
            below = seen[key]
            if below is None:
                continue
            if worst is None or _by_how_much(below) > _by_how_much(worst[2]):
                worst = (values, other, below)
        return worst

    def _pairs(self, oddity: Oddity) -> Iterator[tuple[Values, Values]]:
        """Yield each case with one it must not fall below, alike in all but one facet."""
        for place, facet in enumerate(self._benefit.facets.values()):
            for value, other in _ordered(facet, oddity, self._scheme):
                for values in self._rows:
                    if values[place] == value:
                        yield values, (*values[:place], other, *values[place + 1 :])

    def _unequal(
        self,
    ) -> Iterator[tuple[Meter, tuple[Values, int], tuple[Values, int]]]:
        varying = [
            place
            for place, facet in enumerate(self._benefit.facets.values())
            if facet.of in _OF_A_VISIT
        ]
        first: dict[tuple[Meter, Values], tuple[Values, int]] = {}
        for values, row in self._rows.items():
            person = tuple(v for p, v in enumerate(values) if p not in varying)
            for limit in _lasting_limits(row):
                known = first.setdefault((limit.on, person), (values, limit.fen))
                if known[1] != limit.fen:
                    less, more = sorted([known, (values, limit.fen)], key=_fen)
                    yield limit.on, less, more

    def _named(self, values: Values) -> str:
        return case_named(self._benefit, values)

    def _idle(self, oddity: Oddity) -> Finding:
        return self._finding(
            FindingKind.INERT,
            "",
            f"declared 声明了“{TERMS[Oddity][oddity]}”，待遇中并无此情形",
            f"请删去 Oddity.{oddity.name}",
        )

    def _finding(
        self,
        kind: FindingKind,
        situation: str,
        figures: str,
        mend: str,
        oddity: Oddity | None = None,
    ) -> Finding:
        named = TERMS[Scheme][self._scheme]
        clause = self._benefit.declared.get(oddity) if oddity else None
        return Finding(
            kind,
            HOOK,
            since=self._since,
            situation=f"{named}，{situation}" if situation else named,
            figures=figures,
            mend=f"依 {clause.id} 声明" if clause else mend,
            declared=clause is not None,
        )


def _lasting_limits(row: Row | NoFund) -> list[Upto]:
    limits = row.limits if isinstance(row, Row) else ()
    return [limit for limit in limits if limit.on.per is not Period.VISIT]


def _fen(one: tuple[Values, int]) -> int:
    return one[1]


def _by_how_much(below: Below) -> int:
    return below.other_fen - below.paid_fen


def _once(
    rows: Iterable[tuple[Values, Row | NoFund]],
) -> Iterator[tuple[Values, Row | NoFund]]:
    """Yield each row with the first of its cases."""
    seen: list[Row | NoFund] = []
    for values, row in rows:
        if row not in seen:
            seen.append(row)
            yield values, row


def _ordered(facet: Facet, oddity: Oddity, scheme: Scheme) -> Iterator[tuple[str, str]]:
    """Yield pairs of values of which the first must not be paid less."""
    if oddity is Oddity.RETIRED_BELOW_ACTIVE:
        # Residents are neither.
        if facet.of is FacetOf.STANDING and scheme is Scheme.EMPLOYEE:
            yield "retired", "active"
    elif oddity is Oddity.LOWER_LEVEL_BELOW_HIGHER:
        if facet.of is FacetOf.LEVEL:
            yield from pairwise(("1", "2", "3"))
            yield "1", "3"
    elif facet.of is FacetOf.MARK:
        yield from ((value, "") for value in facet.values if value)
    elif facet.of is FacetOf.MARKED_HERE:
        yield from (("here", "elsewhere"), ("here", ""))


def shortfall(row: Row | NoFund, other: Row | NoFund) -> Below | None:
    """Return the bill for which a case pays least beside another; None if never less."""
    if isinstance(other, NoFund) or row == other:
        return None
    worst, most = None, Fraction(0)
    rows = [one for one in (row, other) if isinstance(one, Row)]
    for read in readings_of(rows):
        for x in points_of(rows, read):
            less = _exact(x, other, read) - _exact(x, row, read)
            if less > most:
                most = less
                worst = Below(x, read, _paid(x, row, read), _paid(x, other, read))
    return worst


def _exact(x: int, row: Row | NoFund, read: Readings) -> Fraction:
    return (
        Fraction() if isinstance(row, NoFund) else Fraction(*exact_share(x, row, read))
    )


def _paid(x: int, row: Row | NoFund, read: Readings) -> int:
    return 0 if isinstance(row, NoFund) else row_share(x, row, read).fund_fen


def faults_of(row: Row) -> Iterator[tuple[FindingKind, int, Readings]]:
    """Yield where a row pays more than it may, less than before, or jumps."""
    for read in readings_of([row]):
        limits = [left_of(one, read) for one in row.limits]
        for x in points_of([row], read):
            share, next_share = row_share(x, row, read), row_share(x + 1, row, read)
            if not 0 <= share.fund_fen <= x - share.deductible_fen:
                yield FindingKind.OUT_OF_SCOPE, x, read
            if any(share.fund_fen > most for most in limits):
                yield FindingKind.CAP, x, read
            if next_share.fund_fen < share.fund_fen:
                yield FindingKind.DROP, x, read
            if next_share.fund_fen > share.fund_fen + 1:
                yield FindingKind.CLIFF, x, read


def readings_of(rows: Iterable[Row]) -> Iterator[dict[Meter, int]]:
    """Yield combinations of what the meters of rows may have counted: 0, and each figure
    on a meter with the fen before it."""
    figures: dict[Meter, set[int]] = {}
    for one in chain.from_iterable(map(_figures_of, rows)):
        if one.on.per is not Period.VISIT:
            near = {max(0, one.fen - 1), one.fen}
            figures[one.on] = figures.get(one.on, {0}) | near
    meters = list(figures)
    combined = product(*[sorted(figures[meter]) for meter in meters])
    for place, values in enumerate(combined):
        if place >= _MOST_READINGS:
            return
        yield dict(zip(meters, values, strict=True))


def _figures_of(row: Row) -> Iterator[Upto]:
    """Yield deductibles, limits and ends of bands, each on its meter."""
    yield from (*row.deductibles, *row.limits)
    for band in row.bands:
        if row.bands_on is not None and not isinstance(band.upto, NoLimit):
            yield Upto(band.upto, row.bands_on)


def points_of(rows: Iterable[Row], read: Readings) -> list[int]:
    """Return the amounts at which a curve turns, a fen on both sides, and one beyond."""
    points = {0}
    for row in rows:
        ends = [step.until_fen for step in row_steps(row, read)]
        points |= {end for end in ends if end is not None}
    points |= {max(points) + _BEYOND_FEN}
    near = {point + by for point in points for by in (-1, 0, 1)}
    return sorted(point for point in near if 0 <= point < MAX_FEN)


def _bill(x: int, read: Readings) -> str:
    counted = [f"{_meter(meter)} {yuan(fen)} 元" for meter, fen in read.items() if fen]
    return "，".join([f"政策范围内 {yuan(x)} 元", *counted])


def _meter(meter: Meter) -> str:
    return in_words(meter)
