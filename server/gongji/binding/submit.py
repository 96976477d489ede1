"""Applies for a binding (绑定申请)."""

from __future__ import annotations

from collections.abc import (
    Callable,
    Iterable,
    Mapping,
)
from datetime import datetime, timedelta
from functools import partial
from itertools import chain

from msgspec.structs import asdict

from gongji.binding.case import Case, Unmet, person_of
from gongji.binding.channels import (
    declared_channel,
    hours_provisional,
    open_channels,
    refuse_closed,
)
from gongji.binding.eligibility import failing, not_eligible
from gongji.binding.evidence import evidence_in_time
from gongji.binding.life import forward
from gongji.binding.pair import case_of, needs_of
from gongji.binding.remedies import ways
from gongji.binding.status import with_former
from gongji.binding.workdays import Workdays
from gongji.cities.city import (
    Cities,
    City,
    DayRules,
)
from gongji.model.binding import Application, Binding
from gongji.model.commands import Command, Decision
from gongji.model.decided import RuleRef
from gongji.model.facts import Facts, Need
from gongji.model.ids import derived_id
from gongji.rules.binding import offered
from gongji.rules.clauses import Clause
from gongji.rules.codes import BindingState, Purpose
from gongji.rules.hookspecs import CityRules

_DECIDING_RULES: tuple[Callable[[CityRules], object], ...] = (
    CityRules.holder_terms,
    CityRules.member_terms,
    CityRules.relations,
    CityRules.marriage,
    CityRules.scope,
    CityRules.family_limit,
    CityRules.materials,
    CityRules.consent,
    CityRules.review_latency,
    CityRules.deadlines,
)


class Submit(Command[Binding], frozen=True, kw_only=True):
    """Apply for a binding.

    A malformed or untimely application is refused first, then all unmet conditions at
    once.
    """

    answer_type = Binding

    application: Application
    cities: Cities
    workdays: Workdays

    @property
    def content(self) -> Mapping[str, object]:
        """Return the fields of the application."""
        return asdict(self.application)

    def needs(self, facts: Facts) -> Iterable[Need]:
        """Return what must be known of the pair."""
        return needs_of(facts, self.application.holder, self.application.member)

    def decide(self, facts: Facts) -> Decision[Binding]:
        """Decide the application, and move it on if it is eligible.

        PersonNotFound, CityNotServed, NotInForce, UnknownChannel, CounterClosed,
        NotEligible.
        """
        application = self.application
        holder = person_of(facts, application.holder, "holder")
        person_of(facts, application.member, "member")
        city = self.cities.of(holder.place_on(facts.today))
        rules = city.rules(facts.today)
        channel = declared_channel(rules, application.channel)
        # Before the conditions: what time alone refuses may be sent again unchanged.
        refuse_closed(rules, channel, facts.now, self.workdays)
        case = case_of(application, rules, facts, self.cities)
        self._refuse_unmet(case, city, facts)
        binding = forward(
            self._submitted(case, city, facts),
            rules,
            facts.now,
            self.workdays,
            caller=self.request.caller,
            recorded=case.relation_on_record,
        )
        return Decision(binding, with_former(binding, facts, self.cities))

    def _refuse_unmet(self, case: Case, city: City, facts: Facts) -> None:
        check = partial(_failing, now=facts.now)
        if unmet := check(case):
            channels = open_channels(case.rules, facts.now, self.workdays)
            raise not_eligible(unmet, city, case.rules, ways(case, channels, check))

    def _submitted(self, case: Case, city: City, facts: Facts) -> Binding:
        """Return the binding as just submitted, before it moves anywhere."""
        application = case.application
        days = case.rules.value(CityRules.application_expiry)
        channel = declared_channel(case.rules, application.channel)
        return Binding(
            # Of the request: sent twice, it names one binding.
            binding_id=derived_id("B", self.request.request_id),
            holder=application.holder,
            member=application.member,
            relation=application.relation,
            purposes=application.purposes,
            channel=application.channel,
            state=BindingState.AWAITING_CONSENT,
            submitted_at=facts.now,
            expires_at=facts.now + timedelta(days=days),
            materials=application.materials,
            agreement=application.agreement,
            consent=application.consent,
            review_due_provisional=hours_provisional(channel, facts.now, self.workdays),
            rules=_deciding_rules(case.rules, application),
            decided_by=city.decided_by,
        )


def _failing(case: Case, now: datetime) -> tuple[Unmet, ...]:
    """Return what the case does not meet, last what its evidence does not."""
    return (*failing(case), *evidence_in_time(case, now))


def _deciding_rules(rules: DayRules, application: Application) -> tuple[RuleRef, ...]:
    """Return the rules an application rests on, narrowed to what they say of it."""
    channel = application.channel
    needs = rules.value(CityRules.materials)[channel]
    narrowed: dict[str, tuple[Clause, ...]] = {
        "holder_terms": rules.value(CityRules.holder_terms).clauses,
        "member_terms": _clauses_of_purposes(rules, application.purposes),
        "materials": tuple(clause for need in needs for clause in need.clauses),
        "review_latency": rules.value(CityRules.review_latency)[channel].clauses,
    }
    return tuple(
        rules.ref(hook, *narrowed.get(hook.__name__, ())) for hook in _DECIDING_RULES
    )


def _clauses_of_purposes(
    rules: DayRules, purposes: Iterable[Purpose]
) -> tuple[Clause, ...]:
    """Return the clauses on the purposes, none if one of them names none."""
    terms = offered(rules.value(CityRules.member_terms))
    cited = [terms[purpose].clauses for purpose in Purpose if purpose in purposes]
    return tuple(dict.fromkeys(chain.from_iterable(cited))) if all(cited) else ()
