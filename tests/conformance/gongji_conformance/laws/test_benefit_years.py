"""What a year stands at: every breakpoint told is where a quote turns."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import pytest
from gongji.v1 import settlement_pb2, types_pb2

from gongji_conformance.city import requests, words
from gongji_conformance.city.city import NOW, CityUnderTest
from gongji_conformance.city.described import BillDescription
from gongji_conformance.city.population import InventedPerson
from gongji_conformance.city.stubs import person as ref
from gongji_conformance.laws.law import law

PLACES: Final[tuple[words.Place, ...]] = ("一级", "二级", "三级", "未定级", "药店")
"""In the order of the levels of a reply."""

STANDINGS: Final[tuple[words.Standing, ...]] = ("在职", "退休", "居民")

_DEDUCTIBLE: Final = settlement_pb2.BENEFIT_STEP_KIND_DEDUCTIBLE


@law("CORE-YEAR-001")
@pytest.mark.parametrize("standing", STANDINGS)
def test_quotes_turn_where_the_year_says(
    gongji_city: CityUnderTest, standing: words.Standing
) -> None:
    """Before and after a visit, a quote pays at each level as the steps say: at each end,
    and a fen on either side; the year has used what the settlement says it left."""
    patient = gongji_city.people.one(standing)
    _confirm(gongji_city, patient)
    done = gongji_city.settle(patient)
    [year] = _year(gongji_city, patient).benefits
    assert (done.deductible_used_after_fen, done.fund_paid_after_fen) == (
        year.deductible_used_fen,
        year.fund_paid_fen,
    )
    _confirm(gongji_city, patient)


def _year(
    city: CityUnderTest, patient: InventedPerson
) -> settlement_pb2.GetBenefitYearResponse:
    request = settlement_pb2.GetBenefitYearRequest(person=ref(patient.person_no))
    return city.stubs.settlements.GetBenefitYear(request)


def _confirm(city: CityUnderTest, patient: InventedPerson) -> None:
    [year] = _year(city, patient).benefits
    assert types_pb2.INSTITUTION_KIND_PHARMACY == year.levels[-1].kind
    for level, place in zip(year.levels, PLACES, strict=True):
        next_yuan = _quote(city, patient, place, 100)
        assert next_yuan.fund_fen == level.next_yuan_fund_fen
        for step in level.steps:
            _confirm_step(city, patient, place, step)


def _confirm_step(
    city: CityUnderTest, patient: InventedPerson, place: words.Place, step: Any
) -> None:
    end = step.until_fen
    if not end:
        return
    before, at, after = [
        _quote(city, patient, place, fen) for fen in (end - 1, end, end + 1)
    ]
    if step.kind == _DEDUCTIBLE:
        bearing = [quote.deductible_fen for quote in (before, at, after)]
        assert [end - 1, end, end] == bearing
    else:
        assert before.fund_fen < step.fund_fen
        assert [step.fund_fen] * 2 == [at.fund_fen, after.fund_fen]


def _quote(
    city: CityUnderTest, patient: InventedPerson, place: words.Place, fen: int
) -> settlement_pb2.Settlement:
    """Quote so many fen in scope; of none, a fen out of the catalogue."""
    yuan = Decimal(fen) / 100
    bill = BillDescription(
        patient=patient.name,
        at=place,
        in_scope=yuan,
        out_of_catalogue=Decimal(0) if fen else Decimal("0.01"),
    )
    institution = city.people.institution(place)
    sent = requests.bill(bill, patient, institution, NOW.date())
    request = settlement_pb2.QuoteRequest(bill=sent)
    return city.stubs.settlements.Quote(request).settlement
