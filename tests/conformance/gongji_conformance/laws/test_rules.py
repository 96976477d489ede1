"""What a server says of a city's rules."""

from __future__ import annotations

import json
import re
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from gongji.v1 import city_pb2, settlement_pb2

from gongji_conformance.city import words
from gongji_conformance.city.judged import NOW, Judged
from gongji_conformance.city.stage import Stage
from gongji_conformance.city.wire import Refused, ask
from gongji_conformance.laws.law import law

CHANNEL_HOOKS = ("identity_checks", "fields_asked", "materials", "review_latency")


@law("CORE-RULES-001")
def test_no_plugin_is_refused(gongji_city: Judged, gongji_stage: Stage) -> None:
    """A city that serves is listed with its plugin and version, and nothing claims its name beside it."""
    assert [] == [told for told in gongji_stage.refused if f"({gongji_city.summary.pinyin})" in told]
    assert gongji_city.summary.plugin
    assert gongji_city.summary.plugin_version
    assert re.fullmatch("[0-9]{6}", gongji_city.summary.area_code)


@law("CORE-RULES-002")
def test_rules_have_sources(gongji_city: Judged) -> None:
    """Every rule value says since when, on which clauses with their sentence and source, and what it is in words."""
    bare = [
        rule.hook
        for rule in gongji_city.rules.rules
        if not (rule.in_words and rule.question and rule.clauses and date.fromisoformat(rule.since) <= NOW.date())
        or not all(clause.id and clause.text and clause.source and clause.grade for clause in rule.clauses)
    ]
    assert gongji_city.rules.rules
    assert [] == bare


@law("CORE-RULES-003")
def test_channels_are_spoken_of(gongji_city: Judged) -> None:
    """What is asked per channel is asked of exactly the channels the city declares."""
    values = {rule.hook: json.loads(rule.value_json) for rule in gongji_city.rules.rules}
    declared = set(values["channels"])
    assert declared
    assert dict.fromkeys(CHANNEL_HOOKS, declared) == {hook: set(values[hook]) for hook in CHANNEL_HOOKS}


@law("CORE-RULES-004")
def test_guide_tells_all(gongji_city: Judged) -> None:
    """The guide names every channel and cites every clause the rules rest on."""
    guide = gongji_city.wire.cities.GetGuide(
        city_pb2.GetGuideRequest(area_code=gongji_city.area_code, day=str(NOW.date()))
    )
    cited = {clause.id for rule in gongji_city.rules.rules for clause in rule.clauses}
    names = [channel["name"] for channel in gongji_city.asked.channels.values()]
    assert [] == [name for name in names if name not in guide.text]
    assert [] == sorted(number for number in cited if not _stands_in(number, guide.text))
    assert gongji_city.summary.name.removesuffix("市") in guide.title


@law("CORE-RULES-005")
def test_unknown_channel(gongji_city: Judged) -> None:
    """A channel the city does not declare is refused by name with the list of those there are, and nothing is kept."""
    holder, member = gongji_city.world.couple()
    request = gongji_city.application(holder, member)
    request.channel = "carrier_pigeon"
    refused = ask(gongji_city.wire.bindings.SubmitBinding, request)
    assert isinstance(refused, Refused)
    assert ("INVALID_ARGUMENT", "UNKNOWN_CHANNEL", "channel") == (refused.code, refused.reason, refused.field)
    assert [] == [name for name in gongji_city.asked.channels if name not in refused.message]
    assert [] == gongji_city.bindings(holder)


@law("CORE-RULES-006")
@pytest.mark.parametrize("asked_for", ["GetCity", "GetGuide", "Quote", "Settle", "SubmitBinding"])
def test_nothing_before_the_first_rule(gongji_city: Judged, asked_for: str) -> None:
    """The day before the first rule is NOT_IN_FORCE whatever is asked, and is answered with no figure."""
    before = _first_day(gongji_city) - timedelta(days=1)
    refused = _on(gongji_city, before, asked_for)
    assert isinstance(refused, Refused)
    assert ("FAILED_PRECONDITION", "NOT_IN_FORCE") == (refused.code, refused.reason)
    assert refused.message


@law("CORE-RULES-007")
def test_the_first_day_answers(gongji_city: Judged) -> None:
    """On the first day every hook has a value in force."""
    first = _first_day(gongji_city)
    rules = gongji_city.wire.cities.GetCity(gongji_city.asking(str(first))).rules
    assert {rule.hook for rule in gongji_city.rules.rules} == {rule.hook for rule in rules}
    assert [] == [rule.hook for rule in rules if date.fromisoformat(rule.since) > first]


def _stands_in(number: str, text: str) -> bool:
    return re.search(rf"(?<![0-9A-Za-z]){re.escape(number)}(?![0-9A-Za-z])", text) is not None


def _first_day(city: Judged) -> date:
    """The first day of the city's rules, as the refusal of a much earlier day names it."""
    refused = ask(city.wire.cities.GetCity, city.asking("1990-01-01"))
    assert isinstance(refused, Refused)
    return date.fromisoformat(refused.metadata["first_day"])


def _on(city: Judged, day: date, asked_for: str) -> Any:
    """What the server answers when it is asked that about a day, or on it."""
    if asked_for in {"GetCity", "GetGuide"}:
        request = city_pb2.GetGuideRequest(area_code=city.area_code, day=str(day))
        return (
            ask(city.wire.cities.GetGuide, request)
            if asked_for == "GetGuide"
            else ask(city.wire.cities.GetCity, city.asking(str(day)))
        )
    if asked_for == "SubmitBinding":
        city.wire.set_clock(datetime.combine(day, time(10), words.SHANGHAI))
        return ask(city.wire.bindings.SubmitBinding, city.application(*city.world.couple()))
    settling = city.settling(city.world.one())
    settling.bill.service_day = str(day)
    if asked_for == "Settle":
        return ask(city.wire.settlements.Settle, settling)
    return ask(city.wire.settlements.Quote, settlement_pb2.QuoteRequest(bill=settling.bill))
