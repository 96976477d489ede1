"""Prove one reimbursement table: every row's curve, and the rows against each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from gongji.cities.city import City
from gongji.kit.check.curve import (
    Fault,
    Point,
    faults,
    most_deductible,
    worst_shortfall,
    years,
)
from gongji.kit.check.findings import Finding, FindingKind
from gongji.rules.benefits import NoFund, Oddity, Table
from gongji.rules.binding import NoLimit
from gongji.rules.codes import STANDINGS, Scheme, Standing
from gongji.rules.money import MAX_FEN, percent, yuan
from gongji.rules.shapes import Benefit
from gongji.rules.terms import LEVELS, TERMS
from gongji.settlement import split
from gongji.settlement.split import FlatRow, Used, benefit_of

HOOK = "reimbursement"

KINDS = {
    Oddity.RETIRED_BELOW_ACTIVE: FindingKind.RETIRED_BELOW,
    Oddity.LOWER_LEVEL_BELOW_HIGHER: FindingKind.LEVEL_BELOW,
}

BOUNDS = {FindingKind.ARITHMETIC: "按算式取整应为", FindingKind.DROP: "费用较少时却为"}
"""What the second figure of a fault says, if it is no upper bound."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of a table under the name people know: 二级在职, of residents 二级."""

    standing: Standing
    level: int
    benefit: FlatRow
    name: str

    def __str__(self) -> str:
        return self.name


def rows_of(table: Table, scheme: Scheme) -> list[TableRow]:
    """Return every complete row of a scheme's table: residents have one standing."""
    rows = []
    standings = STANDINGS[scheme]
    for standing, level in product(standings, LEVELS):
        try:
            benefit = benefit_of(table, level, standing)
        # situations.py finds the figure that is missing.
        except KeyError:
            continue
        of_standing = TERMS[Standing][standing] if len(standings) > 1 else ""
        name = f"{LEVELS[level]}{of_standing}"
        rows.append(TableRow(standing, level, benefit, name))
    return rows


def prove_table(
    table: Table,
    scheme: Scheme,
    since: str,
) -> Iterator[Finding]:
    """Yield everything that does not hold of a table, with its first or worst bill."""
    rows = rows_of(table, scheme)
    used_up = years(row.benefit for row in rows)
    for row in rows:
        # One fault of a kind is told: from its breakpoint on every bill has it.
        first: dict[FindingKind, Fault] = {}
        for fault in faults(row.benefit, used_up):
            first.setdefault(fault.kind, fault)
        for fault in first.values():
            yield _finding(fault, row, scheme, since)
    yield from _oddities(
        table,
        rows,
        used_up,
        scheme,
        since,
    )


def _finding(
    fault: Fault,
    row: TableRow,
    scheme: Scheme,
    since: str,
) -> Finding:
    bound = BOUNDS.get(fault.kind, "至多应为")
    return Finding(
        fault.kind,
        HOOK,
        since=since,
        situation=bill_in_words(scheme, str(row), fault.at),
        figures=(
            f"统筹支付 {yuan(fault.fund_fen)} 元，{bound} {yuan(fault.may_fen)} 元"
        ),
        mend=f"请核对该行：{row_in_words(row.benefit)}",
    )


def _oddities(
    table: Table,
    rows: list[TableRow],
    used_up: tuple[Used, ...],
    scheme: Scheme,
    since: str,
) -> Iterator[Finding]:
    """Yield rows that pay less than one they must not, and declarations of none."""
    met = set()
    for oddity, row, other in _ordered_pairs(rows):
        at = worst_shortfall(row.benefit, other.benefit, used_up)
        if at is None:
            continue
        met.add(oddity)
        clause = table.declared.get(oddity)
        yield Finding(
            KINDS[oddity],
            HOOK,
            since=since,
            situation=bill_in_words(scheme, f"{row}与{other}", at),
            figures=f"{_paid(row, at)}，低于{_paid(other, at)}",
            mend=f"依 {clause.id} 声明" if clause else _mend(oddity, row, other),
            declared=clause is not None,
        )
    for oddity in table.declared.keys() - met:
        yield _idle_declaration(oddity, scheme, since)


