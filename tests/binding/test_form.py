"""What a form asks, of whom, when; what it tells; and that nothing required can be left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pytest
from gongji.binding.form import FormQuery
from gongji.model.conditions import StepAction
from gongji.model.people import Certificate
from gongji.model.refusals import (
    CityNotServed,
    CounterClosed,
    NotEligible,
    NotInForce,
    Refusal,
    UnknownChannel,
)
from gongji.rules.channels import Across
from gongji.rules.codes import SHANGHAI, BindingState, MarkKind, Purpose
from gongji.rules.hookspecs import CityRules
from gongji.v1 import binding_pb2 as pb
from gongji_conformance.city.form import Filling, expected_state, filled
from msgspec.structs import replace
from stdnum.cn import ric

from tests.binding.applying import ELSEWHERE, PLACES, TUESDAY, cities
from tests.binding.filling import BOTH_SCHEMES, Family
from tests.scaffold.people import identity_number

SPOUSE, CHILD = "10", "20"

HOLIDAY = date(2025, 10, 1)

EVENING = datetime(2025, 9, 30, 17, 0, tzinfo=SHANGHAI)


UNDATED = tuple([replace(e, psn_type="") for e in BOTH_SCHEMES])
"""Enrolments that do not tell the age either."""


def query(pinyin: str = "anqing", **changes: Any) -> FormQuery:
    """Return a query for the form of spouses of one city, for visits, through 皖事通."""
    asked = FormQuery(
        holder_city=PLACES[pinyin],
        member_city=PLACES[pinyin],
        channel="wanshitong",
        relation=SPOUSE,
        purposes=frozenset({Purpose.VISIT}),
    )
    return replace(asked, **changes)


def through_every_channel() -> Iterator[FormQuery]:
    """Yield the query of a pair each channel of each city is for."""
    for pinyin, place in PLACES.items():
        channels = cities().of(place).rules(TUESDAY.date()).value(CityRules.channels)
        for key, channel in channels.items():
            across = channel.across is Across.ONLY_ACROSS_AREAS
            yield query(
                pinyin, channel=key, member_city=ELSEWHERE[pinyin] if across else place
            )


EVERY_CHANNEL = list(through_every_channel())


def name_of(asked: FormQuery) -> str:
    return f"{asked.holder_city}-{asked.channel}"


def refused(family: Family, request: pb.SubmitBindingRequest) -> list[str]:
    """Return the paths of the fields a refusal of this application names."""
    with pytest.raises(Refusal) as caught:
        family.send(request)
    named = [ref.path for c in caught.value.conditions for ref in c.fields]
    return [*named, caught.value.field]


@pytest.mark.parametrize("asked", EVERY_CHANNEL, ids=name_of)
def test_nothing_required_can_be_left_out(asked: FormQuery) -> None:
    """Without any one required field the application is refused, and names that field."""
    family = Family(asked)
    form = family.form()
    whole = Filling(family.known())
    whole.fill(form)
    for place, field in enumerate(whole.asked):
        if not field.required:
            continue
        without = Filling(family.known())
        without.fill(form, without=place)
        named = refused(family, without.request)
        path = field.path.removesuffix("[]")
        assert any(one.startswith(path) for one in named), (field.path, named)


@pytest.mark.parametrize("pinyin", PLACES)
@pytest.mark.parametrize("age", [9, 17, 18, None])
def test_who_consents_is_asked_by_age(pinyin: str, age: int | None) -> None:
    """A child's guardian consents, an adult himself, of unknown age with a tick: each as
    the form says is accepted."""
    family = Family(query(pinyin, relation=CHILD))
    # Of the day of the year on which the age is completed, and no age at all.
    certificate = family.get("M").certificate
    if age is not None:
        born = f"{TUESDAY.year - age}0930"
        certificate = Certificate("01", identity_number(1, born=born))
    family.add(replace(family.get("M"), certificate=certificate, enrolments=UNDATED))
    known = family.known(age=age)
    form = family.form()
    binding = family.send(filled(form, known))
    assert expected_state(form, known) == int(binding.state)


def test_a_consent_left_out_is_foreseen() -> None:
    """The step may be left out; the form says what comes of it, and it does."""
    family = Family(query())
    form, known = family.form(), family.known(consents=False)
    assert [True] == [s.optional for s in form.steps if s.if_left_out]
    request = filled(form, known)
    assert not request.HasField("consent")
    binding = family.send(request)
    assert BindingState.AWAITING_CONSENT is binding.state
    assert expected_state(form, known) == int(binding.state)


def test_what_is_left_open_is_asked() -> None:
    """Without channel, relation and purpose the form asks for them: one of the channels
    that take such a pair leads to a whole form."""
    family = Family(query(channel="", relation="", purposes=frozenset()))
    form = family.form()
    asked = {field.path: field for step in form.steps for field in step.fields}
    assert not form.complete
    assert {"channel", "purposes[]", "relation"} == set(asked)
    assert "national_app" not in [c.value for c in asked["channel"].choices]
    for choice in asked["channel"].choices:
        chosen = query(channel=choice.value, relation="", purposes=frozenset())
        assert Family(chosen).form().complete


@pytest.mark.parametrize(
    ("changes", "kind", "word"),
    [
        ({"holder_city": "310000"}, CityNotServed, "310000"),
        ({"day": date(2000, 1, 1)}, NotInForce, "2000-01-01"),
        ({"channel": "pigeon"}, UnknownChannel, "pigeon"),
        ({"channel": "window", "day": HOLIDAY}, CounterClosed, "下次开放 2025-10-09"),
        ({"relation": "28"}, NotEligible, "28"),
        ({"purposes": frozenset(Purpose)}, NotEligible, "居民医保个人缴费"),
        ({"member_city": "320100"}, NotEligible, "340800"),
        ({"channel": "national_app"}, NotEligible, "跨省备案人员"),
    ],
)
def test_no_form_for_what_nobody_can_do(
    changes: dict[str, Any], kind: type[Refusal], word: str
) -> None:
    """A refusal of its own says why there is no form."""
    with pytest.raises(kind, match=word):
        Family(query(**changes)).form()


def test_a_counter_is_asked_for_now_or_of_a_day() -> None:
    """After hours there is no form for now, as there is no application; for a working day
    there is one at any hour."""
    at_counter = query(channel="window")
    family = Family(at_counter, now=EVENING)
    with pytest.raises(CounterClosed) as of_form:
        family.form()
    with pytest.raises(CounterClosed) as of_application:
        family.apply()
    assert "现在不办理" in of_form.value.message
    assert of_form.value.message == of_application.value.message
    assert Family(replace(at_counter, day=EVENING.date()), now=EVENING).form().complete


@pytest.mark.parametrize(
    ("changes", "helps"), [({}, True), ({"relation": "28"}, False)]
)
def test_a_closed_counter_names_only_what_was_tried(
    changes: dict[str, Any], *, helps: bool
) -> None:
    """To wait for the counter is a way of those who are bound then, as of an application;
    nobody is asked to come back in vain."""
    family = Family(query(channel="window", day=HOLIDAY, **changes))
    with pytest.raises(CounterClosed) as refused:
        family.form()
    waits = [[step.action for step in way] for way in refused.value.ways]
    assert helps is ([StepAction.WAIT] in waits)
    assert helps is bool(waits)
    # Not of now, which nobody asked about.
    assert f" {HOLIDAY} 不办理" in refused.value.message
    assert "现在" not in refused.value.message


def test_a_mark_opens_a_channel() -> None:
    """A channel for pairs of two areas takes a marked person's pair of one area."""
    marked = query(
        channel="national_app",
        marks=frozenset({MarkKind.CROSS_PROVINCE_FILING.value}),
    )
    family = Family(marked)
    assert (
        BindingState.UNDER_REVIEW
        is family.send(filled(family.form(), family.known())).state
    )


