"""Variants: a value is changed in every way one step away from it, and in no other."""

from __future__ import annotations

from datetime import time
from typing import Any

import pytest
from gongji import (
    NO_LIMIT,
    AtOnce,
    CounterHours,
    FamilyLimit,
    MaterialKind,
    MaterialNeed,
    NoLimit,
    RelationSet,
    ReviewLatency,
    Scope,
)
from gongji_conformance.mutation.variants import Variant, variants

CHANGES: dict[str, tuple[object, Any, str, list[str]]] = {
    "a figure goes one up and one down": (30, int, "application_expiry", ["29", "31"]),
    "a figure never goes below 0": (0, int, "earliest_working_days", ["1"]),
    "an amount moves by a fen": (800_00, int, "deductible_fen", ["79999", "80001"]),
    "a ratio moves by a point": (60_00, int, "ratio_bp", ["5900", "6100"]),
    "a truth is turned round": (True, bool, "required", ["False"]),
    "no limit becomes a figure": (NO_LIMIT, int | NoLimit, "visit_cap_fen", ["10000"]),
    "a figure becomes no limit": (
        100,
        int | NoLimit,
        "cap_fen",
        ["NO_LIMIT", "99", "101"],
    ),
    "an enum of few becomes each other": (
        AtOnce.ALWAYS,
        AtOnce,
        "",
        ["IF_CHECKS_PASS", "NEVER"],
    ),
    "an enum of many becomes the next": (
        MaterialKind.HOLDER_ID_CARD,
        MaterialKind,
        "",
        ["HOLDER_SOCIAL_SECURITY_CARD"],
    ),
    "a limit loses its holder": (
        FamilyLimit(people=7, counting_holder=True),
        FamilyLimit | NoLimit,
        "",
        ["NO_LIMIT", "people 6", "people 8", "counting_holder False"],
    ),
    "an hour moves by a minute": (
        CounterHours(opens=time(9), closes=time(17)),
        CounterHours,
        "",
        ["opens 08:59", "opens 09:01", "closes 16:59", "closes 17:01"],
    ),
    "entries are changed, dropped and swapped": (
        {1: 200, 2: 400},
        dict[int, int],
        "deductible_fen",
        ["[1] 199", "[1] 201", "[2] 399", "[2] 401", "去掉 1", "去掉 2", "1 与 2 对调"],
    ),
    "equal entries are not swapped": (
        {1: 0, 2: 0},
        dict[int, int],
        "deductible_fen",
        ["[1] 1", "[2] 1", "去掉 1", "去掉 2"],
    ),
    "members are dropped and added": (
        frozenset({Scope.PROVINCE}),
        frozenset[Scope],
        "",
        ["去掉 PROVINCE", "加上 POOLING_AREA"],
    ),
    "at once comes without days": (
        ReviewLatency(at_once=AtOnce.NEVER, working_days=3, earliest_working_days=1),
        ReviewLatency,
        "",
        [
            "at_once ALWAYS",
            "at_once IF_CHECKS_PASS",
            "working_days 2",
            "working_days 4",
            "earliest_working_days 0",
            "earliest_working_days 2",
        ],
    ),
    "texts and clauses are left alone": (
        ("甲", "乙"),
        tuple[str, ...],
        "",
        ["去掉 0 甲", "去掉 1 乙", "0 甲 与 1 乙 对调"],
    ),
}
"""A value, its declared type, the field it stands in, and what it becomes."""


@pytest.mark.parametrize("change", CHANGES)
def test_changes(change: str) -> None:
    """A value becomes all that is one figure, member, row or choice away from it."""
    value, declared, name, expected = CHANGES[change]
    assert expected == [_short(each) for each in variants(value, declared, name)]


def _short(variant: Variant) -> str:
    """Where, and what it becomes."""
    _, _, new = variant.change.partition("→")
    return f"{variant.where.removeprefix('.')} {new or variant.change}".strip()


def _by_name(value: object, declared: Any) -> dict[str, Any]:
    """The variants of a value by where and change."""
    return {
        f"{variant.where} {variant.change}": variant.value
        for variant in variants(value, declared)
    }


def test_changed_value_is_what_its_name_says() -> None:
    """The value carries the change and nothing else."""
    limit = FamilyLimit(people=7, counting_holder=True)
    changed = _by_name(limit, FamilyLimit)
    assert FamilyLimit(people=8, counting_holder=True) == changed[".people 7→8"]
    not_counting = FamilyLimit(people=7, counting_holder=False)
    assert not_counting == changed[".counting_holder True→False"]


def test_days_follow_what_takes_effect_at_once() -> None:
    """A review that takes effect at once has no days."""
    review = ReviewLatency(at_once=AtOnce.NEVER, working_days=3)
    changed = _by_name(review, ReviewLatency)
    assert ReviewLatency(at_once=AtOnce.ALWAYS) == changed[".at_once NEVER→ALWAYS"]


def test_relations_are_dropped_and_added() -> None:
    """A relation that is dropped or added is a change of its own."""
    spouse = RelationSet(name="配偶", codes=frozenset({"10"}))
    changes = [variant.change for variant in variants(spouse, RelationSet)]
    assert "去掉 10" == changes[0]
    assert {"加上 20", "加上 55", "加上 73"} <= set(changes)


def test_materials_are_dropped_and_added() -> None:
    """A proof that is dropped or added, or asked for otherwise, is a change too."""
    need = MaterialNeed(name="关系证明", one_of=(MaterialKind.MARRIAGE_CERTIFICATE,))
    assert {
        " 去掉 0 关系证明",
        "[0].asked ALWAYS→RELATION_NOT_ON_RECORD",
        "[0].one_of 加上 HOUSEHOLD_REGISTER",
        "[0].one_of 去掉 0 MARRIAGE_CERTIFICATE",
        "[0].original False→True",
    } <= set(_by_name((need,), tuple[MaterialNeed, ...]))
