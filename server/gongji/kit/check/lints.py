"""What does nothing, or nothing more, in a city's rules: duplicate, shadowed and inert
rows. Warnings, no faults."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise

from gongji.cities.city import City
from gongji.kit.check.findings import Finding, FindingKind
from gongji.rules.benefits import Exclusion, PurseOrder, Table
from gongji.rules.binding import NoLimit
from gongji.rules.codes import Scheme, VisitKind
from gongji.rules.money import yuan
from gongji.rules.terms import LEVELS, TERMS
from gongji.settlement.admission import SETTLED_ELSEWHERE

HOOK = "reimbursement"


def lints_of_timelines(city: City) -> Iterator[Finding]:
    """Values no day asks for, and values that repeat the one before them.

    A city may restate the province under clauses of its own, and a document reissued
    where it says why.
    """
    for hook, timeline in city.timelines.items():
        for before, after in pairwise(timeline):
            since = str(after.since)
            if after.since <= city.first_day:
                told = (
                    f"自 {before.since} 起的值到 {after.since} 为止, "
                    f"而本市规则自 {city.first_day} 起才齐全"
                )
                yield Finding(
                    FindingKind.SHADOWED,
                    hook,
                    str(before.since),
                    "没有哪一天取到此值",
                    told,
                    "请删去此值",
                )
            restated = bool(after.why) or city.rules(
                max(before.since, city.first_day)
            ).provincial(hook)
            if before.value == after.value and not (
                restated and before.clauses != after.clauses
            ):
                told = f"与自 {before.since} 起的值相同"
                yield Finding(
                    FindingKind.DUPLICATE,
                    hook,
                    since,
                    "",
                    told,
                    "请删去此值; 重新发文的, 在 why 中写明",
                )


def lints_of_candidates(city: City) -> Iterator[Finding]:
    """Candidates that would change nothing, and candidates that say the same."""
    for candidate in city.candidates:
        in_force = city.timelines[candidate.hook][-1]
        if candidate.value == in_force.value:
            told = f"与自 {in_force.since} 起施行的值相同"
            yield Finding(
                FindingKind.INERT,
                candidate.hook,
                f"候选 {candidate.name}",
                "",
                told,
                "采用它不改变任何事项, 请删去",
            )
    for one, other in combinations(city.candidates, 2):
        if (one.hook, one.value) == (other.hook, other.value):
            told = f"与候选 {one.name} 相同"
            yield Finding(
                FindingKind.DUPLICATE,
                other.hook,
                f"候选 {other.name}",
                "",
                told,
                "请只保留一个, 条款合并",
            )


def lints_of_exclusions(
    exclusions: tuple[Exclusion, ...], since: str
) -> Iterator[Finding]:
    """A situation listed twice: the second never applies."""
    first: dict[object, Exclusion] = {}
    for exclusion in exclusions:
        if (before := first.get(exclusion.situation)) is None:
            first[exclusion.situation] = exclusion
            continue
        kind = FindingKind.DUPLICATE if before == exclusion else FindingKind.SHADOWED
        told = f"{before.clause.id} 已在前, {exclusion.clause.id} 永不适用"
        name = TERMS[type(exclusion.situation)][exclusion.situation]
        yield Finding(kind, "exclusions", since, name, told, "请只列一次")


def lints_of_order(order: PurseOrder, since: str) -> Iterator[Finding]:
    """A purse asked twice: the second time it has been asked already."""
    for kind in dict.fromkeys(order.order):
        if order.order.count(kind) > 1:
            told = f"列出 {order.order.count(kind)} 次"
            yield Finding(
                FindingKind.DUPLICATE,
                "purse_order",
                since,
                TERMS[type(kind)][kind],
                told,
                "请只列一次",
            )


def lints_of_table(table: Table, scheme: Scheme, since: str) -> Iterator[Finding]:
    """Figures of a table that no bill can reach."""
    for where, told, mend, kind in (
        *_year_max(table),
        *_limits(table),
        *_covers(table),
    ):
        yield Finding(
            kind,
            HOOK,
            since,
            ", ".join(filter(None, (TERMS[Scheme][scheme], where))),
            told,
            mend,
        )


_Lint = tuple[str, str, str, FindingKind]


def _year_max(table: Table) -> Iterator[_Lint]:
    most = table.deductible_year_max_fen
    borne = table.deductible_fen.values()
    if isinstance(most, NoLimit) or not borne:
        return
    if most >= max(borne):
        told = (
            f"年度起付总额 {yuan(most)} 元不低于各级起付标准(最高 {yuan(max(borne))} "
            "元), 补足差额时永不触及"
        )
        yield (
            "",
            told,
            "请写 deductible_year_max_fen=NO_LIMIT 或不写",
            FindingKind.INERT,
        )
    elif most < min(borne):
        told = (
            f"年度起付总额 {yuan(most)} 元低于各级起付标准(最低 {yuan(min(borne))} "
            "元), 各级数额都不起作用"
        )
        yield "", told, "请核对 deductible_year_max_fen", FindingKind.SHADOWED


def _limits(table: Table) -> Iterator[_Lint]:
    caps = [cap for cap in table.cap_fen.values() if not isinstance(cap, NoLimit)]
    year = max(caps) if caps and len(caps) == len(table.cap_fen) else None
    for standing, cap in table.cap_fen.items():
        if cap == 0:
            yield (
                TERMS[type(standing)][standing],
                "年度限额为 0, 基金永不支付",
                "请写 NoFund(条款)",
                FindingKind.INERT,
            )
    for level, visit in table.visit_cap_fen.items():
        name = LEVELS.get(level, str(level))
        if isinstance(visit, NoLimit):
            continue
        if visit == 0:
            yield (
                name,
                "每次限额为 0, 该行永不支付",
                f"请核对 visit_cap_fen[{level}]",
                FindingKind.INERT,
            )
        elif year is not None and visit >= year:
            told = f"每次限额 {yuan(visit)} 元不低于年度限额 {yuan(year)} 元, 永不触及"
            yield (
                name,
                told,
                f"请写 visit_cap_fen[{level}] = NO_LIMIT",
                FindingKind.INERT,
            )
    for level, ratio in table.ratio_bp.items():
        if ratio == 0:
            name = LEVELS.get(level, str(level))
            yield (
                name,
                "在职支付比例为 0, 该行永不支付",
                f"请核对 ratio_bp[{level}]",
                FindingKind.INERT,
            )


def _covers(table: Table) -> Iterator[_Lint]:
    for kind in sorted(table.covers & SETTLED_ELSEWHERE):
        name = TERMS[VisitKind][kind]
        told = f"covers 列有{name}, 而其首次结算不在此办理, 此行不起作用"
        yield "", told, f"请从 covers 删去 VisitKind.{kind.name}", FindingKind.INERT
