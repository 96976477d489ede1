"""Faults sown into a good city, each with the finding that must come up: the table of
`tests/test_proof.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from gongji import (
    NO_LIMIT,
    Candidate,
    Clause,
    Exclusion,
    Identity,
    NoFund,
    Oddity,
    PurseKind,
    PurseOrder,
    Ruled,
    Scheme,
    Situation,
    Standing,
    Table,
    Timeline,
    VisitKind,
    hookimpl,
    ruled,
)
from gongji.cities import anhui
from gongji.cities.city import City
from gongji.cities.guards import PluginProblem
from gongji.cities.loading import city_from
from gongji.kit.check.findings import Finding, FindingKind
from gongji.kit.check.proof import prove, prove_answers
from gongji.rules.hookspecs import DATED_HOOKS

W1 = Clause("W1", "测试的条款。", "测试")
W2 = Clause("W2", "另一条款。", "测试")
PROVINCIAL = anhui.reimbursement()[0]
EXCLUSIONS = anhui.exclusions()[0].value
ACTIVE, RETIRED = Standing.ACTIVE, Standing.RETIRED
Answers = Mapping[str, Timeline[Any]]


def _good() -> Table:
    entry = PROVINCIAL.value[Scheme.EMPLOYEE]
    assert isinstance(entry, Table)
    return entry


GOOD = _good()
"""The province's table for employees."""


@dataclass(frozen=True)
class Seed:
    """One fault: what the city answers instead, and the finding that must come up."""

    kind: FindingKind
    words: tuple[str, ...]
    answers: Answers = field(default_factory=dict)
    candidates: tuple[Candidate, ...] = ()
    hook: str = "reimbursement"
    since: str = "2022-07-01"

    def findings(self) -> tuple[Finding, ...]:
        """Return what the proof says of the city, or of its answers if it cannot load."""
        try:
            return prove(sown(self.answers, self.candidates)).findings
        except PluginProblem:
            return prove_answers(self.answers).findings


def sown(answers: Answers, candidates: tuple[Candidate, ...] = ()) -> City:
    """A city that answers as the province does but for these hooks. PluginProblem where
    the guards refuse it."""

    def answering(value: object) -> Callable[[], object]:
        return hookimpl(lambda: value)

    answers_by_hook = {
        "identity": Identity(area_code="340200", name="芜湖市"),
        "candidates": candidates,
        **answers,
    }
    return city_from(
        SimpleNamespace(
            **{hook: answering(value) for hook, value in answers_by_hook.items()}
        )
    )


def tables(employee: Table | NoFund) -> Mapping[Scheme, Table | NoFund]:
    """The province's tables with another for employees."""
    return {Scheme.EMPLOYEE: employee, Scheme.RESIDENT: NoFund(W1)}


def table(since: str = "2022-07-01", **changes: Any) -> Answers:
    """The province's table for employees with these changes from a day on."""
    return {
        "reimbursement": ruled(
            tables(replace(GOOD, **changes)), since=since, clauses=[W1]
        )
    }


def exclusions(*listed: Exclusion) -> Answers:
    """These exclusions in place of the province's."""
    return {"exclusions": ruled(listed, since="2022-07-01", clauses=[W1])}


def candidate(name: str, value: object, hook: str = "reimbursement") -> Candidate:
    """A revision nobody has adopted."""
    return Candidate(name, hook, value, (W1,), "未经证实")


def levels(first: int, second: int, third: int) -> dict[int, int]:
    """A figure for each level."""
    return {1: first, 2: second, 3: third}


def without(changed: str, key: object) -> dict[str, Any]:
    """The table's mapping without one key."""
    return {changed: {k: v for k, v in getattr(GOOD, changed).items() if k != key}}


VISIT = levels(1000_00, 900_00, 800_00)
LOWER = replace(GOOD, retired=levels(59_00, 55_00, 50_00))

