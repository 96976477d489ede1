"""Mutants: stable names, loaded as any city is, and reasons if nobody could notice."""

from __future__ import annotations

import importlib
from datetime import date
from functools import cache

import pytest
from gongji.cities.city import Cities, City
from gongji.cities.loading import city_from, load_cities
from gongji_conformance.mutation.equivalent import why_equivalent
from gongji_conformance.mutation.mutants import Mutant, mutants, province_of

FIRST = date(2022, 7, 1)


@pytest.mark.parametrize("city", load_cities().all, ids=lambda city: city.pinyin)
def test_names_are_stable(city: City) -> None:
    """Names are unique and the same each time, and of the city's own hooks only."""
    first, second = mutants(city), mutants(city)
    names = [mutant.name for mutant in first]
    assert names == [mutant.name for mutant in second]
    assert len(names) == len(set(names))
    assert {mutant.hook for mutant in first} <= set(city.overridden)


def test_what_becomes_of_chuzhou() -> None:
    """Figures, rows, materials, channels, checks, fields and days all have mutants."""
    assert {
        "family_limit.people 7→8",
        "family_limit.counting_holder True→False",
        "family_limit FamilyLimit→NO_LIMIT",
        "family_limit.since 2022-07-01→2022-07-02",
        "reimbursement[EMPLOYEE].ratio_bp 1 与 2 对调",
        "reimbursement[EMPLOYEE].cap_fen[ACTIVE] 200000→200001",
        "reimbursement[EMPLOYEE].pharmacy NoFund→1",
        "channels 去掉 web_hall",
        "identity_checks[wanshitong] 去掉 E_VOUCHER",
        "fields_asked[wanshitong] 去掉 PHONE",
        "materials[city_wechat] 去掉 0 结婚证或居民户口簿等证明资料",
        "relations.codes 去掉 10",
        "scope POOLING_AREA→PROVINCE",
    } <= _mutants("chuzhou").keys()


@pytest.mark.parametrize(
    "name",
    [
        "family_limit.people 7→8",
        "family_limit.since 2022-07-01→2022-07-02",
        "channels 去掉 web_hall",
    ],
)
def test_applied_as_loaded(name: str) -> None:
    """A mutant is the city that loading it with the changed answers would give."""
    city = _served().named("chuzhou")
    mutant = _mutants("chuzhou")[name]
    changed = mutant.applied_to(city, province_of(city))
    plugin = importlib.import_module("gongji_chuzhou")
    loaded = city_from(plugin, pinyin="chuzhou", overrides=mutant.timelines)
    for day in (FIRST, date(2022, 7, 2), date(2025, 9, 30)):
        assert _values(loaded, day) == _values(changed, day)
    assert _values(changed, FIRST) != _values(city, FIRST)


def _values(city: City, day: date) -> dict[str, object]:
    return dict(city.rules(day).all())


EQUIVALENTS = {
    "reimbursement[EMPLOYEE].effects.order_fen 8000→8001": "gongji check",
    (
        "materials[web_hall][0].one_of "
        "0 MARRIAGE_CERTIFICATE 与 1 HOUSEHOLD_REGISTER 对调"
    ): "有一种即可",
    "family_limit.since 2022-07-01→2022-06-30": "施行之前",
    "channels[web_hall].kind WEB→COUNTER": "",
    "channels[wanshitong].kind APP→MINI_PROGRAM": "同类互换",
    "review_latency[wanshitong].earliest_working_days 0→1": "起始天数不显示",
    "reimbursement.since 2022-07-01→2022-07-02": "与本市相同",
    "enquiries[0].steps 去掉 1 Step": "文字",
    "family_limit.since 2022-07-01→2022-07-02": "",
    "consent.required False→True": "",
}
"""Changes of Chuzhou and why nobody could notice them, or "" if somebody could."""


@pytest.mark.parametrize("name", EQUIVALENTS)
def test_equivalents_have_reasons(name: str) -> None:
    """Only what nobody could notice has a reason, that of a rule."""
    reason = why_equivalent(_mutants("chuzhou")[name], _served().named("chuzhou"))
    assert bool(EQUIVALENTS[name]) == bool(reason)
    assert EQUIVALENTS[name] in reason


@cache
def _served() -> Cities:
    return load_cities()


@cache
def _mutants(pinyin: str) -> dict[str, Mutant]:
    return {mutant.name: mutant for mutant in mutants(_served().named(pinyin))}
