"""One application with all that decides on it, and what its conditions find."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gongji.binding.asked import AskedRules, PairRules, Side, asking, speaker, turns
from gongji.binding.kinship import SPOUSE, kind_of, on_record
from gongji.cities.city import City, DayRules
from gongji.model.binding import Application, Binding
from gongji.model.conditions import (
    Condition,
    ConditionCode,
    FieldRef,
    WayStep,
)
from gongji.model.facts import Facts
from gongji.model.filing import Filing
from gongji.model.people import Person, alive_on
from gongji.model.refusals import PersonNotFound
from gongji.rules.channels import (
    Asked,
    Channel,
    ChannelId,
    MaterialNeed,
)
from gongji.rules.clauses import Clause
from gongji.rules.codes import MarkKind
from gongji.rules.hookspecs import CityRules

StandingBindings = tuple[tuple[Binding, ...], tuple[Binding, ...], tuple[Binding, ...]]
"""The bindings of a holder, of a member, and those of the two in the other parts."""


class Case(Struct, frozen=True, kw_only=True):
    """One application with everything its conditions look at.

    `of_holder` and `of_member` are the bindings that take a place now; `reversed` those
    in which the holder is the member, or the member the holder. `relatives` are the
    spouses that the registry names of either. `standing` says which bindings stand, as
    these three, if the facts of the two were others; `unbound` are ids of bindings that
    are thought ended. `comes_at` is when the applicant comes, if that is not now;
    `filings` are those of the two (异地就医备案). `unserved` says that the member's city
    is not served, `asked_of` by whose rules two people are decided.
    """

    application: Application
    holder: Person
    member: Person
    rules: DayRules
    today: date
    of_holder: tuple[Binding, ...]
    of_member: tuple[Binding, ...]
    reversed: tuple[Binding, ...] = ()
    relatives: tuple[Person, ...] = ()
    standing: Callable[[Person, Person], StandingBindings] | None = None
    unbound: frozenset[str] = frozenset()
    comes_at: datetime | None = None
    filings: tuple[Filing, ...] = ()
    unserved: str = ""
    asked_of: Callable[[Person, Person], AskedRules] | None = None

    @property
    def channel(self) -> Channel:
        """The channel (渠道) applied through, as the holder's city declares it."""
        return self.channels[self.application.channel]

    @property
    def channels(self) -> Mapping[ChannelId, Channel]:
        """The channels of the city where the holder applies."""
        return asking(self.rules, Side.HOLDER).value(CityRules.channels)

    def asking(self, side: Side) -> Case:
        """Return the case when it is a city's turn to be asked."""
        return replace(self, rules=asking(self.rules, side))

    def asks(self, side: Side) -> bool:
        """Return whether it is the turn of a person's city; of one city it always is."""
        return not isinstance(self.rules, PairRules) or self.rules.side is side

    def turns(self) -> Iterator[Case]:
        """Yield the case once for each city that is asked."""
        for rules in turns(self.rules):
            yield self if rules is self.rules else replace(self, rules=rules)

    @property
    def same_person(self) -> bool:
        """Whether holder and member are one person."""
        return self.holder.person_no == self.member.person_no

    @property
    def relation_on_record(self) -> bool:
        """Whether the registry shows the relation claimed, from either side."""
        kinds = on_record(self.holder, self.member, self.today)
        return kind_of(self.application.relation) in kinds

    @property
    def relation_contradicted(self) -> bool:
        """Whether the registry shows another kind of relation than the one claimed."""
        kinds = on_record(self.holder, self.member, self.today)
        return bool(kinds) and not self.relation_on_record

    def marked(self, kind: MarkKind) -> bool:
        """Return whether one of the two has a mark today, or a filing that stands for it."""
        if any(p.marks_on(self.today, kind.value) for p in (self.holder, self.member)):
            return True
        return kind is MarkKind.CROSS_PROVINCE_FILING and any(
            filing.across_provinces and filing.covers_day(self.today)
            for filing in self.filings
        )

    def spouses_of(self, person: Person) -> dict[str, str]:
        """Return the numbers of all who are stated or registered as the person's spouse.

        With each the id of the binding that states it, "" if the registry alone does.
        """
        # Who died is nobody's spouse any more, whether or not the registry ended the tie.
        widowed_by = {
            r.person_no for r in self.relatives if not alive_on(r, self.today)
        }
        spouses = {
            kin.person_no: ""
            for kin in person.kin
            if kind_of(kin.relation) == SPOUSE
            and kin.covers(self.today)
            and kin.person_no not in widowed_by
        }
        for binding in (*self.of_holder, *self.of_member, *self.reversed):
            pair = {binding.holder, binding.member}
            if kind_of(binding.relation) == SPOUSE and person.person_no in pair:
                for other in pair - {person.person_no}:
                    spouses[other] = binding.binding_id
        return spouses

    def materials_needed(self) -> list[MaterialNeed]:
        """Return the proofs this application must bring."""
        # None if the member's city does not know the channel: that is refused for itself.
        needs = self.rules.value(CityRules.materials).get(self.application.channel, ())
        if self.relation_on_record:
            return [need for need in needs if need.asked is Asked.ALWAYS]
        return list(needs)

    def with_people(self, **people: Person) -> Case:
        """Return the case with other facts of the two, and the bindings that then stand."""
        case = replace(self, **people)
        if self.asked_of is not None:
            asked = self.asked_of(case.holder, case.member)
            case = replace(case, rules=asked.rules, unserved=asked.unserved)
        if self.standing is None:
            return case
        # What a fact has ended stands again when the fact is another.
        of_holder, of_member, turned = self.standing(case.holder, case.member)
        stood = replace(case, of_holder=of_holder, of_member=of_member, reversed=turned)
        return stood.without(self.unbound)

    def without(self, ended: Collection[str]) -> Case:
        """Return the case without these bindings."""

        def rest(bindings: tuple[Binding, ...]) -> tuple[Binding, ...]:
            return tuple([b for b in bindings if b.binding_id not in ended])

        return replace(
            self,
            of_holder=rest(self.of_holder),
            of_member=rest(self.of_member),
            reversed=rest(self.reversed),
            unbound=self.unbound.union(ended),
        )

    def applying(self, **fields: Any) -> Case:
        """Return the case with these fields of the application changed."""
        return replace(self, application=replace(self.application, **fields))


