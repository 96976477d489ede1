"""What personal accounts (个人账户) pay, and what is credited to them."""

from __future__ import annotations

from gongji.cities.anhui import assumptions as t
from gongji.cities.anhui import clauses as c
from gongji.cities.anhui import paying
from gongji.cities.anhui import premium as p
from gongji.cities.anhui.since import provincial
from gongji.rules import benefits as b
from gongji.rules.clauses import Timeline
from gongji.rules.codes import ResidueOf, Spending
from gongji.rules.hookspecs import hookimpl


@hookimpl
def uses() -> Timeline[b.Uses]:
    """门诊合规费用（A10），药店药品、器械、耗材（A11）；不可用于公共卫生、体育健身、
    养生保健（A12）。"""
    return provincial(
        b.Uses(
            aid_at=frozenset({b.Use.OUTPATIENT, b.Use.PHARMACY}),
            aid_pays=frozenset({b.BillPart.IN_SCOPE, b.BillPart.FIRST_SELFPAY}),
            own_pays=b.ALL_PARTS,
            never=frozenset(
                {Spending.PUBLIC_HEALTH, Spending.FITNESS, Spending.WELLNESS}
            ),
            aid_residue_of=frozenset({ResidueOf.CHRONIC}),
            clauses=b.UsesClauses(
                aid_at=(c.A10, c.A11),
                uses={b.Use.OUTPATIENT: (c.A10,), b.Use.PHARMACY: (c.A11,)},
                aid_residue_of=(c.A10, paying.T44),
                aid_pays=(c.A10,),
                own_pays=(t.T8,),
                never=(c.A12,),
            ),
        ),
        clauses=[c.A10, c.A11, c.A12, t.T8, paying.T44],
        against=[c.A3, c.C68, c.S9],
        why="X15：取A10、A11；居民医保缴费只有滁州写明（C68）。"
        "X16：共济只付合规费用（A10），即政策范围内与先行自付的剩余；S9较宽，出自四川，只作候选。",
        settles=[c.X15, c.X16],
    )


@hookimpl
def purse_order() -> Timeline[b.PurseOrder]:
    """先本人账户，再按绑定先后用授权人账户，最后现金（推定 T2）；共济不超过授权人余额（A15）。"""
    return provincial(
        b.PurseOrder(
            order=(b.PurseKind.OWN, b.PurseKind.GIVERS),
            order_clauses=(t.T2,),
            tie_clauses=(paying.T46,),
            balance_clauses=(c.A15,),
        ),
        clauses=[t.T2, paying.T46, c.A15, c.S37, c.S38, c.S39],
        against=[c.S40],
        why=(
            "一手材料只写共济额度不超过余额（A15）；"
            "扣款顺序多数网页为先本人后共济（S37至S39），只有S40相反，故作推定。"
        ),
    )


@hookimpl
def reversal() -> Timeline[b.Reversal]:
    """任何一笔结算均可撤销（推定 T4）。"""
    why = "国家接口（2208）按结算编号撤销，不要求从最近一笔起；两份文件未规定。"
    return provincial(b.Reversal.ANY, clauses=[t.T4], why=why)


@hookimpl
def account_crediting() -> Timeline[b.CreditTerms]:
    """在职计入本人缴费基数的2%（C55）；退休由统筹基金定额划入（C56）；单位缴费不再划入（C57）。"""
    return provincial(
        b.CreditTerms(
            active_ratio_bp=2_00,
            retired_fen=b.OPERATOR_SETS,
            employer_part_credited=False,
            clauses=b.CreditClauses(
                active=(c.C55, t.T16), retired=(c.C56, t.T16), employer=(c.C57, t.T16)
            ),
        ),
        clauses=[c.C55, c.C56, c.C57, t.T16],
        why="退休人员的定额没有文件给出，由运营方连同起始日设定；合肥的数额不能用于他市。",
    )


@hookimpl
def premiums() -> Timeline[b.PremiumTerms]:
    """代缴居民医保费的数额、年度与退费（推定 T60–T62）。"""
    return provincial(
        b.PremiumTerms(
            least_fen=10_00,
            most_fen=5000_00,
            refund_days=30,
            clauses=b.PremiumClauses(amounts=(p.T60,), years=(p.T61,), refund=(p.T62,)),
        ),
        clauses=[p.T60, p.T61, p.T62],
        against=[c.C68],
        why="C68只写可以缴纳居民医保个人缴费，数额、年度与退费均无文件；上下限只为拦住填错的数。",
    )


@hookimpl
def credit_day() -> Timeline[b.CreditDay]:
    """以当月最后一日的情况为准（推定 T30）。"""
    why = "两份文件均未规定划入日；以办理之日为准会使同一个月的划入随办理早晚而不同。"
    return provincial(b.CreditDay.LAST, clauses=[t.T30], why=why)
