"""Phrases of care elsewhere: how it is filed, and what the fund pays of it."""

from __future__ import annotations

from gongji.rules.benefits import NoFund
from gongji.rules.codes import FilingKind
from gongji.rules.elsewhere import (
    ClaimTerms,
    FilingTerms,
    FundElsewhere,
    OutOfArea,
)
from gongji.rules.money import FULL_BP, percent
from gongji.rules.phrases.base import phrase


@phrase.register
def _(value: FundElsewhere) -> str:
    if value.as_at_home:
        return "按参保地比例支付"
    parts = []
    if value.factor_bp != FULL_BP:
        parts.append(f"按参保地比例的{percent(value.factor_bp)}支付")
    if value.less_bp:
        parts.append(f"支付比例降低{percent(value.less_bp).rstrip('%')}个百分点")
    return "，".join(parts)


@phrase.register
def _(value: FilingTerms) -> str:
    only = "、".join(phrase(kind) for kind in value.visits)
    parts = (*time_in_words(value), f"只用于{only}" if only else "", phrase(value.fund))
    return "，".join(filter(None, parts))


def time_in_words(terms: FilingTerms) -> tuple[str, str]:
    """Return when a filing is made and how long it lasts, as Chinese phrases."""
    late = f"就诊日起{terms.late_days}日内可补办" if terms.late_days else "就医之前办理"
    least = f"至少{terms.least_months}个月" if terms.least_months else "长期有效"
    return late, least


def kind_in_words(kind: FilingKind, terms: FilingTerms) -> str:
    """Return a kind of filing with its terms: "异地长期居住：就医之前办理，长期有效，…"."""
    return f"{phrase(kind)}：{phrase(terms)}"


def exempt_in_words(value: OutOfArea) -> str:
    """Return which areas need no filing and what the fund pays there; "" if none."""
    if not value.exempt_areas:
        return ""
    areas = "、".join(value.exempt_areas)
    return f"医保区划以{areas}开头的地区无须备案，{phrase(value.exempt_fund)}"


def unfiled_in_words(value: OutOfArea) -> str:
    """Return what the fund pays without a filing; "" if there is no direct settlement."""
    if value.filing_before_direct_settlement:
        return ""
    return f"没有备案的{phrase(value.unfiled_fund)}"


@phrase.register
def _(value: ClaimTerms) -> str:
    return "，".join(claim_in_words(value))


def claim_in_words(terms: ClaimTerms) -> tuple[str, ...]:
    """Return until when a bill is claimed, with which papers, how soon it is decided."""
    year = "次年" if terms.years_after == 1 else f"其后第{terms.years_after}年"
    until = f"就诊{year if terms.years_after else '当年'}年底之前申报"
    papers = "、".join(phrase(paper) for paper in terms.papers) or "无"
    return (
        "自行付清的医疗费可以手工结算",
        until,
        f"材料：{papers}",
        f"{terms.working_days}个工作日内办结",
        "统筹基金支付的部分付给本人",
    )


@phrase.register
def _(value: OutOfArea) -> str:
    need = "须先备案" if value.filing_before_direct_settlement else "无须备案"
    kinds = [kind_in_words(kind, terms) for kind, terms in value.kinds.items()]
    unfiled = unfiled_in_words(value) if _differs(value) else ""
    claims = phrase(value.claims) if value.claims else ""
    parts = [f"异地直接结算{need}", exempt_in_words(value), unfiled, *kinds, claims]
    return "；".join([*filter(None, parts), phrase(value.procedure)])


def _differs(value: OutOfArea) -> bool:
    fund = value.unfiled_fund
    return isinstance(fund, NoFund) or not fund.as_at_home
