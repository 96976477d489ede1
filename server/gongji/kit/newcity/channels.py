"""Write the cases of one channel (渠道): its hours, and each thing it asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from gongji.guide.comparison import how_soon
from gongji.kit.newcity.applying import (
    UNDER_REVIEW,
    ChannelTerms,
    check_words,
    due,
    field_words,
    not_eligible,
    right_proofs,
    wrong_proofs,
)
from gongji.kit.newcity.policy import Policy
from gongji.kit.newcity.reading import CHECKS
from gongji.kit.newcity.telling import (
    Person,
    Step,
    Story,
    adults,
    clock,
    each,
    expecting,
    instant,
    names_of,
)
from gongji.rules.binding import Scope
from gongji.rules.channels import Across, CounterHours
from gongji.rules.clauses import Clause
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import in_words

FIELDS: Final = ("name", "certificate_number", "phone", "insured_place")

_MINUTE: Final = timedelta(minutes=1)

_DAY: Final = timedelta(days=1)

_UNTIL_NIGHT: Final = timedelta(hours=13, minutes=30)
"""From ten in the morning to half past eleven at night."""


def complete_applications(
    policy: Policy, terms: ChannelTerms, number: str, monday: date
) -> Story:
    """Return the case of complete applications and when their review is due.

    One for kin the registry does not know, one for kin it knows. Without a counter it
    is half past eleven at night.
    """
    persons = _persons(policy, terms, 3)
    holder, spouse, son = names_of(persons)
    persons[0]["kin"] = {son: "儿子"}
    unknown = terms.bind(holder, spouse, "配偶")
    known = terms.bind(
        holder,
        son,
        "儿子",
        on_record=True,
    )
    steps = [
        expecting(unknown, **_outcome(terms, monday, on_record=False)),
        expecting(known, **_outcome(terms, monday, on_record=True)),
    ]
    days = terms.review.working_days
    result = f"须经审核，至迟{days}个工作日" if days else "提交即生效"
    says = (
        f"材料、核验、填报齐全的，可以在{terms.channel.name}绑定配偶和子女，{result}。"
    )
    cited = terms.review.clauses or policy.cited(CityRules.review_latency)
    return Story(
        number,
        says=says,
        clauses=cited,
        now=_late(terms, monday),
        people=persons,
        steps=steps,
    )


def _late(terms: ChannelTerms, monday: date) -> datetime:
    """Return the latest hour at which the channel surely takes applications."""
    opening = terms.open_at(monday)
    at_counter = isinstance(terms.channel.hours, CounterHours)
    return opening if at_counter else opening + _UNTIL_NIGHT


def _outcome(
    terms: ChannelTerms,
    monday: date,
    *,
    on_record: bool,
) -> dict[str, Any]:
    """Return what becomes of a complete application, with the day its review is due."""
    state = terms.state(on_record=on_record)
    closes = due(monday, terms.review.working_days)
    if state == UNDER_REVIEW and closes:
        return {"state": state, "due": instant(closes)}
    return {"state": state}


_MARKED: Final = ["跨省备案"]
"""The mark with which a channel for pairs of two areas takes a pair of one."""


def _persons(
    policy: Policy,
    terms: ChannelTerms,
    count: int,
) -> list[Person]:
    """Return so many people, the first of the city, the others as the channel takes them."""
    area_code = policy.answers.area_code
    persons = adults(area_code, count)
    if terms.channel.across is Across.ONLY_ACROSS_AREAS:
        # Whether another city is served, which must agree too, is not for a city to say.
        for person in persons[1:]:
            person["marks"] = _MARKED
    return persons


class ChannelCases:
    """The cases of one channel of a city, its own or the province's."""

    def __init__(
        self,
        policy: Policy,
        channel_id: str,
        monday: date,
    ) -> None:
        answers = policy.answers
        self._policy = policy
        self._terms = ChannelTerms.of(policy, channel_id)
        self._monday = monday
        self._now = self._terms.open_at(monday)
        self._own = answers.by_key["channel.id"].value == channel_id
        suffix = channel_id.upper().replace("_", "-").rstrip("-")
        self._prefix = f"{answers.pinyin.upper()}-{suffix}"

    def stories(self) -> Iterator[Story]:
        """Yield all of them; only a refusal if nobody can use the channel."""
        terms = self._terms
        if terms.channel.across is Across.ONLY_ACROSS_AREAS:
            yield self._same_area()
            # Nobody may be bound across areas: the channel takes no pair at all.
            if self._policy.value(CityRules.scope) is Scope.POOLING_AREA:
                return
            if not terms.channel.also_for:
                return
        number = f"{self._prefix}-WHOLE"
        yield complete_applications(
            self._policy,
            terms,
            number,
            self._monday,
        )
        yield self._guide()
        if isinstance(terms.channel.hours, CounterHours):
            yield self._hours(terms.channel.hours)
        yield self._checks()
        yield self._fields()
        yield self._materials()

    def _same_area(self) -> Story:
        """Return the case that a channel across areas takes no pair of one area."""
        channel = self._terms.channel
        persons = adults(self._policy.answers.area_code, 2)
        holder, spouse = names_of(persons)
        application = self._terms.bind(holder, spouse, "配偶")
        outcome = not_eligible("channels", channel.clauses)
        return self._story(
            "ACROSS",
            says=f"{channel.name}只办理跨统筹区的绑定，双方都在本市参保的不受理。",
            cited=channel.clauses,
            persons=persons,
            steps=[expecting(application, **outcome)],
        )

    def _guide(self) -> Story:
        """Return the case that the guide names the channel and how long it takes."""
        all_terms = [
            ChannelTerms.of(self._policy, channel_id)
            for channel_id in self._policy.value(CityRules.channels)
        ]
        soon = how_soon(self._terms.channel, self._terms.review)
        # The guide lists channels that take as long on one line.
        alike = [
            terms.channel.name
            for terms in all_terms
            if how_soon(terms.channel, terms.review) == soon
        ]
        return self._story(
            "GUIDE",
            says=f"办理指南写明可以通过{self._terms.channel.name}办理，以及多久办结。",
            cited=self._cited(CityRules.channels),
            persons=[],
            steps=[expecting({"guide": {}}, says=[f"{'、'.join(alike)}：{soon}"])],
        )

    def _hours(self, hours: CounterHours) -> Story:
        """Return the case of a counter's hours: to the minute, on two days."""
        persons = _persons(self._policy, self._terms, 4)
        opening = _at(self._monday, hours.opens)
        says = (
            f"{self._terms.channel.name}"
            f"在工作日{hours.opens:%H:%M}至{hours.closes:%H:%M}受理，"
            "早一分钟、到点之后都不受理，并告知下次开放的时间。"
        )
        return Story(
            f"{self._prefix}-HOURS",
            says=says,
            clauses=self._cited(CityRules.channels),
            now=opening - _MINUTE,
            people=persons,
            steps=self._at_the_counter(hours, names_of(persons)),
        )

    def _at_the_counter(
        self,
        hours: CounterHours,
        names: list[str],
    ) -> list[Step]:
        """Return applications a minute before and at each edge of a counter's hours."""
        holder, *members = names
        early, first, late = [
            self._terms.bind(holder, member, "女儿") for member in members
        ]
        state = self._terms.state()
        opening = _at(self._monday, hours.opens)
        closing = _at(self._monday + _DAY, hours.closes)
        next_opening = _at(self._monday + 2 * _DAY, hours.opens)
        return [
            expecting(early, **_closed(opening)),
            clock(opening),
            expecting(first, state=state),
            clock(closing - _MINUTE),
            expecting(early, state=state),
            clock(closing),
            expecting(late, **_closed(next_opening)),
        ]

    def _checks(self) -> Story:
        """Return the case of each check left out in turn, then of the required ones only."""
        required = check_words(self._terms.checks)
        # A check that is not required does not stand in for one that is.
        optional = [word for word in CHECKS if word not in required]
        incomplete = []
        for left_out in required:
            performed = [word for word in required if word != left_out]
            incomplete.append(performed + optional)
        persons, application = self._application()
        complete = _with(application, checks=required)
        condition = (
            f"须先完成{'、'.join(required)}，缺一项不能绑定"
            if required
            else "不另作身份核验"
        )
        return self._story(
            "CHECKS",
            says=f"{self._terms.channel.name}{condition}。",
            cited=self._cited(CityRules.identity_checks),
            persons=persons,
            steps=[
                *self._refusals(application, "identity_checks", checks=incomplete),
                expecting(complete, state=self._terms.state()),
            ],
        )

    def _fields(self) -> Story:
        """Return the case of each field left empty in turn, then of all that may be."""
        required = {field.value for field in self._terms.fields}
        incomplete = [{key: ""} for key in FIELDS if key in required]
        optional = {key: "" for key in FIELDS if key not in required}
        persons, application = self._application()
        complete = _with(application, details=optional) if optional else application
        words = "、".join(field_words(self._terms.fields)) or "无"
        says = (
            f"{self._terms.channel.name}须填报使用人的信息：{words}；"
            "少一项不能绑定，其余可以不填。"
        )
        return self._story(
            "FIELDS",
            says=says,
            cited=self._cited(CityRules.fields_asked),
            persons=persons,
            steps=[
                *self._refusals(application, "fields_asked", details=incomplete),
                expecting(complete, state=self._terms.state()),
            ],
        )

    def _materials(self) -> Story:
        """Return the case of proofs: wrong ones, each right one, and kin on record."""
        persons, application = self._application()
        holder, _, daughter = names_of(persons)
        of_kin = self._terms.bind(
            holder,
            daughter,
            "女儿",
            on_record=True,
        )
        if self._terms.materials:
            persons[0]["kin"] = {daughter: "女儿"}
        return self._story(
            "MATERIALS",
            says=_materials_in_words(self._terms),
            cited=self._cited(CityRules.materials),
            persons=persons,
            steps=self._material_steps(application, of_kin),
        )

    def _material_steps(
        self,
        application: Step,
        of_kin: Step,
    ) -> list[Step]:
        terms = self._terms
        wrong = wrong_proofs(terms)
        right = right_proofs(terms)
        steps = self._refusals(application, "materials", materials=wrong)
        # Being on record spares a proof, or it does not help: either is shown.
        spared = terms.proofs(on_record=True) != terms.proofs()
        if not spared:
            steps += self._refusals(of_kin, "materials", materials=wrong)
        complete = each(application, materials=right) if right else application
        steps.append(expecting(complete, state=terms.state()))
        if spared:
            steps.append(expecting(of_kin, state=terms.state(on_record=True)))
        return steps

    def _refusals(
        self, application: Step, hook: str, **values: Sequence[Any]
    ) -> list[Step]:
        """Return the step that is refused with each of these values; none without any."""
        if not all(values.values()):
            return []
        # The province's clauses are its own cases' business.
        cited = self._cited(getattr(CityRules, hook)) if self._own else ()
        return [expecting(each(application, **values), **not_eligible(hook, cited))]

    def _application(self) -> tuple[list[Person], Step]:
        """Return three people, and a complete application of the first for the second."""
        persons = _persons(self._policy, self._terms, 3)
        holder, spouse, _ = names_of(persons)
        return persons, self._terms.bind(holder, spouse, "配偶")

    def _cited(self, hook: Callable[[CityRules], object]) -> Sequence[Clause]:
        """Return the clauses of a hook's value for this channel: the city's or the rest."""
        rule = self._policy.rule(hook)
        own = rule.own if rule else ()
        if self._own:
            return own
        return tuple(clause for clause in self._policy.cited(hook) if clause not in own)

    def _story(
        self,
        number: str,
        says: str,
        cited: Sequence[Clause],
        persons: list[Person],
        steps: list[Step],
    ) -> Story:
        return Story(
            f"{self._prefix}-{number}",
            says=says,
            clauses=cited,
            now=self._now,
            people=persons,
            steps=steps,
        )


def _at(day: date, hour: time) -> datetime:
    return datetime.combine(day, hour)


def _closed(opens: datetime) -> dict[str, str]:
    """Return what is expected of a closed counter, and when it opens again."""
    return {"refused": "COUNTER_CLOSED", "opens": instant(opens)}


def _with(application: Step, **details: Any) -> Step:
    """Return an application with these details of its own."""
    return {"bind": application["bind"] | details}


def _materials_in_words(terms: ChannelTerms) -> str:
    names = "、".join(in_words(need) for need in terms.materials)
    condition = f"须提供{names}，缺一样不能绑定" if names else "不要求材料"
    return f"{terms.channel.name}{condition}。"
