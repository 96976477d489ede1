"""What a settlement tells beside its amounts: a scheme without a table, settled or refused."""

from __future__ import annotations

import pytest
from gongji.cities.adoption import SchemeRefusal
from gongji.cities.loading import load_cities
from gongji.model.refusals import SchemeNotSettled
from gongji.rules.benefits import NotSettled
from gongji.rules.clauses import Clause, Grade
from gongji.rules.codes import AccountUse, NoticeKind, Scheme, VisitKind
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import in_words

from tests.scaffold.people import NOW
from tests.scaffold.world import World

CITIES = {"341100": "T-CZ5", "340800": "T14", "341000": "T14"}
"""By area code the clause under which residents have no benefit."""

OPERATORS = Clause("运营方设定", "予以拒绝", "测试", Grade.OPERATOR)


def world(area_code: str, *refusing: str) -> World:
    """Return a resident and an employee of a city, with operators refusing in some."""
    refusals = [SchemeRefusal(refusing_city, OPERATORS) for refusing_city in refusing]
    served = World(load_cities(refusals=refusals), NOW)
    served.person("R", "15", area_code)
    served.person("P", "11", area_code)
    served.hospital(8, area_code)
    return served


@pytest.mark.parametrize("area_code", CITIES)
@pytest.mark.parametrize("kind", [VisitKind.OUTPATIENT, VisitKind.EMERGENCY])
def test_a_resident_is_told_that_the_fund_is_not_settled_here(
    area_code: str, kind: VisitKind
) -> None:
    """The reply says so under the city's clause, quoted or settled; an employee's is silent."""
    town = world(area_code)
    bill = town.visit("R", 100_00, visit_kind=kind, account_use=AccountUse.CITY_ORDER)
    (notice,) = town.settle(bill).notices
    clause = CITIES[area_code]
    assert town.quote(bill).notices == (notice,)
    assert (NoticeKind.NO_TABLE, (clause,)) == (notice.kind, notice.rule.clauses)
    assert "不在此结算" in notice.in_words
    assert town.cities.of(area_code).clause(clause).text in notice.in_words
    assert () == town.settle(town.visit("P", 100_00)).notices


@pytest.mark.parametrize("area_code", CITIES)
def test_an_operator_may_have_them_refused(area_code: str) -> None:
    """Where the operator says so, a resident's bill is refused under both clauses; elsewhere
    and of employees it is settled."""
    town = world(area_code, area_code)
    with pytest.raises(SchemeNotSettled) as refused:
        town.settle(town.visit("R", 100_00))
    cited = [clause.id for clause in refused.value.clauses]
    assert [CITIES[area_code], OPERATORS.id] == cited
    assert 100_00 == town.settle(town.visit("P", 100_00)).cash_fen
    others = world(area_code, *(set(CITIES) - {area_code}))
    assert 100_00 == others.settle(others.visit("R", 100_00)).cash_fen


def test_the_choice_is_a_rule_of_the_city() -> None:
    """It stands in the rule's value, words, clauses and digest, so servers compare it."""
    city = world("341100", "341100").cities.of("341100")
    before = world("341100").cities.of("341100")
    answer = city.rules(NOW.date()).answer(CityRules.reimbursement)
    entry = answer.value[Scheme.RESIDENT]
    assert isinstance(entry, NotSettled)
    assert "不在此结算，予以拒绝" in in_words(answer.value)
    assert OPERATORS in answer.clauses
    assert city.rules_digest != before.rules_digest


def test_a_refusal_of_no_city() -> None:
    """A choice for a city that is not served is refused."""
    with pytest.raises(ValueError, match="没有接入医保区划为 340100 的城市"):
        load_cities(refusals=[SchemeRefusal("340100", OPERATORS)])
