"""Hands a claim in (手工报销申请), by the rules of the insured city on that day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace as replace_rule
from datetime import date
from typing import Final

from msgspec.structs import asdict, replace

from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities, City, DayRules
from gongji.claim.life import with_event
from gongji.claim.likeness import likeness_needs, similar_to
from gongji.model.claim import Claim, ClaimForm, numbers_of
from gongji.model.claim_refusals import (
    ClaimNotOffered,
    ClaimPapersMissing,
    ClaimTooLate,
)
from gongji.model.commands import Command, Decision
from gongji.model.facts import Facts, Need
from gongji.model.ids import derived_id
from gongji.model.refusals import MalformedField
from gongji.model.settlement import Bill
from gongji.rules.codes import AccountUse, ClaimState
from gongji.rules.elsewhere import ClaimPaper, ClaimTerms
from gongji.rules.hookspecs import CityRules
from gongji.rules.money import yuan
from gongji.rules.terms import TERMS
from gongji.settlement.invoices import invoice_needs, refuse_used, used_by
from gongji.settlement.settle import Quote, decide_brought

_INVOICES: Final = "invoices"


class SubmitClaim(Command[Claim], frozen=True, kw_only=True):
    """Claim a bill that was paid by oneself."""

    answer_type = Claim

    form: ClaimForm
    cities: Cities
    workdays: Workdays

    def __post_init__(self) -> None:
        _refuse_odd_bill(self.form.bill)
        _refuse_odd_sums(self.form)

    @property
    def content(self) -> Mapping[str, object]:
        """Return the fields of what is handed in."""
        return asdict(self.form)

    @property
    def bill(self) -> Bill:
        """Return the bill, as the claim's own."""
        return replace(self.form.bill, claim_id=derived_id("K", self.request.key))

    def needs(self, facts: Facts) -> Iterable[Need]:
        """Return what a quote of the bill needs, its invoices, and what may be the same."""
        bill = self.bill
        yield from Quote(bill, self.cities).needs(facts)
        yield from invoice_needs(
            bill.institution_code, numbers_of(self.form.invoices), facts
        )
        yield from likeness_needs(bill)

    def decide(self, facts: Facts) -> Decision[Claim]:
        """Decide whether it is taken.

        Every refusal of `decide_brought`: what Settle would refuse is not claimed either. Then
        ClaimNotOffered, ClaimTooLate, ClaimPapersMissing, InvoiceUsed.
        """
        bill = self.bill
        case = decide_brought(bill, facts, self.cities).case
        rules = case.rules_now
        terms = _terms(rules, case.city)
        _refuse_late(bill, terms, facts.today)
        self._refuse_without_papers(terms)
        code = bill.institution_code
        refuse_used(code, numbers_of(self.form.invoices), facts, rules, field=_INVOICES)
        claim = self._claim(bill, terms, rules, case.city, facts)
        new, again = used_by(
            code, numbers_of(self.form.invoices), facts, claim_id=claim.claim_id
        )
        return Decision(claim, again, creates=(claim, *new))

    def _claim(
        self, bill: Bill, terms: ClaimTerms, rules: DayRules, city: City, facts: Facts
    ) -> Claim:
        form = self.form
        deadlines = rules.value(CityRules.deadlines)
        due = self.workdays.due(facts.now, terms.working_days, deadlines)
        claim = Claim(
            claim_id=bill.claim_id,
            bill=bill,
            invoices=form.invoices,
            items=form.items,
            reason=form.reason,
            materials=form.materials,
            state=ClaimState.SUBMITTED,
            submitted_at=facts.now,
            due_at=due.at,
            due_provisional=due.provisional,
            rule=rules.ref(CityRules.out_of_area, *terms.clauses),
            decided_by=city.decided_by,
        )
        claim = replace(claim, similar=similar_to(claim, facts))
        caller = self.request.caller
        return with_event(claim, ClaimState.SUBMITTED, facts.now, caller, "申报")

    def _refuse_without_papers(self, terms: ClaimTerms) -> None:
        handed_in = {material.kind for material in self.form.materials}
        missing = [paper for paper in terms.papers if paper.value not in handed_in]
        if missing:
            names = "、".join(TERMS[ClaimPaper][paper] for paper in missing)
            raise ClaimPapersMissing(
                f"缺少材料：{names}；请一并提交",
                field="materials",
                clauses=terms.clauses,
                missing=",".join(paper.value for paper in missing),
            )


def _terms(rules: DayRules, city: City) -> ClaimTerms:
    """Return the terms of claims, with clauses. ClaimNotOffered."""
    answer = rules.answer(CityRules.out_of_area)
    terms = answer.value.claims
    if terms is None:
        raise ClaimNotOffered(
            f"{city.name}不受理手工结算；请在就医时直接结算", clauses=answer.clauses
        )
    return terms if terms.clauses else replace_rule(terms, clauses=answer.clauses)


def _refuse_late(bill: Bill, terms: ClaimTerms, today: date) -> None:
    last = date(min(bill.service_day.year + terms.years_after, date.max.year), 12, 31)
    if today > last:
        raise ClaimTooLate(
            f"就诊日 {bill.service_day} 的费用须在 {last} 之前申报手工结算",
            field="bill.service_day",
            clauses=terms.clauses,
            last=str(last),
        )


def _refuse_odd_bill(bill: Bill) -> None:
    """Refuse a bill that says what only one that is settled can say. MalformedField."""
    asked = {
        "bill.account_use": bill.account_use is not AccountUse.NONE,
        "bill.givers": bill.givers,
        "bill.use_wallet": bill.use_wallet,
    }
    for field, asks in asked.items():
        if asks:
            raise MalformedField(
                "手工结算的费用已由本人付清，不动用个人账户与医保钱包：account_use 须为 "
                "NONE，givers 须为空，不写 use_wallet",
                field=field,
            )
    if bill.invoice_no:
        raise MalformedField("票据写在 invoices 里", field="bill.invoice_no")
    if bill.msgid:
        raise MalformedField("手工结算不是机构的报文，没有 msgid", field="bill.msgid")


def _refuse_odd_sums(form: ClaimForm) -> None:
    """Refuse invoices or items that do not add up, or an invoice twice. MalformedField."""
    numbers = numbers_of(form.invoices)
    if len(set(numbers)) < len(numbers):
        raise MalformedField("同一票据只写一次", field=_INVOICES)
    sums = [(_INVOICES, "票据", sum(one.total_fen for one in form.invoices))]
    if form.items:
        sums.append(("items", "费用明细", sum(item.fen for item in form.items)))
    for field, name, fen in sums:
        if fen != form.bill.total_fen:
            total = yuan(form.bill.total_fen)
            raise MalformedField(
                f"{name}合计 {yuan(fen)} 元，与医疗费总额 {total} 元不符", field=field
            )
