"""滁州市职工医保普通门诊待遇（C58–C62）与不予报销的情况（C63–C66）：上方写条款。"""

from __future__ import annotations

from functools import partial

from gongji import (
    NO_LIMIT,
    BonusPoints,
    Effects,
    Exclusion,
    NoFund,
    Rounding,
    Scheme,
    Situation,
    Standing,
    Table,
    TableClauses,
    VisitKind,
)

from . import clauses as c
from . import paying

EMPLOYEE = Table(
    # C58 起付标准800元
    deductible_fen={1: 800_00, 2: 800_00, 3: 800_00},
    # C59 一级60%, C60 二级55%, C61 三级50%
    ratio_bp={1: 60_00, 2: 55_00, 3: 50_00},
    # C61b 退休高于在职5个百分点
    retired=BonusPoints(above_active_bp=5_00),
    # C62 年度统筹基金支付限额2000元
    cap_fen={Standing.ACTIVE: 2000_00, Standing.RETIRED: 2000_00},
    visit_cap_fen={1: NO_LIMIT, 2: NO_LIMIT, 3: NO_LIMIT},
    unranked_as=1,
    pharmacy=NoFund(c.T_CZ2),
    covers=frozenset(
        {VisitKind.OUTPATIENT, VisitKind.REGISTRATION, VisitKind.PHARMACY}
    ),
    uncovered=NoFund(paying.T_CZ14),
    rounding=Rounding.HALF_UP,
    clauses=TableClauses(
        always=(c.C58, c.C62, c.T_CZ1, c.T_CZ4),
        ratio={1: (c.C59,), 2: (c.C60,), 3: (c.C61,)},
        retired=(c.C61B,),
        unranked=(c.T_CZ3,),
        deductible=(c.C58, c.T_CZ4),
        cap=(c.C62, c.T_CZ4),
        covers=(c.C58,),
        rounding=(c.T_CZ1,),
    ),
    # 次序与拆分对统筹支付的最大影响, 由 gongji check 复算
    effects=Effects(order_fen=80_00, splitting_loses_fen=41, splitting_gains_fen=50),
)

_excluded = partial(Exclusion, schemes=frozenset({Scheme.EMPLOYEE}))
_ACTIVE, _RETIRED = frozenset({Standing.ACTIVE}), frozenset({Standing.RETIRED})

EXCLUSIONS = (
    # C63 在职职工; 退休职工比照 (T-CZ13)
    _excluded(situation=Situation.PAUSED, clause=c.C63, standings=_ACTIVE),
    _excluded(situation=Situation.PAUSED, clause=paying.T_CZ13, standings=_RETIRED),
    _excluded(situation=Situation.INPATIENT_THAT_DAY, clause=c.C64),
    _excluded(situation=Situation.RESIDUE, clause=c.C65),
    _excluded(situation=Situation.OUTSIDE_POLICY, clause=c.C66),
)
