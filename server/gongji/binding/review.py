"""What happens to an application or a binding later: consent, review, unbinding (解绑)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial

from msgspec.structs import replace

from gongji.binding.asked import AskedRules, rules_between
from gongji.binding.case import Case, Change, Unmet, person_of
from gongji.binding.channels import refuse_closed
from gongji.binding.consenting import refuse_not_given_by
from gongji.binding.eligibility import failing_later, not_eligible
from gongji.binding.evidence import evidence_in_time
from gongji.binding.known import refuse_unknown_checks
from gongji.binding.life import (
    application_of,
    forward,
    in_state,
    moved,
)
from gongji.binding.pair import case_of, needs_of
from gongji.binding.status import with_former
from gongji.binding.ways import Usable, ways
from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities, DayRules
from gongji.model.binding import Binding, Consent
from gongji.model.commands import Command, Decision
from gongji.model.conditions import StepAction
from gongji.model.facts import (
    Facts,
    Need,
    by_key,
)
from gongji.model.people import Person
from gongji.model.refusals import MalformedField
from gongji.model.subject import Subject
from gongji.rules.codes import SHANGHAI, BindingState

REVIEW_REASONS = {
    "MEMBER_NOT_INSURED": "使用人未参保",
    "OTHER_POOLING_AREA": "不在同一医保统筹区",
    "DETAILS_INACCURATE": "绑定的家庭成员信息不准确",
    "MATERIAL_MISSING": "缺少必要材料",
    "RELATION_NOT_PROVED": "材料不能证明亲属关系",
    "OTHER": "其他原因",
}
"""Why a reviewer may refuse (C28, C29); OTHER needs a remark."""


class RecordConsent(Command[Binding], frozen=True, kw_only=True):
    """Record the member's informed consent (知情同意, A13), and move the application on."""

    answer_type = Binding

    binding_id: str
    consent: Consent
    cities: Cities
    workdays: Workdays
    subject: Subject | None = None

    def needs(self, facts: Facts) -> Iterable[Need]:
        """Return the binding, then both people and their bindings."""
        return _binding_and_pair(facts, self.binding_id)

    def decide(self, facts: Facts) -> Decision[Binding]:
        """Decide whether the consent counts.

        BindingNotFound, IllegalTransition unless the application waits for it,
        MalformedField if whoever was identified cannot have given it so or it names an
        identity check that there is not, PersonNotFound,
        CityNotServed, NotInForce, NotEligible if a condition is not met any more.
        """
        state = BindingState.AWAITING_CONSENT
        waiting = in_state(facts, self.binding_id, state, "记录使用人同意")
        refuse_not_given_by(self.subject, self.consent, waiting.member)
        refuse_unknown_checks(self.consent, _rules_of(waiting, self.cities))
        binding = replace(waiting, consent=self.consent, consented_by=self.subject)
        case = _still_eligible(binding, self.cities, facts, _by_consent)
        consented = forward(
            binding,
            case.rules,
            facts.now,
            self.workdays,
            caller=self.request.caller,
            recorded=case.relation_on_record,
        )
        return Decision(consented, with_former(consented, facts, self.cities))


class Review(Command[Binding], frozen=True, kw_only=True):
    """Approve or refuse an application (审核); a refusal names one of REVIEW_REASONS.

    Only what still meets every condition is approved; anything may be refused.
    """

    answer_type = Binding

    wire = (("approve", "verdict"),)

    binding_id: str
    reviewer: str
    approve: bool
    reason_code: str
    remark: str
    cities: Cities

    def needs(self, facts: Facts) -> Iterable[Need]:
        """Return the binding, then both people and their bindings."""
        return _binding_and_pair(facts, self.binding_id)

    def decide(self, facts: Facts) -> Decision[Binding]:
        """Decide as the reviewer did.

        MalformedField without a known reason, BindingNotFound, IllegalTransition unless
        under review; to approve also PersonNotFound, CityNotServed, NotInForce,
        NotEligible.
        """
        why = "审核通过" if self.approve else self._reason()
        state = BindingState.ACTIVE if self.approve else BindingState.REFUSED
        binding = in_state(facts, self.binding_id, BindingState.UNDER_REVIEW, "审核")
        if self.approve:
            _still_eligible(binding, self.cities, facts, _by_facts)
        reviewed = moved(binding, state, facts.now, who=self.reviewer, why=why)
        return Decision(reviewed, with_former(reviewed, facts, self.cities))

    def _reason(self) -> str:
        """Return the reason of a refusal in Chinese. MalformedField."""
        if self.reason_code not in REVIEW_REASONS:
            codes = "、".join(REVIEW_REASONS)
            raise MalformedField(
                f"拒绝须给出原因代码 reason_code，可用：{codes}",
                field="reason_code",
                allowed=",".join(REVIEW_REASONS),
            )
        if self.reason_code == "OTHER" and not self.remark:
            raise MalformedField("原因为 OTHER 时须在 remark 说明", field="remark")
        reason = REVIEW_REASONS[self.reason_code]
        return f"{reason}：{self.remark}" if self.remark else reason


