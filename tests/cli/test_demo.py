"""The demo prints what the server answered, and nothing else."""

from __future__ import annotations

import json
import re
from contextlib import nullcontext, redirect_stdout
from dataclasses import replace
from io import StringIO
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
from gongji.serve.settings import Settings
from gongji.v1 import city_pb2, city_pb2_grpc

from tests.cli.command import StartSandbox, TableRow, gongji
from tests.scaffold.running import running


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


def told(address: str) -> Tables:
    """Tell the days to a service; return what is printed."""
    with redirect_stdout(StringIO()) as output, connect(address) as channel:
        tell(channel, Terminal(as_json=True))
    printed: Tables = {}
    for line in output.getvalue().splitlines():
        for title, rows in json.loads(line).items():
            printed.setdefault(title, []).append(rows)
    return printed


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Return what is printed on the shipped rules."""
    data = tmp_path_factory.mktemp("demo")
    settings = Settings(address="127.0.0.1:0", data=data, sample=True, sandbox=True)
    with running(settings, load_cities()) as address:
        return told(address)


def column(rows: list[TableRow], name: str) -> list[str]:
    return [row[name] for row in rows]


class TestTell:
    """The days of a few families."""

    def test_the_documents_figures(self, shipped: Tables) -> None:
        """On the shipped rules the demo prints the documents' own figures."""
        chuzhou, anqing, huangshan, two_cities = shipped["绑定"]

        results = ["拒绝", *["已生效"] * 6, "拒绝", "拒绝"]
        assert results == column(chuzhou, "结果")
        assert "C22" in chuzhou[7]["依据"]
        assert "C27" in chuzhou[8]["依据"]
        assert "审核中，2025-10-11 17:00 前审毕" == anqing[1]["结果"]
        assert "2025-10-09 09:00" in anqing[3]["说明"]
        assert "A19" in huangshan[0]["依据"]
        assert "推定" in huangshan[1]["依据"]
        assert ["拒绝", "C27、C28"] == [two_cities[0][n] for n in ("结果", "依据")]
        assert "滁州市（341100）" in two_cities[0]["说明"]
        assert two_cities[1]["结果"].startswith("审核中")
        (instead,) = shipped["不绑定也能共济"]
        assert "已接收" == instead[-1]["结果"]

    def test_the_bills(self, shipped: Tables) -> None:
        """The fund pays by level before and after deductible and cap (C58–C62), nothing
        of a resident's bill."""
        chuzhou, anqing, two_cities, *_ = shipped["结算"]

        fund = ["100.00", "275.00", "1,625.00", "0.00", "130.00", "330.00"]
        assert fund == column(chuzhou, "统筹基金")
        assert ("0.00", "280.00") == (anqing[0]["统筹基金"], anqing[0]["共济账户"])
        assert "100.00" == two_cities[0]["共济账户"]

    def test_a_reversal_restores_the_balance(self, shipped: Tables) -> None:
        """After the reversal the holder's purse has what was charged again."""
        printed = shipped

        (before,), (after,) = printed["撤销前"], printed["撤销后"]
        assert "3,320.00" == before[0]["余额"]
        assert "3,600.00" == after[0]["余额"]

    def test_a_changed_figure_is_told(self, serving: StartSandbox) -> None:
        """Against a city with one changed figure the demo prints the new one."""
        printed = told(serving(cities=_with_deductible(600_00)))

        first = printed["结算"][0][0]
        assert ("600.00", "200.00") == (first["起付线"], first["统筹基金"])

    def test_an_emergency_filed_afterwards(self, shipped: Tables) -> None:
        """In Shanghai a bill is settled once the emergency is filed, within 7 days."""
        ((unfiled, filed, settled, late),) = shipped["异地急诊"]

        assert ("拒绝", "H7") == (unfiled["结果"], unfiled["依据"])
        assert "2025-10-03 至 2026-04-02 有效" == filed["说明"]
        assert "T83" in filed["依据"]
        assert "统筹基金 0.00 元，个人账户 300.00 元" == settled["结果"]
        assert "2025-10-04" in late["说明"]

    def test_a_claim_on_paper(self, shipped: Tables) -> None:
        """A claim with every paper is paid once, by two people."""
        (steps,) = shipped["手工结算"]

        results = ["拒绝", "待初审", "待复核", "拒绝", "已支付", "拒绝"]
        assert results == column(steps, "结果")
        assert "600.00" in steps[4]["说明"]
        assert "0340000001 已手工结算" in steps[5]["说明"]

    def test_huangshan(self, shipped: Tables) -> None:
        """Each of its clauses that says what to do is told; wallets are opened, and sent to."""
        (steps,) = shipped["医保钱包"]

        (guide,) = shipped["办理指南写明的"]

        cited = re.findall(r"H[0-9]+", " ".join(column(guide, "依据")))
        assert {f"H{n}" for n in (2, 3, 6, 7, 8, 10, 11, 12, 13)} == set(cited)
        results = ["已开通", "拒绝", "已开通", "待接收", "拒绝", "已接收", "拒绝"]
        assert results == column(steps, "结果")
        assert "钱包余额 500.00 元" == steps[5]["说明"]

    def test_a_retirement_told_late(self, shipped: Tables) -> None:
        """Three months late each bill is told to the fen, within deductible and cap, and
        settled again: what was settled in September stays there, December has refund
        and charge."""
        printed = shipped

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
