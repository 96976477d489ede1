"""The demo prints what the server answered, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import gongji_chuzhou
import pytest
from gongji import CityRules, Scheme
from gongji.cities.city import Cities
from gongji.cities.loading import city_from, load_cities
from gongji.cli.demo import tell
from gongji.cli.terminal import Terminal
from gongji.client.connection import connect
from gongji.rules.benefits import Table


def _with_deductible(fen: int) -> Cities:
    """The three cities, Chuzhou's deductible changed to `fen` at every level."""
    cities = load_cities()
    chuzhou = cities.named("chuzhou")
    (in_force,) = chuzhou.timelines[CityRules.reimbursement.__name__]
    table = in_force.value[Scheme.EMPLOYEE]
    assert isinstance(table, Table)
    changed = replace(table, deductible_fen=dict.fromkeys((1, 2, 3), fen))
    other = city_from(
        gongji_chuzhou,
        pinyin="chuzhou",
        overrides={
            "reimbursement": (
                replace(in_force, value={**in_force.value, Scheme.EMPLOYEE: changed}),
            )
        },
    )
    return Cities(tuple(other if c is chuzhou else c for c in cities.all))


def _told(
    address: str, capsys: pytest.CaptureFixture[str]
) -> dict[str, list[list[dict[str, str]]]]:
    """What the demo prints, as tables by title in the order printed."""
    with connect(address) as channel:
        tell(channel, Terminal(as_json=True))
    tables: dict[str, list[list[dict[str, str]]]] = {}
    for line in capsys.readouterr().out.splitlines():
        for title, rows in json.loads(line).items():
            tables.setdefault(title, []).append(rows)
    return tables


class TestTell:
    """The day of three families."""

    def test_the_documents_figures(
        self, serving: Callable[..., str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        """On the shipped rules the demo tells the documents' own figures."""
        told = _told(serving(), capsys)

        chuzhou, anqing, huangshan = told["绑定"]
        assert ["拒绝", *["已生效"] * 6, "拒绝", "拒绝"] == [
            row["结果"] for row in chuzhou
        ]
        assert "C22" in chuzhou[7]["依据"]
        assert "C27" in chuzhou[8]["依据"]
        assert "审核中, 2025-10-11 17:00 前审毕" == anqing[1]["结果"]
        assert "2025-10-09 09:00" in anqing[3]["说明"]
        assert "A19" in huangshan[0]["依据"]
        assert "推定" in huangshan[1]["依据"]

    def test_the_bills(
        self, serving: Callable[..., str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The fund pays by level before and after deductible and cap (C58–C62), nothing
        of a resident's bill."""
        told = _told(serving(), capsys)

        chuzhou, anqing = told["结算"]
        assert ["100.00", "275.00", "1,625.00", "0.00", "130.00", "330.00"] == [
            row["统筹基金"] for row in chuzhou
        ]
        assert ("0.00", "280.00") == (anqing[0]["统筹基金"], anqing[0]["共济账户"])

    def test_a_reversal_restores_the_balance(
        self, serving: Callable[..., str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        """After the reversal the holder's purse holds what was charged more than before it."""
        told = _told(serving(), capsys)

        assert ("3,320.00", "3,600.00") == (
            told["撤销前"][0][0]["余额"],
            told["撤销后"][0][0]["余额"],
        )

    def test_a_changed_figure_is_told(
        self, serving: Callable[..., str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Against a city with one changed figure the demo prints the new one."""
        told = _told(serving(cities=_with_deductible(600_00)), capsys)

        first = told["结算"][0][0]
        assert ("600.00", "200.00") == (first["起付线"], first["统筹基金"])
