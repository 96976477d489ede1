"""Find values that do nothing in a city's rules: duplicate, shadowed and inert ones.

They are warnings: the city may serve with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise

from gongji.cities.city import City
from gongji.kit.check.findings import Finding, FindingKind
from gongji.rules.benefits import Exclusion, PurseOrder, Table
from gongji.rules.binding import NoLimit
from gongji.rules.clauses import Ruled
from gongji.rules.codes import Scheme, Standing, VisitKind
from gongji.rules.money import yuan
from gongji.rules.phrases import exclusion_in_words
from gongji.rules.terms import LEVELS, TERMS
from gongji.settlement.admission import SETTLED_ELSEWHERE

HOOK = "reimbursement"


# --- timelines and candidates ---------------------------------------------------------


def lints_of_timelines(city: City) -> Iterator[Finding]:
    """Yield values no day asks for, and values that repeat the one before them."""
    for hook, timeline in city.timelines.items():
        for before, after in pairwise(timeline):
            if after.since <= city.first_day:
                yield _never_in_force(city, hook, before, after)
            if before.value == after.value and not _restated(city, hook, before, after):
                yield Finding(
                    FindingKind.DUPLICATE,
                    hook,
                    since=str(after.since),
                    situation="",
                    figures=f"与自 {before.since} 起的值相同",
                    mend="请删去此值；重新发文的，在 why 中写明",
                )


def _never_in_force(
    city: City, hook: str, before: Ruled[object], after: Ruled[object]
) -> Finding:
    return Finding(
        FindingKind.SHADOWED,
        hook,
        since=str(before.since),
        situation="没有哪一天取到此值",
        figures=(
            f"自 {before.since} 起的值到 {after.since} 为止，"
            f"而本市规则自 {city.first_day} 起才齐全"
        ),
        mend="请删去此值",
    )


def _restated(
    city: City, hook: str, before: Ruled[object], after: Ruled[object]
) -> bool:
    """Return whether an equal value stands there for its clauses' sake.

    A city may restate the province under clauses of its own, and a reissued document if
    it says why.
    """
    if before.clauses == after.clauses:
        return False
    day = max(before.since, city.first_day)
    return bool(after.why) or city.rules(day).provincial(hook)


def lints_of_candidates(city: City) -> Iterator[Finding]:
    """Yield candidates that would change nothing, and those that say the same."""
    for candidate in city.candidates:
        # A revision takes the place of the value that is in force last.
        in_force = city.timelines[candidate.hook][-1]
        if candidate.value == in_force.value:
            yield Finding(
                FindingKind.INERT,
                candidate.hook,
                since=f"候选 {candidate.name}",
                situation="",
                figures=f"与自 {in_force.since} 起施行的值相同",
                mend="采用它不改变任何事项，请删去",
            )
    for first, second in combinations(city.candidates, 2):
        if (first.hook, first.value) == (second.hook, second.value):
            yield Finding(
                FindingKind.DUPLICATE,
                second.hook,
                since=f"候选 {second.name}",
                situation="",
                figures=f"与候选 {first.name} 相同",
                mend="请只保留一个，条款合并",
            )


# --- lists ----------------------------------------------------------------------------


def lints_of_exclusions(
    exclusions: tuple[Exclusion, ...], since: str
) -> Iterator[Finding]:
    """Yield entries that never apply: earlier ones speak of the same people already."""
    first: dict[object, Exclusion] = {}
    for exclusion in exclusions:
        people = list(_spoken_of(exclusion))
        before = {key: first[key] for key in people if key in first}
        if len(before) == len(people):
            yield _never_applies(exclusion, list(before.values()), since)
        for key in people:
            first.setdefault(key, exclusion)


_INSURED = (
    (Scheme.EMPLOYEE, Standing.ACTIVE),
    (Scheme.EMPLOYEE, Standing.RETIRED),
    (Scheme.RESIDENT, Standing.ACTIVE),
)
"""Scheme and standing of everybody there is: residents have the active one."""


def _spoken_of(exclusion: Exclusion) -> Iterator[object]:
    """Yield the situation with each kind of insured the exclusion speaks of."""
    for scheme, standing in _INSURED:
        if exclusion.speaks_of(scheme, standing):
            yield exclusion.situation, scheme, standing


def _never_applies(
    exclusion: Exclusion, before: list[Exclusion], since: str
) -> Finding:
    same = exclusion in before
    earlier = "、".join(dict.fromkeys(e.clause.id for e in before))
    already = f"{earlier} 已在前" if before else "没有这样的参保人"
    return Finding(
        FindingKind.DUPLICATE if same else FindingKind.SHADOWED,
        "exclusions",
        since=since,
        situation=exclusion_in_words(exclusion),
        figures=f"{already}，{exclusion.clause.id} 永不适用",
        mend="请只列一次" if before else "请写明有这种身份的参保人",
    )


def lints_of_order(order: PurseOrder, since: str) -> Iterator[Finding]:
    """Yield purses listed twice: the second time they have been asked already."""
    for kind in dict.fromkeys(order.order):
        times = order.order.count(kind)
        if times > 1:
            yield Finding(
                FindingKind.DUPLICATE,
                "purse_order",
                since=since,
                situation=TERMS[type(kind)][kind],
                figures=f"列出 {times} 次",
                mend="请只列一次",
            )


# --- tables ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _TableLint:
    """A figure of a table that no bill can reach; `row` is empty for the whole table."""

    row: str
    figures: str
    mend: str
    kind: FindingKind = FindingKind.INERT


def lints_of_table(
    table: Table,
    scheme: Scheme,
    since: str,
) -> Iterator[Finding]:
    """Yield figures of a table that no bill can reach."""
    lints = [
        *_year_max(table),
        *_year_caps(table),
        *_visit_caps(table),
        *_ratios(table),
        *_covers(table),
    ]
    name = TERMS[Scheme][scheme]
    for lint in lints:
        situation = f"{name}，{lint.row}" if lint.row else name
        yield Finding(
            lint.kind,
            HOOK,
            since=since,
            situation=situation,
            figures=lint.figures,
            mend=lint.mend,
        )


def _year_max(table: Table) -> Iterator[_TableLint]:
    year_max = table.deductible_year_max_fen
    by_level = table.deductible_fen.values()
    # A table without levels is a gap, which the situations find.
    if isinstance(year_max, NoLimit) or not by_level:
        return
    lowest = min(by_level)
    highest = max(by_level)
    if year_max >= highest:
        figures = (
            f"年度起付总额 {yuan(year_max)} 元不低于各级起付标准（最高 {yuan(highest)} 元），"
            "补足差额时永不触及"
        )
        yield _TableLint(
            "",
            figures=figures,
            mend="请写 deductible_year_max_fen=NO_LIMIT 或不写",
        )
    elif year_max < lowest:
        figures = (
            f"年度起付总额 {yuan(year_max)} 元低于各级起付标准（最低 {yuan(lowest)} 元），"
            "各级数额都不起作用"
        )
        mend = "请核对 deductible_year_max_fen"
        yield _TableLint(
            "",
            figures=figures,
            mend=mend,
            kind=FindingKind.SHADOWED,
        )


def _year_caps(table: Table) -> Iterator[_TableLint]:
    for standing, cap in table.cap_fen.items():
        if cap == 0:
            row = TERMS[type(standing)][standing]
            yield _TableLint(
                row,
                figures="年度限额为 0，基金永不支付",
                mend="请写 NoFund(条款)",
            )


def _visit_caps(table: Table) -> Iterator[_TableLint]:
    highest = _highest_year_cap(table)
    for level, cap in table.visit_cap_fen.items():
        if isinstance(cap, NoLimit):
            continue
        row = _level_name(level)
        field = f"visit_cap_fen[{level}]"
        if cap == 0:
            yield _TableLint(
                row,
                figures="每次限额为 0，该行永不支付",
                mend=f"请核对 {field}",
            )
        elif highest is not None and cap >= highest:
            figures = (
                f"每次限额 {yuan(cap)} 元不低于年度限额 {yuan(highest)} 元，永不触及"
            )
            yield _TableLint(
                row,
                figures=figures,
                mend=f"请写 {field} = NO_LIMIT",
            )


def _highest_year_cap(table: Table) -> int | None:
    """Return the highest yearly cap in fen; None if anybody has none."""
    caps = [cap for cap in table.cap_fen.values() if not isinstance(cap, NoLimit)]
    # Whoever has no yearly cap can reach any cap of a visit.
    if caps and len(caps) == len(table.cap_fen):
        return max(caps)
    return None


def _ratios(table: Table) -> Iterator[_TableLint]:
    for level, ratio in table.ratio_bp.items():
        if ratio == 0:
            yield _TableLint(
                _level_name(level),
                figures="在职支付比例为 0，该行永不支付",
                mend=f"请核对 ratio_bp[{level}]",
            )


def _covers(table: Table) -> Iterator[_TableLint]:
    for kind in sorted(table.covers & SETTLED_ELSEWHERE):
        name = TERMS[VisitKind][kind]
        yield _TableLint(
            "",
            figures=f"covers 列有{name}，而其首次结算不在此办理，此行不起作用",
            mend=f"请从 covers 删去 VisitKind.{kind.name}",
        )


def _level_name(level: int) -> str:
    return LEVELS.get(level, str(level))
