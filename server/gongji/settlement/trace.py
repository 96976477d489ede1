"""Fourth step of a bill: the lines of trace.v1, by which anybody recomputes each amount.

fund.v2         a row of any shape: each `deductible:M` and `limit:M` is so many fen on the
                meter M, of which `read:M` was counted before (nothing of a visit's own);
                deductible = min(in_scope, what is left of each); counted = min(in_scope,
                what is left of each limit on in_scope); the part of counted above the
                deductible is paid at band1_bp, from band1_upto on at band2_bp …, where
                `bands:M` says on which meter bands end: on in_scope as the cost grows from
                read + deductible, on paid as the payment grows from read; then at most
                what is left of each limit on paid; rounded once by rounding_bp; elsewhere
                each bandN_bp = max(0, (homeN_bp × factor_bp + 5000) // 10000 - less_bp)
further.v1      as fund.v2; `in_scope` is what those before left of it
fund.v1         deductible = min(in_scope, max(0, deductible_per_level -
                deductible_used), max(0, deductible_year_max - deductible_used)); fen =
                min(((in_scope - deductible) × ratio_bp + rounding_bp) // 10000,
                visit_cap, max(0, cap - fund_paid)); what has no limit is left out;
                rounding_bp is 5000 for half up, 0 for down; elsewhere (异地) with another
                ratio than at home also ratio_bp = max(0, (home_ratio_bp × factor_bp +
                5000) // 10000 - less_bp)
no_fund.v1      fen = 0, under the clause of the line's rule
own_purse.v1    fen = min(available, needed), where available = min(balance, needed): a
                balance is never shown
giver_purse.v1  as own_purse.v1; `place` counts the givers from 1 in the order of charging
wallet.v1       as own_purse.v1; `use_place` is the area the wallet is used in, left out if
                none is open; only if the bill asks for the wallet
cash.v1         fen = total - fund - further - own_purse - givers - wallet; `wallet` is left
                out if the bill does not ask for it, `further` if nobody else pays
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gongji.model.settlement import Line, Notice
from gongji.rules.benefits import NoFund, PurseKind
from gongji.rules.binding import NO_LIMIT
from gongji.rules.codes import NoticeKind, Payer, Scheme
from gongji.rules.hookspecs import CityRules
from gongji.rules.money import percent, share, yuan
from gongji.rules.shapes import Row
from gongji.rules.terms import TERMS
from gongji.settlement.admission import AdmittedBill
from gongji.settlement.entitlement import FundTerms, PurseTerms
from gongji.settlement.fund import FundPaid
from gongji.settlement.split import Charge, FlatRow, FundShare, Used
from gongji.settlement.trace_rows import (
    ROUNDING_BP,
    ROUNDING_OF,
    elsewhere_in_words,
    fund_line_of_row,
    further_lines,
)


def lines_of(
    case: AdmittedBill,
    terms: FundTerms,
    paid: FundPaid,
    charges: Iterable[tuple[PurseTerms, Charge]],
) -> tuple[Line, ...]:
    """Return who pays each fen: fund, further payers, purses as they are charged, cash.

    The lines add up to the total of the bill.
    """
    in_scope = case.bill.in_scope_fen
    if isinstance(terms.benefit, Row):
        fund = fund_line_of_row(in_scope, terms, paid)
    else:
        fund = _fund_line(in_scope, terms, terms.benefit, paid)
    further = further_lines(paid.further)
    purses = _purse_lines(charges)
    return (fund, *further, *purses, _cash_line(case, fund, further, purses))


def notices_of(case: AdmittedBill) -> tuple[Notice, ...]:
    """Return what the patient is told: that the fund's part is not settled here."""
    scheme = case.enrolment.scheme
    entry = case.rules.value(CityRules.reimbursement)[scheme]
    if not isinstance(entry, NoFund):
        return ()
    told = (
        f"{case.city.name}没有写明{TERMS[Scheme][scheme]}的门诊待遇，"
        f"统筹基金支付的部分不在此结算：{entry.clause.text}"
    )
    rule = case.rules.ref(CityRules.reimbursement, entry.clause)
    return (Notice(NoticeKind.NO_TABLE, rule, told),)


def fund_inputs(line: Line) -> tuple[int, FlatRow, Used] | None:
    """Return what a fund line was decided from, None if a clause denied it.

    It is the amount in scope (fen), the row of the table and what was used before.
    """
    if line.formula != "fund.v1":
        return None
    inputs = line.inputs
    benefit = FlatRow(
        deductible_fen=inputs["deductible_per_level"],
        year_max_fen=inputs.get("deductible_year_max", NO_LIMIT),
        ratio_bp=inputs["ratio_bp"],
        cap_fen=inputs.get("cap", NO_LIMIT),
        visit_cap_fen=inputs.get("visit_cap", NO_LIMIT),
        rounding=ROUNDING_OF[inputs["rounding_bp"]],
    )
    used = Used(inputs["deductible_used"], inputs["fund_paid"])
    return inputs["in_scope"], benefit, used


def _fund_line(
    in_scope_fen: int, terms: FundTerms, benefit: FlatRow | None, paid: FundPaid
) -> Line:
    if benefit is None:
        return Line(
            fen=0,
            payer=Payer.FUND,
            rule=terms.rule,
            formula="no_fund.v1",
            inputs={},
            in_words=f"统筹基金不予支付：{terms.denied}",
        )
    inputs = _inputs_of(in_scope_fen, benefit, paid.used)
    return Line(
        fen=paid.share.fund_fen,
        payer=Payer.FUND,
        rule=terms.rule,
        formula="fund.v1",
        inputs=inputs | _inputs_elsewhere(terms),
        in_words=elsewhere_in_words(
            terms, _fund_in_words(in_scope_fen, benefit, paid.share)
        ),
    )


