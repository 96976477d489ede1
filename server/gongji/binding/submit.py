"""The life of a binding: submitted → awaiting consent → under review → active → ended,
or refused, or expired.

Pure commands over facts. A place in the family is taken from submission until the
binding is closed; an application nobody answered expires by the calendar, without
anybody writing it down: `as_of` shows it at any instant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from msgspec.structs import asdict, replace

from gongji.binding.eligibility import Case, unmet
from gongji.binding.life import _moved, as_of
from gongji.binding.remedies import ways
from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities, City, DayRules
from gongji.model.binding import Application, Binding
from gongji.model.commands import Command, Decision, Request
from gongji.model.decided import RuleRef
from gongji.model.facts import Facts, Need, by_key
from gongji.model.ids import derived_id
from gongji.model.people import Person
from gongji.model.refusals import (
    Condition,
    CounterClosed,
    NotEligible,
    PersonNotFound,
    UnknownChannel,
)
from gongji.rules.channels import AlwaysOpen, AtOnce, ReviewLatency
from gongji.rules.clauses import Clause
from gongji.rules.codes import OPEN_STATES, SHANGHAI, BindingState
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import in_words

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


class Submit(Command[Binding], frozen=True, kw_only=True):
    """Applies for a binding. Refuses malformed or untimely applications, else all unmet
    conditions at once."""

    answer_type = Binding

    application: Application
    cities: Cities
    workdays: Workdays

    @property
    def content(self) -> Mapping[str, object]:
        """Return the fields of the application."""
        return asdict(self.application)

    def needs(self, facts: Facts) -> Iterable[Need]:
        """Both people and their bindings."""
        yield by_key(Person, self.application.holder)
        yield by_key(Person, self.application.member)
        yield Need(Binding, "holder", self.application.holder)
        yield Need(Binding, "member", self.application.member)

    def decide(self, facts: Facts) -> Decision[Binding]:
        """PersonNotFound, CityNotServed, NotInForce, UnknownChannel, CounterClosed, NotEligible."""
        application, now = self.application, facts.now
        holder, member = (
            _person(facts, application.holder, "holder"),
            _person(facts, application.member, "member"),
        )
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
            raise _not_eligible(
                case, conditions, city, _channels_open(rules, now, self.workdays)
            )
        binding = _applied(self.request, case, city, now)
        binding = _forward(
            binding,
            rules,
            now,
            self.workdays,
            by=self.request.caller,
            recorded=case.relation_on_record,
        )
        return Decision(binding, (binding,))


def _not_eligible(
    case: Case, conditions: tuple[Condition, ...], city: City, channels: Iterable[str]
) -> NotEligible:
    """The refusal with all conditions, their clauses, and the ways that would work."""
    cited = dict.fromkeys(number for c in conditions for number in c.clauses)
    found = ways(case, channels)
    return NotEligible(
        "不符合绑定条件: "
        + "; ".join(f"{c.message}({'、'.join(c.clauses)})" for c in conditions),
        clauses=[city.clause(number) for number in cited],
        conditions=conditions,
        remedies=" | ".join(" + ".join(way) for way in found),
    )


def _channels_open(rules: DayRules, now: datetime, workdays: Workdays) -> list[str]:
    channels = rules.value(CityRules.channels)
    return [
        number
        for number, channel in channels.items()
        if workdays.is_open(now, channel.hours)
    ]


def _person(facts: Facts, person_no: str, field: str) -> Person:
    person = facts.get(Person, person_no)
    if person is None:
        raise PersonNotFound(f"没有编号为 {person_no} 的人员", field=field)
    return person


def _declared(rules: DayRules, channel: str) -> None:
    channels = rules.value(CityRules.channels)
    if channel not in channels:
        known = "、".join(f"{number}({c.name})" for number, c in channels.items())
        cited = rules.answer(CityRules.channels).clauses
        raise UnknownChannel(
            f"本市没有渠道 {channel}; 可用: {known}", field="channel", clauses=cited
        )


def _open_channel(
    rules: DayRules, channel: str, now: datetime, workdays: Workdays
) -> None:
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


def _deciding_rules(rules: DayRules, channel: str) -> tuple[RuleRef, ...]:
    """The rules an application rests on; those of the channel narrowed to what is said
    of that channel."""
    of_channel: Mapping[str, tuple[Clause, ...]] = {
        "materials": tuple(
            c
            for need in rules.value(CityRules.materials)[channel]
            for c in need.clauses
        ),
        "review_latency": rules.value(CityRules.review_latency)[channel].clauses,
    }
    return tuple(
        rules.ref(hook, *of_channel.get(hook.__name__, ())) for hook in _DECIDING_RULES
    )


def _forward(
    binding: Binding,
    rules: DayRules,
    now: datetime,
    workdays: Workdays,
    *,
    by: str,
    recorded: bool,
) -> Binding:
    """Where an eligible application goes next: to the member's consent, to a reviewer,
    or into force at once."""
    if rules.value(CityRules.consent).required and binding.consent is None:
        return _moved(
            binding,
            BindingState.AWAITING_CONSENT,
            now,
            who=by,
            channel=binding.channel,
            why="等待使用人同意",
        )
    latency = rules.value(CityRules.review_latency)[binding.channel]
    if _at_once(latency, recorded=recorded):
        return _moved(
            binding,
            BindingState.ACTIVE,
            now,
            who=by,
            channel=binding.channel,
            why=in_words(latency),
        )
    due = workdays.due(now, latency.working_days)
    reviewed = replace(
        binding, review_due_at=due.at, review_due_provisional=due.provisional
    )
    return _moved(
        reviewed,
        BindingState.UNDER_REVIEW,
        now,
        who=by,
        channel=binding.channel,
        why=f"等待审核: {in_words(latency)}",
    )


def _at_once(latency: ReviewLatency, *, recorded: bool) -> bool:
    return latency.at_once is AtOnce.ALWAYS or (
        latency.at_once is AtOnce.IF_CHECKS_PASS and recorded
    )
