"""Every contradiction of the sources is settled by one rule value: change the value and
a named outcome changes."""

from __future__ import annotations

from datetime import date
from itertools import chain
from typing import Any

import pytest
from gongji import (
    Clause,
    Ruled,
    Scheme,
    Standing,
)
from gongji.cities.city import City

from tests.binding.applying import (
    cities,
    with_values,
)
from tests.cities.contradictions import ROWS
from tests.cities.scenarios import paying

W1 = Clause("W1", "测试的条款。", "测试")
ALL_X = {f"X{n}" for n in range(1, 22)}


def settling(city: City, contradiction: str) -> list[tuple[str, Ruled[Any]]]:
    """Return the values of a city that settle a contradiction, with their hooks."""
    return [
        (hook, value)
        for hook, timeline in city.timelines.items()
        for value in timeline
        if contradiction in {x.id for x in value.settles}
    ]


def test_every_contradiction() -> None:
    """X1 to X21 are settled, each by some city's rule, and each has its row here."""
    settled = set()
    for city in cities().all:
        for timeline in city.timelines.values():
            for value in timeline:
                settled |= {contradiction.id for contradiction in value.settles}
    assert ALL_X == settled
    assert ALL_X == set(ROWS)


@pytest.mark.parametrize("contradiction", ROWS)
def test_settled_by_its_hook(contradiction: str) -> None:
    """In every city one hook at most settles it, the row's; it cites for and against
    and says why by number."""
    row = ROWS[contradiction]
    by_city = {city.pinyin: settling(city, contradiction) for city in cities().all}

    assert [row.hook] == [hook for hook, _ in by_city[row.city]]
    for hook, value in chain.from_iterable(by_city.values()):
        assert row.hook == hook
        assert value.clauses
        assert value.against
        assert f"{contradiction}：" in value.why or f"{contradiction}、" in value.why


@pytest.mark.parametrize("contradiction", ROWS)
def test_the_value_decides(contradiction: str) -> None:
    """As shipped one thing happens; with another value of that hook, and of no other,
    the other thing does."""
    row = ROWS[contradiction]
    (_, shipped), *_ = settling(cities().named(row.city), contradiction)
    since = date.fromisoformat(row.since)
    changed = Ruled(row.other_value(shipped.value), since, (W1,))
    with_other = with_values(row.city, {row.hook: (changed,)})

    assert row.outcome == row.scenario(cities())
    assert row.other_outcome == row.scenario(with_other)


def test_standings_are_told_apart() -> None:
    """The bonus of X19 is for retired people only: active ones are paid as before."""
    row = ROWS["X19"]
    active = paying("chuzhou", 8, 1000_00)
    (_, shipped), *_ = settling(cities().named("chuzhou"), "X19")
    changed = Ruled(row.other_value(shipped.value), shipped.since, (W1,))

    with_other = with_values("chuzhou", {"reimbursement": (changed,)})
    caps = shipped.value[Scheme.EMPLOYEE].cap_fen

    assert "fund 120.00, cash 880.00" == active(cities())
    assert active(cities()) == active(with_other)
    assert {Standing.ACTIVE, Standing.RETIRED} == set(caps)
