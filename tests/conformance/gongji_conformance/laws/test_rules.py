"""What a server says of a city's rules."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from gongji.v1 import binding_pb2, city_pb2, settlement_pb2

from gongji_conformance.city import words
from gongji_conformance.city.city import NOW, CityUnderTest
from gongji_conformance.city.server import ServerUnderTest
from gongji_conformance.city.stubs import CallRefused, ask
from gongji_conformance.city.stubs import person as ref
from gongji_conformance.laws.law import law

CHANNEL_HOOKS = (
    "identity_checks",
    "fields_asked",
    "materials",
    "review_latency",
)


@law("CORE-RULES-001")
def test_no_plugin_is_refused(
    gongji_city: CityUnderTest, gongji_server: ServerUnderTest
) -> None:
    """A city that serves is listed with plugin and version; nobody claims its name."""
    summary = gongji_city.summary
    name = f"({summary.pinyin})"
    assert [] == [plugin for plugin in gongji_server.refused if name in plugin]
    assert summary.plugin
    assert summary.plugin_version
    assert re.fullmatch("[0-9]{6}", summary.area_code)


@law("CORE-RULES-002")
def test_rules_have_sources(gongji_city: CityUnderTest) -> None:
    """Every rule value has its day, clauses with sentence and source, and words."""
    rules = gongji_city.rules.rules
    assert rules
    assert [] == [rule.hook for rule in rules if not _sourced(rule)]


def _sourced(rule: city_pb2.RuleValue) -> bool:
    """Say whether a value has begun, is described and has its sources."""
    started = date.fromisoformat(rule.since) <= NOW.date()
    described = bool(rule.in_words and rule.question and rule.clauses)
    cited = all(
        clause.id and clause.text and clause.source and clause.grade
        for clause in rule.clauses
    )
    return started and described and cited


@law("CORE-RULES-003")
def test_channels_are_spoken_of(gongji_city: CityUnderTest) -> None:
    """What is asked per channel is asked of exactly the channels the city declares."""
    rules = gongji_city.rules.rules
    values = {rule.hook: json.loads(rule.value_json) for rule in rules}
    declared = set(values["channels"])
    spoken_of = {hook: set(values[hook]) for hook in CHANNEL_HOOKS}
    assert declared
    assert dict.fromkeys(CHANNEL_HOOKS, declared) == spoken_of


@law("CORE-RULES-004")
def test_guide_tells_all(gongji_city: CityUnderTest) -> None:
    """The guide names every channel and cites every clause the rules rest on."""
    guide = gongji_city.guide()
    rules = gongji_city.rules.rules
    cited = {clause.id for rule in rules for clause in rule.clauses}
    channels = gongji_city.requirements.channels.values()
    names = [channel["name"] for channel in channels]
    assert [] == [name for name in names if name not in guide.text]
    uncited = {number for number in cited if not _cites(guide.text, number)}
    assert set() == uncited
    assert gongji_city.summary.name.removesuffix("市") in guide.title


def _cites(text: str, number: str) -> bool:
    """Say whether a text names a clause."""
    # C2 does not stand in C26.
    alone = rf"(?<![0-9A-Za-z]){re.escape(number)}(?![0-9A-Za-z])"
    return re.search(alone, text) is not None


@law("CORE-RULES-005")
def test_unknown_channel(gongji_city: CityUnderTest) -> None:
    """An undeclared channel is refused with the list of those there are."""
    holder, member = gongji_city.people.couple()
    request = gongji_city.application(holder, member)
    request.channel = "carrier_pigeon"
    refused = ask(gongji_city.stubs.bindings.SubmitBinding, request)
    assert isinstance(refused, CallRefused)
    assert "INVALID_ARGUMENT" == refused.code
    assert "UNKNOWN_CHANNEL" == refused.reason
    assert "channel" == refused.field
    channels = gongji_city.requirements.channels
    assert [] == [name for name in channels if name not in refused.message]
    assert [] == gongji_city.bindings(holder)


# --- the first day ------------------------------------------------------------------


def _get_city(city: CityUnderTest, day: date) -> Any:
    return ask(city.stubs.cities.GetCity, city.get_city(str(day)))


def _get_guide(city: CityUnderTest, day: date) -> Any:
    request = city_pb2.GetGuideRequest(
        area_code=city.area_code,
        day=str(day),
    )
    return ask(city.stubs.cities.GetGuide, request)


def _quote(city: CityUnderTest, day: date) -> Any:
    request = settlement_pb2.QuoteRequest(bill=city.bill(city.people.one()))
    request.bill.service_day = str(day)
    return ask(city.stubs.settlements.Quote, request)


def _benefit_year(city: CityUnderTest, day: date) -> Any:
    request = settlement_pb2.GetBenefitYearRequest(
        person=ref(city.people.one().person_no), service_day=str(day)
    )
    return ask(city.stubs.settlements.GetBenefitYear, request)


def _settle(city: CityUnderTest, day: date) -> Any:
    request = city.settling(city.people.one())
    request.bill.service_day = str(day)
    return ask(city.stubs.settlements.Settle, request)


def _submit(city: CityUnderTest, day: date) -> Any:
    # No request names the day of a binding: it is the day it is asked for.
    city.stubs.set_clock(datetime.combine(day, time(10), words.SHANGHAI))
    application = city.application(*city.people.couple())
    return ask(city.stubs.bindings.SubmitBinding, application)


def _describe_form(city: CityUnderTest, day: date) -> Any:
    request = binding_pb2.DescribeFormRequest(
        holder_city=city.area_code, member_city=city.area_code, day=str(day)
    )
    return ask(city.stubs.bindings.DescribeForm, request)


QUESTIONS: dict[str, Callable[[CityUnderTest, date], Any]] = {
    "GetCity": _get_city,
    "GetGuide": _get_guide,
    "DescribeForm": _describe_form,
    "Quote": _quote,
    "GetBenefitYear": _benefit_year,
    "Settle": _settle,
    "SubmitBinding": _submit,
}
"""What can be asked about a day, or on it."""


@law("CORE-RULES-006")
@pytest.mark.parametrize("question", QUESTIONS)
def test_nothing_before_the_first_rule(
    gongji_city: CityUnderTest, question: str
) -> None:
    """The day before the first rule is NOT_IN_FORCE whatever is asked."""
    before = _first_day(gongji_city) - timedelta(days=1)
    refused = QUESTIONS[question](gongji_city, before)
    assert isinstance(refused, CallRefused)
    assert "FAILED_PRECONDITION" == refused.code
    assert "NOT_IN_FORCE" == refused.reason
    assert refused.message


@law("CORE-RULES-007")
def test_the_first_day_answers(gongji_city: CityUnderTest) -> None:
    """On the first day every hook has a value in force."""
    first = _first_day(gongji_city)
    request = gongji_city.get_city(str(first))
    rules = gongji_city.stubs.cities.GetCity(request).rules
    hooks = {rule.hook for rule in gongji_city.rules.rules}
    assert hooks == {rule.hook for rule in rules}
    days = {rule.hook: date.fromisoformat(rule.since) for rule in rules}
    assert [] == [hook for hook, day in days.items() if day > first]


def _first_day(city: CityUnderTest) -> date:
    """Return the first day of the rules, as the refusal of an early one names it."""
    refused = ask(city.stubs.cities.GetCity, city.get_city("1990-01-01"))
    assert isinstance(refused, CallRefused)
    return date.fromisoformat(refused.metadata["first_day"])
