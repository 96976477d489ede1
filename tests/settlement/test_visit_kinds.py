"""Kinds of visit: every outpatient one is settled, by the table or without the fund."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from gongji.cities.anhui import exclusions, uses
from gongji.model.account import Account
from gongji.model.refusals import UnsupportedVisitKind
from gongji.rules.codes import AccountUse, ResidueOf, VisitKind
from gongji.settlement.admission import SETTLED_ELSEWHERE

from tests.scaffold.people import NOW, BillChanges
from tests.scaffold.world import NewWorld, World

ANHUI_EXCLUSIONS = exclusions()
COVERED = {VisitKind.OUTPATIENT, VisitKind.REGISTRATION, VisitKind.PHARMACY}
"""What the province's table is for."""
OUTPATIENT = [kind for kind in VisitKind if kind not in SETTLED_ELSEWHERE]
HOSPITAL, PHARMACY = 8, 0


def family(new_world: NewWorld, **rules: Any) -> World:
    """Return a patient, a resident and the holder both are bound to, a purse each."""
    world = new_world(**rules)
    for name, psn_type in (("P", "11"), ("R", "15"), ("H", "11")):
        world.person(name, psn_type)
    for member in ("P", "R"):
        world.bind("H", member, NOW)
    world.add(Account("P", 10_00, 1), Account("H", 500_00, 1))
    return world


@pytest.mark.parametrize("kind", OUTPATIENT, ids=lambda kind: kind.name)
@pytest.mark.parametrize("hosp_lv", [HOSPITAL, PHARMACY], ids=["hospital", "pharmacy"])
@pytest.mark.parametrize("patient", ["P", "R"])
def test_every_outpatient_kind_is_settled(
    new_world: NewWorld, kind: VisitKind, hosp_lv: int, patient: str
) -> None:
    """The fund pays by the table if that covers the kind, else nothing; purses pay the rest."""
    world = family(new_world)
    institution = world.hospital(hosp_lv)
    bill = world.bill(
        patient,
        institution,
        900_00,
        visit_kind=kind,
        account_use=AccountUse.CITY_ORDER,
    )
    settled = world.settle(bill)
    covered = patient == "P" and hosp_lv == HOSPITAL and kind in COVERED
    fund = 60_00 if covered else 0
    own = 10_00 if patient == "P" else 0
    assert (fund, own, 500_00) == (settled.fund_fen, settled.own_fen, settled.aid_fen)
    assert 900_00 - fund - own - 500_00 == settled.cash_fen


@pytest.mark.parametrize("patient", ["P", "R"])
@pytest.mark.parametrize("kind", sorted(SETTLED_ELSEWHERE), ids=lambda kind: kind.name)
def test_only_first_settlements_are_refused(
    new_world: NewWorld, kind: VisitKind, patient: str
) -> None:
    """Inpatient and chronic bills are refused under a clause unless they are remainders."""
    world = family(new_world)
    world.hospital(HOSPITAL)
    clause = "C65" if patient == "P" else "T42"
    province = family(new_world, exclusions=ANHUI_EXCLUSIONS)
    province.hospital(HOSPITAL)
    for town in (world, province):
        with pytest.raises(UnsupportedVisitKind) as refused:
            town.settle(town.visit(patient, 1, visit_kind=kind))
        assert "首次结算" in refused.value.message
    assert [clause] == [cited.id for cited in refused.value.clauses]
    assert (
        0
        == world.settle(world.visit(patient, 1, visit_kind=kind, residue=True)).fund_fen
    )


REMAINDERS: dict[str, tuple[BillChanges, ResidueOf | None]] = {
    "no remainder": ({}, None),
    "unsaid, of an ordinary visit": ({"residue": True}, ResidueOf.INPATIENT),
    "unsaid, of an inpatient visit": (
        {"residue": True, "visit_kind": VisitKind.INPATIENT},
        ResidueOf.INPATIENT,
    ),
    "said by the kind of visit": (
        {"residue": True, "visit_kind": VisitKind.CHRONIC},
        ResidueOf.CHRONIC,
    ),
    "said by the field: chronic": (
        {"residue": True, "residue_of": ResidueOf.CHRONIC},
        ResidueOf.CHRONIC,
    ),
    "said by the field: inpatient": (
        {"residue": True, "residue_of": ResidueOf.INPATIENT},
        ResidueOf.INPATIENT,
    ),
}
AIDED: list[frozenset[ResidueOf]] = [
    frozenset(),
    frozenset({ResidueOf.CHRONIC}),
    frozenset(ResidueOf),
]


@pytest.mark.parametrize(("said", "aided"), list(product(REMAINDERS, AIDED)))
def test_aid_pays_the_remainders_the_city_says(
    new_world: NewWorld, said: str, aided: frozenset[ResidueOf]
) -> None:
    """A giver's purse pays a remainder only if the holder's city lets it; the own purse does."""
    changes, left_by = REMAINDERS[said]
    rule = replace(uses()[0].value, aid_residue_of=aided)
    world = family(
        new_world, uses=rule, table={"deductible_fen": {1: 999_00, 2: 0, 3: 0}}
    )
    world.hospital(HOSPITAL)
    changes = {"account_use": AccountUse.CITY_ORDER, **changes}
    bill = world.visit("P", 100_00, **changes)
    settled = world.settle(bill)
    aid = 90_00 if left_by is None or left_by in aided else 0
    assert (0, 10_00, aid) == (settled.fund_fen, settled.own_fen, settled.aid_fen)
    assert left_by is bill.left_by
