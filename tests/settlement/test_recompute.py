"""A settlement decided once more: as then it is what is stored, as now what is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from gongji.binding import life
from gongji.cities.adoption import Adoption
from gongji.cities.city import Cities
from gongji.cities.loading import load_cities
from gongji.model.binding import Binding
from gongji.model.decided import KeptRules
from gongji.model.people import Institution, Person
from gongji.model.refusals import Refusal, SettlementNotFound
from gongji.model.revisions import PersonRevision
from gongji.model.settlement import Settlement
from gongji.rules.benefits import Reversal
from gongji.rules.codes import AccountUse, BindingState, Payer
from gongji.settlement.recompute import PayerDifference, Recompute
from msgspec.structs import replace

from tests.scaffold.cities import shipped, two_cities
from tests.scaffold.people import ANQING, NOW
from tests.scaffold.world import NewWorld, World
from tests.settlement.recomputing import DAY, correct, kept, recomputed

CITY_ORDER = AccountUse.CITY_ORDER


@pytest.fixture
def settled(family: NewWorld) -> tuple[World, Settlement]:
    """The family with one bill settled: fund 100, P1 50, P2 20, P3 30 yuan; a day ago."""
    world = kept(family())
    done = world.settle(world.visit("P1", 200_00, account_use=CITY_ORDER))
    world.now += DAY
    return world, done


def test_nothing_changed(settled: tuple[World, Settlement]) -> None:
    """With the same facts and rules both are what is stored, and nothing is written."""
    world, done = settled
    decision = world.decide(Recompute(done.settlement_id, world.cities))
    both = decision.answer
    assert (True, True, ()) == (both.as_then.equal, both.as_now.equal, decision.writes)
    assert (done, (), ()) == (
        both.stored,
        both.as_then.differences,
        both.as_now.differences,
    )


def unbind(world: World) -> None:
    """P2's binding ends."""
    (binding,) = [b for b in world.all(Binding) if b.holder == "P2"]
    world.add(life.moved(binding, BindingState.ENDED, world.now, who="x", why=""))


def spend(world: World) -> None:
    """Everything in the purses is spent, and more of the year's limits used."""
    world.settle(world.visit("P1", 900_00, account_use=CITY_ORDER))


def take_back(world: World) -> None:
    """It is taken back itself."""
    world.reverse(world.all(Settlement)[0].settlement_id)


def bind_another(world: World) -> None:
    """Another giver comes."""
    world.person("P4")
    world.bind("P4", "P1", world.now)


AFTERWARDS = [unbind, spend, take_back, bind_another]


@pytest.mark.parametrize("change", AFTERWARDS, ids=lambda change: change.__name__)
def test_what_came_afterwards_does_not_matter(
    settled: tuple[World, Settlement], change: Callable[[World], None]
) -> None:
    """Whatever happened to bindings and purses since, it is decided as at its instant."""
    world, done = settled
    change(world)
    both = recomputed(world, done.settlement_id)
    assert (True, True) == (both.as_then.equal, both.as_now.equal), both


# --- changed in the database ----------------------------------------------------------


def _with_line(settlement: Settlement, place: int, **changes: Any) -> Settlement:
    lines = list(settlement.lines)
    lines[place] = replace(lines[place], **changes)
    return replace(settlement, lines=tuple(lines))


