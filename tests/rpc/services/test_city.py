"""Cities, their rules and their guides over the wire."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import TypeVar

import pytest
from gongji import guide
from gongji.cities.city import City
from gongji.rpc.convert.city import rules_to
from gongji.rpc.services import city as served
from gongji.rules.hookspecs import DATED_HOOKS
from gongji.v1 import city_pb2 as pb

from tests.scaffold.service import Service

T = TypeVar("T")


async def test_all_rule_values_of_a_city(service: Service) -> None:
    """GetCity has one value a hook in the order asked, as JSON and in words, with its
    clauses and their sentences."""
    request = pb.GetCityRequest(area_code="341199", day="2025-09-30")
    reply = await service.city.GetCity(request)
    assert list(DATED_HOOKS) == [rule.hook for rule in reply.rules]
    assert ("341100", "2025-09-30") == (reply.city.area_code, reply.day)
    for rule in reply.rules:
        json.loads(rule.value_json)
        assert rule.in_words, rule.hook
        assert rule.question, rule.hook
        assert all(clause.text for clause in rule.clauses), rule.hook
        assert all(clause.grade for clause in rule.clauses), rule.hook


async def test_contradictions_come_with_the_value_that_settles_them(
    service: Service,
) -> None:
    """What a value settles is told beside it, as the city states it."""
    reply = await service.city.GetCity(pb.GetCityRequest(area_code="341100"))
    stated = dict(service.cities.of("341100").rules(date(2025, 9, 30)).all())
    for rule in reply.rules:
        ruled = stated[rule.hook]
        assert [x.id for x in ruled.settles] == [x.id for x in rule.settles]
        assert [clause.id for clause in ruled.against] == [c.id for c in rule.against]


async def test_today_is_the_clocks(service: Service) -> None:
    """Without a day the rules of the service's own today answer."""
    reply = await service.city.GetCity(pb.GetCityRequest(area_code="341100"))
    assert "2025-09-30" == reply.day


async def test_cities_by_area_code(service: Service) -> None:
    """ListCities has every served city by area code."""
    reply = await service.city.ListCities(pb.ListCitiesRequest())
    assert ["340800", "341100"] == [c.area_code for c in reply.cities]


async def test_the_guide_is_the_citys(service: Service) -> None:
    """GetGuide answers the guide in the form asked for, Markdown where none is."""
    city, day = service.cities.of("341100"), date(2025, 9, 30)
    request = pb.GetGuideRequest(area_code="341100", day="2025-09-30")
    plain = await service.city.GetGuide(request)
    request.format = pb.GUIDE_FORMAT_HTML
    page = await service.city.GetGuide(request)
    assert (guide.title(city), guide.markdown(city, day)) == (plain.title, plain.text)
    assert guide.html(city, day) == page.text


async def test_answers_alike_for_everybody_are_made_once(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On every day of a period the guide and the rules are those of that day, made once."""
    city = service.cities.of("341100")
    days = [date(2025, 9, 29), date(2025, 9, 30)]
    expected = {day: guide.markdown(city, day) for day in days}
    made: list[date] = []
    monkeypatch.setattr(guide, "markdown", counting(made, guide.markdown))
    monkeypatch.setattr(served, "rules_to", counting(made, rules_to))
    for day in days * 2:
        assert (expected[day], rules_to(city, day)) == await answers(service, day)
    since, _ = city.period(days[0])
    assert [since, since] == made


async def answers(service: Service, day: date) -> tuple[str, pb.GetCityResponse]:
    """Return the text of the guide, and the rules, as they are answered."""
    guided = pb.GetGuideRequest(area_code="341100", day=str(day))
    ruled = pb.GetCityRequest(area_code="341100", day=str(day))
    text = (await service.city.GetGuide(guided)).text
    return text, await service.city.GetCity(ruled)


def counting(
    made: list[date], make: Callable[[City, date], T]
) -> Callable[[City, date], T]:
    """Return the same, noting the day of each time it is called."""

    def counted(city: City, day: date) -> T:
        made.append(day)
        return make(city, day)

    return counted
