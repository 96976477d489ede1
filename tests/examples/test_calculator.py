"""The guide's calculator in Chromium against the service: equal to the fen, bill by bill.

It needs Chromium.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

import pytest
from gongji import guide
from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities, City
from gongji.cities.kept import KeepRules
from gongji.cities.loading import load_cities
from gongji.model.commands import Write
from gongji.model.people import Certificate, Institution, Person
from gongji.rules.benefits import NotSettled
from gongji.rules.codes import IDENTITY_CARD, Scheme
from gongji.rules.hookspecs import CityRules
from gongji.serve.clock import SandboxClock
from gongji.store import open_store
from gongji.v1 import settlement_pb2, settlement_pb2_grpc, types_pb2
from grpc.aio import insecure_channel

from tests.examples.chromium import browser_page
from tests.rpc.port import make_server
from tests.scaffold import people
from tests.scaffold.log_keys import log_key
from tests.scaffold.people import NOW

BILLS: Final = 10_000
"""How many bills of each city."""

A_PERSONS: Final = 10
"""How many of them are one person's: enough to reach the year's limit."""

AT_ONCE: Final = 20

PLACES: Final = {
    2: "三级医疗机构",
    5: "二级医疗机构",
    8: "一级医疗机构",
    11: "未定级医疗机构",
    0: "定点零售药店",
}
"""By the national grade of `people.institution`."""

PEOPLE: Final = {"11": "职工医保在职", "12": "职工医保退休", "14": "城乡居民医保"}

ASK: Final = """(bills) => {
  const form = document.querySelector(".calculator");
  const type = (name, value) => {
    if (form.elements[name].value === value) return;
    form.elements[name].value = value;
    form.elements[name].dispatchEvent(new Event("input", { bubbles: true }));
  };
  return bills.map(({ place, ...rest }) => {
    for (const [name, value] of Object.entries(rest)) type(name, value);
    const offered = [...form.elements.place.options].map((option) => option.value);
    if (offered.includes(place)) type("place", place);
    const chosen = form.elements.place.value;
    return [form.elements.deductible.value, form.elements.paid.value, chosen];
  });
}"""
"""Fill the form as a reader does, and read what it answers."""


@dataclass(frozen=True)
class Asked:
    """A bill as the page is asked, and what the service answered: deductible and fund."""

    form: dict[str, str]
    deductible_fen: int
    fund_fen: int


@pytest.mark.parametrize("city", load_cities().all, ids=lambda city: city.pinyin)
def test_the_page_pays_what_the_service_pays(city: City, tmp_path: Path) -> None:
    """Of bills settled one after the other, whatever was used before; offline."""
    # Before the browser opens: playwright has a loop of its own.
    asked = asyncio.run(_settled(load_cities(), city))
    path = tmp_path / "guide.html"
    path.write_text(guide.html(city, NOW.date()), encoding="utf-8")
    answers = _answered(path, asked)

    assert len(asked) == BILLS
    for each, (deductible, fund, place) in zip(asked, answers, strict=True):
        got = (_fen(deductible), _fen(fund))
        assert got == (each.deductible_fen, each.fund_fen), each
        # Where the fund pays nothing of a scheme, all places are one.
        assert place in {each.form["place"], "各类机构"}
    # Some are paid and some are not.
    assert 0 < sum(not each.fund_fen for each in asked) < BILLS


def _answered(path: Path, asked: list[Asked]) -> list[tuple[str, str, str]]:
    """Return what a page says of each bill: deductible, fund, and the place chosen."""
    faults: list[str] = []
    with browser_page() as page:
        page.context.set_offline(offline=True)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(path.as_uri())
        answers = page.evaluate(ASK, [each.form for each in asked])
    assert faults == []
    return [(deductible, fund, place) for deductible, fund, place in answers]


def _amounts(**fen: int) -> dict[str, str]:
    return {name: f"{each // 100}.{each % 100:02d}" for name, each in fen.items()}


def _fen(text: str) -> int:
    return int(text.removesuffix("元").replace(",", "").replace(".", ""))


async def _settled(cities: Cities, city: City) -> list[Asked]:
    """Return bills that a service of its own has settled, in their order."""
    clock = SandboxClock(NOW)
    store = open_store(":memory:", clock)
    await store.reset()
    await store.apply(KeepRules(cities))
    hospitals = {grade: people.institution(grade, city.area_code) for grade in PLACES}
    insured = _insured(city)
    await store.apply(Write((*hospitals.values(), *insured)))
    server = make_server(
        store,
        cities,
        Workdays(),
        clock,
        address="127.0.0.1:0",
        signing_key=log_key(),
    )
    await server.start()
    async with insecure_channel(server.address) as channel:
        stub = settlement_pb2_grpc.SettlementServiceStub(channel)
        asked = await _bills_of_all(insured, hospitals, stub)
    await server.stop(0)
    await store.close()
    return asked


async def _bills_of_all(
    insured: list[Person],
    hospitals: Mapping[int, Institution],
    stub: settlement_pb2_grpc.SettlementServiceAsyncStub,
) -> list[Asked]:
    """Return everybody's bills, each one's in their order, a few people's at a time."""
    asked: list[Asked] = []
    for together in range(0, len(insured), AT_ONCE):
        years = [
            _bills_of(who, hospitals, stub, random.Random(who.person_no))  # noqa: S311
            for who in insured[together : together + AT_ONCE]
        ]
        asked += chain.from_iterable(await asyncio.gather(*years))
    return asked