def _inputs_of(in_scope_fen: int, benefit: FlatRow, used: Used) -> dict[str, int]:
    inputs = {
        "in_scope": in_scope_fen,
        "deductible_per_level": benefit.deductible_fen,
        "deductible_used": used.deductible_fen,
        "ratio_bp": benefit.ratio_bp,
        "rounding_bp": ROUNDING_BP[benefit.rounding],
        "fund_paid": used.fund_fen,
    }
    # No figure can stand for "no limit": an input that is left out does.
    if benefit.year_max_fen is not NO_LIMIT:
        inputs["deductible_year_max"] = benefit.year_max_fen
    if benefit.visit_cap_fen is not NO_LIMIT:
        inputs["visit_cap"] = benefit.visit_cap_fen
    if benefit.cap_fen is not NO_LIMIT:
        inputs["cap"] = benefit.cap_fen
    return inputs


def _inputs_elsewhere(terms: FundTerms) -> dict[str, int]:
    fund = terms.elsewhere
    if fund is None:
        return {}
    return {
        "home_ratio_bp": terms.home_ratios_bp[0],
        "factor_bp": fund.factor_bp,
        "less_bp": fund.less_bp,
    }


def _fund_in_words(in_scope_fen: int, benefit: FlatRow, paid: FundShare) -> str:
    sentence = (
        f"政策范围内 {yuan(in_scope_fen)} 元，"
        f"扣除起付标准 {yuan(paid.deductible_fen)} 元后"
        f"按 {percent(benefit.ratio_bp)} "
        f"由统筹基金支付 {yuan(paid.fund_fen)} 元"
    )
    above_deductible = in_scope_fen - paid.deductible_fen
    uncapped = share(above_deductible, benefit.ratio_bp, benefit.rounding)
    if paid.fund_fen == uncapped:
        return sentence
    # If both caps come to the same fen, the visit's is named.
    if paid.fund_fen == benefit.visit_cap_fen:
        return f"{sentence}（以单次支付限额为限）"
    return f"{sentence}（以年度支付限额余额为限）"


def _purse_lines(charges: Iterable[tuple[PurseTerms, Charge]]) -> list[Line]:
    lines = []
    givers = 0
    for terms, charge in charges:
        if charge.purse.kind is PurseKind.OWN:
            lines.append(_own_line(terms, charge))
        elif charge.purse.kind is PurseKind.WALLET:
            lines.append(_wallet_line(terms, charge))
        else:
            givers += 1
            lines.append(_giver_line(terms, charge, givers))
    return lines


def _own_line(terms: PurseTerms, charge: Charge) -> Line:
    named = "本人个人账户"
    return _purse_line(terms, charge, Payer.OWN_PURSE, "own_purse.v1", named)


def _giver_line(terms: PurseTerms, charge: Charge, place: int) -> Line:
    payer, formula = Payer.GIVER_PURSE, "giver_purse.v1"
    named = f"第 {place} 位授权人的共济账户"
    return _purse_line(terms, charge, payer, formula, named, place=place)


def _wallet_line(terms: PurseTerms, charge: Charge) -> Line:
    used = {"use_place": int(terms.use_place)} if terms.use_place else {}
    named = "本人医保钱包"
    return _purse_line(terms, charge, Payer.WALLET, "wallet.v1", named, **used)


def _purse_line(
    terms: PurseTerms,
    charge: Charge,
    payer: Payer,
    formula: str,
    named: str,
    **more: int,
) -> Line:
    """Return what a purse or wallet pays; `more` is what its formula names besides."""
    return Line(
        fen=charge.fen,
        payer=payer,
        purse=charge.purse.owner,
        rule=terms.rule,
        formula=formula,
        inputs={"needed": charge.needed_fen, "available": charge.fen, **more},
        in_words=_purse_in_words(named, terms, charge),
    )


def _purse_in_words(payer: str, terms: PurseTerms, charge: Charge) -> str:
    if terms.denied:
        return f"{payer}支付 0.00 元：{terms.denied}"
    if charge.needed_fen == 0:
        return f"{payer}支付 0.00 元：没有可由其支付的余款"
    needed = yuan(charge.needed_fen)
    paid = yuan(charge.fen)
    # What it holds beyond what it pays is the owner's to know: that it is enough is all.
    short = charge.fen < charge.needed_fen
    balance = f"可用余额 {paid} 元" if short else "可用余额足够"
    return f"可由{payer}支付的费用 {needed} 元，{balance}，支付 {paid} 元"


def _cash_line(
    case: AdmittedBill, fund: Line, further: Sequence[Line], purses: Iterable[Line]
) -> Line:
    own = _paid_by(Payer.OWN_PURSE, purses)
    givers = _paid_by(Payer.GIVER_PURSE, purses)
    wallet = _paid_by(Payer.WALLET, purses)
    total = case.bill.total_fen
    # Recomputed from the other lines, not taken over: I4 then checks one against the other.
    others = sum([line.fen for line in further])
    cash = total - fund.fen - others - own - givers - wallet
    asked = {"wallet": wallet} if case.bill.use_wallet else {}
    if further:
        asked["further"] = others
    order = case.rules_now.value(CityRules.purse_order)
    return Line(
        fen=cash,
        payer=Payer.CASH,
        rule=case.rules_now.ref(CityRules.purse_order, *order.order_clauses),
        formula="cash.v1",
        inputs={
            "total": total,
            "fund": fund.fen,
            "own_purse": own,
            "givers": givers,
            **asked,
        },
        in_words=f"其余 {yuan(cash)} 元由个人现金支付",
    )


def _paid_by(payer: Payer, lines: Iterable[Line]) -> int:
    return sum([line.fen for line in lines if line.payer is payer])
