"""Laws of money that compare two courses of things: a fen more, a fen moved, a day later."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from gongji.model.settlement import Accumulator, Settlement
from gongji.rules.codes import SHANGHAI
from hypothesis import given
from hypothesis import strategies as st

from tests.prove import plain
from tests.prove.families import Drawn, towns
from tests.prove.rules import KINDS_OF_TOWN
from tests.prove.steps import visits
from tests.prove.worlds import bill_of, lived

if TYPE_CHECKING:
    from tests.prove.conftest import Effort
    from tests.prove.records import Town, Visit
    from tests.scaffold.world import NewWorld, World

KINDS = pytest.mark.parametrize("kind", KINDS_OF_TOWN)


@KINDS
def test_a_fen_more(kind: str, new_world: NewWorld, effort: Effort) -> None:
    """Adding d fen of in-scope cost raises the fund's part by 0 to d."""

    @effort(short=25, long=1200)
    @given(
        towns(kind),
        st.lists(visits, max_size=3),
        visits,
        st.integers(0, 3) | st.integers(0, 90_000),
    )
    def holds(drawn: Drawn, before: list[Visit], visit: Visit, d: int) -> None:
        if plain.reasons(drawn[1], visit):
            return
        world = lived(drawn, kind, before, new_world)
        larger = replace(visit, in_scope=visit.in_scope + d)
        more = world.quote(bill_of(larger)).fund_fen
        fund = world.quote(bill_of(visit)).fund_fen
        assert 0 <= more - fund <= d

    holds()


@KINDS
def test_a_fen_moved_into_scope(kind: str, new_world: NewWorld, effort: Effort) -> None:
    """Moving d from any other part into scope never raises what the patient pays: his
    part of the bill, or his cash.

    Nor his purse and cash together, unless his city lets givers pay parts that his own
    purse may not: there, what a giver paid before is asked of the own purse first.
    """

    @effort(short=25, long=1200)
    @given(
        towns(kind),
        st.lists(visits, max_size=3),
        visits,
        st.sampled_from(["out_of_catalogue", "above_limit", "first_selfpay"]),
        st.integers(0, 10_000),
    )
    def holds(
        drawn: Drawn, before: list[Visit], visit: Visit, part: str, share: int
    ) -> None:
        if plain.reasons(drawn[1], visit):
            return
        world = lived(drawn, kind, before, new_world)
        was = world.quote(bill_of(visit))
        moved_visit = moved_into_scope(visit, part, share)
        moved = world.quote(bill_of(moved_visit))
        assert moved.patient_part_fen <= was.patient_part_fen
        assert moved.cash_fen <= was.cash_fen
        if aid_pays_no_more_than_own(drawn[1], visit.patient):
            assert moved.cash_fen + moved.own_fen <= was.cash_fen + was.own_fen

    holds()


def moved_into_scope(visit: Visit, part: str, share: int) -> Visit:
    """Return a visit with a share of one part, in basis points, moved into scope."""
    fen = visit.parts[part] * share // 10_000
    amounts: dict[str, Any] = {
        "in_scope": visit.in_scope + fen,
        part: visit.parts[part] - fen,
    }
    return replace(visit, **amounts)


def aid_pays_no_more_than_own(town: Town, patient: str) -> bool:
    """Return whether the patient's own purse may pay all that any giver's may."""
    own = set(plain.city_of(town, patient).own_pays)
    aid: set[str] = set()
    for city in town.cities.values():
        aid.update(city.aid_pays)
    return aid <= own


LAST_DAY = "2025-12-31"
LAST_MINUTE = datetime(2025, 12, 31, 23, 59, tzinfo=SHANGHAI)
NEW_YEAR = datetime(2026, 1, 1, 0, 0, tzinfo=SHANGHAI)


def test_a_bill_of_last_year(new_world: NewWorld, effort: Effort) -> None:
    """A bill quoted on 31 December and settled on 1 January has the same fund part,
    counted in the old year."""

    @effort(short=40, long=1500)
    @given(towns("new year"), st.lists(visits, max_size=3), visits)
    def holds(drawn: Drawn, before: list[Visit], other_day: Visit) -> None:
        number, town = drawn[0], designated_for_good(drawn[1])
        visit = replace(other_day, day=LAST_DAY)
        if plain.reasons(replace(town, today=LAST_DAY), visit):
            return
        world = lived((number, town), "new year", before, new_world)
        quoted, settled, counted = over_new_year(world, visit)
        assert quoted.lines[0] == settled.lines[0]
        assert quoted.deductible_fen == settled.deductible_fen
        assert quoted.fund_fen == settled.fund_fen
        assert settled.fund_fen == counted

    holds()


def over_new_year(world: World, visit: Visit) -> tuple[Settlement, Settlement, int]:
    """Quote a visit on 31 December and settle it on 1 January.

    Return both, and by how much the fund's part counted in 2025 grew.
    """
    bill = bill_of(visit)
    world.now = LAST_MINUTE
    quoted = world.quote(bill)
    before = paid_in_2025(world, visit.patient)
    world.now = NEW_YEAR
    settled = world.settle(bill)
    after = paid_in_2025(world, visit.patient)
    return quoted, settled, after - before


def designated_for_good(town: Town) -> Town:
    """Return a town in which no institution's designation ends."""
    places = {code: replace(place, until=None) for code, place in town.places.items()}
    return replace(town, places=places)


def paid_in_2025(world: World, patient: str) -> int:
    """Return what the fund has paid for somebody in 2025."""
    paid = 0
    for accumulator in world.all(Accumulator):
        if (accumulator.person_no, accumulator.year) == (patient, 2025):
            paid += accumulator.fund_paid_fen
    return paid