GAPS = {
    "the ratio of level 3 is missing": Seed(
        FindingKind.GAP,
        ("职工医保在职", "三级医疗机构", "ratio_bp[3] = ?"),
        table(**without("ratio_bp", 3)),
    ),
    "the deductible of level 2 is missing": Seed(
        FindingKind.GAP,
        ("二级医疗机构", "deductible_fen[2] = ?"),
        table(**without("deductible_fen", 2)),
    ),
    "no limit is said for visits at level 1": Seed(
        FindingKind.GAP,
        ("visit_cap_fen[1] = ?", "deductible_fen[1] = 80000"),
        table(**without("visit_cap_fen", 1)),
    ),
    "the yearly cap of retired people is missing": Seed(
        FindingKind.GAP,
        ("职工医保退休", "cap_fen[Standing.RETIRED] = ?"),
        table(**without("cap_fen", RETIRED)),
    ),
    "a retired ratio is missing": Seed(
        FindingKind.GAP,
        ("职工医保退休", "retired[1] = ?"),
        table(retired={2: 60_00, 3: 55_00}),
    ),
    "a scheme is missing": Seed(
        FindingKind.GAP,
        ("城乡居民医保", "请补 Scheme.RESIDENT: Table(…)，不支付也须写 NoFund"),
        {
            "reimbursement": ruled(
                {Scheme.EMPLOYEE: GOOD}, since="2022-07-01", clauses=[W1]
            )
        },
    ),
    "the clause of a level's ratio is missing, which only a bill would meet": Seed(
        FindingKind.GAP,
        ("clauses.ratio[2] = ?",),
        table(clauses=replace(GOOD.clauses, ratio={1: (W1,), 3: (W1,)}))
        if GOOD.clauses
        else {},
    ),
    "ordinary visits are forgotten": Seed(
        FindingKind.GAP,
        ("普通门诊", "请在 covers 中写 VisitKind.OUTPATIENT"),
        table(covers=frozenset({VisitKind.EMERGENCY})),
    ),
    "a pharmacy is paid at a level, its visits are not covered": Seed(
        FindingKind.GAP,
        ("定点零售药店", "请在 covers 中补 VisitKind.PHARMACY"),
        table(pharmacy=1, covers=frozenset({VisitKind.OUTPATIENT})),
    ),
    "what other benefits leave is not excluded": Seed(
        FindingKind.GAP,
        (
            "剩余",
            "门诊慢特病支付后的剩余自付没有不予支付的条款",
            "请补 Exclusion(situation=Situation.RESIDUE",
        ),
        exclusions(*(e for e in EXCLUSIONS if e.situation is not Situation.RESIDUE)),
        hook="exclusions",
    ),
    "a row goes missing at a later day": Seed(
        FindingKind.GAP,
        ("ratio_bp[3] = ?",),
        {
            "reimbursement": (
                PROVINCIAL,
                *table("2025-01-01", **without("ratio_bp", 3))["reimbursement"],
            )
        },
        since="2025-01-01",
    ),
    "two values begin on one day": Seed(
        FindingKind.OVERLAP,
        ("自 2022-07-01 起有两个值",),
        {"reimbursement": (PROVINCIAL, *table(unranked_as=2)["reimbursement"])},
    ),
}
"""A situation without a rule, or with two."""

FIGURES = {
    "a ratio above 100 % is a cliff": Seed(
        FindingKind.CLIFF,
        ("一级在职", "支付比例 160%"),
        table(ratio_bp=levels(160_00, 55_00, 50_00)),
    ),
    "a ratio above 100 % pays more than the bill": Seed(
        FindingKind.OUT_OF_SCOPE,
        ("一级在职",),
        table(deductible_fen=levels(0, 0, 0), ratio_bp=levels(100_01, 55_00, 50_00)),
    ),
    "a limit below nothing": Seed(
        FindingKind.OUT_OF_SCOPE,
        ("二级在职", "统筹支付 -0.01 元"),
        table(visit_cap_fen=levels(1000_00, -1, 0)),
    ),
    "a ratio that falls as the bill grows": Seed(
        FindingKind.DROP,
        ("三级在职", "支付比例 -1%"),
        table(ratio_bp=levels(60_00, 55_00, -1_00)),
    ),
    "retired people get less by ratio": Seed(
        FindingKind.RETIRED_BELOW,
        (
            "一级退休与一级在职",
            "政策范围内 4,133.33 元",
            "支付比例（59%，一级在职60%）",
            "Oddity.RETIRED_BELOW_ACTIVE",
        ),
        table(retired=LOWER.retired),
    ),
    "retired people get a basis point less": Seed(
        FindingKind.RETIRED_BELOW,
        ("三级退休与三级在职", "支付比例（49.99%"),
        table(retired=levels(60_00, 55_00, 49_99)),
    ),
    "retired people get less in a year": Seed(
        FindingKind.RETIRED_BELOW,
        ("年度限额（1,999.99 元，一级在职2,000.00 元）",),
        table(cap_fen={ACTIVE: 2000_00, RETIRED: 1999_99}),
    ),
    "the ratios of two levels are swapped": Seed(
        FindingKind.LEVEL_BELOW,
        (
            "一级在职与二级在职",
            "支付比例（55%，二级在职60%）",
            "Oddity.LOWER_LEVEL_BELOW_HIGHER",
        ),
        table(ratio_bp=levels(55_00, 60_00, 50_00)),
    ),
    "a lower level has the higher deductible": Seed(
        FindingKind.LEVEL_BELOW,
        ("一级在职与三级在职", "起付标准（800.00 元，三级在职700.00 元）"),
        table(deductible_fen=levels(800_00, 800_00, 700_00)),
    ),
    "a lower level has the lower limit for a visit": Seed(
        FindingKind.LEVEL_BELOW,
        ("二级退休与三级退休", "每次限额（700.00 元，三级退休800.00 元）"),
        table(visit_cap_fen=levels(900_00, 700_00, 800_00)),
    ),
    "a candidate would break what the city keeps": Seed(
        FindingKind.RETIRED_BELOW,
        ("一级退休与一级在职",),
        candidates=(candidate("V9", tables(LOWER)),),
        since="候选 V9",
    ),
}
"""Tables whose figures break a law."""

