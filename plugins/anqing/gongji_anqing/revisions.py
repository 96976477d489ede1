"""安庆市的候选修订：有来源而未经证实，或出自外省；运营方写明起始日并采用之前不决定任何事项。"""

from __future__ import annotations

from gongji import (
    ALL_PARTS,
    NO_LIMIT,
    Candidate,
    Effects,
    FamilyLimit,
    NoFund,
    ResidueOf,
    Rounding,
    Scheme,
    Spending,
    Standing,
    Table,
    TableClauses,
    Use,
    Uses,
    UsesClauses,
    VisitKind,
)

from . import clauses as c

_V2 = Table(
    deductible_fen={1: 200_00, 2: 400_00, 3: 400_00},
    ratio_bp={1: 60_00, 2: 50_00, 3: 50_00},
    retired={1: 70_00, 2: 60_00, 3: 60_00},
    cap_fen={Standing.ACTIVE: 2000_00, Standing.RETIRED: 3000_00},
    visit_cap_fen={1: NO_LIMIT, 2: NO_LIMIT, 3: NO_LIMIT},
    unranked_as=1,
    # S6 定点药店的起付标准与支付比例按一级
    pharmacy=1,
    covers=frozenset(
        {VisitKind.OUTPATIENT, VisitKind.REGISTRATION, VisitKind.PHARMACY}
    ),
    uncovered=NoFund(c.T_AQ11),
    rounding=Rounding.HALF_UP,
    clauses=TableClauses(
        always=(c.S6, c.T_AQ6),
        ratio={1: (), 2: (), 3: ()},
        unranked=(c.T_AQ6,),
        deductible=(c.S6, c.T_AQ6),
        cap=(c.S6,),
        pharmacy=(c.S6,),
        rounding=(c.T_AQ6,),
    ),
    effects=Effects(order_fen=20_00, splitting_loses_fen=10, splitting_gains_fen=50),
)

_WIDER_AID = Uses(
    aid_at=frozenset({Use.OUTPATIENT, Use.PHARMACY}),
    aid_pays=ALL_PARTS,
    own_pays=ALL_PARTS,
    never=frozenset({Spending.PUBLIC_HEALTH, Spending.FITNESS, Spending.WELLNESS}),
    # S9 就医购药, 不限于门诊
    aid_residue_of=frozenset(ResidueOf),
    clauses=UsesClauses(
        aid_at=(c.A11, c.S9),
        uses={Use.OUTPATIENT: (c.S9,), Use.PHARMACY: (c.A11, c.S9)},
        aid_pays=(c.S9,),
        aid_residue_of=(c.S9,),
        never=(c.A12,),
    ),
)

REVISIONS = (
    Candidate(
        name="V2",
        hook="reimbursement",
        value={Scheme.EMPLOYEE: _V2, Scheme.RESIDENT: NoFund(c.T_AQ6)},
        clauses=(c.S6, c.T_AQ6, c.T_AQ11),
        why_not="S6未经证实；所引宜医保发〔2022〕19号未见原文，所载起始日与省级V1相同，不可信。",
    ),
    Candidate(
        name="FAMILY-7",
        hook="family_limit",
        value=FamilyLimit(people=7, counting_holder=True),
        clauses=(c.S27,),
        why_not="S27写作全省而未经证实；安庆的材料没有写人数。",
    ),
    Candidate(
        name="WIDER-AID",
        hook="uses",
        value=_WIDER_AID,
        clauses=(c.S9, c.A11, c.A12),
        why_not="S9是四川省的规定；安庆的材料写共济支付合规费用（A10）。",
    ),
)
