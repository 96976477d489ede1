"""Which form an application is made on (申请表): what to ask, in order, by the rules of a day.

Nothing is known of the people but where they are insured. The form is refused exactly if
an application through it would be, whoever they were.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import partial

from msgspec import Struct

from gongji.binding.asked import (
    AskedRules,
    Side,
    purposes_of,
    relations_of,
    rules_of_places,
    speaker_of,
)
from gongji.binding.case import Case, Unmet, unmet_of
from gongji.binding.channels import closed, declared_channel, open_channels
from gongji.binding.eligibility import failing_later, refusal_of
from gongji.binding.formsteps import FormScope, steps_of
from gongji.binding.formterms import notices_of, outcomes_of
from gongji.binding.submission import channel_fits
from gongji.binding.ways import ways
from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities, City, DayRules
from gongji.model.binding import Application
from gongji.model.form import ApplicationForm
from gongji.model.people import Certificate, Enrolment, Mark, Person
from gongji.model.refusals import MalformedField
from gongji.rules.binding import EnrolmentTerms
from gongji.rules.channels import AlwaysOpen, Channel, ChannelId
from gongji.rules.codes import SHANGHAI, Purpose, pooling_area, province
from gongji.rules.hookspecs import CityRules

_HOLDER, _MEMBER = "holder", "member"


class FormQuery(Struct, frozen=True, kw_only=True):
    """What the form is for; what is left empty the form asks for.

    `marks` are kinds of marks that holder or member have. `day` is None for now.
    """

    holder_city: str
    member_city: str
    channel: ChannelId = ""
    relation: str = ""
    purposes: frozenset[Purpose] = frozenset()
    marks: frozenset[str] = frozenset()
    day: date | None = None


class AdmittedForm(Struct, frozen=True):
    """What a form is for, once it is not refused: the city, the day, and what differs.

    `member_city` is the member's if it is another.
    """

    city: City
    day: date
    scope: FormScope
    member_city: City | None


def admit(
    query: FormQuery, cities: Cities, workdays: Workdays, now: datetime
) -> AdmittedForm:
    """Return what the form of an application is made of.

    CityNotServed, MalformedField, NotInForce, UnknownChannel, CounterClosed, NotEligible.
    """
    city = cities.of(query.holder_city)
    _refuse_province(query)
    day = query.day or now.astimezone(SHANGHAI).date()
    asked = rules_of_places(query.holder_city, query.member_city, day, cities)
    rules = asked.rules
    at = _at(query, rules, now)
    others = open_channels(rules, at, workdays) if query.channel else ()
    case = _case_of(query, asked, day)
    check = partial(_unmet, at=at, workdays=workdays, day=query.day)
    if unmet := check(case):
        raise refusal_of(unmet, city, rules, workdays, ways(case, others, check))
    scope = _scope_of(query, city, case)
    return AdmittedForm(city, day, scope, speaker_of(rules, Side.MEMBER))


def form_of(scope: FormScope) -> ApplicationForm:
    """Return the form; of one scope always the same."""
    return ApplicationForm(
        title=f"{scope.city}职工医保个人账户家庭共济绑定申请",
        complete=bool(scope.channel),
        steps=steps_of(scope),
        outcomes=outcomes_of(scope.rules, scope.channel),
        notices=notices_of(scope.rules),
    )


def _refuse_province(query: FormQuery) -> None:
    """MalformedField if the member's city is the province that the holder's city is in."""
    home, place = pooling_area(query.holder_city), pooling_area(query.member_city)
    # Where a whole province is one pooling area, its code is the holder's too.
    within = place != home and province(place) == province(home)
    if within and place.endswith("00"):
        raise MalformedField(
            f"member_city：{query.member_city} 是省，须写到市，如 {query.holder_city}",
            field="member_city",
        )


def _at(query: FormQuery, rules: DayRules, now: datetime) -> datetime:
    """Return the instant that the form is for. UnknownChannel."""
    if not query.channel:
        return now
    channel = declared_channel(rules, query.channel)
    return now if query.day is None else _opening(channel, query.day)


def _opening(channel: Channel, day: date) -> datetime:
    """Return an instant of a day at which a channel is open if it is at all."""
    hours = channel.hours
    opens = datetime.min.time() if isinstance(hours, AlwaysOpen) else hours.opens
    return datetime.combine(day, opens, SHANGHAI)


def _unmet(
    case: Case, at: datetime, workdays: Workdays, day: date | None
) -> tuple[Unmet, ...]:
    """Return the conditions that nobody's application meets, however it is filled in."""
    unmet = failing_later(case)
    if not case.application.channel:
        return unmet
    at = case.comes_at or at
    shut = closed(case.rules, case.channel, at, workdays, day)
    return (*shut, *unmet, *unmet_of([channel_fits], case))


def _scope_of(query: FormQuery, city: City, case: Case) -> FormScope:
    """Return what the form is for, with the channels that take such a pair."""
    return FormScope(
        city=city.name,
        rules=case.rules,
        member_city=query.member_city,
        channel=query.channel,
        relation=query.relation,
        purposes=query.purposes,
        channels=tuple(
            [
                key
                for key in case.channels
                if not unmet_of([channel_fits], case.applying(channel=key))
            ]
        ),
    )


def _case_of(query: FormQuery, asked: AskedRules, day: date) -> Case:
    """Return the application of two people who meet whatever can be met."""
    rules = asked.rules
    terms = purposes_of(rules)
    purposes = [terms[purpose] for purpose in query.purposes if purpose in terms]
    relations = relations_of(rules) or rules.value(CityRules.relations).codes
    marks = tuple([Mark(kind, "", day) for kind in sorted(query.marks)])
    holder_terms = rules.value(CityRules.holder_terms)
    return Case(
        application=Application(
            holder=_HOLDER,
            member=_MEMBER,
            relation=query.relation or min(relations),
            purposes=query.purposes,
            channel=query.channel,
        ),
        holder=_person(_HOLDER, query.holder_city, [holder_terms], day, marks),
        member=_person(_MEMBER, query.member_city, purposes, day),
        rules=rules,
        today=day,
        of_holder=(),
        of_member=(),
        unserved=asked.unserved,
    )


def _person(
    number: str,
    place: str,
    terms: list[EnrolmentTerms],
    day: date,
    marks: tuple[Mark, ...] = (),
) -> Person:
    """Return somebody insured in a place, enrolled as all of some terms ask."""
    return Person(
        person_no=number,
        # Of a type that tells neither age nor sex.
        certificate=Certificate("99", ""),
        name="",
        phone="",
        first_place=place,
        enrolments=tuple(
            [Enrolment(min(one.schemes), "11", min(one.statuses), day) for one in terms]
        ),
        marks=marks,
    )
