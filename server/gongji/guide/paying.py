"""The sections on money: what the fund pays, what accounts get, whose purse is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gongji.guide import shaped
from gongji.guide.builder import GuideBuilder, phrase
from gongji.guide.page import (
    Block,
    Grid,
    LineList,
    Section,
    Statement,
    list_section,
)
from gongji.rules.benefits import (
    BonusPoints,
    NoFund,
    NotSettled,
    Table,
    TableClauses,
    Use,
)
from gongji.rules.binding import NoLimit
from gongji.rules.clauses import Clause, Ruled, clauses_in
from gongji.rules.codes import STANDINGS, Scheme, Standing
from gongji.rules.hookspecs import CityRules
from gongji.rules.money import percent
from gongji.rules.phrases import (
    exclusion_in_words,
    level_in_words,
    money_in_words,
    monthly_in_words,
    premium_years_in_words,
    refund_in_words,
)
from gongji.rules.shapes import Benefit

_NONE_NAMED = TableClauses(always=(), ratio={})
"""The clauses of a table that names none: each statement rests on the whole rule."""


def sections(builder: GuideBuilder) -> tuple[Section, ...]:
    """Return the fund's part, exclusions, crediting, the order of purses."""
    hook = CityRules.reimbursement
    answer = builder.rules.answer(hook)
    schemes = []
    for scheme, benefit in answer.value.items():
        own = builder.narrowed_to(hook, _clauses_of(scheme, answer))
        parts = tuple(_benefit(own, scheme, benefit))
        schemes.append(Section(phrase(scheme), parts))
    return (
        Section("门诊费用统筹基金怎么付", parts=tuple(schemes)),
        list_section("统筹基金不予支付的情形", _exclusions(builder)),
        list_section("个人账户怎么计入", _crediting(builder)),
        list_section("扣款顺序与撤销", _purses(builder)),
    )


def _clauses_of(
    scheme: Scheme,
    answer: Ruled[Mapping[Scheme, Table | Benefit | NoFund | NotSettled]],
) -> Iterator[Clause]:
    """Yield a rule's clauses but those that only the other schemes' values name."""
    named = {key: set(clauses_in(benefit)) for key, benefit in answer.value.items()}
    own = named.pop(scheme)
    others = set().union(*named.values())
    for clause in answer.clauses:
        if clause in own or clause not in others:
            yield clause


def _benefit(
    builder: GuideBuilder,
    scheme: Scheme,
    benefit: Table | Benefit | NoFund,
) -> Iterator[Block]:
    hook = CityRules.reimbursement
    if isinstance(benefit, Benefit):
        yield from shaped.blocks(builder, benefit)
        return
    if isinstance(benefit, NoFund):
        people = f"{phrase(scheme)}参保人的门诊费用"
        reason = benefit.clause.text
        yield builder.statement(
            hook,
            f"{people}，本指南所述统筹基金不予支付：{reason}",
            [benefit.clause],
        )
        yield _without_table(builder, benefit)
        return
    cited = benefit.clauses or _NONE_NAMED
    yield builder.statement(
        hook,
        "起付标准和支付比例按就诊医疗机构的级别：",
        _clauses_by_level(
            cited,
        ),
    )
    yield _figures_by_level(benefit, scheme)
    terms = (
        *_terms_of_people(builder, benefit, scheme, cited),
        *_terms_of_institutions(builder, benefit, cited),
    )
    yield LineList(terms)


def _clauses_by_level(cited: TableClauses) -> tuple[Clause, ...]:
    """Return the clauses of deductible and ratio, none if the deductible's are not named."""
    # The table may name ratios alone, and those do not give the deductible.
    if not cited.deductible:
        return ()
    ratios = [clause for clauses in cited.ratio.values() for clause in clauses]
    return (
        *cited.deductible,
        *ratios,
        *cited.retired,
    )


def _figures_by_level(table: Table, scheme: Scheme) -> Grid:
    caps = table.visit_cap_fen
    capped = any(not isinstance(cap, NoLimit) for cap in caps.values())
    standings = STANDINGS[scheme]
    ratios = [f"{whose}支付比例" for whose in _standings_in_words(scheme)]
    head = [
        "医疗机构级别",
        "起付标准",
        *ratios,
    ]
    if capped:
        head.append("单次支付限额")
    rows = []
    for level in sorted(table.ratio_bp):
        deductible = money_in_words(table.deductible_fen[level])
        ratios = [percent(table.ratio_of(standing, level)) for standing in standings]
        cells = [
            level_in_words(level),
            deductible,
            *ratios,
        ]
        if capped:
            cells.append(money_in_words(caps[level]))
        rows.append(tuple(Statement(cell) for cell in cells))
    return Grid(
        tuple(head),
        tuple(rows),
    )


def _standings_in_words(scheme: Scheme) -> list[str]:
    """Return the standings that are told apart; "" if the scheme has only one."""
    standings = STANDINGS[scheme]
    return [phrase(standing) if len(standings) > 1 else "" for standing in standings]


