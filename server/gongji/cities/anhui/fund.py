"""What the pooled fund (统筹基金) pays of an outpatient bill."""

from __future__ import annotations

from collections.abc import Mapping

from gongji.cities.anhui import assumptions as t
from gongji.cities.anhui import clauses as c
from gongji.cities.anhui import paying
from gongji.cities.anhui.since import provincial
from gongji.rules import benefits as b
from gongji.rules import binding as r
from gongji.rules.clauses import Clause, Timeline
from gongji.rules.codes import Scheme, Standing, VisitKind
from gongji.rules.hookspecs import hookimpl
from gongji.rules.money import Rounding
from gongji.rules.shapes import Benefit

_EMPLOYEE = b.Table(
    deductible_fen={1: 800_00, 2: 800_00, 3: 800_00},
    ratio_bp={1: 60_00, 2: 55_00, 3: 50_00},
    retired=b.BonusPoints(above_active_bp=5_00),
    cap_fen={Standing.ACTIVE: 2000_00, Standing.RETIRED: 2000_00},
    visit_cap_fen={1: r.NO_LIMIT, 2: r.NO_LIMIT, 3: r.NO_LIMIT},
    unranked_as=1,
    pharmacy=b.NoFund(t.T6),
    covers=frozenset(
        {VisitKind.OUTPATIENT, VisitKind.REGISTRATION, VisitKind.PHARMACY}
    ),
    uncovered=b.NoFund(paying.T43),
    rounding=Rounding.HALF_UP,
    clauses=b.TableClauses(
        always=(c.C58, c.C62, c.C101, t.T1, t.T13),
        ratio={1: (c.C59, c.C100), 2: (c.C60, c.C100), 3: (c.C61, c.C100)},
        retired=(c.C61B,),
        unranked=(t.T5,),
        deductible=(c.C58, c.C99, t.T13),
        cap=(c.C62, c.C101, t.T13),
        covers=(c.C58, c.C99, c.C101),
        rounding=(t.T1,),
    ),
    effects=b.Effects(order_fen=80_00, splitting_loses_fen=41, splitting_gains_fen=50),
)


@hookimpl
def reimbursement() -> Timeline[
    Mapping[Scheme, b.Table | Benefit | b.NoFund | b.NotSettled]
]:
    """起付标准800元，一二三级60%、55%、50%，退休高5个百分点，年度支付限额2000元
    （C58–C62，C99–C101）。"""
    return provincial(
        {Scheme.EMPLOYEE: _EMPLOYEE, Scheme.RESIDENT: b.NoFund(t.T14)},
        clauses=[
            c.C58,
            c.C59,
            c.C60,
            c.C61,
            c.C61B,
            c.C62,
            c.C99,
            c.C100,
            c.C101,
            c.C53,
            t.T1,
            t.T5,
            t.T13,
            paying.T43,
            c.S20,
        ],
        against=[c.S4, c.S5, c.S6, c.H6],
        why=(
            "X19、X20：C99至C101的主语是安徽，一手材料优先；S4、S6未经证实，"
            "只作各市的候选修订。X21：待遇按险种取值，居民不适用C58至C62。药店："
            "S20称统筹基金不支付，S5、S6相反，均未经证实。"
        ),
        settles=[c.X19, c.X20, c.X21],
    )


@hookimpl
def exclusions() -> Timeline[tuple[b.Exclusion, ...]]:
    """职工不予报销的情况（C63–C66）；退休人员停缴与居民比照（推定 T41，T42）。"""
    return provincial(
        (
            _of_employees(b.Situation.PAUSED, c.C63, Standing.ACTIVE),
            _of_employees(b.Situation.PAUSED, paying.T41, Standing.RETIRED),
            _of_employees(b.Situation.INPATIENT_THAT_DAY, c.C64),
            _of_employees(b.Situation.RESIDUE, c.C65),
            _of_employees(b.Situation.OUTSIDE_POLICY, c.C66),
            *map(_of_residents, b.Situation),
        ),
        clauses=[c.C63, c.C64, c.C65, c.C66, t.T16, paying.T41, paying.T42],
        why=(
            "滁州网页按政策列出四种情形，主语是职工，全省比照；先查人、再查时间、再查费用。"
            "居民没有门诊待遇表的，由待遇表的条款（T14）不予支付，不问这些情形。"
        ),
    )


def _of_employees(
    situation: b.Situation, clause: Clause, *standings: Standing
) -> b.Exclusion:
    return b.Exclusion(
        situation=situation,
        clause=clause,
        schemes=frozenset({Scheme.EMPLOYEE}),
        standings=frozenset(standings or Standing),
    )


def _of_residents(situation: b.Situation) -> b.Exclusion:
    return b.Exclusion(
        situation=situation, clause=paying.T42, schemes=frozenset({Scheme.RESIDENT})
    )
