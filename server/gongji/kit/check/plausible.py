"""Ask about figures that are rarely meant, and about clauses that a value does not list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gongji.cities.city import City
from gongji.kit.check.findings import Finding, FindingKind
from gongji.rules.benefits import Oddity, Table
from gongji.rules.clauses import Clause, Grade, clauses_in
from gongji.rules.codes import Scheme, Standing
from gongji.rules.money import percent, yuan
from gongji.rules.shapes import Benefit, Row
from gongji.rules.terms import LEVELS, TERMS
from gongji.rules.unfolding import unfolded

HOOK: Final = "reimbursement"

_LEAST_RATIO_BP: Final = 10_00

_LEAST_FEN: Final = 10_00

_MOST_FEN: Final = 100_000_00


def unusual_figures(
    benefit: Table | Benefit, scheme: Scheme, since: str
) -> Iterator[Finding]:
    """Yield ratios under 10 %, deductibles under 10 or over 100,000 yuan, once.

    60 for 60_00 basis points and 200 for 200_00 fen are such.
    """
    odd = list(dict.fromkeys(_unusual(benefit)))
    clause = benefit.declared.get(Oddity.UNUSUAL_FIGURE)
    if not odd:
        if clause is not None:
            yield _finding(
                FindingKind.INERT, scheme, since, "没有少见的数额", "请删去声明"
            )
        return
    yield Finding(
        FindingKind.UNUSUAL,
        HOOK,
        since=since,
        situation=TERMS[Scheme][scheme],
        figures=f"{'、'.join(odd)}；金额以分、比例以万分之一为单位（60% 写 60_00）",
        mend=f"依 {clause.id} 声明"
        if clause
        else "请核对单位；确有此规定的，写 declared={Oddity.UNUSUAL_FIGURE: 条款}",
        declared=clause is not None,
    )


def _finding(
    kind: FindingKind, scheme: Scheme, since: str, figures: str, mend: str
) -> Finding:
    named = TERMS[Scheme][scheme]
    return Finding(kind, HOOK, since=since, situation=named, figures=figures, mend=mend)


def _unusual(benefit: Table | Benefit) -> Iterator[str]:
    ratios, deductibles = (
        _of_table(benefit) if isinstance(benefit, Table) else _of_rows(benefit)
    )
    for ratio in ratios:
        if 0 < ratio < _LEAST_RATIO_BP:
            yield f"支付比例 {percent(ratio)}"
    for fen in deductibles:
        if 0 < fen < _LEAST_FEN or fen > _MOST_FEN:
            yield f"起付标准 {yuan(fen)} 元"


def _of_table(table: Table) -> tuple[list[int], list[int]]:
    levels = LEVELS.keys() & table.ratio_bp.keys()
    ratios = [table.ratio_bp[level] for level in sorted(levels)]
    if not isinstance(table.retired, dict) or levels <= table.retired.keys():
        ratios += [table.ratio_of(Standing.RETIRED, level) for level in sorted(levels)]
    return ratios, list(table.deductible_fen.values())


def _of_rows(benefit: Benefit) -> tuple[list[int], list[int]]:
    rows = [row for row in unfolded(benefit).values() if isinstance(row, Row)]
    ratios = [band.ratio_bp for row in rows for band in row.bands]
    return ratios, [one.fen for row in rows for one in row.deductibles]


def uncited_clauses(city: City) -> Iterator[Finding]:
    """Yield clauses of figures that the value does not list among its own.

    After `replace(TABLE, …)` bills would cite a clause of before. Assumptions are no
    documents: they need not be listed.
    """
    for ruled in city.timelines[HOOK]:
        listed = {clause.id for clause in ruled.clauses}
        yield from _uncited(str(ruled.since), ruled.value, listed)
    for candidate in city.candidates:
        if candidate.hook == HOOK:
            listed = {clause.id for clause in candidate.clauses}
            since = f"候选 {candidate.name}"
            yield from _uncited(since, candidate.value, listed)


def _uncited(since: str, value: object, listed: set[str]) -> Iterator[Finding]:
    used: dict[str, Clause] = {clause.id: clause for clause in clauses_in(value)}
    missing = [
        number
        for number, clause in used.items()
        if number not in listed and clause.grade is not Grade.ASSUMPTION
    ]
    if missing:
        yield Finding(
            FindingKind.UNCITED,
            HOOK,
            since=since,
            situation="",
            figures=f"各数额引用了 {'、'.join(missing)}，而规则值的 clauses 没有列出",
            mend="请在 clauses 中列出，或改写仍引用旧条款的数额",
        )
