"""What the fund pays by a benefit of any shape: each row as one sentence, with its clauses."""

from __future__ import annotations

from collections.abc import Iterator

from gongji.guide.builder import GuideBuilder, phrase
from gongji.guide.page import Block, LineList, Statement
from gongji.rules.benefits import NoFund
from gongji.rules.clauses import Clause
from gongji.rules.codes import Payer
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import (
    change_in_words,
    level_in_words,
    row_in_words,
    when_in_words,
)
from gongji.rules.shapes import Benefit


def blocks(builder: GuideBuilder, benefit: Benefit) -> Iterator[Block]:
    """Yield the rows of the fund, of further payers, and what holds for all visits."""
    yield _said(builder, "统筹基金按下列各行支付，每种情形恰好一行：", ())
    yield LineList(tuple(_rows(builder, benefit, Payer.FUND)))
    for further in benefit.then:
        named = phrase(further.payer)
        yield _said(builder, f"统筹基金支付之后的政策范围内费用，由{named}支付：", ())
        yield LineList(tuple(_rows(builder, further.benefit, further.payer)))
    yield LineList(tuple(_terms(builder, benefit)))


def _rows(builder: GuideBuilder, benefit: Benefit, payer: Payer) -> Iterator[Statement]:
    for case in benefit.cases:
        row = case.row
        cited = (row.clause,) if isinstance(row, NoFund) else row.clauses
        when = when_in_words(benefit, case.when)
        text = row_in_words(row, payer)
        yield _said(builder, f"{when}：{text}。" if when else f"{text}。", cited)
    for change in benefit.changes:
        when = when_in_words(benefit, change.when)
        text = change_in_words(change)
        yield _said(
            builder, f"{when}的，{text}。" if when else f"{text}。", change.clauses
        )


def _terms(builder: GuideBuilder, benefit: Benefit) -> Iterator[Statement]:
    """Yield what holds for a visit: unranked institutions, pharmacies, kinds."""
    level = level_in_words(benefit.unranked_as)
    yield _said(builder, f"未定级医疗机构按{level}执行。", ())
    pharmacy = benefit.pharmacy
    if isinstance(pharmacy, NoFund):
        clause = pharmacy.clause
        text = f"定点零售药店：统筹基金不予支付（{clause.text}）。"
        yield _said(builder, text, (clause,))
    else:
        level = level_in_words(pharmacy)
        yield _said(builder, f"定点零售药店：按{level}医疗机构执行。", ())
    yield _said(builder, f"适用的医疗类别：{phrase(benefit.covers)}。", ())
    text = "其他门诊类别照常结算，统筹基金不予支付"
    if benefit.uncovered is None:
        yield _said(builder, f"{text}。", ())
    else:
        clause = benefit.uncovered.clause
        yield _said(builder, f"{text}（{clause.text}）。", (clause,))
    if benefit.splitting is not None:
        text = "同样的费用分几次就诊的，支付额可能不同。"
        yield _said(builder, text, (benefit.splitting,))


def _said(builder: GuideBuilder, text: str, clauses: tuple[Clause, ...]) -> Statement:
    return builder.statement(CityRules.reimbursement, text, clauses)
