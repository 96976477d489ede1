"""The sections on money: what the fund pays, what it never pays, how accounts are fed,
whose purse comes first."""

from __future__ import annotations

from collections.abc import Iterator

from gongji.guide.page import Block, Grid, LineList, Said, Section
from gongji.guide.speaker import Speaker, phrase
from gongji.rules.benefits import BonusPoints, NoFund, Table
from gongji.rules.binding import NoLimit
from gongji.rules.codes import Scheme, Standing
from gongji.rules.hookspecs import CityRules
from gongji.rules.money import percent
from gongji.rules.phrases import level_in_words, money_in_words

_DEDUCTIBLE = ("起付", "合规医疗费")

_RATIO = ("支付比例", "报销比例")
"""Terms by which a document's sentence shows what it speaks of."""


def sections(speaker: Speaker) -> tuple[Section, ...]:
    """The fund's part, exclusions, crediting, order of purses."""
    return (
        Section("门诊费用统筹基金怎么付", parts=tuple(_schemes(speaker))),
        Section("统筹基金不予支付的情形", (LineList(tuple(_exclusions(speaker))),)),
        Section("个人账户怎么计入", (LineList(tuple(_crediting(speaker))),)),
        Section("扣款顺序与撤销", (LineList(tuple(_purses(speaker))),)),
    )


def _schemes(speaker: Speaker) -> Iterator[Section]:
    for scheme, benefit in speaker.value(CityRules.reimbursement).items():
        yield Section(phrase(scheme), tuple(_benefit(speaker, scheme, benefit)))


def _benefit(
    speaker: Speaker, scheme: Scheme, benefit: Table | NoFund
) -> Iterator[Block]:
    if isinstance(benefit, NoFund):
        text = (
            f"{phrase(scheme)}参保人的门诊费用, 本指南所述统筹基金不予支付: "
            f"{benefit.clause.text}"
        )
        yield speaker.says(CityRules.reimbursement, text, [benefit.clause])
        return
    told = "起付标准和支付比例按就诊医疗机构的级别:"
    yield speaker.about(CityRules.reimbursement, told, *_DEDUCTIBLE, *_RATIO)
    yield _by_level(benefit)
    yield LineList(tuple(_terms(speaker, benefit)))


def _by_level(table: Table) -> Grid:
    capped = any(not isinstance(cap, NoLimit) for cap in table.visit_cap_fen.values())
    head = (
        "医疗机构级别",
        "起付标准",
        *(f"{phrase(standing)}支付比例" for standing in Standing),
    )
    rows = []
    for level in sorted(table.ratio_bp):
        cells = [level_in_words(level), money_in_words(table.deductible_fen[level])]
        cells += [percent(table.ratio_of(standing, level)) for standing in Standing]
        cells += [money_in_words(table.visit_cap_fen[level])] if capped else []
        rows.append(tuple(Said(cell) for cell in cells))
    return Grid((*head, "单次支付限额") if capped else head, tuple(rows))


def _terms(speaker: Speaker, table: Table) -> Iterator[Said]:
    hook = CityRules.reimbursement
    most = table.deductible_year_max_fen
    at_most = (
        "" if isinstance(most, NoLimit) else f", 全年合计不超过{money_in_words(most)}"
    )
    yield speaker.about(
        hook,
        f"起付标准按自然年度累计, 先后在不同级别就医的补差计算{at_most}。",
        *_DEDUCTIBLE,
    )
    if isinstance(table.retired, BonusPoints):
        yield speaker.about(
            hook, f"退休人员的支付比例{phrase(table.retired)}。", "退休"
        )
    caps = "、".join(
        f"{phrase(standing)}{money_in_words(cap)}"
        for standing, cap in table.cap_fen.items()
    )
    yield speaker.about(
        hook, f"自然年度支付限额: {caps}; 不结转、不累加到次年度。", "限额"
    )
    yield speaker.about(
        hook, f"未定级医疗机构按{level_in_words(table.unranked_as)}执行。", "未定级"
    )
    pharmacy = table.pharmacy
    if isinstance(pharmacy, NoFund):
        yield speaker.says(
            hook,
            f"定点零售药店: 统筹基金不予支付({pharmacy.clause.text})。",
            [pharmacy.clause],
        )
    else:
        yield speaker.about(
            hook, f"定点零售药店: 按{level_in_words(pharmacy)}医疗机构执行。", "药店"
        )
    yield speaker.about(hook, f"适用的医疗类别: {phrase(table.covers)}。", "普通门诊")
    yield speaker.about(
        hook,
        f"统筹基金支付额每次就医计算一次, {phrase(table.rounding)}。",
        "入到分",
        "舍去",
    )


def _exclusions(speaker: Speaker) -> Iterator[Said]:
    for exclusion in speaker.value(CityRules.exclusions):
        text = f"{phrase(exclusion.situation)}: {exclusion.clause.text}"
        yield speaker.says(CityRules.exclusions, text, [exclusion.clause])


def _crediting(speaker: Speaker) -> Iterator[Said]:
    terms = speaker.value(CityRules.account_crediting)
    monthly = terms.retired_fen
    retired = (
        f"每月{money_in_words(monthly)}"
        if isinstance(monthly, int)
        else phrase(monthly)
    )
    employer = (
        "划入个人账户"
        if terms.employer_part_credited
        else "不划入个人账户, 全部计入统筹基金"
    )
    hook = CityRules.account_crediting
    yield speaker.about(
        hook,
        f"在职职工: 每月划入本人参保缴费基数的{percent(terms.active_ratio_bp)}。",
        "在职职工",
    )
    yield speaker.about(
        hook, f"退休人员: 由统筹基金按定额划入, 定额{retired}。", "退休人员"
    )
    yield speaker.about(hook, f"单位缴费部分: {employer}。", "单位缴费")


def _purses(speaker: Speaker) -> Iterator[Said]:
    yield speaker.says(
        CityRules.purse_order,
        f"扣款顺序: {phrase(speaker.value(CityRules.purse_order))}。",
    )
    yield speaker.about(
        CityRules.purse_order, "每次共济支付不超过授权人个人账户当时的余额。", "余额"
    )
    yield speaker.says(
        CityRules.reversal,
        f"撤销: {phrase(speaker.value(CityRules.reversal))}, 退款按原路退回各账户。",
    )
