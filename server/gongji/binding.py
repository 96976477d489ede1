"""The life of a binding: submitted → awaiting consent → under review → active → ended, or refused, or expired.

Pure commands over facts. A place in the family is taken from submission until the binding is closed; an application
nobody answered expires by the calendar, without anybody writing it down: `as_of` shows it at any instant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from gongji.cities import Cities, City, Rules
from gongji.clauses import Clause
from gongji.codes import OPEN_STATES, SHANGHAI, BindingState
from gongji.eligibility import Case, guardian_consented, unmet
from gongji.errors import (
    BindingNotFound,
    Condition,
    CounterClosed,
    IllegalTransition,
    MalformedField,
    NotEligible,
    PersonNotFound,
    UnknownChannel,
)
from gongji.facts import Decision, Facts, Need, Request, by_key, derived_id
from gongji.hookspecs import CityRules
from gongji.model import Application, Binding, BindingEvent, Consent, Person, RuleRef
from gongji.remedies import ways
from gongji.rules import AlwaysOpen, AtOnce, ReviewLatency
from gongji.words import in_words
from gongji.workdays import Workdays

REVIEW_REASONS = {
    "MEMBER_NOT_INSURED": "使用人未参保",
    "OTHER_POOLING_AREA": "不在同一医保统筹区",
    "DETAILS_INACCURATE": "绑定的家庭成员信息不准确",
    "MATERIAL_MISSING": "缺少必要材料",
    "RELATION_NOT_PROVED": "材料不能证明亲属关系",
    "OTHER": "其他原因",
}
"""Why a reviewer may refuse (C28, C29); OTHER wants a remark."""

STATE_WORDS = {
    BindingState.AWAITING_CONSENT: "待使用人同意",
    BindingState.UNDER_REVIEW: "审核中",
    BindingState.ACTIVE: "已生效",
    BindingState.REFUSED: "审核未通过",
    BindingState.EXPIRED: "申请已失效",
    BindingState.ENDED: "已终止",
}

_DECIDING_RULES: tuple[Callable[[CityRules], object], ...] = (
    CityRules.holder_terms,
    CityRules.member_terms,
    CityRules.relations,
    CityRules.scope,
    CityRules.family_limit,
    CityRules.materials,
    CityRules.consent,
    CityRules.review_latency,
)


def as_of(binding: Binding, now: datetime) -> Binding:
    """The binding as it stands at an instant: an application nobody answered in time has expired."""
    waiting = {BindingState.AWAITING_CONSENT, BindingState.UNDER_REVIEW}
    if binding.state not in waiting or binding.expires_at is None or now < binding.expires_at:
        return binding
    return _moved(binding, BindingState.EXPIRED, binding.expires_at, who="calendar", why="逾期未办结, 申请失效")


def closed(binding: Binding, now: datetime, *, who: str, why: str) -> Binding:
    """An open binding that lost its ground: one in force has ended, an application has expired."""
    active = binding.state is BindingState.ACTIVE
    return _moved(binding, BindingState.ENDED if active else BindingState.EXPIRED, now, who=who, why=why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """Applies for a binding. Refuses malformed or untimely applications, else all unmet conditions at once."""

    request: Request
    application: Application
    cities: Cities
    workdays: Workdays
    answers = Binding

    def needs(self, facts: Facts) -> Iterable[Need]:
        """Both people and their bindings."""
        yield by_key(Person, self.application.holder)
        yield by_key(Person, self.application.member)
        yield Need(Binding, "holder", self.application.holder)
        yield Need(Binding, "member", self.application.member)

    def decide(self, facts: Facts) -> Decision[Binding]:
        """PersonNotFound, CityNotServed, NotInForce, UnknownChannel, CounterClosed, NotEligible."""
        application, now = self.application, facts.now
        holder, member = _person(facts, application.holder, "holder"), _person(facts, application.member, "member")
        city = self.cities.of(holder.insured_place)
        rules = city.rules(now.astimezone(SHANGHAI).date())
        _open_channel(rules, application.channel, now, self.workdays)
        case = Case(
            application=application,
            holder=holder,
            member=member,
            rules=rules,
            today=now.astimezone(SHANGHAI).date(),
            of_holder=tuple(_taking_a_place(facts, "holder", application.holder)),
            of_member=tuple(_taking_a_place(facts, "member", application.member)),
        )
        if conditions := unmet(case):
            raise _not_eligible(case, conditions, city, _channels_open(rules, now, self.workdays))
        binding = _applied(self.request, case, city, now)
        binding = _forward(binding, rules, now, self.workdays, by=self.request.caller, recorded=case.relation_on_record)
        return Decision(binding, (binding,))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordConsent:
    """Records the member's informed consent (A13) and moves the application on to its review."""

    request: Request
    binding_id: str
    consent: Consent
    cities: Cities
    workdays: Workdays
    answers = Binding

    def needs(self, facts: Facts) -> Iterable[Need]:
        """The binding, then both people."""
        return _binding_and_people(facts, self.binding_id)

    def decide(self, facts: Facts) -> Decision[Binding]:
        """BindingNotFound, IllegalTransition unless the application waits for it."""
        binding = _in_state(facts, self.binding_id, BindingState.AWAITING_CONSENT, "记录使用人同意")
        holder, member = _person(facts, binding.holder, "holder"), _person(facts, binding.member, "member")
        rules = self.cities.of(holder.insured_place).rules(binding.submitted_at.astimezone(SHANGHAI).date())
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
            consented, rules, facts.now, self.workdays, by=self.request.caller, recorded=case.relation_on_record
        )
        return Decision(moved, (moved,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A reviewer approves or refuses an application; a refusal names one of REVIEW_REASONS."""

    request: Request
    binding_id: str
    reviewer: str
    approve: bool
    reason_code: str
    remark: str
    answers = Binding

    def needs(self, facts: Facts) -> Iterable[Need]:
        """The binding."""
        yield by_key(Binding, self.binding_id)

    def decide(self, facts: Facts) -> Decision[Binding]:
        """MalformedField without a known reason, BindingNotFound, IllegalTransition unless under review."""
        if not self.approve and self.reason_code not in REVIEW_REASONS:
            known = "、".join(REVIEW_REASONS)
            raise MalformedField(f"拒绝须给出原因代码 reason_code, 可用: {known}", field="reason_code")
        if not self.approve and self.reason_code == "OTHER" and not self.remark:
            raise MalformedField("原因为 OTHER 时须在 remark 说明", field="remark")
        binding = _in_state(facts, self.binding_id, BindingState.UNDER_REVIEW, "审核")
        if self.approve:
            moved = _moved(binding, BindingState.ACTIVE, facts.now, who=self.reviewer, why="审核通过")
        else:
            why = REVIEW_REASONS[self.reason_code] + (f": {self.remark}" if self.remark else "")
            moved = _moved(binding, BindingState.REFUSED, facts.now, who=self.reviewer, why=why)
        return Decision(moved, (moved,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbind:
    """Ends an active binding (解绑, C30): new use is blocked at once, refunds still go where they came from."""

    request: Request
    binding_id: str
    channel: str
    cities: Cities
    answers = Binding

    def needs(self, facts: Facts) -> Iterable[Need]:
        """The binding, then both people."""
        return _binding_and_people(facts, self.binding_id)

    def decide(self, facts: Facts) -> Decision[Binding]:
        """BindingNotFound, IllegalTransition unless active, UnknownChannel."""
        binding = _in_state(facts, self.binding_id, BindingState.ACTIVE, "解绑")
        holder = _person(facts, binding.holder, "holder")
        rules = self.cities.of(holder.insured_place).rules(facts.now.astimezone(SHANGHAI).date())
        _declared(rules, self.channel)
        moved = _moved(
            binding, BindingState.ENDED, facts.now, who=self.request.caller, channel=self.channel, why="授权人解绑"
        )
        return Decision(moved, (moved,))


def _not_eligible(case: Case, conditions: tuple[Condition, ...], city: City, channels: Iterable[str]) -> NotEligible:
    """The refusal with all conditions, their clauses, and the ways that would work."""
    cited = dict.fromkeys(number for c in conditions for number in c.clauses)
    found = ways(case, channels)
    return NotEligible(
        "不符合绑定条件: " + "; ".join(f"{c.message}({'、'.join(c.clauses)})" for c in conditions),
        clauses=[city.clause(number) for number in cited],
        conditions=conditions,
        remedies=" | ".join(" + ".join(way) for way in found),
    )


def _channels_open(rules: Rules, now: datetime, workdays: Workdays) -> list[str]:
    channels = rules.value(CityRules.channels)
    return [number for number, channel in channels.items() if workdays.is_open(now, channel.hours)]


def _person(facts: Facts, person_no: str, field: str) -> Person:
    person = facts.get(Person, person_no)
    if person is None:
        raise PersonNotFound(f"没有编号为 {person_no} 的人员", field=field)
    return person


def _declared(rules: Rules, channel: str) -> None:
    channels = rules.value(CityRules.channels)
    if channel not in channels:
        known = "、".join(f"{number}({c.name})" for number, c in channels.items())
        cited = rules.answer(CityRules.channels).clauses
        raise UnknownChannel(f"本市没有渠道 {channel}; 可用: {known}", field="channel", clauses=cited)


def _open_channel(rules: Rules, channel: str, now: datetime, workdays: Workdays) -> None:
    """The channel is declared and open now."""
    _declared(rules, channel)
    chosen = rules.value(CityRules.channels)[channel]
    if isinstance(chosen.hours, AlwaysOpen) or workdays.is_open(now, chosen.hours):
        return
    opening = workdays.next_opening(now, chosen.hours)
    provisional = not workdays.known(opening.year)
    raise CounterClosed(
        f"{chosen.name}现在不办理: {in_words(chosen.hours)}; 下次开放 {opening:%Y-%m-%d %H:%M}"
        + (f"(暂定: {opening.year} 年节假日安排尚未公布)" if provisional else ""),
        field="channel",
        clauses=chosen.clauses or rules.answer(CityRules.channels).clauses,
        next_opening=opening.isoformat(),
        next_opening_provisional=str(provisional).lower(),
    )


def _taking_a_place(facts: Facts, side: str, person_no: str) -> Iterator[Binding]:
    """The bindings of one side that are not closed at this instant."""
    for binding in facts.where(Binding, side, person_no):
        if (current := as_of(binding, facts.now)).state in OPEN_STATES:
            yield current


def _applied(request: Request, case: Case, city: City, now: datetime) -> Binding:
    """The binding as just submitted, before it moves anywhere."""
    application, rules = case.application, case.rules
    return Binding(
        binding_id=derived_id("B", request.request_id),
        holder=application.holder,
        member=application.member,
        relation=application.relation,
        purposes=application.purposes,
        channel=application.channel,
        state=BindingState.AWAITING_CONSENT,
        submitted_at=now,
        expires_at=now + timedelta(days=rules.value(CityRules.application_expiry)),
        materials=application.materials,
        agreement=application.agreement,
        consent=application.consent,
        rules=_deciding_rules(rules, application.channel),
        decided_by=city.decided_by,
    )


def _deciding_rules(rules: Rules, channel: str) -> tuple[RuleRef, ...]:
    """The rules an application rests on; those of the channel narrowed to what is said of that channel."""
    of_channel: Mapping[str, tuple[Clause, ...]] = {
        "materials": tuple(c for need in rules.value(CityRules.materials)[channel] for c in need.clauses),
        "review_latency": rules.value(CityRules.review_latency)[channel].clauses,
    }
    return tuple(rules.ref(hook, *of_channel.get(hook.__name__, ())) for hook in _DECIDING_RULES)


def application_of(binding: Binding) -> Application:
    """What was applied for, as far as the binding keeps it."""
    return Application(
        holder=binding.holder,
        member=binding.member,
        relation=binding.relation,
        purposes=binding.purposes,
        channel=binding.channel,
    )


def _forward(binding: Binding, rules: Rules, now: datetime, workdays: Workdays, *, by: str, recorded: bool) -> Binding:
    """Where an eligible application goes next: to the member's consent, to a reviewer, or into force at once."""
    if rules.value(CityRules.consent).required and binding.consent is None:
        return _moved(
            binding, BindingState.AWAITING_CONSENT, now, who=by, channel=binding.channel, why="等待使用人同意"
        )
    latency = rules.value(CityRules.review_latency)[binding.channel]
    if _at_once(latency, recorded=recorded):
        return _moved(binding, BindingState.ACTIVE, now, who=by, channel=binding.channel, why=in_words(latency))
    due = workdays.due(now, latency.working_days)
    reviewed = replace(binding, review_due_at=due.at, review_due_provisional=due.provisional)
    return _moved(
        reviewed, BindingState.UNDER_REVIEW, now, who=by, channel=binding.channel, why=f"等待审核: {in_words(latency)}"
    )


def _at_once(latency: ReviewLatency, *, recorded: bool) -> bool:
    return latency.at_once is AtOnce.ALWAYS or (latency.at_once is AtOnce.IF_CHECKS_PASS and recorded)


def _binding_and_people(facts: Facts, binding_id: str) -> Iterator[Need]:
    yield (found := by_key(Binding, binding_id))
    if facts.has(found) and (binding := facts.get(Binding, binding_id)) is not None:
        yield by_key(Person, binding.holder)
        yield by_key(Person, binding.member)


def _in_state(facts: Facts, binding_id: str, state: BindingState, doing: str) -> Binding:
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


def _moved(binding: Binding, state: BindingState, at: datetime, *, who: str, why: str, channel: str = "") -> Binding:
    """The binding in its next state, with the change recorded."""
    before = binding.state if binding.history else None
    event = BindingEvent(at, before, state, who, channel, why)
    closed = state not in OPEN_STATES
    return replace(
        binding,
        state=state,
        reason=why,
        active_at=at if state is BindingState.ACTIVE else binding.active_at,
        closed_at=at if closed else None,
        history=(*binding.history, event),
    )