def _settled_kinds(city: City) -> list[str]:
    """Return the kinds of insured people whose bills the city settles at all."""
    entries = city.rules(NOW.date()).value(CityRules.reimbursement)
    residents = not isinstance(entries[Scheme.RESIDENT], NotSettled)
    return [kind for kind in PEOPLE if residents or kind < "13"]


def _insured(city: City) -> list[Person]:
    kinds = _settled_kinds(city)
    numbers = range(BILLS // A_PERSONS)
    return [_person(n, kinds[n % len(kinds)], city) for n in numbers]


def _person(number: int, kind: str, city: City) -> Person:
    born = f"19{number // 999 + 60}0101"
    card = Certificate(
        IDENTITY_CARD, people.identity_number(number % 999 + 1, born=born)
    )
    return people.person(f"P{number}", 0, kind, city.area_code, certificate=card)


async def _bills_of(
    who: Person,
    hospitals: Mapping[int, Institution],
    stub: settlement_pb2_grpc.SettlementServiceAsyncStub,
    chance: random.Random,
) -> list[Asked]:
    """Return one person's bills of a year as settled, each after the ones before."""
    asked = []
    borne = paid = 0
    for _ in range(A_PERSONS):
        grade = chance.choice(tuple(PLACES))
        fen = chance.choice((1, 799_99, 800_01, *chance.sample(range(2_000_00), 3)))
        bill = _bill(who.person_no, hospitals[grade].code, fen, pharmacy=not grade)
        got = (await stub.Settle(_request(bill))).settlement
        form = {"people": PEOPLE[who.enrolments[0].psn_type], "place": PLACES[grade]}
        form |= _amounts(scope=fen, borne=borne, fund=paid)
        asked.append(Asked(form, got.deductible_fen, got.fund_fen))
        borne, paid = borne + got.deductible_fen, paid + got.fund_fen
    return asked


def _request(bill: settlement_pb2.Bill) -> settlement_pb2.SettleRequest:
    return settlement_pb2.SettleRequest(request_id=str(uuid.uuid4()), bill=bill)


def _bill(
    patient: str, institution: str, fen: int, *, pharmacy: bool
) -> settlement_pb2.Bill:
    outpatient = settlement_pb2.VISIT_KIND_OUTPATIENT
    return settlement_pb2.Bill(
        patient=types_pb2.PersonRef(person_no=patient),
        institution_code=institution,
        service_day=str(NOW.date()),
        visit_kind=settlement_pb2.VISIT_KIND_PHARMACY if pharmacy else outpatient,
        total_fen=fen,
        in_scope_fen=fen,
        account_use=settlement_pb2.ACCOUNT_USE_NONE,
        # Amounts repeat within a day: a number of its own tells each bill apart.
        invoice_no=uuid.uuid4().hex[:30],
    )
