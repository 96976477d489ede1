"""A bill of a member whose giver is insured in another city: which city says what."""

from __future__ import annotations

from dataclasses import replace as with_fields
from typing import Any

import pytest
from gongji.cities.city import Cities
from gongji.model.account import Account
from gongji.model.settlement import Line, Settlement
from gongji.rules.benefits import BillPart, PurseKind, Use
from gongji.rules.binding import Scope
from gongji.rules.codes import AccountUse, EnrolmentStatus, Payer, Scheme
from gongji.rules.hookspecs import CityRules
from msgspec.structs import replace

from tests.binding.applying import (
    PLACES,
    TUESDAY,
    Applicants,
    answered,
    answering,
    cities,
    enrolled,
)

GIVER, PATIENT = "anqing", "huangshan"
"""The cities of the giver H and the patient M."""


def settled(served: Cities, holder: dict[str, Any] | None = None) -> Settlement:
    """Quote a bill of 300 yuan in scope and 100 paid first; each purse holds 150."""
    world = Applicants(GIVER, member={"place": PLACES[PATIENT]}, holder=holder)
    world.add(replace(world.bind("H", "M", TUESDAY), asked_both=True))
    world.add(Account("H", 150_00, 1), Account("M", 150_00, 1))
    world.hospital(2, PLACES[PATIENT])
    world.cities = served
    use = AccountUse.CITY_ORDER
    return world.quote(
        world.visit("M", 300_00, first_selfpay_fen=100_00, account_use=use)
    )


def line_of(done: Settlement, payer: Payer) -> Line:
    """Return the line of a payer."""
    (line,) = [line for line in done.lines if line.payer is payer]
    return line


def paid(done: Settlement) -> list[tuple[str, int]]:
    """Return the purses in the order in which they were asked, and what each paid."""
    return [(line.purse, line.fen) for line in done.lines if line.purse]


def test_as_shipped() -> None:
    """The patient's purse pays first (T7), then the giver's; each line cites its own
    city: the fund the patient's, aid the giver's (A10, T-AQ5 of Anqing)."""
    done = settled(cities())
    assert [("M", 150_00), ("H", 150_00)] == paid(done)
    named = cities().named
    decided = done.decided_by
    assert named(PATIENT).area_code == decided.area_code
    assert (named(GIVER).rules_digest,) == decided.other_digests
    uses = named(GIVER).rules(TUESDAY.date()).value(CityRules.uses).clauses
    cited = {clause.id for clause in (*uses.uses[Use.OUTPATIENT], *uses.aid_pays)}
    assert cited == set(line_of(done, Payer.GIVER_PURSE).rule.clauses)
    table = named(PATIENT).rules(TUESDAY.date()).ref(CityRules.reimbursement)
    assert set(line_of(done, Payer.FUND).rule.clauses) <= set(table.clauses)


def _uses(pinyin: str, **changes: Any) -> dict[str, Any]:
    return {"uses": with_fields(answered(pinyin, "uses"), **changes)}


def _givers_first(pinyin: str) -> dict[str, Any]:
    order = (PurseKind.GIVERS, PurseKind.OWN)
    return {"purse_order": with_fields(answered(pinyin, "purse_order"), order=order)}


def _of_area(_: str) -> dict[str, Any]:
    return {"scope": Scope.POOLING_AREA}


OTHERS: dict[str, tuple[Any, set[str]]] = {
    "where a giver's purse may be used": (
        lambda p: _uses(p, aid_at=frozenset({Use.PHARMACY})),
        {GIVER},
    ),
    "which parts a giver's purse may pay": (
        lambda p: _uses(p, aid_pays=frozenset({BillPart.FIRST_SELFPAY})),
        {GIVER},
    ),
    "which parts the own purse may pay": (
        lambda p: _uses(p, own_pays=frozenset({BillPart.FIRST_SELFPAY})),
        {PATIENT},
    ),
    "in which order": (_givers_first, {PATIENT}),
    "whether the two may be bound": (_of_area, {GIVER, PATIENT}),
}
"""Another answer, and the cities in which it changes who pays."""


@pytest.mark.parametrize("pinyin", [GIVER, PATIENT])
@pytest.mark.parametrize("named", OTHERS)
def test_whose_rule_it_is(named: str, pinyin: str) -> None:
    """What a giver's purse pays the giver's city says, in which order the patient's; the
    other city's answer changes nothing."""
    other, said_by = OTHERS[named]
    changed = paid(settled(cities())) != paid(
        settled(answering(pinyin, **other(pinyin)))
    )
    assert changed is (pinyin in said_by)


def test_whoever_refuses_is_cited() -> None:
    """A giver who is paused gives nothing, by the giver's city; a pair that the patient's
    city no longer admits neither, by that city."""
    paused = enrolled(Scheme.EMPLOYEE, status=EnrolmentStatus.PAUSED)
    for done, hook, clauses in (
        (settled(cities(), {"enrolments": paused}), "holder_terms", {"A8"}),
        (settled(answering(PATIENT, **_of_area(""))), "scope", {"A9"}),
    ):
        line = line_of(done, Payer.GIVER_PURSE)
        assert (0, hook, clauses) == (line.fen, line.rule.hook, set(line.rule.clauses))
    assert "黄山市（341000）" in line.in_words
