"""Applies for a binding (绑定申请)."""

from __future__ import annotations

from collections.abc import (
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from datetime import datetime, timedelta
from functools import partial
from itertools import chain

from msgspec import Struct
from msgspec.structs import asdict

from gongji.binding.asked import Side, answers, rules_of_pair, speaker_of, turns
from gongji.binding.case import Case, Unmet, person_of
from gongji.binding.channels import (
    closed,
    declared_channel,
    hours_provisional,
    open_channels,
)
from gongji.binding.consenting import refuse_not_given_by
from gongji.binding.eligibility import failing, refusal_of
from gongji.binding.evidence import evidence_in_time
from gongji.binding.known import refuse_unknown
from gongji.binding.life import forward
from gongji.binding.pair import case_of, needs_of
from gongji.binding.status import with_former
from gongji.binding.submission import details_right, details_wrong
from gongji.binding.ways import ways
from gongji.binding.workdays import Workdays
from gongji.cities.city import (
    Cities,
    City,
    DayRules,
)
from gongji.model.binding import Application, Binding
from gongji.model.commands import Command, Decision, Request
from gongji.model.conditions import Condition, ConditionCode
from gongji.model.decided import RuleRef
from gongji.model.facts import Facts, Need, by_key
from gongji.model.guessing import (
    Guesses,
    GuessingLimits,
    one_more,
    refuse_paused,
)
from gongji.model.ids import derived_id
from gongji.model.refusals import CounterClosed, NotEligible
from gongji.model.subject import Subject
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
    once. `subject` is who was identified, `guessing` bounds how often the member's details
    may be stated wrong; None where a channel need not say, and where nothing is bounded.
    """

    answer_type = Binding

    application: Application
    cities: Cities
    workdays: Workdays
    subject: Subject | None = None
    guessing: GuessingLimits | None = None

    @property
    def content(self) -> Mapping[str, object]:
        """Return the fields of the application."""
        return asdict(self.application)

    def needs(self, facts: Facts) -> Iterable[Need]:
        """Return what must be known of the pair, and of the caller's guesses."""
        if self.guessing is not None:
            yield by_key(Guesses, self._guesses_key)
        yield from needs_of(facts, self.application.holder, self.application.member)

    @property
    def _guesses_key(self) -> str:
        return Guesses.key_of(self.request.caller, self.application.member)

    def decide(self, facts: Facts) -> Decision[Binding]:
        """Decide the application, and move it on if it is eligible.

        GuessingPaused, MalformedField, PersonNotFound, CityNotServed, NotInForce,
        UnknownChannel, CounterClosed, NotEligible.
        """
        application = self.application
        self._admit(facts)
        holder = person_of(facts, application.holder, "holder")
        person_of(facts, application.member, "member")
        city = self.cities.of(holder.place_on(facts.today))
        rules = city.rules(facts.today)
        declared_channel(rules, application.channel)
        asked_of = partial(rules_of_pair, day=facts.today, cities=self.cities)
        case = case_of(application, asked_of, facts, self.cities)
        refuse_unknown(application, case.rules)
        self._refuse_unmet(case, city, facts)
        binding = forward(
            self._submitted(case, city, facts),
            case.rules,
            facts.now,
            self.workdays,
            caller=self.request.caller,
            recorded=case.relation_on_record,
        )
        return self._decided(binding, facts)

    def _decided(self, binding: Binding, facts: Facts) -> Decision[Binding]:
        new, *ended = with_former(binding, facts, self.cities)
        return Decision(binding, tuple(ended), creates=(new,))

    def _admit(self, facts: Facts) -> None:
        """Refuse before anything about the member is looked at."""
        application = self.application
        if self.guessing is not None:
            refuse_paused(facts.get(Guesses, self._guesses_key), facts.now)
        refuse_not_given_by(self.subject, application.consent, application.member)

    def _refuse_unmet(self, case: Case, city: City, facts: Facts) -> None:
        check = partial(self._failing, now=facts.now)
        if unmet := check(case):
            rules, workdays = case.rules, self.workdays
            channels = open_channels(rules, facts.now, workdays)
            found = ways(case, channels, check)
            refusal = refusal_of(_told(unmet, case), city, rules, workdays, found)
            # A way may tell that the member's details are wrong.
            raise refusal.leaving(*self._guessed(case, facts))

    def _failing(self, case: Case, now: datetime) -> tuple[Unmet, ...]:
        """Return what the case does not meet, last what its evidence does not."""
        at = case.comes_at or now
        shut = closed(case.rules, case.channel, at, self.workdays)
        return (*shut, *failing(case), *evidence_in_time(case, at))

    def _guessed(self, case: Case, facts: Facts) -> Iterator[Guesses]:
        """Yield the caller's guesses if the member's details are stated wrong once more."""
        limits, key = self.guessing, self._guesses_key
        if limits is not None and any(details_wrong(case)):
            known = facts.get(Guesses, key)
            yield one_more(key, known, facts.now, limits, limits.wrong)

    def _submitted(self, case: Case, city: City, facts: Facts) -> Binding:
        """Return the binding as just submitted, before it moves anywhere."""
        application = case.application
        days = case.rules.value(CityRules.application_expiry)
        own, *others = [_deciding_rules(r, application) for r in turns(case.rules)]
        there = speaker_of(case.rules, Side.MEMBER)
        return Binding(
            # Of the request: sent twice, it names one binding.
            binding_id=derived_id("B", self.request.key),
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
            consented_by=self.subject if application.consent else None,
            review_due_provisional=hours_provisional(
                case.channel, facts.now, self.workdays
            ),
            rules=own,
            decided_by=city.decided_by,
            member_rules=tuple(chain.from_iterable(others)),
            member_decided_by=there.decided_by if there else None,
            asked_both=True,
        )


class TrialApplication(Struct, frozen=True):
    """A query for what would come of an application; only guesses are written.

    Its answer is the binding, or the refusal that it must not be answered without.
    """

    application: Submit

    @property
    def request(self) -> Request:
        """The request that asks for it."""
        return self.application.request

    def needs(self, facts: Facts) -> Iterable[Need]:
        """Return what the application needs."""
        return self.application.needs(facts)

    def decide(self, facts: Facts) -> Decision[Binding | NotEligible | CounterClosed]:
        """Decide as the application, and keep what its refusal leaves."""
        try:
            return Decision(self.application.decide(facts).answer)
        except (NotEligible, CounterClosed) as refusal:
            # Its traceback would keep the whole batch's facts alive.
            return Decision(refusal.with_traceback(None), refusal.leaves)


def _told(unmet: Sequence[Unmet], case: Case) -> Sequence[Unmet]:
    """Return what is told: of the member's city only to whoever has named the member right.

    Else whoever applies for a stranger would learn where that one is insured.
    """
    if not any(details_right(case)):
        return unmet
    return [one for one in unmet if not _of_member(one.condition, case)]


def _of_member(condition: Condition, case: Case) -> bool:
    """Return whether a condition tells in which city the member is insured."""
    if condition.code is ConditionCode.CITY_NOT_SERVED:
        return True
    there = speaker_of(case.rules, Side.MEMBER)
    return there is not None and condition.city == there.area_code


def _deciding_rules(rules: DayRules, application: Application) -> tuple[RuleRef, ...]:
    """Return the rules an application rests on, narrowed to what they say of it.

    Of two cities those that the city is asked whose turn it is.
    """
    channel = application.channel
    needs = rules.value(CityRules.materials)[channel]
    narrowed: dict[str, tuple[Clause, ...]] = {
        "holder_terms": rules.value(CityRules.holder_terms).clauses,
        "member_terms": _clauses_of_purposes(rules, application.purposes),
        "materials": tuple(clause for need in needs for clause in need.clauses),
        "review_latency": rules.value(CityRules.review_latency)[channel].clauses,
    }
    return tuple(
        rules.ref(hook, *narrowed.get(hook.__name__, ()))
        for hook in _DECIDING_RULES
        if answers(rules, hook.__name__)
    )


def _clauses_of_purposes(
    rules: DayRules, purposes: Iterable[Purpose]
) -> tuple[Clause, ...]:
    """Return the clauses on the purposes, none if one of them names none."""
    terms = offered(rules.value(CityRules.member_terms))
    cited = [terms[purpose].clauses for purpose in Purpose if purpose in purposes]
    return tuple(dict.fromkeys(chain.from_iterable(cited))) if all(cited) else ()
