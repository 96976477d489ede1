"""The sections on what is shown at the counter (就诊凭证), and on care elsewhere (异地就医)."""

from __future__ import annotations

from collections.abc import Iterator

from gongji.guide.builder import GuideBuilder
from gongji.guide.page import Section, Statement, list_section
from gongji.rules.benefits import NoFund
from gongji.rules.clauses import Clause
from gongji.rules.elsewhere import FundElsewhere, OutOfArea
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import (
    exempt_in_words,
    in_words,
    kind_in_words,
    unfiled_in_words,
)


def out_of_area(builder: GuideBuilder) -> Section:
    """Return the section on care in another pooling area."""
    hook = CityRules.out_of_area
    care = builder.value(hook)
    filing = "须先办理备案" if care.filing_before_direct_settlement else "无须备案"
    need = builder.statement(hook, f"异地直接结算{filing}。", care.filing_clauses)
    return builder.section(
        "异地就医", hook, care.procedure, need, *_filed(builder, care)
    )


def at_the_counter(builder: GuideBuilder) -> Section:
    """Return the section on what is shown at the counter, at home and elsewhere."""
    hook = CityRules.visit_evidence
    terms = builder.value(hook)
    visits = (("本地就医", terms.at_home), ("异地就医", terms.elsewhere))
    shown = [
        builder.statement(
            hook, f"{where}出示患者本人的{in_words(accepted)}。", accepted.clauses
        )
        for where, accepted in visits
    ]
    return list_section("就医时出示什么", shown)


def _filed(builder: GuideBuilder, care: OutOfArea) -> Iterator[Statement]:
    """Yield where nobody need file, what comes of not filing, and each kind's terms."""
    hook = CityRules.out_of_area
    for sentence, fund in (
        (exempt_in_words(care), care.exempt_fund),
        (unfiled_in_words(care), care.unfiled_fund),
    ):
        if sentence:
            yield builder.statement(hook, f"{sentence}。", _paying(fund))
    for kind, terms in care.kinds.items():
        text = f"{kind_in_words(kind, terms)}。"
        yield builder.statement(hook, text, (*terms.clauses, *_paying(terms.fund)))
    if care.claims is not None:
        yield builder.statement(hook, f"{in_words(care.claims)}。", care.claims.clauses)


def _paying(fund: FundElsewhere | NoFund) -> tuple[Clause, ...]:
    return (fund.clause,) if isinstance(fund, NoFund) else fund.clauses
