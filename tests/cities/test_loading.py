"""Cities: found by entry point, each on its own, its rules by day, adopted only by the
operator's word."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest
from gongji import (
    NO_LIMIT,
    CityRules,
    FamilyLimit,
    NoLimit,
    Scope,
    ruled,
)
from gongji.cities.city import Cities, City
from gongji.cities.loading import city_from, load_cities
from gongji.model.decided import RuleRef
from gongji.model.refusals import CityNotServed, NotInForce
from gongji.rules.hookspecs import DATED_HOOKS

from tests.cities.wuhu import C22, FIRST_DAY, W1, limit, wuhu
from tests.packages import IDENTITY, PRELUDE, Package, installed
from tests.scaffold.cities import shipped

# --- found, or refused ----------------------------------------------------------------


def test_the_three_cities() -> None:
    """The installed cities serve, in the order of their area codes, none refused, each
    with its candidates."""
    cities = load_cities()

    assert [("340800", "anqing"), ("341000", "huangshan"), ("341100", "chuzhou")] == [
        (c.area_code, c.pinyin) for c in cities.all
    ]
    assert () == cities.refused
    assert {"gongji-anqing", "gongji-chuzhou", "gongji-huangshan"} == {
        c.plugin for c in cities.all
    }
    assert all("V2" in {c.name for c in city.candidates} for city in cities.all)


RIVALS = (
    Package("gongji-one", "rival", IDENTITY),
    Package("gongji-two", "rival", IDENTITY, version="2.0"),
    Package(
        "gongji-ma",
        "maanshan",
        IDENTITY.replace("PLACE", "Identity(area_code='340500', name='马鞍山市')"),
    ),
    Package(
        "gongji-he",
        "hexian",
        IDENTITY.replace("PLACE", "Identity(area_code='340523', name='和县')"),
    ),
    Package("gongji-wuhu", "wuhu", IDENTITY),
)


@pytest.fixture(scope="module")
def with_rivals(tmp_path_factory: pytest.TempPathFactory) -> Cities:
    """Two plugins of one name, two of one pooling area, and one nobody contests."""
    with installed(tmp_path_factory.mktemp("rivals"), *RIVALS):
        return load_cities()


REFUSED = {
    "gongji-one 1.2.3": (
        "多个插件使用同一名称 rival：gongji-one 1.2.3、gongji-two 2.0；请只保留一个"
    ),
    "gongji-two 2.0": "多个插件使用同一名称 rival：gongji-one 1.2.3、gongji-two 2.0；请只保留一个",
    "gongji-ma 1.2.3": (
        "identity：医保区划 340500 被多个插件声明：gongji-he 1.2.3、"
        "gongji-ma 1.2.3；请只保留一个"
    ),
    "gongji-he 1.2.3": (
        "identity：医保区划 340523 被多个插件声明：gongji-he 1.2.3、"
        "gongji-ma 1.2.3；请只保留一个"
    ),
}


def test_rivals(with_rivals: Cities) -> None:
    """Of two plugins with one name, or of one pooling area, none is more right: both
    are refused, the others serve."""
    assert REFUSED == {r.plugin: r.problem for r in with_rivals.refused}
    assert ["wuhu", "anqing", "huangshan", "chuzhou"] == [
        c.pinyin for c in with_rivals.all
    ]


def test_seen_twice(tmp_path: Path) -> None:
    """A distribution found twice on the path, as an editable install may be, is one city."""
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    package = Package("gongji-wuhu", "wuhu", IDENTITY)
    with installed(first, package), installed(second, package):
        cities = load_cities()

    assert () == cities.refused
    assert "340200" in {c.area_code for c in cities.all}


def test_nothing_leaks(tmp_path: Path) -> None:
    """What one city answers, no other city answers: a limit of 9 in one leaves the
    others as they were."""
    nine = (
        f"{IDENTITY}\n@hookimpl\n"
        "def family_limit():\n    return from_2023(replace(LIMIT, people=9))\n"
    )
    before = {c.pinyin: c.timelines for c in load_cities().all}
    with installed(tmp_path, Package("gongji-wuhu", "wuhu", nine)):
        after = {c.pinyin: c.timelines for c in load_cities().all}

    wuhus = after.pop("wuhu")
    assert before == after
    assert (
        FamilyLimit(people=9, counting_holder=True) == wuhus["family_limit"][-1].value
    )


def test_how_cities_are_called(with_rivals: Cities) -> None:
    """A city is found by the first four digits of any code of its area, by pinyin and
    by name, short or long."""
    assert {"anqing"} == {
        with_rivals.of(code).pinyin for code in ("340800", "340822", "340899")
    }
    assert {"安庆市"} == {
        with_rivals.named(text).name
        for text in ("anqing", "安庆", "安庆市", "340800", "340822")
    }


@pytest.mark.parametrize("text", ["340100", "110000", "hefei", ""])
def test_city_not_served(with_rivals: Cities, text: str) -> None:
    """An unknown city is refused with those there are."""
    with pytest.raises(CityNotServed, match="安庆市"):
        with_rivals.named(text)


def test_faulty_city_called(with_rivals: Cities) -> None:
    """Who asks for a refused city by name is told why it does not serve."""
    with pytest.raises(CityNotServed, match="已安装但未能加载：多个插件使用同一名称"):
        with_rivals.named("rival")


# --- by day ---------------------------------------------------------------------------

BY_DAY = {
    "the province's first day": ("2022-07-01", NO_LIMIT),
    "a day before the city's first": ("2022-12-31", NO_LIMIT),
    "the city's first day": ("2023-01-01", FamilyLimit(people=7, counting_holder=True)),
    "a day before the change": (
        "2023-12-31",
        FamilyLimit(people=7, counting_holder=True),
    ),
    "the day of the change": (
        "2024-01-01",
        FamilyLimit(people=9, counting_holder=True),
    ),
    "long after": ("2099-12-31", FamilyLimit(people=9, counting_holder=True)),
}


@pytest.mark.parametrize(("day", "expected"), BY_DAY.values(), ids=BY_DAY)
def test_city_over_province(day: str, expected: FamilyLimit | NoLimit) -> None:
    """The city answers from its first day on, before it the province; the reference
    says whose value it was."""
    city = city_from(wuhu(family_limit=limit(7, "2023-01-01") + limit(9, "2024-01-01")))
    rules = city.rules(date.fromisoformat(day))

    assert expected == rules.value(CityRules.family_limit)
    assert (expected is NO_LIMIT) == rules.provincial("family_limit")
    assert rules.provincial("relations")


def test_city_before_the_province() -> None:
    """A city's rule older than the province's answers alone, from the day on which
    every hook has a value."""
    city = city_from(wuhu(family_limit=limit(7, "2020-01-01")))

    assert FIRST_DAY == city.first_day
    assert not city.rules(FIRST_DAY).provincial("family_limit")


def test_none_means_as_the_province() -> None:
    """`None` leaves the question to the province."""
    city = city_from(wuhu(family_limit=None))

    assert NO_LIMIT is city.rules(FIRST_DAY).value(CityRules.family_limit)
    assert () == city.overridden


@pytest.mark.parametrize("city", shipped().all, ids=lambda city: city.pinyin)
def test_before_the_first_rule(city: City) -> None:
    """The day before the first rule of all is refused and says so, with its clause; the
    first day is not."""
    with pytest.raises(
        NotInForce, match="2022-06-30 尚无有效规则：最早的规则自 2022-07-01 起"
    ) as refused:
        city.rules(date(2022, 6, 30))

    assert "C53" in {c.id for c in refused.value.clauses}
    assert {"first_day": "2022-07-01"} == refused.value.metadata
    assert list(DATED_HOOKS) == [hook for hook, _ in city.rules(FIRST_DAY).all()]


def test_reference() -> None:
    """A decision refers to a rule by hook, day and clauses, all of them or those that decided."""
    rules = city_from(wuhu(family_limit=limit(7, "2023-01-01"))).rules(
        date(2025, 9, 30)
    )

    assert RuleRef("family_limit", date(2023, 1, 1), ("W1",)) == rules.ref(
        CityRules.family_limit
    )
    assert RuleRef("family_limit", date(2023, 1, 1), ("C22",)) == rules.ref(
        CityRules.family_limit, C22
    )


def test_clause_by_number() -> None:
    """A city knows every clause its rules cite, for or against, and no other."""
    city = shipped().named("chuzhou")

    assert {"C22", "A15"} == {city.clause(number).id for number in ("C22", "A15")}
    with pytest.raises(KeyError):
        city.clause("C999")


def test_overrides() -> None:
    """A test lays its own value over a real city's, from its day on; everything else stays."""
    chuzhou = shipped().named("chuzhou")
    source = __import__("gongji_chuzhou")
    changed = city_from(
        source,
        overrides={"scope": ruled(Scope.PROVINCE, since="2025-01-01", clauses=[W1])},
    )

    assert [Scope.POOLING_AREA, Scope.PROVINCE] == [
        changed.rules(day).value(CityRules.scope)
        for day in (date(2024, 12, 31), date(2025, 1, 1))
    ]
    assert [
        hook
        for hook in DATED_HOOKS
        if changed.timelines[hook] != chuzhou.timelines[hook]
    ] == ["scope"]


def test_a_plugin_as_text() -> None:
    """The plugin a newcomer writes is a module like this one."""
    module = SimpleNamespace()
    exec(PRELUDE + IDENTITY, module.__dict__)  # noqa: S102 - our own text, as an author would write it

    city = city_from(module)
    assert ("340200", "芜湖市", ()) == (city.area_code, city.name, city.overridden)