IDLE = {
    "an oddity is declared that is not there": Seed(
        FindingKind.INERT,
        ("表中并无此情形", "请删去 Oddity.RETIRED_BELOW_ACTIVE"),
        table(declared={Oddity.RETIRED_BELOW_ACTIVE: W1}),
    ),
    "a yearly deductible above that of every level": Seed(
        FindingKind.INERT,
        ("年度起付总额 800.00 元", "永不触及"),
        table(deductible_year_max_fen=800_00),
    ),
    "a yearly deductible below that of every level": Seed(
        FindingKind.SHADOWED,
        ("年度起付总额 799.99 元", "各级数额都不起作用"),
        table(deductible_year_max_fen=799_99),
    ),
    "a visit's limit that the year's forestalls": Seed(
        FindingKind.INERT,
        ("一级", "永不触及", "visit_cap_fen[1] = NO_LIMIT"),
        table(visit_cap_fen=levels(2000_00, 900_00, 800_00)),
    ),
    "a level whose visits are paid nothing": Seed(
        FindingKind.INERT,
        ("三级", "每次限额为 0"),
        table(visit_cap_fen=levels(1000_00, 900_00, 0)),
    ),
    "a level whose ratio is nothing": Seed(
        FindingKind.INERT, ("三级", "比例为 0"), table(ratio_bp=levels(60_00, 55_00, 0))
    ),
    "a year in which nothing is paid": Seed(
        FindingKind.INERT,
        ("在职", "请写 NoFund(条款)"),
        table(cap_fen={ACTIVE: 0, RETIRED: 2000_00}),
    ),
    "a kind of visit settled elsewhere is listed": Seed(
        FindingKind.INERT,
        ("covers 列有住院",),
        table(covers=GOOD.covers | {VisitKind.INPATIENT}),
    ),
    "a situation is excluded twice under two clauses": Seed(
        FindingKind.SHADOWED,
        ("住院期间的门诊费用", "C64、T42 已在前，W2 永不适用"),
        exclusions(
            *EXCLUSIONS, Exclusion(situation=Situation.INPATIENT_THAT_DAY, clause=W2)
        ),
        hook="exclusions",
    ),
    "a situation is excluded twice under one clause": Seed(
        FindingKind.DUPLICATE,
        ("停止缴费",),
        exclusions(*EXCLUSIONS, EXCLUSIONS[0]),
        hook="exclusions",
    ),
    "a purse is asked twice": Seed(
        FindingKind.DUPLICATE,
        ("本人个人账户", "列出 2 次"),
        {
            "purse_order": ruled(
                PurseOrder(order=(PurseKind.OWN, PurseKind.GIVERS, PurseKind.OWN)),
                since="2022-07-01",
                clauses=[W1],
            )
        },
        hook="purse_order",
    ),
    "a value is told again from a later day": Seed(
        FindingKind.DUPLICATE,
        ("与自 2023-01-01 起的值相同",),
        {
            "family_limit": ruled(NO_LIMIT, since="2023-01-01", clauses=[W1])
            + ruled(NO_LIMIT, since="2024-01-01", clauses=[W2])
        },
        hook="family_limit",
        since="2024-01-01",
    ),
    "a value ends before any rule begins": Seed(
        FindingKind.SHADOWED,
        ("没有哪一天取到此值",),
        {
            "application_expiry": ruled(20, since="2020-01-01", clauses=[W1])
            + ruled(25, since="2021-01-01", clauses=[W1])
        },
        hook="application_expiry",
        since="2020-01-01",
    ),
    "a candidate is in force already": Seed(
        FindingKind.INERT,
        ("与自 2022-07-01 起施行的值相同",),
        candidates=(candidate("V9", PROVINCIAL.value),),
        since="候选 V9",
    ),
    "two candidates say the same": Seed(
        FindingKind.DUPLICATE,
        ("与候选 V8 相同",),
        candidates=(
            candidate("V8", 20, "application_expiry"),
            candidate("V9", 20, "application_expiry"),
        ),
        hook="application_expiry",
        since="候选 V9",
    ),
}
"""Rows that do nothing: lints."""

SEEDS: Mapping[str, Seed] = GAPS | FIGURES | IDLE
UNSOWN: Mapping[str, Timeline[Ruled[Any]]] = {
    hook: getattr(anhui, hook)() for hook in DATED_HOOKS
}
"""The good city's answers, laid bare."""
