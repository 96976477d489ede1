"""What the operator's word changes in a city's rules: adoptions and retired credits."""

from __future__ import annotations

from datetime import date

import pytest
from gongji import (
    OPERATOR_SETS,
    BonusPoints,
    CityRules,
    Clause,
    Grade,
    Scheme,
    Standing,
    Table,
    __version__,
)
from gongji.audit.hashing import default_hasher, digest_of
from gongji.cities.adoption import Adoption, RetiredCredit
from gongji.cities.city import City
from gongji.cities.guards import PluginProblem
from gongji.cities.kept import document_of
from gongji.cities.loading import city_from, load_cities
from gongji.model.decided import DecidedBy
from gongji.rules.clauses import Candidate

from tests.cities.wuhu import C22, FIRST_DAY, W1, wuhu
from tests.scaffold.cities import shipped


def table_of(city: City, day: str) -> Table:
    """Return the employee table of a day."""
    rules = city.rules(date.fromisoformat(day))
    table = rules.value(CityRules.reimbursement)[Scheme.EMPLOYEE]
    assert isinstance(table, Table)
    return table


def test_no_day_selects_a_candidate() -> None:
    """Without the operator's word a candidate decides nothing on any day."""
    chuzhou = shipped().named("chuzhou")

    assert () == chuzhou.adoptions
    assert {800_00} == {
        table_of(chuzhou, day).deductible_fen[level]
        for day in ("2022-07-01", "2099-01-01")
        for level in (1, 2, 3)
    }


def test_adopted_from_its_day() -> None:
    """An adopted candidate decides from its day on, is named in every decision, and
    leaves other cities alone."""
    cities = load_cities([Adoption.parse("341100:V2@2025-01-01")])
    chuzhou, anqing = cities.named("chuzhou"), cities.named("anqing")

    before = table_of(chuzhou, "2024-12-31")
    table = table_of(chuzhou, "2025-01-01")
    answer = chuzhou.rules(date(2025, 1, 1)).answer(CityRules.reimbursement)

    assert {1: 800_00, 2: 800_00, 3: 800_00} == before.deductible_fen
    assert {1: 200_00, 2: 400_00, 3: 400_00} == table.deductible_fen
    assert {Standing.ACTIVE: 2000_00, Standing.RETIRED: 3000_00} == table.cap_fen
    assert "运营方自 2025-01-01 起采用" in answer.why
    assert chuzhou.decided_by == DecidedBy(
        "341100",
        "gongji-chuzhou",
        chuzhou.version,
        __version__,
        ("V2@2025-01-01",),
        digest_of(default_hasher(), document_of(chuzhou)),
        plugin_digest=chuzhou.plugin_digest,
    )
    assert () == anqing.adoptions
    assert 800_00 == table_of(anqing, "2025-01-01").deductible_fen[1]


@pytest.mark.parametrize(
    "order", [(0, 1), (1, 0)], ids=["as they follow", "the later first"]
)
def test_two_adoptions_of_one_hook(order: tuple[int, int]) -> None:
    """Each decides from its own day on, whatever the order the operator names them in."""
    words = [
        Adoption.parse("341000:V2@2025-01-01"),
        Adoption.parse("341000:V2'@2025-07-01"),
    ]
    huangshan = load_cities([words[n] for n in order]).named("huangshan")
    days = ("2024-12-31", "2025-01-01", "2025-07-01")
    tables = [table_of(huangshan, day) for day in days]
    bonus = BonusPoints(above_active_bp=5_00)
    ratios = {1: 70_00, 2: 60_00, 3: 60_00}

    assert [55_00, 50_00, 55_00] == [table.ratio_bp[2] for table in tables]
    assert [bonus, ratios, bonus] == [table.retired for table in tables]


WRONG_ADOPTIONS = {
    "no such candidate": (
        ["341100:V9@2025-01-01"],
        "341100 没有名为 V9 的候选修订；已有：V2、",
    ),
    "no such city": (["340100:V2@2025-01-01"], "没有接入医保区划为 340100 的城市"),
    "two of one hook on one day": (
        ["341000:V2@2025-01-01", "341000:V2'@2025-01-01"],
        "V2@2025-01-01 与 V2'@2025-01-01 都修订 reimbursement 而起始日相同",
    ),
}


@pytest.mark.parametrize(
    ("words", "message"), WRONG_ADOPTIONS.values(), ids=WRONG_ADOPTIONS
)
def test_wrong_adoption(words: list[str], message: str) -> None:
    """An adoption that cannot be meant is refused by name, not served without."""
    with pytest.raises(ValueError, match=message):
        load_cities([Adoption.parse(word) for word in words])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "V2",
        "341100:V2",
        "341100@2025-01-01",
        ":V2@2025-01-01",
        "341100:V2@2025-13-01",
    ],
)
def test_adoption_written_otherwise(text: str) -> None:
    """An adoption is written CITY:NAME@DAY or refused."""
    with pytest.raises(
        ValueError,
        match=r"341100:V2@2025-01-01|^采用候选修订 341100:V2@2025-13-01：日历上没有",
    ):
        Adoption.parse(text)


def test_adoption_of_a_faulty_value() -> None:
    """What an adopted value does to the other hooks is checked like any answer."""
    odd = Candidate("ODD", "review_latency", {}, (W1,), "")
    with pytest.raises(PluginProblem, match="review_latency：自 2025-01-01 起缺少渠道"):
        city_from(wuhu(odd), adopt=[Adoption("340200", "ODD", date(2025, 1, 1))])


def operators(fen: int, since: str) -> RetiredCredit:
    """Return the operator's figure for 滁州市."""
    clause = Clause(f"运营方{fen}", f"每月{fen}分", "测试", Grade.OPERATOR)
    return RetiredCredit("341100", fen, date.fromisoformat(since), clause)


@pytest.mark.parametrize(
    "order", [(0, 1), (1, 0)], ids=["as they follow", "the later first"]
)
def test_retired_credit(order: tuple[int, int]) -> None:
    """The operator's figures decide each from its day on, with their clause; other
    cities are left without."""
    figures = [operators(60_00, "2023-01-01"), operators(70_00, "2025-01-01")]
    cities = load_cities(retired_credits=[figures[n] for n in order])
    days = ("2022-12-31", "2023-01-01", "2024-12-31", "2025-01-01")
    chuzhou, anqing = cities.named("chuzhou"), cities.named("anqing")
    terms = [
        chuzhou.rules(date.fromisoformat(day)).answer(CityRules.account_crediting)
        for day in days
    ]
    of_anqing = anqing.rules(FIRST_DAY).value(CityRules.account_crediting)

    assert [OPERATOR_SETS, 60_00, 60_00, 70_00] == [t.value.retired_fen for t in terms]
    assert ["运营方6000", "运营方7000"] == [t.clauses[-1].id for t in terms[1::2]]
    assert {2_00} == {t.value.active_ratio_bp for t in terms}
    assert OPERATOR_SETS is of_anqing.retired_fen


def test_retired_credit_of_no_city() -> None:
    """A figure for a city that is not served is refused."""
    with pytest.raises(ValueError, match="没有接入医保区划为 340100 的城市"):
        load_cities(retired_credits=[RetiredCredit("340100", 1, FIRST_DAY, C22)])
