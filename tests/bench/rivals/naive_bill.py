"""What the naive version decides about one bill, and its lines; pure, over rows of its tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gongji.cities.city import DayRules
from gongji.model.decided import RuleRef
from gongji.rules.benefits import PurseKind, Table
from gongji.rules.binding import NoLimit
from gongji.rules.codes import Scheme, Standing
from gongji.rules.hookspecs import CityRules
from gongji.rules.money import percent, share, yuan
from gongji.settlement.split import (
    Charge,
    FlatRow,
    FundShare,
    Owed,
    Purse,
    Used,
    benefit_of,
    charge_purses,
    fund_share,
)
from gongji.v1 import settlement_pb2 as pb

from tests.bench.rivals.naive_tables import Account, Accumulator, Institution, Person


@dataclass(frozen=True, slots=True)
class Decided:
    """Who pays what, and the row of the table behind it."""

    benefit: FlatRow
    rule: RuleRef
    before: Used
    paid: FundShare
    charges: tuple[Charge, ...]
    cash_fen: int

    def fen(self, kind: PurseKind) -> int:
        """Return what the own purse, or givers' purses, pay."""
        return sum(c.fen for c in self.charges if c.purse.kind is kind)


@dataclass(frozen=True, slots=True)
class CitedLine:
    """A line and the rule it stands under; the sender puts in the message of the rule."""

    rule: RuleRef
    line: pb.Line


def decide(
    bill: pb.Bill,
    rules: DayRules,
    patient: Person,
    institution: Institution,
    *,
    used: Accumulator,
    purses: Sequence[Account],
) -> Decided:
    """Return the split of a bill over purses in order. TypeError if it has no table."""
    table = rules.value(CityRules.reimbursement)[Scheme(patient.scheme)]
    if not isinstance(table, Table):
        raise TypeError(table)
    retired = patient.psn_type.startswith("12")
    standing = Standing.RETIRED if retired else Standing.ACTIVE
    benefit = benefit_of(table, institution.level, standing)
    cited = table.cited(standing, institution.level, ranked=True)
    before = Used(used.deductible_used_fen, used.fund_paid_fen)
    paid = fund_share(bill.in_scope_fen, benefit, before)
    charges, cash_fen = charge_purses(
        _unpaid(bill, paid), list(_asked(rules, patient, purses))
    )
    return Decided(
        benefit=benefit,
        rule=rules.ref(CityRules.reimbursement, *cited),
        before=before,
        paid=paid,
        charges=charges,
        cash_fen=cash_fen,
    )


def _unpaid(bill: pb.Bill, paid: FundShare) -> Owed:
    """Return what the fund leaves of each part of a bill."""
    return Owed(
        bill.in_scope_fen - paid.fund_fen,
        bill.first_selfpay_fen,
        bill.above_limit_fen,
        bill.out_of_catalogue_fen,
    )


def _asked(
    rules: DayRules, patient: Person, accounts: Sequence[Account]
) -> Iterator[Purse]:
    """Yield the purses of accounts, each with the parts of a bill it may pay."""
    uses = rules.value(CityRules.uses)
    for account in accounts:
        owner, balance = account.person_no, account.balance_fen
        if owner == patient.person_no:
            yield Purse(owner, PurseKind.OWN, balance, uses.own_pays)
        else:
            yield Purse(owner, PurseKind.GIVERS, balance, uses.aid_pays)


def lines_of(bill: pb.Bill, decided: Decided, rules: DayRules) -> Iterator[CitedLine]:
    """Yield the lines of a bill: fund, purses, cash; they add up to its total."""
    yield CitedLine(decided.rule, _fund(bill.in_scope_fen, decided))
    uses = rules.ref(CityRules.uses)
    for place, charge in enumerate(decided.charges):
        yield CitedLine(uses, _purse(place, charge))
    own, aid = decided.fen(PurseKind.OWN), decided.fen(PurseKind.GIVERS)
    cash = pb.Line(
        fen=decided.cash_fen,
        payer=pb.PAYER_CASH,
        formula="cash.v1",
        inputs={
            "total": bill.total_fen,
            "fund": decided.paid.fund_fen,
            "own_purse": own,
            "givers": aid,
        },
        in_words=f"其余 {yuan(decided.cash_fen)} 元由个人现金支付",
    )
    yield CitedLine(rules.ref(CityRules.purse_order), cash)


def _fund(in_scope_fen: int, decided: Decided) -> pb.Line:
    benefit, paid = decided.benefit, decided.paid
    inputs = {
        "in_scope": in_scope_fen,
        "deductible_per_level": benefit.deductible_fen,
        "deductible_used": decided.before.deductible_fen,
        "ratio_bp": benefit.ratio_bp,
        "rounding_bp": 5000,
        "fund_paid": decided.before.fund_fen,
    }
    limits = {
        "deductible_year_max": benefit.year_max_fen,
        "visit_cap": benefit.visit_cap_fen,
        "cap": benefit.cap_fen,
    }
    inputs |= {n: fen for n, fen in limits.items() if not isinstance(fen, NoLimit)}
    return pb.Line(
        fen=paid.fund_fen,
        payer=pb.PAYER_FUND,
        formula="fund.v1",
        inputs=inputs,
        in_words=_fund_in_words(in_scope_fen, benefit, paid),
    )


def _fund_in_words(in_scope_fen: int, benefit: FlatRow, paid: FundShare) -> str:
    shared_fen = in_scope_fen - paid.deductible_fen
    sentence = (
        f"政策范围内 {yuan(in_scope_fen)} 元，扣除起付标准 {yuan(paid.deductible_fen)} 元后"
        f"按 {percent(benefit.ratio_bp)} 由统筹基金支付 {yuan(paid.fund_fen)} 元"
    )
    if paid.fund_fen < share(shared_fen, benefit.ratio_bp, benefit.rounding):
        sentence += "（以年度支付限额余额为限）"
    return sentence


def _purse(place: int, charge: Charge) -> pb.Line:
    """Return a purse's line; the own one stands at place 0, givers follow from 1."""
    own = charge.purse.kind is PurseKind.OWN
    inputs = {"needed": charge.needed_fen, "available": charge.fen}
    short = charge.fen < charge.needed_fen
    balance = f"可用余额 {yuan(charge.fen)} 元" if short else "可用余额足够"
    whose = "本人个人账户" if own else f"第 {place} 位授权人的共济账户"
    return pb.Line(
        fen=charge.fen,
        payer=pb.PAYER_OWN_PURSE if own else pb.PAYER_GIVER_PURSE,
        purse=charge.purse.owner,
        formula="own_purse.v1" if own else "giver_purse.v1",
        inputs=inputs if own else inputs | {"place": place},
        in_words=(
            f"可由{whose}支付的费用 {yuan(charge.needed_fen)} 元，"
            f"{balance}，支付 {yuan(charge.fen)} 元"
        ),
    )
