"""Consent, review and unbinding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from gongji.binding.eligibility import Case, guardian_consented
from gongji.binding.life import STATE_WORDS, _moved, application_of, as_of
from gongji.binding.submit import _declared, _forward, _not_eligible, _person
from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities
from gongji.model.binding import Binding, Consent
from gongji.model.commands import Command, Decision
from gongji.model.facts import Facts, Need, by_key
from gongji.model.people import Person
from gongji.model.refusals import (
    BindingNotFound,
    IllegalTransition,
    MalformedField,
)
from gongji.rules.codes import SHANGHAI, BindingState

REVIEW_REASONS = {
    "MEMBER_NOT_INSURED": "使用人未参保",
    "OTHER_POOLING_AREA": "不在同一医保统筹区",
    "DETAILS_INACCURATE": "绑定的家庭成员信息不准确",
    "MATERIAL_MISSING": "缺少必要材料",
    "RELATION_NOT_PROVED": "材料不能证明亲属关系",
    "OTHER": "其他原因",
}
"""Why a reviewer may refuse (C28, C29); OTHER wants a remark."""


class RecordConsent(Command[Binding], frozen=True, kw_only=True):
    """Records the member's informed consent (A13) and moves the application on to its review."""

    answer_type = Binding

    binding_id: str
    consent: Consent
    cities: Cities
    workdays: Workdays

    def needs(self, facts: Facts) -> Iterable[Need]:
        """The binding, then both people."""
        return _binding_and_people(facts, self.binding_id)

    def decide(self, facts: Facts) -> Decision[Binding]:
        """BindingNotFound, IllegalTransition unless the application waits for it."""
        binding = _in_state(
            facts, self.binding_id, BindingState.AWAITING_CONSENT, "记录使用人同意"
        )
        holder, member = (
            _person(facts, binding.holder, "holder"),
            _person(facts, binding.member, "member"),
        )
        rules = self.cities.of(holder.insured_place).rules(
            binding.submitted_at.astimezone(SHANGHAI).date()
        )
        case = Case(
            application=replace(application_of(binding), consent=self.consent),
            holder=holder,
            member=member,
            rules=rules,
            today=facts.now.astimezone(SHANGHAI).date(),
            of_holder=(),
            of_member=(),
        )
        if unmet := [u.condition for u in guardian_consented(case)]:
            city = self.cities.of(holder.insured_place)
            raise _not_eligible(case, tuple(unmet), city, ())
        consented = replace(binding, consent=self.consent)
        moved = _forward(
            consented,
            rules,
            facts.now,
            self.workdays,
            by=self.request.caller,
            recorded=case.relation_on_record,
        )
        return Decision(moved, (moved,))


class Review(Command[Binding], frozen=True, kw_only=True):
    """A reviewer approves or refuses an application; a refusal names one of REVIEW_REASONS."""

    answer_type = Binding

    binding_id: str
    reviewer: str
    approve: bool
    reason_code: str
    remark: str

    def needs(self, facts: Facts) -> Iterable[Need]:
        """The binding."""
        yield by_key(Binding, self.binding_id)

    def decide(self, facts: Facts) -> Decision[Binding]:
        """MalformedField without a known reason, BindingNotFound, IllegalTransition
        unless under review."""
        if not self.approve and self.reason_code not in REVIEW_REASONS:
            known = "、".join(REVIEW_REASONS)
            raise MalformedField(
                f"拒绝须给出原因代码 reason_code, 可用: {known}", field="reason_code"
            )
        if not self.approve and self.reason_code == "OTHER" and not self.remark:
            raise MalformedField("原因为 OTHER 时须在 remark 说明", field="remark")
        binding = _in_state(facts, self.binding_id, BindingState.UNDER_REVIEW, "审核")
        if self.approve:
            moved = _moved(
                binding,
                BindingState.ACTIVE,
                facts.now,
                who=self.reviewer,
                why="审核通过",
            )
        else:
            why = REVIEW_REASONS[self.reason_code] + (
                f": {self.remark}" if self.remark else ""
            )
            moved = _moved(
                binding, BindingState.REFUSED, facts.now, who=self.reviewer, why=why
            )
        return Decision(moved, (moved,))


class Unbind(Command[Binding], frozen=True, kw_only=True):
    """Ends an active binding (解绑, C30): new use is blocked at once, refunds still go
    where they came from."""

    answer_type = Binding

    binding_id: str
    channel: str
    cities: Cities

    def needs(self, facts: Facts) -> Iterable[Need]:
        """The binding, then both people."""
        return _binding_and_people(facts, self.binding_id)

    def decide(self, facts: Facts) -> Decision[Binding]:
        """BindingNotFound, IllegalTransition unless active, UnknownChannel."""
        binding = _in_state(facts, self.binding_id, BindingState.ACTIVE, "解绑")
        holder = _person(facts, binding.holder, "holder")
        rules = self.cities.of(holder.insured_place).rules(
            facts.now.astimezone(SHANGHAI).date()
        )
        _declared(rules, self.channel)
        moved = _moved(
            binding,
            BindingState.ENDED,
            facts.now,
            who=self.request.caller,
            channel=self.channel,
            why="授权人解绑",
        )
        return Decision(moved, (moved,))


def _binding_and_people(facts: Facts, binding_id: str) -> Iterator[Need]:
    yield (found := by_key(Binding, binding_id))
    if facts.has(found) and (binding := facts.get(Binding, binding_id)) is not None:
        yield by_key(Person, binding.holder)
        yield by_key(Person, binding.member)


def _in_state(
    facts: Facts, binding_id: str, state: BindingState, doing: str
) -> Binding:
    """The binding as of now, in the state the command starts from."""
    stored = facts.get(Binding, binding_id)
    if stored is None:
        raise BindingNotFound(f"没有编号为 {binding_id} 的绑定", field="binding_id")
    binding = as_of(stored, facts.now)
    if binding.state is not state:
        raise IllegalTransition(
            f"绑定处于“{STATE_WORDS[binding.state]}”, 不能{doing}; 须处于“{STATE_WORDS[state]}”",
            field="binding_id",
            state=binding.state.name,
        )
    return binding
