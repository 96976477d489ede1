"""滁州市的候选修订：有来源而未经证实，或出自外省；运营方写明起始日并采用之前不决定任何事项。"""

from __future__ import annotations

from gongji import (
    ALL_PARTS,
    CLOSE,
    NO_LIMIT,
    AtOnce,
    Candidate,
    Effects,
    GiverLimit,
    NoFund,
    ResidueOf,
    ReviewLatency,
    Rounding,
    Scheme,
    Scope,
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
from . import paying
from .channel_table import CHANNELS

_V2 = Table(
    deductible_fen={1: 200_00, 2: 400_00, 3: 400_00},
    ratio_bp={1: 60_00, 2: 50_00, 3: 50_00},
    retired={1: 70_00, 2: 60_00, 3: 60_00},
    cap_fen={Standing.ACTIVE: 2000_00, Standing.RETIRED: 3000_00},
    visit_cap_fen={1: NO_LIMIT, 2: NO_LIMIT, 3: NO_LIMIT},
    unranked_as=1,
    pharmacy=NoFund(c.T_CZ2),
    covers=frozenset(
        {VisitKind.OUTPATIENT, VisitKind.REGISTRATION, VisitKind.PHARMACY}
    ),
    uncovered=NoFund(paying.T_CZ14),
    rounding=Rounding.HALF_UP,
    clauses=TableClauses(
        always=(c.S6, c.T_CZ1, c.T_CZ4),
        ratio={1: (), 2: (), 3: ()},
        unranked=(c.T_CZ3,),
        deductible=(c.S6, c.T_CZ4),
        cap=(c.S6, c.T_CZ4),
        rounding=(c.T_CZ1,),
    ),
    effects=Effects(order_fen=20_00, splitting_loses_fen=10, splitting_gains_fen=50),
)

_WIDER_AID = Uses(
    aid_at=frozenset({Use.OUTPATIENT, Use.PHARMACY, Use.RESIDENT_PREMIUM}),
    aid_pays=ALL_PARTS,
    own_pays=ALL_PARTS,
    never=frozenset({Spending.PUBLIC_HEALTH, Spending.FITNESS, Spending.WELLNESS}),
    # S9 就医购药, 不限于门诊
    aid_residue_of=frozenset(ResidueOf),
    clauses=UsesClauses(
        aid_at=(c.C68, c.S9), aid_pays=(c.S9,), aid_residue_of=(c.S9,), never=(c.A12,)
    ),
)

# A27 比照安庆: 1-3个工作日; 登记信息查得到亲属关系的仍即时生效
_REVIEWED = dict.fromkeys(
    CHANNELS,
    ReviewLatency(
        at_once=AtOnce.IF_CHECKS_PASS,
        working_days=3,
        earliest_working_days=1,
        clauses=(c.A27, c.T_CZ41),
    ),
)

REVISIONS = (
    Candidate(
        name="V2",
        hook="reimbursement",
        value={Scheme.EMPLOYEE: _V2, Scheme.RESIDENT: NoFund(c.T_CZ5)},
        clauses=(c.S6, c.T_CZ1, c.T_CZ3, c.T_CZ4, paying.T_CZ14),
        why_not=(
            "S6未经证实；所引滁医保发〔2022〕17号与同日起施行的一手材料（C58）"
            "及本市医院通知冲突，起始日不可信。"
        ),
    ),
    Candidate(
        name="PROVINCE",
        hook="scope",
        value=Scope.PROVINCE,
        clauses=(c.S29, c.A9),
        why_not="S29未经证实；滁州网页写明同一统筹区（C27），起始日不明。",
    ),
    Candidate(
        name="CLOSE",
        hook="relations",
        value=CLOSE,
        clauses=(c.S8, c.S9),
        why_not="S8是报刊转载，滁州网页仍写直系亲属（C26），本市起始日不明。",
    ),
    Candidate(
        name="REVIEW-UNPROVED",
        hook="review_latency",
        value=_REVIEWED,
        clauses=(c.A27, c.T_CZ41, c.T_CZ7),
        why_not=(
            "滁州网页写提交即完成绑定（C4、C8、C13），皖事通不要求任何证明（C13）；"
            "登记信息查不到的亲属关系是否先行审核，由经办机构决定。"
        ),
    ),
    Candidate(
        name="ONE-GIVER",
        hook="giver_limit",
        value=GiverLimit(givers=1),
        clauses=(c.S29,),
        why_not="S29写的是宣城且未经证实；亳州、铜陵的说法相反。",
    ),
    Candidate(
        name="WIDER-AID",
        hook="uses",
        value=_WIDER_AID,
        clauses=(c.S9, c.C68, c.A12),
        why_not="S9是四川省的规定；安徽的文件写共济支付合规费用（A10）。",
    ),
)
