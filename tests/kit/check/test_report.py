"""`gongji check` of a city that loads: values, extremes, and problems that make it fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from gongji import NoFund, Scheme
from gongji.cities import anhui
from gongji.cities.city import City
from gongji.cli.cities import show_rules
from gongji.cli.terminal import Terminal
from gongji.rules.benefits import Effects

DECLARED = {
    "as computed": ({}, []),
    "a fen too much": (
        {
            "effects": Effects(
                order_fen=80_01, splitting_loses_fen=41, splitting_gains_fen=50
            )
        },
        ["effects.order_fen 声明为 80.01 元，按本表计算为 80.00 元"],
    ),
    "a table changed, its declaration not": (
        {"ratio_bp": {1: 70_00, 2: 55_00, 3: 50_00}},
        [
            "effects.order_fen 声明为 80.00 元，按本表计算为 160.00 元",
            "effects.splitting_loses_fen 声明为 0.41 元，按本表计算为 0.15 元",
        ],
    ),
}


def chuzhou(new_world: Callable[..., Any], changes: dict[str, Any]) -> City:
    city: City = new_world(table=changes).cities.of("341100")
    return city


@pytest.mark.parametrize(("changes", "expected"), DECLARED.values(), ids=DECLARED)
def test_the_declaration_is_recomputed(
    new_world: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, Any],
    expected: list[str],
) -> None:
    """Where what a table declares is not what it does, each figure is named and the check fails."""
    passed = show_rules(Terminal(as_json=True), chuzhou(new_world, changes))
    printed = {
        key: rows
        for line in capsys.readouterr().out.splitlines()
        for key, rows in json.loads(line).items()
    }
    assert (not expected, expected) == (
        passed,
        [row["problem"] for row in printed.get("problems", [])],
    )


def test_extremes_are_shown_with_what_is_declared(
    new_world: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each standing has three situations, with both ways, their difference and the
    declared figure."""
    show_rules(Terminal(as_json=True), chuzhou(new_world, {}))
    printed = {
        key: rows
        for line in capsys.readouterr().out.splitlines()
        for key, rows in json.loads(line).items()
    }
    rows = printed["extremes"]
    assert 6 == len(rows)
    first = rows[0]
    assert (
        "三级 800.00 元，一级 800.00 元",
        "480.00",
        "400.00",
        "80.00",
        "80.00",
    ) == tuple(
        first[key]
        for key in ("visits", "fund", "against_fund", "difference", "declared")
    )


def test_a_city_without_a_table_has_no_extremes(
    new_world: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the fund pays nothing there is nothing to compute."""
    denied = anhui.reimbursement()[0].value[Scheme.RESIDENT]
    assert isinstance(denied, NoFund)
    nothing = {Scheme.EMPLOYEE: denied, Scheme.RESIDENT: denied}
    city = new_world(reimbursement=nothing).cities.of("341100")
    assert show_rules(Terminal(as_json=True), city)
    assert "extremes" not in capsys.readouterr().out
