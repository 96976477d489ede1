"""Whatever happened since, every settlement is decided as then what is stored."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from gongji.binding import life
from gongji.model.binding import Binding
from gongji.model.people import Institution, Person
from gongji.model.refusals import Refusal
from gongji.model.settlement import Settlement
from gongji.rules.codes import AccountUse, BindingState
from gongji.settlement.resettle import Resettle
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.scaffold.world import NewWorld, World
from tests.settlement.recomputing import DAY, correct, kept, recomputed

StepBill = tuple[str, int, AccountUse, int]

Step = tuple[str, StepBill]

BILLS = st.tuples(
    st.sampled_from(["P1", "P2", "P3"]),
    st.integers(1, 3000_00),
    st.sampled_from(AccountUse),
    st.integers(0, 1),
)

STEP_KINDS = ("settle", "settle again", "reverse", "unbind", "wait")

LATE = ("regrade", "retire", "resettle", "resettle")


@settings(max_examples=60)
@given(steps=st.lists(st.tuples(st.sampled_from(STEP_KINDS), BILLS), max_size=10))
def test_every_settlement_of_a_history(family: NewWorld, steps: list[Step]) -> None:
    """After any history every settlement, reversed or not, is decided as then and, for
    nothing else is known, as now what is stored."""
    world = kept(family())
    for kind, bill in steps:
        _step(world, kind, bill)
    world.now += DAY
    for settlement in world.all(Settlement):
        both = recomputed(world, settlement.settlement_id)
        assert (True, True) == (both.as_then.equal, both.as_now.equal), both


@settings(max_examples=60)
@given(
    before=st.lists(st.tuples(st.just("settle"), BILLS), min_size=2, max_size=5),
    after=st.lists(st.tuples(st.sampled_from([*STEP_KINDS, *LATE]), BILLS), max_size=6),
    grade=st.integers(1, 14),
)
def test_every_settlement_on_late_facts(
    family: NewWorld, before: list[Step], after: list[Step], grade: int
) -> None:
    """Whatever became known since, and whatever was settled again on it, every settlement
    is decided as then what is stored."""
    world = kept(family())
    for kind, bill in before:
        _step(world, kind, bill)
    hospital = world.all(Institution)[0].code
    correct(world, Institution, hospital, first_hosp_lv=grade)
    for kind, bill in [("resettle", before[0][1]), *after]:
        _step(world, kind, bill)
    world.now += DAY
    for settlement in world.all(Settlement):
        as_then = recomputed(world, settlement.settlement_id).as_then
        assert as_then.equal, as_then


def _step(world: World, kind: str, bill: StepBill) -> None:
    person, fen, use, place = bill
    _STEPS[kind](world, person, fen, use, place)


def _settle(world: World, person: str, fen: int, use: AccountUse, place: int) -> None:
    code = world.all(Institution)[place].code
    with suppress(Refusal):
        world.settle(
            world.visit(
                person,
                fen,
                account_use=use,
                institution_code=code,
                filing_no=world.filed(person),
            )
        )


def _reverse(world: World, *_: Any) -> None:
    for settlement in _standing(world)[:1]:
        world.reverse(settlement.settlement_id)


def _end_binding(world: World, *_: Any) -> None:
    active = [b for b in world.all(Binding) if b.state is BindingState.ACTIVE]
    for binding in active[:1]:
        world.add(life.moved(binding, BindingState.ENDED, world.now, who="x", why=""))


def _wait(world: World, *_: Any) -> None:
    world.now += timedelta(seconds=1)


def _regrade(world: World, _: str, fen: int, __: AccountUse, place: int) -> None:
    code = world.all(Institution)[place].code
    correct(world, Institution, code, first_hosp_lv=3 + fen % 7)


def _retire(world: World, person: str, fen: int, *_: Any) -> None:
    known = world.record(Person, person)
    retired = replace(known.enrolments[0], psn_type=f"1{1 + fen % 2}")
    correct(world, Person, person, enrolments=(retired,))


def _resettle(world: World, _: str, fen: int, __: AccountUse, place: int) -> None:
    for settlement in _standing(world)[fen % 2 :][:1]:
        request = world.request("Resettle")
        with suppress(Refusal):
            world.do(
                Resettle(
                    request,
                    settlement.settlement_id,
                    bool(place),
                    None,
                    "",
                    world.cities,
                )
            )


def _standing(world: World) -> list[Settlement]:
    return [s for s in world.all(Settlement) if s.reversed_at is None]


_STEPS: dict[str, Callable[..., None]] = {
    "settle": _settle,
    "settle again": _settle,
    "reverse": _reverse,
    "unbind": _end_binding,
    "wait": _wait,
    "regrade": _regrade,
    "retire": _retire,
    "resettle": _resettle,
}
