"""trace.v1: the lines of a settlement, so that anybody can recompute each amount from
the reply alone.

fund.v1         deductible = min(in_scope, max(0, deductible_per_level -
                deductible_used), max(0, deductible_year_max - deductible_used)); fen =
                min(((in_scope - deductible) × ratio_bp + rounding_bp) // 10000,
                visit_cap, max(0, cap - fund_paid)); what has no limit is left out;
                rounding_bp is 5000 for half up, 0 for down
no_fund.v1      fen = 0, under the clause of the line's rule
own_purse.v1    fen = min(available, needed), where available = min(balance, needed): a
                balance is never shown
giver_purse.v1  as own_purse.v1; `place` counts the givers from 1 in the order they were asked
cash.v1         fen = total - fund - own_purse - givers
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gongji.model.settlement import Line
from gongji.rules.benefits import PurseKind
from gongji.rules.binding import NO_LIMIT
from gongji.rules.codes import Payer
from gongji.rules.hookspecs import CityRules
from gongji.rules.money import FULL_BP, Rounding, percent, share, yuan
from gongji.settlement.admission import Admitted
from gongji.settlement.entitlement import AskedPurse, FundTerms
from gongji.settlement.split import Benefit, Charge, FundShare, Used

ROUNDING_BP = {Rounding.HALF_UP: FULL_BP // 2, Rounding.DOWN: 0}

_ROUNDING = {added: rounding for rounding, added in ROUNDING_BP.items()}


def lines_of(
    case: Admitted,
    terms: FundTerms,
    used: Used,
    paid: FundShare,
    charges: Iterable[tuple[AskedPurse, Charge]],
) -> tuple[Line, ...]:
    """Who pays each fen of the bill: fund, purses in the order they were asked, cash;
    the lines add up to its total."""
    fund = _fund_line(case.bill.in_scope_fen, terms, used, paid)
    purses = tuple(_purse_lines(charges))
    return (fund, *purses, _cash_line(case, fund, purses))


def fund_inputs(line: Line) -> tuple[int, Benefit, Used] | None:
    """What the fund's line was decided from: in scope, row of the table, used before;
    None where a clause denied it."""
    if line.formula != "fund.v1":
        return None
    given = line.inputs
    benefit = Benefit(
        given["deductible_per_level"],
        given.get("deductible_year_max", NO_LIMIT),
        given["ratio_bp"],
        given.get("cap", NO_LIMIT),
        given.get("visit_cap", NO_LIMIT),
        _ROUNDING[given["rounding_bp"]],
    )
    return (
        given["in_scope"],
        benefit,
        Used(given["deductible_used"], given["fund_paid"]),
    )


def _fund_line(
    in_scope_fen: int, terms: FundTerms, used: Used, paid: FundShare
) -> Line:
    benefit = terms.benefit
    if benefit is None:
        why = terms.denied_by.text if terms.denied_by else ""
        told = f"统筹基金不予支付: {why}"
        return Line(
            fen=0,
            payer=Payer.FUND,
            rule=terms.rule,
            formula="no_fund.v1",
            inputs={},
            in_words=told,
        )
    inputs = {
        "in_scope": in_scope_fen,
        "deductible_per_level": benefit.deductible_fen,
        "deductible_used": used.deductible_fen,
        "ratio_bp": benefit.ratio_bp,
        "rounding_bp": ROUNDING_BP[benefit.rounding],
        "fund_paid": used.fund_fen,
    }
    if benefit.year_max_fen is not NO_LIMIT:
        inputs["deductible_year_max"] = benefit.year_max_fen
    if benefit.visit_cap_fen is not NO_LIMIT:
        inputs["visit_cap"] = benefit.visit_cap_fen
    if benefit.cap_fen is not NO_LIMIT:
        inputs["cap"] = benefit.cap_fen
    return Line(
        fen=paid.fund_fen,
        payer=Payer.FUND,
        rule=terms.rule,
        formula="fund.v1",
        inputs=inputs,
        in_words=_fund_in_words(in_scope_fen, benefit, paid),
    )


def _fund_in_words(in_scope_fen: int, benefit: Benefit, paid: FundShare) -> str:
    told = (
        f"政策范围内 {yuan(in_scope_fen)} 元, 扣除起付标准 {yuan(paid.deductible_fen)} 元后"
        f"按 {percent(benefit.ratio_bp)} 由统筹基金支付 {yuan(paid.fund_fen)} 元"
    )
    if paid.fund_fen == share(
        in_scope_fen - paid.deductible_fen, benefit.ratio_bp, benefit.rounding
    ):
        return told
    by_visit = paid.fund_fen == benefit.visit_cap_fen
    return f"{told}(以{'单次支付限额' if by_visit else '年度支付限额余额'}为限)"


def _purse_lines(charges: Iterable[tuple[AskedPurse, Charge]]) -> Iterator[Line]:
    place = 0
    for asked, charge in charges:
        own = asked.purse.kind is PurseKind.OWN
        inputs = {"needed": charge.needed_fen, "available": charge.fen}
        if not own:
            place += 1
            inputs["place"] = place
        yield Line(
            fen=charge.fen,
            payer=Payer.OWN_PURSE if own else Payer.GIVER_PURSE,
            purse=charge.purse.owner,
            rule=asked.rule,
            formula="own_purse.v1" if own else "giver_purse.v1",
            inputs=inputs,
            in_words=_purse_in_words(
                "本人个人账户" if own else f"第 {place} 位授权人的共济账户",
                asked,
                charge,
            ),
        )


def _purse_in_words(whose: str, asked: AskedPurse, charge: Charge) -> str:
    if asked.why_not:
        return f"{whose}支付 0.00 元: {asked.why_not}"
    if charge.needed_fen == 0:
        return f"{whose}支付 0.00 元: 没有可由其支付的余款"
    return f"{whose}可支付的部分尚有 {yuan(charge.needed_fen)} 元, 支付 {yuan(charge.fen)} 元"


def _cash_line(case: Admitted, fund: Line, purses: Iterable[Line]) -> Line:
    own = sum([line.fen for line in purses if line.payer is Payer.OWN_PURSE])
    givers = sum([line.fen for line in purses if line.payer is Payer.GIVER_PURSE])
    total = case.bill.total_fen
    cash = total - fund.fen - own - givers
    return Line(
        fen=cash,
        payer=Payer.CASH,
        rule=case.rules_now.ref(CityRules.purse_order),
        formula="cash.v1",
        inputs={"total": total, "fund": fund.fen, "own_purse": own, "givers": givers},
        in_words=f"其余 {yuan(cash)} 元由个人现金支付",
    )