@pytest.mark.parametrize("asked", EVERY_CHANNEL, ids=name_of)
def test_what_is_said_has_its_source(asked: FormQuery) -> None:
    """Every number of a clause stands among the clauses, each with its text; every
    article of the agreement, every notice and every outcome has one."""
    form = Family(asked).form()
    texts = {clause.id: clause.text for clause in form.clauses}
    assert all(texts.values())
    told = told_by(form)
    assert all(one.clauses for one in told)
    numbers = {number for one in (*told, *fields_of(form)) for number in one.clauses}
    assert numbers == set(texts)


@pytest.mark.parametrize("asked", EVERY_CHANNEL, ids=name_of)
def test_the_text_of_the_agreement_is_its_articles(asked: FormQuery) -> None:
    """The text is the title and the numbered articles, a line each."""
    fields = fields_of(Family(asked).form())
    (agreement,) = [f.agreement for f in fields if f.HasField("agreement")]
    lines = [f"{n}. {a.text}" for n, a in enumerate(agreement.articles, 1)]
    assert [agreement.title, *lines] == agreement.text.splitlines()


def fields_of(form: pb.DescribeFormResponse) -> list[pb.FormField]:
    return [field for step in form.steps for field in step.fields]


def told_by(form: pb.DescribeFormResponse) -> list[pb.FormNotice | pb.FormOutcome]:
    """Return all that a form tells: notices, articles, outcomes."""
    articles = [article for f in fields_of(form) for article in f.agreement.articles]
    beside = [notice for step in form.steps for notice in step.notices]
    return [*articles, *beside, *form.notices, *form.outcomes]


@pytest.mark.parametrize("asked", EVERY_CHANNEL, ids=name_of)
def test_an_example_is_an_answer(asked: FormQuery) -> None:
    """Every example keeps the constraints of its field, as the service enforces them; an
    identity number has its check digit, and an area that does not exist."""
    for field in fields_of(Family(asked).form()):
        if field.example:
            rule = field.constraints
            assert re.fullmatch(rule.pattern or ".*", field.example)
            assert len(field.example) <= (rule.max_len or 100)
        if "certificate" in field.path and field.example:
            assert field.example[17] == ric.calc_check_digit(field.example)
            assert field.example.startswith("340899")
