"""The law of a previewed reversal: later settlements as if the reversed one never was."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

import pytest
from gongji.model.settlement import Settlement
from gongji.settlement.preview import PreviewReversal
from gongji.settlement.reverse import Reverse
from hypothesis import given
from hypothesis import strategies as st

from tests.prove import plain
from tests.prove.families import TODAY, Drawn, towns
from tests.prove.rules import KINDS_OF_TOWN
from tests.prove.steps import visits
from tests.prove.worlds import bill_of, world_of

if TYPE_CHECKING:
    from tests.prove.conftest import Effort
    from tests.prove.records import Town, Visit
    from tests.scaffold.world import NewWorld, World

Reversals = list[tuple[int, int]]
"""After the visit of which place the settlement of which is reversed."""


class Figures(Protocol):
    """What a settlement and a preview of it have in common."""

    @property
    def deductible_fen(self) -> int: ...
    @property
    def fund_fen(self) -> int: ...


def figures(of: Figures) -> tuple[int, int]:
    """Return the deductible charged and what the fund pays."""
    return of.deductible_fen, of.fund_fen


@pytest.mark.parametrize("kind", KINDS_OF_TOWN)
def test_a_preview_is_the_year_without_it(
    kind: str, new_world: NewWorld, effort: Effort
) -> None:
    """What `validate_only` says of later settlements is what they get in a world where
    the reversed one never was."""

    @effort(short=25, long=1200)
    @given(
        towns(kind),
        st.lists(visits, min_size=4, max_size=12),
        st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), max_size=6),
        st.integers(0, 3),
    )
    def holds(
        drawn: Drawn, various: list[Visit], reversals: Reversals, pick: int
    ) -> None:
        of_a_year = settled_of_one_patient(drawn[1], various)
        if not of_a_year:
            return
        world = world_of(drawn, kind, new_world)
        other_world = world_of(drawn, kind, new_world)
        place = pick % len(of_a_year)
        settled = year(world, of_a_year, reversals, never=place)
        without = year(other_world, of_a_year, reversals, never=place, omitted=place)
        assert_foreseen(world, settled, without, place)

    holds()


def settled_of_one_patient(town: Town, various: list[Visit]) -> list[Visit]:
    """Return visits made one patient's, two in three usual ones; without the refused."""
    of_one = []
    for place, drawn_visit in enumerate(various):
        visit = replace(drawn_visit, patient="A1")
        if place % 3:
            visit = replace(visit, day=TODAY, kind=11, givers=[])
        of_one.append(visit)
    return [visit for visit in of_one if not plain.reasons(town, visit)]


def year(
    world: World,
    of_a_year: list[Visit],
    reversals: Reversals,
    *,
    never: int,
    omitted: int | None = None,
) -> dict[int, Settlement]:
    """Settle visits a minute apart, some reversed between, that of place `never` not.

    The visit of place `omitted` never was.
    """
    settled: dict[int, Settlement] = {}
    reversed_places = {never}
    for place, visit in enumerate(of_a_year):
        world.now += timedelta(minutes=1)
        if place != omitted:
            settled[place] = world.settle(bill_of(visit))
        for after, which in reversals:
            if after == place and which <= place and which not in reversed_places:
                world.now += timedelta(minutes=1)
                world.reverse(settled[which].settlement_id)
                reversed_places.add(which)
    return settled


def assert_foreseen(
    world: World,
    settled: dict[int, Settlement],
    without: dict[int, Settlement],
    place: int,
) -> None:
    """Assert that the preview of reversing one settlement says what is so without it."""
    previews = preview(world, settled[place].settlement_id)
    for at, settlement in settled.items():
        stored = world.record(Settlement, settlement.settlement_id)
        foreseen = previews.get(settlement.settlement_id)
        if at == place or stored.reversed_at is not None:
            assert foreseen is None
            continue
        assert figures(without[at]) == figures(foreseen or stored)
        assert foreseen is None or figures(foreseen) != figures(stored)


def preview(world: World, settlement_id: str) -> dict[str, Figures]:
    """Return what other settlements would be were one reversed, by their id."""
    request = world.request("Reverse")
    command = Reverse(request, settlement_id, "", "", world.cities)
    answer = world.decide(PreviewReversal(command)).answer
    return {a.settlement.settlement_id: a.would_be for a in answer.affected}
