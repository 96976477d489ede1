"""The proof of one reimbursement table: every row's curve, and the rows held against each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from gongji.kit.check.curve import (
    Fault,
    Point,
    faults,
    most_deductible,
    worst_shortfall,
    years,
)
from gongji.kit.check.findings import Finding, FindingKind
from gongji.rules.benefits import Oddity, Table
from gongji.rules.binding import NoLimit
from gongji.rules.codes import Scheme, Standing
from gongji.rules.money import MAX_FEN, percent, yuan
from gongji.rules.terms import LEVELS, TERMS
from gongji.settlement import split
from gongji.settlement.split import Benefit, Used, benefit_of

HOOK = "reimbursement"

KINDS = {
    Oddity.RETIRED_BELOW_ACTIVE: FindingKind.RETIRED_BELOW,
    Oddity.LOWER_LEVEL_BELOW_HIGHER: FindingKind.LEVEL_BELOW,
}

BOUNDS = {FindingKind.ARITHMETIC: "按算式取整应为", FindingKind.DROP: "费用较少时却为"}
"""What the second figure of a fault says, where it is no upper bound."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of a table under the name people know: 二级在职."""

    standing: Standing
    level: int
    benefit: Benefit

    def __str__(self) -> str:
        return f"{LEVELS[self.level]}{TERMS[Standing][self.standing]}"


def rows_of(table: Table) -> list[TableRow]:
    """Every row that is whole; a row that lacks a figure is found by `situations.py`."""
    rows = []
    for standing in Standing:
        for level in LEVELS:
            try:
                rows.append(
                    TableRow(standing, level, benefit_of(table, level, standing))
                )
            except KeyError:
                continue
    return rows


def prove_table(table: Table, scheme: Scheme, since: str) -> Iterator[Finding]:
    """Everything that does not hold of a table, each with its worst or first bill."""
    rows = rows_of(table)
    used_up = years(row.benefit for row in rows)
    for row in rows:
        found: dict[FindingKind, Fault] = {}
        for fault in faults(row.benefit, used_up):
            found.setdefault(fault.kind, fault)
        yield from (_finding(fault, row, scheme, since) for fault in found.values())
    yield from _oddities(table, rows, used_up, scheme, since)


def _finding(fault: Fault, row: TableRow, scheme: Scheme, since: str) -> Finding:
    return Finding(
        fault.kind,
        HOOK,
        since,
        bill_in_words(scheme, str(row), fault.at),
        (
            f"统筹支付 {yuan(fault.fund_fen)} 元, {BOUNDS.get(fault.kind, '至多应为')} "
            f"{yuan(fault.may_fen)} 元"
        ),
        f"请核对该行: {row_in_words(row.benefit)}",
    )


def _oddities(
    table: Table,
    rows: list[TableRow],
    used_up: tuple[Used, ...],
    scheme: Scheme,
    since: str,
) -> Iterator[Finding]:
    """Rows that pay less than one they must not fall below; declared ones with their
    clause, and empty declarations."""
    met = set()
    for oddity, row, other in _pairs(rows):
        at = worst_shortfall(row.benefit, other.benefit, used_up)
        if at is None:
            continue
        met.add(oddity)
        finding = Finding(
            KINDS[oddity],
            HOOK,
            since,
            bill_in_words(scheme, f"{row}与{other}", at),
            f"{_paid(row, at)}, 低于{_paid(other, at)}",
            f"请核对{_worse(row, other)}; 确有此规定的, 写 declared={{Oddity.{oddity.name}: 条款}}",
        )
        clause = table.declared.get(oddity)
        yield (
            replace(finding, mend=f"依 {clause.id} 声明", declared=True)
            if clause
            else finding
        )
    for oddity in table.declared.keys() - met:
        told = f"declared 声明了“{TERMS[Oddity][oddity]}”, 表中并无此情形"
        yield Finding(
            FindingKind.INERT,
            HOOK,
            since,
            TERMS[Scheme][scheme],
            told,
            f"请删去 Oddity.{oddity.name}",
        )


def _pairs(rows: list[TableRow]) -> Iterator[tuple[Oddity, TableRow, TableRow]]:
    """Each row with those it must not fall below: the active one, and those of every
    higher level."""
    for row in rows:
        for other in rows:
            if row.level == other.level and (row.standing, other.standing) == (
                Standing.RETIRED,
                Standing.ACTIVE,
            ):
                yield Oddity.RETIRED_BELOW_ACTIVE, row, other
            if row.standing is other.standing and row.level < other.level:
                yield Oddity.LOWER_LEVEL_BELOW_HIGHER, row, other


def bill_in_words(scheme: Scheme, row: str, at: Point) -> str:
    """A bill and the year before it, as people read them."""
    told = [
        f"{TERMS[Scheme][scheme]}, {row}",
        f"政策范围内 {yuan(at.in_scope_fen)} 元",
    ]
    told.append(
        f"本年已付起付线 {yuan(at.used.deductible_fen)} 元, 基金已付 {yuan(at.used.fund_fen)} 元"
    )
    return ", ".join(told)


def row_in_words(benefit: Benefit) -> str:
    """The figures of a row, as people read them."""
    return ", ".join(f"{figure.name} {figure}" for figure in _figures(benefit))


def _paid(row: TableRow, at: Point) -> str:
    fund = split.fund_share(at.in_scope_fen, row.benefit, at.used).fund_fen
    return f"{row} {yuan(fund)} 元"


def _worse(row: TableRow, other: TableRow) -> str:
    """The figures of a row that are worse for people than the other's."""
    pairs = zip(_figures(row.benefit), _figures(other.benefit), strict=True)
    return "、".join(
        f"{ours.name}({ours}, {other}{theirs})"
        for ours, theirs in pairs
        if ours.worth < theirs.worth
    )


@dataclass(frozen=True, slots=True)
class _Figure:
    """One figure of a row; `worth` is greater where it is better for people."""

    name: str
    in_words: str
    worth: int

    def __str__(self) -> str:
        return self.in_words


def _figures(benefit: Benefit) -> tuple[_Figure, ...]:
    borne = most_deductible(benefit)
    return (
        _Figure("起付标准", f"{yuan(borne)} 元", -borne),
        _Figure("支付比例", percent(benefit.ratio_bp), benefit.ratio_bp),
        _limit("每次限额", benefit.visit_cap_fen),
        _limit("年度限额", benefit.cap_fen),
    )


def _limit(name: str, fen: int | NoLimit) -> _Figure:
    if isinstance(fen, NoLimit):
        return _Figure(name, TERMS[NoLimit][fen], MAX_FEN)
    return _Figure(name, f"{yuan(fen)} 元", fen)