class Unbind(Command[Binding], frozen=True, kw_only=True):
    """End an active binding (解绑, C30), through a counter in its hours only (A42).

    New use stops at once; refunds still go where they came from.
    """

    answer_type = Binding

    binding_id: str
    channel: str
    cities: Cities
    workdays: Workdays
    subject: Subject | None = None

    def needs(self, facts: Facts) -> Iterable[Need]:
        """Return the binding, then both people."""
        return _binding_and_people(facts, self.binding_id)

    def decide(self, facts: Facts) -> Decision[Binding]:
        """Decide to end it.

        BindingNotFound, IllegalTransition unless active, PersonNotFound, CityNotServed,
        NotInForce, UnknownChannel, CounterClosed.
        """
        binding = in_state(facts, self.binding_id, BindingState.ACTIVE, "解绑")
        holder = person_of(facts, binding.holder, "holder")
        city = self.cities.of(holder.place_on(facts.today))
        refuse_closed(city, self.channel, facts.now, self.workdays)
        ended = moved(
            binding,
            BindingState.ENDED,
            facts.now,
            who=self.request.caller,
            why=self._why(binding),
            channel=self.channel,
        )
        return Decision(ended, (ended,))

    def _why(self, binding: Binding) -> str:
        """Return who unbinds in Chinese: the holder, unless the channel says otherwise."""
        person = self.subject.person_no if self.subject else binding.holder
        sides = {binding.holder: "授权人", binding.member: "使用人"}
        return f"{sides.get(person, '监护人')}解绑"


def _by_facts(change: Change) -> bool:
    """Return whether a change leaves the application as it was submitted."""
    return change.step.action in {StepAction.REGISTER, StepAction.UNBIND}


def _by_consent(change: Change) -> bool:
    """Return whether a change is one of facts, or of the consent alone."""
    consent = all(field.path.startswith("consent.") for field in change.step.fields)
    return consent or _by_facts(change)


def _still_eligible(
    binding: Binding, cities: Cities, facts: Facts, usable: Usable
) -> Case:
    """Return the application with the facts of the moment.

    NotEligible with every condition that it no longer meets, and ways of usable changes.
    """
    city = cities.of(binding.decided_by.area_code)
    rules = _rules_of(binding, cities)
    application = replace(application_of(binding), consent=binding.consent)
    case = case_of(
        application,
        lambda *_: AskedRules(rules),
        facts,
        cities,
        itself=binding.binding_id,
    )
    check = partial(_failing_later, now=facts.now)
    if unmet := check(case):
        raise not_eligible(unmet, city, rules, ways(case, (), check, usable))
    return case


def _rules_of(binding: Binding, cities: Cities) -> DayRules:
    """Return the rules applied for, of both cities if two decided. CityNotServed, NotInForce."""
    # Later ones, and those of a city moved to, decide later applications.
    city = cities.of(binding.decided_by.area_code)
    there = binding.member_decided_by
    other = cities.of(there.area_code) if there else city
    day = binding.submitted_at.astimezone(SHANGHAI).date()
    return rules_between(city, other, day)


def _failing_later(case: Case, now: datetime) -> tuple[Unmet, ...]:
    """Return what the case does not meet any more, last what its evidence does not."""
    return (*failing_later(case), *evidence_in_time(case, now))


def _binding_and_pair(facts: Facts, binding_id: str) -> Iterator[Need]:
    """Return the binding, and once it is known the pair with their bindings."""
    need = by_key(Binding, binding_id)
    yield need
    binding = facts.get(Binding, binding_id) if facts.has(need) else None
    if binding is not None:
        yield from needs_of(facts, binding.holder, binding.member)


def _binding_and_people(facts: Facts, binding_id: str) -> Iterator[Need]:
    """Return the binding, and once it is known the people it names."""
    need = by_key(Binding, binding_id)
    yield need
    binding = facts.get(Binding, binding_id) if facts.has(need) else None
    if binding is not None:
        yield by_key(Person, binding.holder)
        yield by_key(Person, binding.member)