def _terms_of_people(
    builder: GuideBuilder,
    table: Table,
    scheme: Scheme,
    cited: TableClauses,
) -> Iterator[Statement]:
    """Return what holds over a year: deductible, ratio of the retired, cap."""
    hook = CityRules.reimbursement
    most = table.deductible_year_max_fen
    text = "起付标准按自然年度累计，先后在不同级别就医的补差计算"
    if not isinstance(most, NoLimit):
        text += f"，全年合计不超过{money_in_words(most)}"
    yield builder.statement(
        hook,
        f"{text}。",
        cited.deductible,
    )
    standings = STANDINGS[scheme]
    if Standing.RETIRED in standings and isinstance(table.retired, BonusPoints):
        yield builder.statement(
            hook,
            f"退休人员的支付比例{phrase(table.retired)}。",
            cited.retired,
        )
    whose = _standings_in_words(scheme)
    amounts = [money_in_words(table.cap_fen[standing]) for standing in standings]
    caps = map("".join, zip(whose, amounts, strict=True))
    yield builder.statement(
        hook,
        f"自然年度支付限额：{'、'.join(caps)}；不结转、不累加到次年度。",
        cited.cap,
    )


def _terms_of_institutions(
    builder: GuideBuilder,
    table: Table,
    cited: TableClauses,
) -> Iterator[Statement]:
    """Return what holds for a visit: unranked institutions, pharmacies, kinds, rounding."""
    hook = CityRules.reimbursement
    yield builder.statement(
        hook,
        f"未定级医疗机构按{level_in_words(table.unranked_as)}执行。",
        cited.unranked,
    )
    if isinstance(table.pharmacy, NoFund):
        clause = table.pharmacy.clause
        yield builder.statement(
            hook,
            f"定点零售药店：统筹基金不予支付（{clause.text}）。",
            [clause],
        )
    else:
        level = level_in_words(table.pharmacy)
        yield builder.statement(
            hook,
            f"定点零售药店：按{level}医疗机构执行。",
            cited.pharmacy,
        )
    yield builder.statement(
        hook,
        f"适用的医疗类别：{phrase(table.covers)}。",
        cited.covers,
    )
    yield _uncovered(builder, table, cited)
    yield builder.statement(
        hook,
        f"统筹基金支付额每次就医计算一次，{phrase(table.rounding)}。",
        cited.rounding,
    )


def _without_table(builder: GuideBuilder, benefit: NoFund) -> Statement:
    """Return whether a bill is settled although the city states no table."""
    hook = CityRules.reimbursement
    if isinstance(benefit, NotSettled):
        return builder.statement(
            hook, "账单不在此结算，予以拒绝。", [benefit.chosen_by]
        )
    return builder.statement(
        hook,
        "账单照常结算，由个人账户和现金支付，并提示统筹待遇不在此结算。",
        [benefit.clause],
    )


def _uncovered(builder: GuideBuilder, table: Table, cited: TableClauses) -> Statement:
    """Return what happens to other kinds of outpatient visit."""
    text = "其他门诊类别照常结算，统筹基金不予支付"
    if table.uncovered is None:
        return builder.statement(CityRules.reimbursement, f"{text}。", cited.covers)
    clause = table.uncovered.clause
    return builder.statement(
        CityRules.reimbursement, f"{text}（{clause.text}）。", [clause]
    )


def _exclusions(builder: GuideBuilder) -> Iterator[Statement]:
    for exclusion in builder.value(CityRules.exclusions):
        clause = exclusion.clause
        yield builder.statement(
            CityRules.exclusions,
            f"{exclusion_in_words(exclusion)}：{clause.text}",
            [clause],
        )


def _crediting(builder: GuideBuilder) -> Iterator[Statement]:
    hook = CityRules.account_crediting
    terms = builder.value(hook)
    cited = terms.clauses
    ratio = percent(terms.active_ratio_bp)
    yield builder.statement(
        hook,
        f"在职职工：每月划入本人参保缴费基数的{ratio}。",
        cited.active,
    )
    yield builder.statement(
        hook,
        f"退休人员：由统筹基金按定额划入，定额{monthly_in_words(terms)}。",
        cited.retired,
    )
    not_credited = "不划入个人账户，全部计入统筹基金"
    employer = "划入个人账户" if terms.employer_part_credited else not_credited
    yield builder.statement(
        hook,
        f"单位缴费部分：{employer}。",
        cited.employer,
    )
    yield builder.value_in(
        CityRules.credit_day, "每月的划入以{}的参保状态和缴费基数为准。"
    )
    if Use.RESIDENT_PREMIUM in builder.value(CityRules.uses).aid_at:
        yield from _premiums(builder)


def _premiums(builder: GuideBuilder) -> Iterator[Statement]:
    """Return how much of a relative's premium may be paid, of which year, and back."""
    hook = CityRules.premiums
    terms = builder.value(hook)
    cited = terms.clauses
    least, most = money_in_words(terms.least_fen), money_in_words(terms.most_fen)
    yield builder.statement(
        hook, f"代缴居民医保费：每人每年{least}至{most}。", cited.amounts
    )
    years = premium_years_in_words(terms)
    yield builder.statement(hook, f"可代缴{years}的居民医保费。", cited.years)
    yield builder.statement(
        hook, f"代缴的居民医保费{refund_in_words(terms)}。", cited.refund
    )


def _purses(builder: GuideBuilder) -> Iterator[Statement]:
    hook = CityRules.purse_order
    order = builder.value(hook)
    text = f"扣款顺序：{phrase(order)}。"
    yield builder.statement(hook, text, order.order_clauses)
    yield builder.statement(
        hook,
        "几项绑定同一时刻生效的，按绑定编号先后扣款。",
        order.tie_clauses,
    )
    yield builder.statement(
        hook,
        "每次共济支付不超过授权人个人账户当时的余额。",
        order.balance_clauses,
    )
    yield builder.value_in(CityRules.reversal, "撤销：{}，退款按原路退回各账户。")
