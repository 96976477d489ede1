"""How an active binding stands by the facts of the moment: in force, suspended, ended.

No import writes it. A pause, an enrolment not yet begun or one that ran out suspend a
binding while they last; a termination (status 4), a move the city's scope forbids and a
death end it from their day. Whoever takes such a fact back has the same binding again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta

from msgspec import Struct
from msgspec.structs import replace

from gongji.binding.asked import AskedRules, PairRules, rules_of_pair
from gongji.binding.case import Case, Unmet
from gongji.binding.eligibility import (
    alive,
    holder_enrolled,
    in_scope,
    member_enrolled,
)
from gongji.binding.life import application_of, as_of, moved
from gongji.cities.city import Cities
from gongji.model.binding import Binding
from gongji.model.commands import Decision
from gongji.model.conditions import ConditionCode
from gongji.model.decided import RuleRef
from gongji.model.facts import Facts, Need, by_key
from gongji.model.people import Person
from gongji.model.refusals import CityNotServed
from gongji.rules.binding import EnrolmentTerms
from gongji.rules.codes import (
    SHANGHAI,
    BindingState,
    EnrolmentStatus,
    Purpose,
    Scheme,
)
from gongji.rules.hookspecs import CityRules

BY_FACTS = "registry"
"""Who changed a binding whose state follows from the registry."""


class BindingStatus(Struct, frozen=True):
    """A binding's state since a day; if it is not in force, why, and by which rule.

    `rules_digest` names the rules that say so, `other_digests` those of other cities that
    were asked: the member's, and any of before somebody moved. There are none if the
    holder's city is not served.
    """

    state: BindingState
    since: date
    why: str = ""
    rule: RuleRef | None = None
    rules_digest: str = ""
    other_digests: tuple[str, ...] = ()


def status_of(
    binding: Binding,
    holder: Person,
    member: Person,
    cities: Cities,
    today: date,
    *,
    purposes: Iterable[Purpose] = (),
) -> BindingStatus:
    """Return how an active binding stands today, for any of some of its purposes.

    Without purposes, for any of its own: one that still stands carries the binding.
    """
    pair = _Pair(binding, holder, member, cities)
    statuses = [
        pair.status(purpose, today) for purpose in sorted(purposes or binding.purposes)
    ]
    return first_to_stand(statuses)


def first_to_stand(statuses: Iterable[BindingStatus]) -> BindingStatus:
    """Return one in force, else a suspended one, else an ended one. ValueError if none."""
    return min(statuses, key=lambda status: _ORDER.index(status.state))


_ORDER = (BindingState.ACTIVE, BindingState.SUSPENDED, BindingState.ENDED)


def shown(
    binding: Binding, holder: Person, member: Person, cities: Cities, now: datetime
) -> Binding:
    """Return a binding as it stands at an instant, by the calendar and by the facts."""
    current = as_of(binding, now)
    if current.state is not BindingState.ACTIVE:
        return current
    today = now.astimezone(SHANGHAI).date()
    status = status_of(current, holder, member, cities, today)
    if status.state is BindingState.ACTIVE:
        return current
    first_moment = datetime.combine(status.since, time.min, SHANGHAI)
    # Of a fact told late the day may lie before the binding became active.
    at = max(first_moment, current.active_at or current.submitted_at)
    return moved(current, status.state, at, who=BY_FACTS, why=status.why)


class ShowBindings(Struct, frozen=True):
    """Show stored bindings as they stand now."""

    bindings: Sequence[Binding]
    cities: Cities

    def needs(self, _: Facts) -> Iterator[Need]:
        """Return the people of each."""
        for binding in self.bindings:
            yield by_key(Person, binding.holder)
            yield by_key(Person, binding.member)

    def decide(self, facts: Facts) -> Decision[list[Binding]]:
        """Return them in their order."""
        return Decision([shown_by(b, facts, self.cities) for b in self.bindings])


def shown_by(binding: Binding, facts: Facts, cities: Cities) -> Binding:
    """Return a binding as it stands now; as stored if one of the two is not known."""
    holder = facts.get(Person, binding.holder)
    member = facts.get(Person, binding.member)
    if holder is None or member is None:
        return as_of(binding, facts.now)
    return shown(binding, holder, member, cities, facts.now)


def with_former(binding: Binding, facts: Facts, cities: Cities) -> tuple[Binding, ...]:
    """Return a binding, and if it is active the pair's earlier ones, ended for good.

    A fact ended those and would bring them back beside the new one once it is taken
    back: whoever unbinds the one would still be bound by the other.
    """
    if binding.state is not BindingState.ACTIVE:
        return (binding,)
    ended = []
    for stored in facts.where(Binding, "holder", binding.holder):
        if (
            stored.member != binding.member
            or stored.binding_id == binding.binding_id
            or stored.state is not BindingState.ACTIVE
        ):
            continue
        why = f"{shown_by(stored, facts, cities).reason}；此后另行绑定"
        # Of now, not of the fact's day: what it paid for in between it paid for.
        ended.append(
            moved(stored, BindingState.ENDED, facts.now, who=BY_FACTS, why=why)
        )
    return (binding, *ended)


class _Pair(Struct, frozen=True):
    """An active binding with both its people."""

    binding: Binding
    holder: Person
    member: Person
    cities: Cities

    def status(self, purpose: Purpose, today: date) -> BindingStatus:
        """Return how it stands for one purpose."""
        active_at = self.binding.active_at or self.binding.submitted_at
        first = min(active_at.astimezone(SHANGHAI).date(), today)
        changes = self._changes(first, today)
        status = self._on(today, purpose)
        # hot path: of most bindings nothing has changed since they were made.
        if not changes and status.state is BindingState.ACTIVE:
            return replace(status, since=first)
        days = [self._on(day, purpose) for day in sorted({first, today} | changes)]
        since = _since(first, days)
        # Of one that has ended, the rules that ended it; else those of today.
        decided = since if since.state is BindingState.ENDED else status
        return _naming(decided.rules_digest, since, days)

    def _changes(self, first: date, today: date) -> set[date]:
        """Return the days since the first on which a fact may have changed."""
        changes = (*days_of_change(self.holder), *days_of_change(self.member))
        return {day for day in changes if first < day <= today}

    def _on(self, day: date, purpose: Purpose) -> BindingStatus:
        """Return how it stands by the facts and the rules of one day."""
        try:
            asked = self._asked(day)
        except CityNotServed as refusal:
            return BindingStatus(BindingState.SUSPENDED, day, refusal.message)
        case = Case(
            application=application_of(self.binding, frozenset({purpose})),
            holder=self.holder,
            member=self.member,
            rules=asked.rules,
            today=day,
            of_holder=(),
            of_member=(),
            unserved=asked.unserved,
        )
        status = next(_unmet(case, purpose), BindingStatus(BindingState.ACTIVE, day))
        digest, *others = self._digests(case)
        return replace(status, rules_digest=digest, other_digests=tuple(others))

    def _asked(self, day: date) -> AskedRules:
        """Return the rules of a day by which the two are bound. CityNotServed."""
        if self.binding.asked_both:
            return rules_of_pair(self.holder, self.member, day, self.cities)
        # The holder's city alone accepted it: it goes on as that one says.
        city = self.cities.of(self.holder.place_on(day))
        return AskedRules(city.rules(day))

    def _digests(self, case: Case) -> Iterator[str]:
        """Yield which rules the holder's city had, then the member's if it is another."""
        if isinstance(case.rules, PairRules):
            yield from [city.rules_digest for city in case.rules.cities.values()]
        else:
            yield self.cities.of(self.holder.place_on(case.today)).rules_digest


def _naming(
    digest: str, status: BindingStatus, days: Iterable[BindingStatus]
) -> BindingStatus:
    """Return a status that names rules, and all others that were asked on some days."""
    asked = {name for one in days for name in (one.rules_digest, *one.other_digests)}
    others = tuple(sorted(asked - {digest, ""}))
    return replace(status, rules_digest=digest, other_digests=others)


def _since(first: date, days: Iterable[BindingStatus]) -> BindingStatus:
    """Return how a binding stands after some days, since the first on which it did."""
    status = BindingStatus(BindingState.ACTIVE, first)
    for on_day in days:
        # Told since its first day: what was told late began before the binding did.
        if on_day.state is not status.state:
            status = on_day
        if on_day.state is BindingState.ENDED:
            break
    return status


def _unmet(case: Case, purpose: Purpose) -> Iterator[BindingStatus]:
    """Yield how a binding stands for what it no longer rests on, as each city says."""
    for condition, ends in _GROUNDS:
        for asked in case.turns():
            for unmet in condition(asked):
                # A city that cannot be asked has not refused.
                served = unmet.condition.code is not ConditionCode.CITY_NOT_SERVED
                ended = served and ends(asked, purpose)
                state = BindingState.ENDED if ended else BindingState.SUSPENDED
                yield _told(asked, state, unmet)


def _told(case: Case, state: BindingState, unmet: Unmet) -> BindingStatus:
    condition = unmet.condition
    since = case.rules.ref(getattr(CityRules, condition.hook)).since
    rule = RuleRef(condition.hook, since, condition.clauses)
    return BindingStatus(state, case.today, condition.message, rule)


def days_of_change(person: Person) -> Iterator[date]:
    """Yield the first day of each state of a person.

    On no other day do their bindings come to stand otherwise, if no rules change.
    """
    for enrolment in person.enrolments:
        yield enrolment.since
        if enrolment.until is not None and enrolment.until < date.max:
            yield enrolment.until + timedelta(days=1)
    for move in person.moves:
        yield move.since
    if person.died_on is not None:
        yield person.died_on


def _always(_: Case, __: Purpose) -> bool:
    return True


def _holder_terminated(case: Case, _: Purpose) -> bool:
    terms = case.rules.value(CityRules.holder_terms)
    return _terminated(case.holder, terms.schemes, case.today)


def _member_terminated(case: Case, purpose: Purpose) -> bool:
    terms = case.rules.value(CityRules.member_terms).get(purpose)
    if not isinstance(terms, EnrolmentTerms):
        return False
    return _terminated(case.member, terms.schemes, case.today)


def _terminated(person: Person, schemes: Iterable[Scheme], day: date) -> bool:
    statuses = [
        enrolment.status
        for enrolment in person.enrolments
        if enrolment.scheme in schemes and enrolment.covers(day)
    ]
    return EnrolmentStatus.TERMINATED in statuses


_GROUNDS: tuple[
    tuple[Callable[[Case], Iterable[Unmet]], Callable[[Case, Purpose], bool]], ...
] = (
    (alive, _always),
    (in_scope, _always),
    (holder_enrolled, _holder_terminated),
    (member_enrolled, _member_terminated),
)
"""What a binding goes on resting on, and whether it ends if that is gone."""
