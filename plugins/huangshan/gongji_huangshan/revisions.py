"""黄山市的候选修订：有来源而未经证实，或出自外省；运营方写明起始日并采用之前不决定任何事项。"""

from __future__ import annotations

from dataclasses import replace

from gongji import (
    ALL_PARTS,
    NO_LIMIT,
    BonusPoints,
    Candidate,
    Clause,
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


def _clauses_from(source: Clause, unranked: Clause) -> TableClauses:
    """数额出自一处转述，其余推定。"""
    return TableClauses(
        always=(source, c.T_HS1),
        ratio={1: (), 2: (), 3: ()},
        unranked=(unranked,),
        deductible=(source, c.T_HS1),
        cap=(source,),
        rounding=(c.T_HS1,),
    )


_V2 = Table(
    deductible_fen={1: 200_00, 2: 400_00, 3: 400_00},
    ratio_bp={1: 60_00, 2: 50_00, 3: 50_00},
    retired={1: 70_00, 2: 60_00, 3: 60_00},
    cap_fen={Standing.ACTIVE: 2000_00, Standing.RETIRED: 3000_00},
    visit_cap_fen={1: NO_LIMIT, 2: NO_LIMIT, 3: NO_LIMIT},
    unranked_as=1,
    pharmacy=NoFund(c.T_HS1),
    covers=frozenset(
        {VisitKind.OUTPATIENT, VisitKind.REGISTRATION, VisitKind.PHARMACY}
    ),
    uncovered=NoFund(c.T_HS3),
    rounding=Rounding.HALF_UP,
    clauses=_clauses_from(c.S4, unranked=c.S4),
    effects=Effects(order_fen=20_00, splitting_loses_fen=10, splitting_gains_fen=50),
)
_V2_PRIME = replace(
    _V2,
    ratio_bp={1: 60_00, 2: 55_00, 3: 50_00},
    retired=BonusPoints(above_active_bp=5_00),
    clauses=_clauses_from(c.S6, unranked=c.T_HS4),
    effects=Effects(order_fen=20_00, splitting_loses_fen=45, splitting_gains_fen=50),
)

_WIDER_AID = Uses(
    aid_at=frozenset({Use.OUTPATIENT, Use.PHARMACY}),
    aid_pays=ALL_PARTS,
    own_pays=ALL_PARTS,
    never=frozenset({Spending.PUBLIC_HEALTH, Spending.FITNESS, Spending.WELLNESS}),
    # S9 就医购药, 不限于门诊
    aid_residue_of=frozenset(ResidueOf),
    clauses=UsesClauses(
        aid_at=(c.A10, c.A11, c.S9),
        uses={Use.OUTPATIENT: (c.A10, c.S9), Use.PHARMACY: (c.A11, c.S9)},
        aid_pays=(c.S9,),
        aid_residue_of=(c.S9,),
        never=(c.A12,),
    ),
)

REVISIONS = (
    Candidate(
        name="V2",
        hook="reimbursement",
        value={Scheme.EMPLOYEE: _V2, Scheme.RESIDENT: NoFund(c.T_HS2)},
        clauses=(c.S4, c.T_HS1, c.T_HS2, c.T_HS3),
        why_not="S4未经证实，写的是灵活就业人员，没有起始日；与S6在二级比例和退休待遇上不一致。",
    ),
    Candidate(
        name="V2'",
        hook="reimbursement",
        value={Scheme.EMPLOYEE: _V2_PRIME, Scheme.RESIDENT: NoFund(c.T_HS2)},
        clauses=(c.S6, c.T_HS1, c.T_HS2, c.T_HS3, c.T_HS4),
        why_not="S6未经证实，所载起始日与一手材料冲突；与S4在二级比例和退休待遇上不一致。",
    ),
    Candidate(
        name="FAMILY-7",
        hook="family_limit",
        value=FamilyLimit(people=7, counting_holder=True),
        clauses=(c.S27,),
        why_not="S27写作全省而未经证实；黄山的文件没有写人数。",
    ),
    Candidate(
        name="WIDER-AID",
        hook="uses",
        value=_WIDER_AID,
        clauses=(c.S9, c.A10, c.A11, c.A12),
        why_not="S9是四川省的规定；安徽的文件写共济支付合规费用（A10）。",
    ),
)
