"""Tells a case to a server step by step and says, in the case's own words, where the answer is another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from gongji.v1 import account_pb2, binding_pb2, city_pb2, settlement_pb2
from msgspec import UnsetType, to_builtins

from gongji_conformance.cases.case import (
    Bill,
    Bind,
    Case,
    Consent,
    Credit,
    Expect,
    OfBinding,
    Reverse,
    Review,
    Step,
    Unbind,
)
from gongji_conformance.city import requests, words
from gongji_conformance.city.wire import Refused, Wire, ask, new_id
from gongji_conformance.city.wire import person as ref
from gongji_conformance.city.world import Someone, World

Seen = dict[str, Any]
"""What came of a step, in the words of a case."""

_TICK: Final = timedelta(seconds=1)
_SPOKEN: Final = "说明"


class CaseFailed(AssertionError):  # noqa: N818 - a finding about a city
    """The server answered otherwise than the case says."""


class Story:
    """One case on its way: its people, its clock, the bindings and settlements it has made so far."""

    def __init__(self, case: Case, wire: Wire, world: World) -> None:
        self._case = case
        self._wire = wire
        self._world = world
        self._now = words.instant(case.now)
        self._people = world.people(case.people)
        self._bindings: dict[str, binding_pb2.Binding] = {}
        self._settlements: list[str] = []

    def tell(self) -> None:
        """Every step in its order, a second apart. CaseFailed at the first that comes out otherwise."""
        for number, step in enumerate(self._case.steps, start=1):
            for way in step.spelt_out():
                self._tell(number, way)

    def _tell(self, number: int, step: Step) -> None:
        self._wire.set_clock(self._now)
        seen = self._seen(step)
        if differing := list(_differing(step.expect, seen)):
            raise CaseFailed(self._report(number, step, differing, seen))
        self._now += _TICK

    def _seen(self, step: Step) -> Seen:
        doing: Mapping[str, Callable[[Any], Seen]] = {
            "bind": self._bind,
            "look": self._look,
            "consent": self._consent,
            "review": self._review,
            "unbind": self._unbind,
            "settle": self._settle,
            "quote": self._quote,
            "reverse": self._reverse,
            "credit": self._credit,
            "clock": self._set_clock,
            "guide": self._guide,
        }
        seen = self._bind(step.bind, only_try=True) if step.bind and step.each else doing[step.kind](step.action)
        if isinstance(step.expect.balance, dict):
            seen["balance"] = {name: self._balance(name) for name in step.expect.balance}
        return seen

    # --- bindings -------------------------------------------------------------------------------------------------

    def _bind(self, bind: Bind, *, only_try: bool = False) -> Seen:
        holder, member = self._people[bind.holder], self._people[bind.member]
        request = requests.application(
            self._world.asked(holder.insured_place, self._now.date()),
            holder,
            member,
            bind.relation,
            bind.channel,
            now=self._now,
            materials=bind.materials,
            consent=bind.consent,
            checks=bind.checks if isinstance(bind.checks, tuple) else None,
            purposes=bind.purposes,
            agreement=bind.agreement,
            details=bind.details,
        )
        request.validate_only = only_try
        answer = ask(self._wire.bindings.SubmitBinding, request)
        return self._bound(answer, "" if only_try else bind.member)

    def _look(self, which: OfBinding) -> Seen:
        number = self._binding(which).binding_id
        return self._bound(ask(self._wire.bindings.GetBinding, binding_pb2.GetBindingRequest(binding_id=number)))

    def _consent(self, consent: Consent) -> Seen:
        request = binding_pb2.RecordConsentRequest(
            request_id=new_id(),
            binding_id=self._binding(consent).binding_id,
            consent=requests.consented(self._now, consent.by),
        )
        return self._bound(ask(self._wire.bindings.RecordConsent, request))

    def _review(self, review: Review) -> Seen:
        verdict = binding_pb2.REVIEW_VERDICT_APPROVE if review.approve else binding_pb2.REVIEW_VERDICT_REFUSE
        request = binding_pb2.ReviewBindingRequest(
            request_id=new_id(),
            binding_id=self._binding(review).binding_id,
            reviewer="conformance",
            verdict=verdict,
            reason_code=review.refuse,
        )
        return self._bound(ask(self._wire.bindings.ReviewBinding, request))

    def _unbind(self, unbind: Unbind) -> Seen:
        binding = self._binding(unbind)
        request = binding_pb2.UnbindRequest(
            request_id=new_id(), binding_id=binding.binding_id, channel=unbind.channel or binding.channel
        )
        return self._bound(ask(self._wire.bindings.Unbind, request))

    def _binding(self, which: OfBinding) -> binding_pb2.Binding:
        """The binding of that member, or the last one made. CaseFailed where there is none yet."""
        found = list(self._bindings.values()) if not which.of else [*filter(None, [self._bindings.get(which.of)])]
        if not found:
            raise CaseFailed(f"{self._case.id}: 此前没有绑定成功的 {which.of or '成员'}, 案例无法继续")
        return found[-1]

    def _bound(self, answer: Any, member: str = "") -> Seen:
        if isinstance(answer, Refused):
            return _refused(answer)
        binding = answer.binding
        if member:
            self._bindings.pop(member, None)
            self._bindings[member] = binding
        seen = {"state": words.STATES[binding.state], "clauses": _cited(binding.rules), _SPOKEN: binding.reason}
        if binding.HasField("review_due_at"):
            seen["due"] = words.written(binding.review_due_at.ToDatetime(tzinfo=words.SHANGHAI))
        return seen

    # --- money ----------------------------------------------------------------------------------------------------

    def _settle(self, bill: Bill) -> Seen:
        request = settlement_pb2.SettleRequest(request_id=new_id(), bill=self._bill(bill))
        answer = ask(self._wire.settlements.Settle, request)
        if isinstance(answer, Refused):
            return _refused(answer)
        self._settlements.append(answer.settlement.settlement_id)
        return _settled(answer.settlement)

    def _quote(self, bill: Bill) -> Seen:
        answer = ask(self._wire.settlements.Quote, settlement_pb2.QuoteRequest(bill=self._bill(bill)))
        return _refused(answer) if isinstance(answer, Refused) else _settled(answer.settlement)

    def _bill(self, bill: Bill) -> settlement_pb2.Bill:
        givers = [self._people[name] for name in bill.givers]
        institution = self._world.institution(bill.at)
        return requests.bill(bill, self._people[bill.patient], institution, self._now.date(), givers)

    def _reverse(self, reverse: Reverse) -> Seen:
        if not self._settlements:
            raise CaseFailed(f"{self._case.id}: 此前没有结算成功, 无可撤销")
        request = settlement_pb2.ReverseRequest(
            request_id=new_id(), settlement_id=self._settlements[reverse.nth - 1 if reverse.nth else -1]
        )
        answer = ask(self._wire.settlements.Reverse, request)
        return _refused(answer) if isinstance(answer, Refused) else {"clauses": frozenset()}

    def _credit(self, credit: Credit) -> Seen:
        person = self._people[credit.person]
        request = account_pb2.CreditRequest(request_id=new_id(), person=ref(person.person_no), month=credit.month)
        answer = ask(self._wire.accounts.Credit, request)
        if isinstance(answer, Refused):
            return _refused(answer)
        return {"credited": words.yuan(answer.fen), "clauses": _cited([answer.rule])}

    def _balance(self, name: str) -> str:
        person: Someone = self._people[name]
        answer = ask(self._wire.accounts.GetAccount, account_pb2.GetAccountRequest(person=ref(person.person_no)))
        return answer.message if isinstance(answer, Refused) else words.yuan(answer.balance_fen)

    # --- the rest -------------------------------------------------------------------------------------------------

    def _set_clock(self, text: str) -> Seen:
        self._now = words.instant(text) - _TICK
        return {}

    def _guide(self, _: Any) -> Seen:
        request = city_pb2.GetGuideRequest(area_code=self._world.area_code, day=str(self._now.date()))
        answer = ask(self._wire.cities.GetGuide, request)
        return _refused(answer) if isinstance(answer, Refused) else {"says": answer.text}

    def _report(self, number: int, step: Step, differing: list[str], seen: Seen) -> str:
        """What a reader needs: the sentence, the clauses, the step, expected and got."""
        told = [f"{self._case.id} {self._case.says}", f"  依据: {'、'.join(self._case.clauses)}"]
        told.append(f"  第 {number} 步 {step.kind}: {_in_line(step.action)}")
        told += [f"    {line}" for line in differing]
        if seen.get(_SPOKEN):
            told.append(f"    服务的说明: {seen[_SPOKEN]}")
        return "\n".join(told)


def _refused(refused: Refused) -> Seen:
    """A refusal in the words of a case."""
    seen: Seen = {
        "refused": refused.reason or refused.code,
        "clauses": refused.clauses | {number for c in refused.conditions for number in c.clauses},
        "conditions": frozenset(c.hook for c in refused.conditions),
        _SPOKEN: refused.message,
    }
    if opening := refused.metadata.get("next_opening"):
        seen["opens"] = words.written(datetime.fromisoformat(opening))
    return seen


def _settled(settlement: settlement_pb2.Settlement) -> Seen:
    """A settlement in the words of a case."""
    return {
        "deductible": words.yuan(settlement.deductible_fen),
        "ratio": words.percent(settlement.ratio_bp),
        "fund": words.yuan(settlement.fund_fen),
        "own": words.yuan(settlement.account_fen - settlement.aid_fen),
        "aid": words.yuan(settlement.aid_fen),
        "cash": words.yuan(settlement.cash_fen),
        "clauses": _cited(line.rule for line in settlement.lines),
        _SPOKEN: "; ".join(line.in_words for line in settlement.lines),
    }


def _cited(rules: Any) -> frozenset[str]:
    return frozenset(clause.id for rule in rules for clause in rule.clauses)


def _differing(expect: Expect, seen: Seen) -> Iterator[str]:
    """Expected and got, one line for each key that came out otherwise."""
    if "refused" in seen and isinstance(expect.refused, UnsetType):
        yield f"应当办成, 实际被拒绝: {seen['refused']}"
        return
    for key in expect.keys():  # noqa: SIM118 - no dictionary
        wanted, got = _plain(getattr(expect, key)), seen.get(key)
        if not _agrees(key, wanted, got):
            yield f"{key} 应为 {_said(wanted)}, 实为 {_said(got)}"


def _agrees(key: str, wanted: Any, got: Any) -> bool:
    if key == "clauses":
        return set(wanted) <= set(got or ())
    if key == "conditions":
        return set(wanted) == set(got or ())
    if key == "says":
        return all(saying in (got or "") for saying in wanted)
    return bool(wanted == got)


def _plain(wanted: Any) -> Any:
    """An expected value as it is seen: amounts with two decimals."""
    if isinstance(wanted, Decimal):
        return words.yuan(words.fen(wanted))
    if isinstance(wanted, dict):
        return {name: _plain(part) for name, part in wanted.items()}
    return wanted


def _said(value: Any) -> str:
    if value is None:
        return "(没有)"
    if isinstance(value, dict):
        return "、".join(f"{name} {part}" for name, part in value.items())
    if isinstance(value, (tuple, frozenset)):
        return "、".join(sorted(value)) or "(没有)"
    return str(value) if len(str(value)) < 200 else f"{str(value)[:200]}…"


def _in_line(action: Any) -> str:
    """A step's keys as they are written."""
    if isinstance(action, str):
        return action
    return ", ".join(f"{key} = {part}" for key, part in to_builtins(action, str_keys=True).items()) or "{}"