def _idle_declaration(
    oddity: Oddity,
    scheme: Scheme,
    since: str,
) -> Finding:
    return Finding(
        FindingKind.INERT,
        HOOK,
        since=since,
        situation=TERMS[Scheme][scheme],
        figures=f"declared 声明了“{TERMS[Oddity][oddity]}”，表中并无此情形",
        mend=f"请删去 Oddity.{oddity.name}",
    )


def _mend(
    oddity: Oddity,
    row: TableRow,
    other: TableRow,
) -> str:
    return (
        f"请核对{_worse_figures(row, other)}; "
        f"确有此规定的，写 declared={{Oddity.{oddity.name}: 条款}}"
    )


def _ordered_pairs(
    rows: list[TableRow],
) -> Iterator[tuple[Oddity, TableRow, TableRow]]:
    """Yield each row with those it must not fall below, and what it is if it does."""
    retired = Standing.RETIRED, Standing.ACTIVE
    for row, other in product(rows, rows):
        standings = row.standing, other.standing
        if row.level == other.level and standings == retired:
            yield Oddity.RETIRED_BELOW_ACTIVE, row, other
        if row.level < other.level and row.standing is other.standing:
            yield Oddity.LOWER_LEVEL_BELOW_HIGHER, row, other


def bill_in_words(
    scheme: Scheme,
    row: str,
    at: Point,
) -> str:
    """Return a bill and the year before it, as people read them."""
    used = at.used
    parts = [
        TERMS[Scheme][scheme],
        row,
        f"政策范围内 {yuan(at.in_scope_fen)} 元",
        f"本年已付起付线 {yuan(used.deductible_fen)} 元",
        f"基金已付 {yuan(used.fund_fen)} 元",
    ]
    return "，".join(parts)


def row_in_words(benefit: FlatRow) -> str:
    """Return the figures of a row, as people read them."""
    return "，".join(f"{figure.name} {figure.in_words}" for figure in _figures(benefit))


def _paid(row: TableRow, at: Point) -> str:
    paid = split.fund_share(at.in_scope_fen, row.benefit, at.used)
    return f"{row} {yuan(paid.fund_fen)} 元"


def _worse_figures(row: TableRow, other: TableRow) -> str:
    """Return the figures of a row that are worse for people than another row's."""
    pairs = zip(_figures(row.benefit), _figures(other.benefit), strict=True)
    worse = [
        f"{figure.name}（{figure.in_words}，{other}{better.in_words}）"
        for figure, better in pairs
        if figure.worth < better.worth
    ]
    return "、".join(worse)


@dataclass(frozen=True, slots=True)
class _Figure:
    """One figure of a row; `worth` is greater if it is better for people."""

    name: str
    in_words: str
    worth: int


def _figures(benefit: FlatRow) -> tuple[_Figure, ...]:
    deductible = most_deductible(benefit)
    ratio = benefit.ratio_bp
    return (
        _Figure("起付标准", f"{yuan(deductible)} 元", -deductible),
        _Figure("支付比例", percent(ratio), ratio),
        _limit("每次限额", benefit.visit_cap_fen),
        _limit("年度限额", benefit.cap_fen),
    )


def _limit(name: str, fen: int | NoLimit) -> _Figure:
    # No limit is better for people than any.
    if isinstance(fen, NoLimit):
        return _Figure(name, TERMS[NoLimit][fen], MAX_FEN)
    return _Figure(name, f"{yuan(fen)} 元", fen)


def reimbursement_tables(city: City) -> Iterator[tuple[str, Table]]:
    """Yield every reimbursement table under a name people know, candidates last."""
    for label, _, entry in reimbursements(city):
        if isinstance(entry, Table):
            yield label, entry


def reimbursements(
    city: City,
) -> Iterator[tuple[str, Scheme, Table | Benefit | NoFund]]:
    """Yield what each scheme is paid by under a name people know, candidates last."""
    in_force = city.timelines[HOOK]
    candidates = [c for c in city.candidates if c.hook == HOOK]
    values = [(f"自 {ruled.since} 起", ruled.value) for ruled in in_force]
    values += [(f"候选 {c.name}", c.value) for c in candidates]
    for label, by_scheme in values:
        for scheme, entry in by_scheme.items():
            yield f"{HOOK} {label}：{TERMS[Scheme][scheme]}", scheme, entry
