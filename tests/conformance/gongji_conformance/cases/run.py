"""Runs a case against a server step by step, to the first that comes out otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from gongji.v1 import (
    account_pb2,
    binding_pb2,
    city_pb2,
    filing_pb2,
    settlement_pb2,
)
from msgspec.structs import replace

from gongji_conformance.cases import comparison, observed
from gongji_conformance.cases.case import (
    BindingStep,
    BindStep,
    CaseStep,
    CityCase,
    ConsentStep,
    CreditStep,
    FileStep,
    ReverseStep,
    ReviewStep,
    UnbindStep,
)
from gongji_conformance.cases.observed import SENTENCE, Observed
from gongji_conformance.city import requests, words
from gongji_conformance.city.described import BillDescription
from gongji_conformance.city.population import Population
from gongji_conformance.city.requests import Wishes, area_of
from gongji_conformance.city.stubs import CallRefused, Stubs, ask, new_id
from gongji_conformance.city.stubs import person as ref

_TICK: Final = timedelta(seconds=1)


class CaseFailed(AssertionError):  # noqa: N818 - a finding about a city
    """The server answered otherwise than the case says."""


class CaseRun:
    """One run of a case: its people, its clock, its bindings and settlements."""

    def __init__(
        self,
        case: CityCase,
        stubs: Stubs,
        population: Population,
    ) -> None:
        self._case = case
        self._stubs = stubs
        self._population = population
        self._now = words.instant(case.now)
        # Of this run alone, so that a case can be run twice on one server.
        self._people = population.register(case.people)
        self._bindings: dict[str, binding_pb2.Binding] = {}
        self._settlements: list[str] = []
        self._filings: dict[str, str] = {}
        self._actions: Mapping[str, Callable[[Any], Observed]] = {
            "bind": self._bind,
            "look": self._look,
            "consent": self._consent,
            "review": self._review,
            "unbind": self._unbind,
            "settle": self._settle,
            "quote": self._quote,
            "reverse": self._reverse,
            "credit": self._credit,
            "file": self._file,
            "clock": self._set_clock,
            "guide": self._guide,
        }

    def run(self) -> None:
        """Take every step in its order. CaseFailed at the first that differs."""
        for number, step in enumerate(self._case.steps, start=1):
            for variant in step.variants():
                self._take(number, variant)

    def _take(self, number: int, step: CaseStep) -> None:
        """Take one step at its second. CaseFailed if it differs."""
        self._stubs.set_clock(self._now)
        result = self._act(step)
        differences = list(comparison.differences(step.expect, result))
        if differences:
            raise CaseFailed(self._report(number, step, differences, result))
        # A second apart, so that the order of bindings is the order of steps.
        self._now += _TICK

    def _act(self, step: CaseStep) -> Observed:
        """Act, and look up the balances the step expects."""
        result = self._acted(step)
        if isinstance(step.expect.balance, dict):
            names = step.expect.balance
            result["balance"] = {name: self._balance(name) for name in names}
        return result

    def _acted(self, step: CaseStep) -> Observed:
        # Of several variations none may leave a binding behind.
        if step.bind and step.each:
            return self._try(step.bind)
        return self._actions[step.kind](step.action)

    def _report(
        self,
        number: int,
        step: CaseStep,
        differences: list[str],
        result: Observed,
    ) -> str:
        """Write what a reader needs: sentence, clauses, step, expected, observed."""
        lines = [
            f"{self._case.id} {self._case.says}",
            f"  依据：{'、'.join(self._case.clauses)}",
            f"  第 {number} 步 {step.kind}：{comparison.in_line(step.action)}",
            *(f"    {difference}" for difference in differences),
        ]
        if result.get(SENTENCE):
            lines.append(f"    服务的说明：{result[SENTENCE]}")
        return "\n".join(lines)

    # --- bindings -------------------------------------------------------------------

    def _bind(self, bind: BindStep) -> Observed:
        """Apply for a binding, and remember it under its member."""
        request = self._application(bind)
        answer = ask(self._stubs.bindings.SubmitBinding, request)
        if not isinstance(answer, CallRefused):
            # Taken out first: the last one made is the last in the dictionary.
            self._bindings.pop(bind.member, None)
            self._bindings[bind.member] = answer.binding
        return _bound(answer)

    def _try(self, bind: BindStep) -> Observed:
        """Ask whether an application would be taken, without leaving a binding."""
        request = self._application(bind)
        request.validate_only = True
        answer = ask(self._stubs.bindings.SubmitBinding, request)
        return _bound(answer)

    def _application(self, bind: BindStep) -> binding_pb2.SubmitBindingRequest:
        """Return an application as the step describes it."""
        holder = self._people[bind.holder]
        today = self._now.date()
        requirements = self._population.requirements(holder.insured_place, today)
        wishes = Wishes(
            holder=holder,
            member=self._people[bind.member],
            relation=bind.relation,
            channel=bind.channel,
            now=self._now,
            materials=bind.materials,
            consent=bind.consent,
            member_checks=bind.member_checks,
            checks=bind.checks,
            purposes=bind.purposes,
            agreement=bind.agreement,
            details=bind.details,
        )
        return requests.application(requirements, wishes)

    def _look(self, step: BindingStep) -> Observed:
        """Look at a binding."""
        number = self._binding(step).binding_id
        request = binding_pb2.GetBindingRequest(binding_id=number)
        answer = ask(self._stubs.bindings.GetBinding, request)
        return _bound(answer)

    def _consent(self, step: ConsentStep) -> Observed:
        """Record the member's consent."""
        request = binding_pb2.RecordConsentRequest(
            request_id=new_id(),
            binding_id=self._binding(step).binding_id,
            consent=requests.consent(self._now, step.by),
        )
        answer = ask(self._stubs.bindings.RecordConsent, request)
        return _bound(answer)

    def _review(self, step: ReviewStep) -> Observed:
        """Approve or refuse a binding."""
        verdict = (
            binding_pb2.REVIEW_VERDICT_APPROVE
            if step.approve
            else binding_pb2.REVIEW_VERDICT_REFUSE
        )
        number = self._binding(step).binding_id
        request = requests.review(number, verdict, step.refuse)
        answer = ask(self._stubs.bindings.ReviewBinding, request)
        return _bound(answer)

    def _unbind(self, step: UnbindStep) -> Observed:
        """End a binding."""
        binding = self._binding(step)
        request = binding_pb2.UnbindRequest(
            request_id=new_id(),
            binding_id=binding.binding_id,
            channel=step.channel or binding.channel,
        )
        answer = ask(self._stubs.bindings.Unbind, request)
        return _bound(answer)

    def _binding(self, step: BindingStep) -> binding_pb2.Binding:
        """Return the binding of that member, or the last one made.

        CaseFailed if there is none yet.
        """
        if step.of in self._bindings:
            return self._bindings[step.of]
        if step.of or not self._bindings:
            raise CaseFailed(
                f"{self._case.id}：此前没有绑定成功的 {step.of or '成员'}，案例无法继续"
            )
        return list(self._bindings.values())[-1]

    # --- money ----------------------------------------------------------------------

    def _settle(self, bill: BillDescription) -> Observed:
        """Settle a bill, and remember its number."""
        request = settlement_pb2.SettleRequest(
            request_id=new_id(),
            bill=self._bill(bill),
        )
        answer = ask(self._stubs.settlements.Settle, request)
        if isinstance(answer, CallRefused):
            return observed.of_refusal(answer)
        self._settlements.append(answer.settlement.settlement_id)
        return observed.of_settlement(answer.settlement)

    def _quote(self, bill: BillDescription) -> Observed:
        """Quote a bill."""
        request = settlement_pb2.QuoteRequest(bill=self._bill(bill))
        answer = ask(self._stubs.settlements.Quote, request)
        if isinstance(answer, CallRefused):
            return observed.of_refusal(answer)
        return observed.of_settlement(answer.settlement)

    def _bill(self, bill: BillDescription) -> settlement_pb2.Bill:
        """Return a bill as the step describes it."""
        patient = self._people[bill.patient]
        givers = [self._people[name] for name in bill.givers]
        institution = self._population.institution(bill.at)
        filed = replace(bill, filing=self._filings.get(bill.filing, bill.filing))
        return requests.bill(filed, patient, institution, self._now.date(), givers)

    def _file(self, step: FileStep) -> Observed:
        """File care elsewhere, and remember its number under its person."""
        areas = step.areas or (area_of(self._population.institution("外地三级")),)
        request = filing_pb2.FileRequest(
            request_id=new_id(),
            person=ref(self._people[step.person].person_no),
            kind=words.FILED_AS[step.kind],
            areas=areas,
            since=str(step.since or self._now.date()),
            until=str(step.until or ""),
        )
        answer = ask(self._stubs.filings.File, request)
        if isinstance(answer, CallRefused):
            return observed.of_refusal(answer)
        self._filings[step.person] = answer.filing.filing_no
        return observed.of_filing(answer.filing)

    def _reverse(self, step: ReverseStep) -> Observed:
        """Take a settlement back. CaseFailed if there is none yet."""
        if not self._settlements:
            raise CaseFailed(f"{self._case.id}：此前没有结算成功，无可撤销")
        # Counted from 1; 0, the default, is the last.
        number = self._settlements[step.nth - 1]
        request = settlement_pb2.ReverseRequest(
            request_id=new_id(),
            settlement_id=number,
        )
        answer = ask(self._stubs.settlements.Reverse, request)
        if isinstance(answer, CallRefused):
            return observed.of_refusal(answer)
        return {"clauses": frozenset()}

    def _credit(self, step: CreditStep) -> Observed:
        """Credit a month."""
        person = ref(self._people[step.person].person_no)
        request = account_pb2.CreditRequest(
            request_id=new_id(),
            person=person,
            month=step.month,
        )
        answer = ask(self._stubs.accounts.Credit, request)
        if isinstance(answer, CallRefused):
            return observed.of_refusal(answer)
        return observed.of_credit(answer)

    def _balance(self, name: str) -> str:
        """Return a purse's balance in yuan, or why there is none."""
        person = ref(self._people[name].person_no)
        request = account_pb2.GetAccountRequest(person=person)
        answer = ask(self._stubs.accounts.GetAccount, request)
        if isinstance(answer, CallRefused):
            return answer.message
        return words.yuan(answer.balance_fen)

    # --- clock and guide ------------------------------------------------------------

    def _set_clock(self, text: str) -> Observed:
        # The tick after this step makes it the written instant.
        self._now = words.instant(text) - _TICK
        return {}

    def _guide(self, _: Any) -> Observed:
        """Read the guide of the day."""
        day = str(self._now.date())
        area_code = self._population.area_code
        request = city_pb2.GetGuideRequest(
            area_code=area_code,
            day=day,
        )
        answer = ask(self._stubs.cities.GetGuide, request)
        if isinstance(answer, CallRefused):
            return observed.of_refusal(answer)
        return {"says": answer.text}


def _bound(answer: Any) -> Observed:
    """Return a binding or its refusal in the words of a case."""
    if isinstance(answer, CallRefused):
        return observed.of_refusal(answer)
    return observed.of_binding(answer.binding)
