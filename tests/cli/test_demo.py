"""The demo prints what the server answered, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import gongji_chuzhou
import pytest
from gongji import CityRules, Scheme
from gongji.cities.city import Cities
from gongji.cities.loading import city_from, load_cities
from gongji.cli import demo, main
from gongji.cli.demo import tell
from gongji.cli.demo.sandbox import running_sandbox
from gongji.cli.terminal import Terminal
from gongji.client.connection import connect
from gongji.rules.benefits import Table
from gongji.v1 import city_pb2, city_pb2_grpc

from tests.cli.command import StartSandbox, TableRow, gongji


def _with_deductible(fen: int) -> Cities:
    """Return the three cities, Chuzhou's deductible changed to `fen` at every level."""
    cities = load_cities()
    chuzhou = cities.named("chuzhou")
    (in_force,) = chuzhou.timelines[CityRules.reimbursement.__name__]
    table = in_force.value[Scheme.EMPLOYEE]
    assert isinstance(table, Table)
    changed = replace(table, deductible_fen=dict.fromkeys((1, 2, 3), fen))
    tables = {**in_force.value, Scheme.EMPLOYEE: changed}
    other = city_from(
        gongji_chuzhou,
        pinyin="chuzhou",
        overrides={"reimbursement": (replace(in_force, value=tables),)},
    )
    return Cities(tuple(other if city is chuzhou else city for city in cities.all))


Tables = dict[str, list[list[TableRow]]]
"""Tables by title, in the order printed."""


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Callable[[str], Tables]:
    """Tell the day to a service; return what is printed."""

    def tell_to(address: str) -> Tables:
        with connect(address) as channel:
            tell(channel, Terminal(as_json=True))
        printed: Tables = {}
        for line in capsys.readouterr().out.splitlines():
            for title, rows in json.loads(line).items():
                printed.setdefault(title, []).append(rows)
        return printed

    return tell_to


def column(rows: list[TableRow], name: str) -> list[str]:
    return [row[name] for row in rows]


class TestTell:
    """The day of three families."""

    def test_the_documents_figures(
        self, serving: StartSandbox, told: Callable[[str], Tables]
    ) -> None:
        """On the shipped rules the demo prints the documents' own figures."""
        chuzhou, anqing, huangshan = told(serving())["绑定"]

        results = ["拒绝", *["已生效"] * 6, "拒绝", "拒绝"]
        assert results == column(chuzhou, "结果")
        assert "C22" in chuzhou[7]["依据"]
        assert "C27" in chuzhou[8]["依据"]
        assert "审核中，2025-10-11 17:00 前审毕" == anqing[1]["结果"]
        assert "2025-10-09 09:00" in anqing[3]["说明"]
        assert "A19" in huangshan[0]["依据"]
        assert "推定" in huangshan[1]["依据"]

    def test_the_bills(
        self, serving: StartSandbox, told: Callable[[str], Tables]
    ) -> None:
        """The fund pays by level before and after deductible and cap (C58–C62), nothing
        of a resident's bill."""
        chuzhou, anqing = told(serving())["结算"]

        fund = ["100.00", "275.00", "1,625.00", "0.00", "130.00", "330.00"]
        assert fund == column(chuzhou, "统筹基金")
        assert ("0.00", "280.00") == (anqing[0]["统筹基金"], anqing[0]["共济账户"])

    def test_a_reversal_restores_the_balance(
        self, serving: StartSandbox, told: Callable[[str], Tables]
    ) -> None:
        """After the reversal the holder's purse has what was charged again."""
        printed = told(serving())

        (before,), (after,) = printed["撤销前"], printed["撤销后"]
        assert "3,320.00" == before[0]["余额"]
        assert "3,600.00" == after[0]["余额"]

    def test_a_changed_figure_is_told(
        self, serving: StartSandbox, told: Callable[[str], Tables]
    ) -> None:
        """Against a city with one changed figure the demo prints the new one."""
        printed = told(serving(cities=_with_deductible(600_00)))

        first = printed["结算"][0][0]
        assert ("600.00", "200.00") == (first["起付线"], first["统筹基金"])

    def test_a_retirement_told_late(
        self, serving: StartSandbox, told: Callable[[str], Tables]
    ) -> None:
        """Three months late each bill is told to the fen, within deductible and cap, and
        settled again: what was settled in September stays there, December has refund
        and charge."""
        printed = told(serving())

        (lines,) = printed["迟到的事实改变了什么"]
        head = "结算 "
        settlements = [line for line in column(lines, "说明") if line.startswith(head)]
        fund = [line.split("：")[1].split("；")[0] for line in settlements]
        assert fund == [
            "统筹基金 100.00 → 110.00 元（+10.00）",
            "统筹基金 275.00 → 300.00 元（+25.00）",
            "统筹基金 1,625.00 → 1,590.00 元（-35.00）",
        ]
        assert printed["重新结算"] == [[{"结果": "已重新结算 3 笔"}]]
        (september,) = printed["陈示一的结算（2025-09）"]
        assert {"结算"} == set(column(september, "类别"))
        (december,) = printed["陈示一的结算（2025-12）"]
        assert sorted(column(december, "统筹基金")) == sorted(
            ["-100.00", "-275.00", "-1,625.00", "110.00", "300.00", "1,590.00"]
        )


def test_it_ends_with_what_to_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the day it names commands that there are."""
    monkeypatch.setattr(demo, "running_sandbox", lambda: nullcontext("nowhere"))
    monkeypatch.setattr(demo, "connect", nullcontext)
    monkeypatch.setattr(demo, "tell", lambda *_: None)
    named = re.findall(r"^  gongji ([a-z]+)", gongji("demo").stdout, re.MULTILINE)
    assert "sandbox" == named[0]
    assert set(named) <= set(main.commands)


def test_it_runs_beside_a_configured_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell set up for another service does not have its database opened as a sandbox."""
    database = tmp_path / "of-a-service.sqlite3"
    monkeypatch.setenv("GONGJI_DATABASE", str(database))
    monkeypatch.setenv("GONGJI_ADDRESS", "nowhere")
    with running_sandbox() as address, connect(address) as channel:
        cities = city_pb2_grpc.CityServiceStub(channel)
        assert cities.ListCities(city_pb2.ListCitiesRequest()).cities
    assert not database.exists()
