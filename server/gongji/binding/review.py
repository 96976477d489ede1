"""What happens to an application or a binding later: consent, review, unbinding (解绑)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from gongji.binding.case import Case, person_of
from gongji.binding.channels import declared_channel
from gongji.binding.consenting import guardian_consented
from gongji.binding.eligibility import not_eligible
from gongji.binding.life import (
    application_of,
    forward,
    in_state,
    moved,
)
from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities
from gongji.model.binding import Binding, Consent
from gongji.model.commands import Command, Decision
from gongji.model.facts import (
    Facts,
    Need,
    by_key,
)
from gongji.model.people import Person
from gongji.model.refusals import MalformedField
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

    def needs(self, facts: Facts) -> Iterable[Need]:
        """Return the binding, then both people."""
        return _binding_and_people(facts, self.binding_id)

    def decide(self, facts: Facts) -> Decision[Binding]:
        """Decide whether the consent counts.

        BindingNotFound, IllegalTransition unless the application waits for it,
        PersonNotFound, CityNotServed, NotInForce, NotEligible for a minor.
        """
        state = BindingState.AWAITING_CONSENT
        binding = in_state(facts, self.binding_id, state, "记录使用人同意")
        holder = person_of(facts, binding.holder, "holder")
        member = person_of(facts, binding.member, "member")
        city = self.cities.of(holder.place_on(facts.today))
        # The rules applied for: later ones decide later applications.
        rules = city.rules(binding.submitted_at.astimezone(SHANGHAI).date())
        case = Case(
            application=replace(application_of(binding), consent=self.consent),
            holder=holder,
            member=member,
            rules=rules,
            # Of age or not is asked on the day of consent.
            today=facts.today,
            of_holder=(),
            of_member=(),
        )
        unmet = tuple(guardian_consented(case))
        if unmet:
            raise not_eligible(unmet, city)
        consented = forward(
            replace(binding, consent=self.consent),
            rules,
            facts.now,
            self.workdays,
            caller=self.request.caller,
            recorded=case.relation_on_record,
        )
        return Decision(consented, (consented,))


class Review(Command[Binding], frozen=True, kw_only=True):
    """Approve or refuse an application (审核); a refusal names one of REVIEW_REASONS."""

    answer_type = Binding

    binding_id: str
    reviewer: str
    approve: bool
    reason_code: str
    remark: str

    def needs(self, _: Facts) -> Iterable[Need]:
        """Return the binding."""
        yield by_key(Binding, self.binding_id)

    def decide(self, facts: Facts) -> Decision[Binding]:
        """Decide as the reviewer did.

        MalformedField without a known reason, BindingNotFound, IllegalTransition unless
        under review.
        """
        why = "审核通过" if self.approve else self._reason()
        state = BindingState.ACTIVE if self.approve else BindingState.REFUSED
        binding = in_state(facts, self.binding_id, BindingState.UNDER_REVIEW, "审核")
        reviewed = moved(binding, state, facts.now, who=self.reviewer, why=why)
        return Decision(reviewed, (reviewed,))

    def _reason(self) -> str:
        """Return the reason of a refusal in Chinese. MalformedField."""
        if self.reason_code not in REVIEW_REASONS:
            codes = "、".join(REVIEW_REASONS)
            raise MalformedField(
                f"拒绝须给出原因代码 reason_code, 可用: {codes}", field="reason_code"
            )
        if self.reason_code == "OTHER" and not self.remark:
            raise MalformedField("原因为 OTHER 时须在 remark 说明", field="remark")
        reason = REVIEW_REASONS[self.reason_code]
        return f"{reason}: {self.remark}" if self.remark else reason


class Unbind(Command[Binding], frozen=True, kw_only=True):
    """End an active binding (解绑, C30).

    New use stops at once; refunds still go where they came from.
    """

    answer_type = Binding

    binding_id: str
    channel: str
    cities: Cities

    def needs(self, facts: Facts) -> Iterable[Need]:
        """Return the binding, then both people."""
        return _binding_and_people(facts, self.binding_id)

    def decide(self, facts: Facts) -> Decision[Binding]:
        """Decide to end it.

        BindingNotFound, IllegalTransition unless active, PersonNotFound, CityNotServed,
        NotInForce, UnknownChannel.
        """
        binding = in_state(facts, self.binding_id, BindingState.ACTIVE, "解绑")
        holder = person_of(facts, binding.holder, "holder")
        rules = self.cities.of(holder.place_on(facts.today)).rules(facts.today)
        # Declared is enough: no document keeps 解绑 to opening hours (C30).
        declared_channel(rules, self.channel)
        ended = moved(
            binding,
            BindingState.ENDED,
            facts.now,
            who=self.request.caller,
            why="授权人解绑",
            channel=self.channel,
        )
        return Decision(ended, (ended,))


def _binding_and_people(facts: Facts, binding_id: str) -> Iterator[Need]:
    """Return the binding, and once it is known the people it names."""
    need = by_key(Binding, binding_id)
    yield need
    binding = facts.get(Binding, binding_id) if facts.has(need) else None
    if binding is not None:
        yield by_key(Person, binding.holder)
        yield by_key(Person, binding.member)