class Change(Struct, frozen=True):
    """The smallest change of facts that would meet one condition.

    `step` says it to the applicant and to programs, `apply` returns the case after it.
    """

    step: WayStep
    apply: Callable[[Case], Case]


class Unmet(Struct, frozen=True):
    """A condition that is not met, and the changes of which any one would meet it."""

    condition: Condition
    changes: tuple[Change, ...]


Check = Callable[[Case], Iterable[Unmet]]
"""One condition: says of the city whose turn it is what the case does not meet."""


def unmet_of(checks: Iterable[Check], case: Case) -> tuple[Unmet, ...]:
    """Return what a case does not meet, each city asked; what both say alike is told once."""
    told: dict[Condition, Unmet] = {}
    for check in checks:
        for asked in case.turns():
            for unmet in check(asked):
                told.setdefault(unmet.condition, unmet)
    return tuple(told.values())


def not_met(
    case: Case,
    hook: Callable[[CityRules], object],
    code: ConditionCode,
    message: str,
    *changes: Change,
    fields: Iterable[FieldRef] = (),
    clauses: Iterable[Clause] = (),
    instead: Iterable[WayStep] = (),
    city: str = "",
) -> Unmet:
    """Return an unmet condition.

    It looks at `fields`, if they are left out at those that the first change fills in.
    `clauses` narrow those of the rule to those of the part that is not met. Of two cities
    the one that is asked is named; `city` is one that cannot be.
    """
    speaking = speaker(case.rules, hook.__name__)
    steps = [change.step for change in changes]
    condition = Condition(
        hook=hook.__name__,
        clauses=case.rules.ref(hook, *clauses).clauses,
        message=f"{_named(speaking)}：{message}" if speaking else message,
        remedy=steps[0].text if steps else "",
        code=code,
        fields=tuple(fields) or (steps[0].fields if steps else ()),
        ways=tuple([(step,) for step in steps]),
        city=speaking.area_code if speaking else city,
        instead=tuple(instead),
    )
    return Unmet(condition, changes)


def _named(city: City) -> str:
    return f"{city.name}（{city.area_code}）"


def person_of(facts: Facts, person_no: str, field: str) -> Person:
    """Return a person. PersonNotFound with the field of the request that names them."""
    person = facts.get(Person, person_no)
    if person is None:
        raise PersonNotFound(f"没有编号为 {person_no} 的人员", field=field)
    return person