CHANGES: dict[str, Callable[[Settlement], Settlement]] = {
    **{
        name: lambda s, name=name: replace(s, **{name: getattr(s, name) + 1})  # type: ignore[misc]
        for name in (
            "level",
            "deductible_fen",
            "ratio_bp",
            "fund_fen",
            "own_fen",
            "aid_fen",
            "cash_fen",
            "deductible_used_after_fen",
            "fund_paid_after_fen",
        )
    },
    "a line's amount": lambda s: _with_line(s, 0, fen=s.lines[0].fen + 1),
    "a line's payer": lambda s: _with_line(s, 1, payer=Payer.GIVER_PURSE),
    "a line's purse": lambda s: _with_line(s, 2, purse="P3"),
    "a line's clauses": lambda s: _with_line(
        s, 0, rule=replace(s.lines[0].rule, clauses=("C1",))
    ),
    "a line that is gone": lambda s: replace(s, lines=s.lines[:-1]),
    "a movement": lambda s: replace(
        s, movements=(replace(s.movements[0], fen=-1), *s.movements[1:])
    ),
    "a movement that is gone": lambda s: replace(s, movements=s.movements[:-1]),
    "the place": lambda s: replace(s, area_code="340800"),
    "who decided": lambda s: replace(s, decided_by=replace(s.decided_by, plugin="x")),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_settlement_is_found(
    settled: tuple[World, Settlement], change: Callable[[Settlement], Settlement]
) -> None:
    """A stored settlement that was changed in the database is not what is decided as
    then."""
    world, done = settled
    world.add(change(done))
    assert not recomputed(world, done.settlement_id).as_then.equal


def test_a_change_that_adds_up_is_found(settled: tuple[World, Settlement]) -> None:
    """Though lines, movement and sums agree with each other, the purse held more by its
    entries than it is said to have paid."""
    world, done = settled
    less = _with_line(done, 1, fen=49_00, inputs={"needed": 100_00, "available": 49_00})
    less = _with_line(less, 4, fen=1_00)
    own, *others = done.movements
    world.add(
        replace(
            less,
            own_fen=49_00,
            cash_fen=1_00,
            movements=(replace(own, fen=-49_00), *others),
        )
    )
    as_then = recomputed(world, done.settlement_id).as_then
    assert {"own_fen", "cash_fen", "lines", "movements"} == set(as_then.different)


def test_a_changed_amount_is_told_by_payer(settled: tuple[World, Settlement]) -> None:
    """Who is said to have paid otherwise is named, with both amounts."""
    world, done = settled
    changed = _with_line(_with_line(done, 0, fen=101_00), 4, fen=-1_00)
    world.add(replace(changed, fund_fen=101_00, cash_fen=-1_00))
    as_then = recomputed(world, done.settlement_id).as_then
    assert ("fund_fen", "cash_fen", "lines") == as_then.different[:3]
    assert (
        PayerDifference(Payer.FUND, "", 101_00, 100_00),
        PayerDifference(Payer.CASH, "", -1_00, 0),
    ) == as_then.differences


# --- rules ----------------------------------------------------------------------------


def test_without_a_digest(settled: tuple[World, Settlement]) -> None:
    """A settlement of before rules were kept says so, and is decided as now."""
    world, done = settled
    former = replace(done.decided_by, rules_digest="", other_digests=())
    world.add(replace(done, decided_by=former))
    both = recomputed(world, done.settlement_id)
    assert "（没有规则摘要），不能按当时的规则重算" in both.as_then.impossible
    assert (False, ()) == (both.as_then.equal, both.as_then.differences)
    assert both.as_now.equal


@pytest.mark.parametrize("area_code", ["341100", "340800"])
def test_without_the_rules(settled: tuple[World, Settlement], area_code: str) -> None:
    """Rules that are not stored, a giver's city's too, are named by their digest."""
    world, done = settled
    digest = world.cities.of(area_code).rules_digest
    del world.records[KeptRules, digest]
    as_then = recomputed(world, done.settlement_id).as_then
    assert f"没有摘要为 {digest} 的规则文档" in as_then.impossible


V2 = Adoption("341100", "V2", NOW.date().replace(month=1, day=1))

ELSEWHERE = {
    "no plugin at all": Cities(()),
    "other figures": two_cities(reversal=Reversal.LAST_FIRST),
    "without the adoption": shipped(),
}


@pytest.mark.parametrize("cities", ELSEWHERE.values(), ids=ELSEWHERE)
def test_rules_of_then_need_no_plugin(family: NewWorld, cities: Cities) -> None:
    """Decided under an adoption, it is decided as then whatever is installed now."""
    world = family()
    world.cities = load_cities([V2])
    kept(world)
    done = world.settle(world.visit("P1", 2000_00, account_use=CITY_ORDER))
    assert ("V2@2025-01-01",) == done.decided_by.adoptions
    world.cities = cities
    both = recomputed(world, done.settlement_id)
    assert (True, False) == (both.as_then.equal, both.as_now.equal)


def test_a_city_that_is_not_served(settled: tuple[World, Settlement]) -> None:
    """As now a bill whose city has no plugin is refused by name."""
    world, done = settled
    world.cities = Cities(())
    as_now = recomputed(world, done.settlement_id).as_now
    assert isinstance(as_now.refusal, Refusal)
    assert "CITY_NOT_SERVED" == as_now.refusal.reason()
    assert {(Payer.FUND, 100_00, 0), (Payer.OWN_PURSE, 50_00, 0)} < {
        (d.payer, d.stored_fen, d.fen) for d in as_now.differences
    }


def test_no_such_settlement(settled: tuple[World, Settlement]) -> None:
    """A settlement that is not stored is refused by name."""
    world, _ = settled
    with pytest.raises(SettlementNotFound):
        recomputed(world, "S0")


# --- what is known now ----------------------------------------------------------------


def test_a_corrected_grade(settled: tuple[World, Settlement]) -> None:
    """As now the fund pays by the hospital's corrected grade, the purses the rest; as
    then nothing differs."""
    world, done = settled
    hospital = done.bill.institution_code
    correct(world, Institution, hospital, first_hosp_lv=5)
    correct(world, Institution, hospital, first_hosp_lv=9)
    both = recomputed(world, done.settlement_id)
    assert both.as_then.equal
    expected = [
        PayerDifference(Payer.FUND, "", 100_00, 120_00),
        PayerDifference(Payer.GIVER_PURSE, "P3", 30_00, 10_00),
    ]
    assert expected == list(both.as_now.differences)
    assert both.as_now.settlement
    assert 120_00 == both.as_now.settlement.fund_fen


def test_a_death_told_late(settled: tuple[World, Settlement]) -> None:
    """As now a bill of after the patient's death is refused."""
    world, done = settled
    correct(world, Person, "P1", died_on=(NOW - DAY).date())
    both = recomputed(world, done.settlement_id)
    assert both.as_then.equal
    assert both.as_now.refusal
    assert "NOT_ENROLLED" == both.as_now.refusal.reason()


def test_a_giver_who_moved(settled: tuple[World, Settlement]) -> None:
    """As now a giver known to have moved to a city that is not served is skipped, and the
    next one pays; as then he gave."""
    world, done = settled
    correct(world, Person, "P2", first_place="330100")
    both = recomputed(world, done.settlement_id)
    assert both.as_then.equal
    assert [("P2", 0), ("P3", 50_00)] == [
        (difference.purse, difference.fen) for difference in both.as_now.differences
    ]


def test_a_move_told_late(settled: tuple[World, Settlement]) -> None:
    """As now the patient's new city decides, with its own accumulator."""
    world, _ = settled
    bill = world.visit(
        "P1", 200_00, account_use=CITY_ORDER, filing_no=world.filed("P1")
    )
    done = world.settle(bill)
    world.now += DAY
    correct(world, Person, "P1", first_place=ANQING)
    both = recomputed(world, done.settlement_id)
    assert both.as_then.equal
    assert both.as_now.settlement
    assert ANQING == both.as_now.settlement.area_code
    assert 0 == both.as_now.settlement.fund_fen


def test_a_revision_that_is_gone(settled: tuple[World, Settlement]) -> None:
    """A revision that was removed is named; the settlement is not decided on another."""
    world, done = settled
    correct(world, Person, "P1", first_base_fen=1)
    del world.records[PersonRevision, "P1/1"]
    both = recomputed(world, done.settlement_id)
    assert "没有 P1 的第 1 次登记" in both.as_then.impossible
    assert both.as_now.equal


# --- one instant ----------------------------------------------------------------------


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_binding_that_ends_at_that_instant(family: NewWorld, *, before: bool) -> None:
    """Ended in one batch with the settlement, before or after it: the lines tell which."""
    world = kept(family())
    active = world.record(Binding, "B-P2-P1")
    ended = life.moved(active, BindingState.ENDED, NOW, who="x", why="")
    if before:
        world.add(ended)
    done = world.settle(world.visit("P1", 200_00, account_use=CITY_ORDER))
    world.add(ended)
    world.now += DAY
    assert before is ("P2" not in {line.purse for line in done.lines})
    assert recomputed(world, done.settlement_id).as_then.equal


def test_settlements_of_one_instant(family: NewWorld) -> None:
    """In one batch a purse is emptied by the first and asked in vain by the others."""
    world = kept(family())
    bills = [world.visit("P1", fen, account_use=CITY_ORDER) for fen in (900_00, 80_00)]
    done = [world.settle(bill) for bill in (*bills, *bills)]
    world.now += DAY
    for settlement in done:
        both = recomputed(world, settlement.settlement_id)
        assert (True, True) == (both.as_then.equal, both.as_now.equal), both
