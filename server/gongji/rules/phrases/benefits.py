"""Phrases of rules about money: what purses pay, what the fund pays, what is credited."""

from __future__ import annotations

from collections.abc import Mapping

from gongji.rules.benefits import (
    ALL_PARTS,
    BonusPoints,
    CreditTerms,
    Exclusion,
    NoFund,
    NotSettled,
    PremiumTerms,
    PurseOrder,
    Table,
    Uses,
)
from gongji.rules.binding import NO_LIMIT, NoLimit
from gongji.rules.codes import STANDINGS, Scheme, Standing
from gongji.rules.money import percent, yuan
from gongji.rules.phrases.base import in_words, phrase, phrase_under
from gongji.rules.terms import LEVELS


def money_in_words(fen: int | NoLimit) -> str:
    """Return an amount as the documents write it: "800元", or "不设限"."""
    if isinstance(fen, NoLimit):
        return phrase(fen)
    # The documents write neither thousands separators nor 角分 that are 0.
    amount = yuan(fen).replace(",", "").removesuffix(".00")
    return f"{amount}元"


def level_in_words(level: int) -> str:
    """Return a level of institutions: 1 → "一级"."""
    return LEVELS[level]


def monthly_in_words(terms: CreditTerms) -> str:
    """Return what retired people are credited: "每月70元", or that the operator sets it."""
    fen = terms.retired_fen
    return f"每月{money_in_words(fen)}" if isinstance(fen, int) else phrase(fen)


def premium_years_in_words(terms: PremiumTerms) -> str:
    """Return which years may be paid: "当年及以后1年"."""
    back = f"以前{terms.years_back}年、" if terms.years_back else ""
    ahead = f"及以后{terms.years_ahead}年" if terms.years_ahead else ""
    return f"{back}当年{ahead}"


def refund_in_words(terms: PremiumTerms) -> str:
    """Return until when a premium is refunded."""
    until = []
    if terms.refund_before_year:
        until.append("缴费年度开始之前")
    if terms.refund_days:
        until.append(f"缴费后{terms.refund_days}日内")
    return f"{'或'.join(until)}可以退费" if until else "不予退费"


def exclusion_in_words(exclusion: Exclusion) -> str:
    """Return a situation and, unless it is everybody, of whom: "职工医保住院期间的门诊费用"."""
    situation = phrase(exclusion.situation)
    everybody = exclusion.schemes == frozenset(Scheme)
    schemes = "" if everybody else phrase(exclusion.schemes)
    all_standings = exclusion.standings == frozenset(Standing)
    standings = "" if all_standings else phrase(exclusion.standings)
    whose = schemes + standings
    return f"{whose}{situation}" if whose else situation


@phrase.register
def _(value: Uses) -> str:
    never = f"不得用于{phrase(value.never)}" if value.never else "没有禁止的用途"
    any_part = value.own_pays == ALL_PARTS
    own = "个人负担的任何部分" if any_part else phrase(value.own_pays)
    residue = phrase(value.aid_residue_of)
    return (
        f"共济可用于{phrase(value.aid_at)}；共济支付{phrase(value.aid_pays)}；"
        f"共济可支付剩余自付的：{residue}；"
        f"本人账户支付{own}；{never}"
    )


@phrase.register
def _(value: PurseOrder) -> str:
    purses = [phrase(kind) for kind in value.order]
    return " → ".join([*purses, "现金"])


@phrase.register
def _(value: NoFund) -> str:
    return f"统筹基金不予支付（{value.clause.id}：{value.clause.text}）"


@phrase.register
def _(value: NotSettled) -> str:
    return f"不在此结算，予以拒绝（{value.clause.id}：{value.clause.text}）"


@phrase.register
def _(value: BonusPoints) -> str:
    points = percent(value.above_active_bp).removesuffix("%")
    return f"高于在职{points}个百分点"


@phrase.register
def _(value: Table) -> str:
    return _table(value, tuple(Standing))


@phrase_under.register
def _(key: Scheme, value: object) -> str:
    if isinstance(value, Table):
        return _table(value, STANDINGS[key])
    return in_words(value)


def _table(value: Table, standings: tuple[Standing, ...]) -> str:
    parts = [
        _deductible(value),
        _ratios(value, standings),
        _caps(value, standings),
    ]
    if set(value.visit_cap_fen.values()) - {NO_LIMIT}:
        parts.append(f"单次支付限额{_amounts_by_level(value.visit_cap_fen)}")
    parts.append(f"未定级机构按{level_in_words(value.unranked_as)}")
    parts.append(f"定点药店{_pharmacy(value)}")
    parts.append(f"适用于{phrase(value.covers)}")
    if value.uncovered is not None:
        parts.append(f"其他门诊类别{phrase(value.uncovered)}")
    parts.append(f"支付额{phrase(value.rounding)}")
    return "；".join(parts)


def _deductible(table: Table) -> str:
    text = f"起付标准{_amounts_by_level(table.deductible_fen)}"
    most = table.deductible_year_max_fen
    if isinstance(most, NoLimit):
        return text
    return f"{text}，全年累计不超过{money_in_words(most)}"


def _ratios(table: Table, standings: tuple[Standing, ...]) -> str:
    rows = []
    for standing in standings:
        ratios = {}
        for level in table.ratio_bp:
            ratios[level] = percent(table.ratio_of(standing, level))
        whose = phrase(standing) if len(standings) > 1 else ""
        rows.append(f"{whose}{_by_level(ratios)}")
    text = f"支付比例{'，'.join(rows)}"
    if Standing.RETIRED in standings and isinstance(table.retired, BonusPoints):
        text += f"（{phrase(table.retired)}）"
    return text


def _caps(table: Table, standings: tuple[Standing, ...]) -> str:
    caps = {
        standing: money_in_words(cap)
        for standing, cap in table.cap_fen.items()
        if standing in standings
    }
    if len(set(caps.values())) == 1:
        amount = next(iter(caps.values()))
        return f"年度支付限额{amount}"
    parts = [f"{phrase(standing)}{cap}" for standing, cap in caps.items()]
    return f"年度支付限额{'、'.join(parts)}"


def _pharmacy(table: Table) -> str:
    if isinstance(table.pharmacy, NoFund):
        return phrase(table.pharmacy)
    return f"按{level_in_words(table.pharmacy)}"


def _amounts_by_level(fen: Mapping[int, int] | Mapping[int, int | NoLimit]) -> str:
    return _by_level({level: money_in_words(amount) for level, amount in fen.items()})


def _by_level(texts: Mapping[int, str]) -> str:
    """Return one text if all levels agree, else level by level."""
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    parts = [f"{level_in_words(level)}{text}" for level, text in sorted(texts.items())]
    return "、".join(parts)


@phrase.register
def _(value: Exclusion) -> str:
    return f"{exclusion_in_words(value)}（{value.clause.id}：{value.clause.text}）"


@phrase.register
def _(value: PremiumTerms) -> str:
    amounts = f"{money_in_words(value.least_fen)}至{money_in_words(value.most_fen)}"
    years = premium_years_in_words(value)
    return f"每人每年{amounts}；可缴{years}；{refund_in_words(value)}"


@phrase.register
def _(value: CreditTerms) -> str:
    monthly = monthly_in_words(value)
    employer = "划入" if value.employer_part_credited else "不划入"
    return (
        f"在职为本人参保缴费基数的{percent(value.active_ratio_bp)}；"
        f"退休按定额划入，{monthly}；单位缴费部分{employer}个人账户"
    )
