"""`gongji cities`, `guide` and `check`."""

from __future__ import annotations

import sys
from typing import Any

import click

from gongji import guide
from gongji.cities.city import City
from gongji.cities.loading import load_cities
from gongji.cli.serve import show_cities
from gongji.cli.terminal import Terminal
from gongji.kit.check import findings
from gongji.kit.check.extremes import problems_of_effects
from gongji.kit.check.proof import prove
from gongji.kit.check.report import (
    EXTREME_COLUMNS,
    PROBLEM_COLUMNS,
    PROOF_COLUMNS,
    REFUSED_COLUMNS,
    RULE_COLUMNS,
    extreme_rows,
    missing_row_findings,
    purity_findings,
    reimbursement_tables,
    rule_rows,
)
from gongji.serve.clock import system_clock


@click.command("cities")
@click.pass_obj
def cities_command(terminal: Terminal) -> None:
    """列出已接入的城市与未能加载的插件."""
    show_cities(terminal, load_cities())


@click.command("guide")
@click.argument("city")
@click.option(
    "--day", type=click.DateTime(["%Y-%m-%d"]), help="指南适用的日期; 默认今天."
)
@click.option("--html", "as_html", is_flag=True, help="输出一个自足的网页.")
@click.pass_obj
def guide_command(terminal: Terminal, city: str, day: Any, *, as_html: bool) -> None:
    """打印一个城市的办理指南, 全部内容出自规则取值."""
    chosen = load_cities().named(city)
    on = day.date() if day else system_clock().date()
    if as_html:
        sys.stdout.write(guide.html(chosen, on))
    else:
        terminal.markdown(guide.markdown(chosen, on))


@click.command("check")
@click.argument("city")
@click.option(
    "--strict", is_flag=True, help="提示(重复、被遮蔽、不起作用的取值)也算未通过."
)
@click.pass_obj
def check_command(terminal: Terminal, city: str, *, strict: bool) -> None:
    """核对并证明一个城市的插件:
    列出规则取值与条款、次序与拆分的影响、待遇表的证明、插件是否只依规则作答."""
    if not run(terminal, city, strict=strict):
        raise SystemExit(1)


def run(terminal: Terminal, name: str, *, strict: bool = False) -> bool:
    """Checks the city people call so and prints everything; False where it must not
    serve, or not by `strict`.

    CityNotServed where there is no plugin for it.
    """
    loaded = load_cities()
    refused = [r for r in loaded.refused if r.pinyin == name]
    if refused:
        rows = [
            {"plugin": r.plugin, "problem": line}
            for r in refused
            for line in r.problem.splitlines()
        ]
        terminal.table("refused_plugins", rows, REFUSED_COLUMNS)
        found = [*missing_row_findings(name), *purity_findings(name)]
        if found:
            terminal.table(
                "findings",
                (f.row(coded=terminal.as_json) for f in found),
                findings.COLUMNS,
            )
        return False
    city = loaded.named(name)
    passed = show(terminal, city)
    proof = prove(city)
    terminal.table(
        "proof",
        [{column: getattr(proof, column) for column in PROOF_COLUMNS}],
        PROOF_COLUMNS,
    )
    found = [*proof.findings, *purity_findings(city.pinyin)]
    if found or terminal.as_json:
        terminal.table(
            "findings", (f.row(coded=terminal.as_json) for f in found), findings.COLUMNS
        )
    return passed and findings.passes(found, strict=strict)


def show(terminal: Terminal, city: City) -> bool:
    """Prints it all; False where something is wrong."""
    terminal.table("rules", rule_rows(city), RULE_COLUMNS)
    tables = list(reimbursement_tables(city))
    rows = [row for label, table in tables for row in extreme_rows(label, table)]
    if rows:
        terminal.table("extremes", rows, EXTREME_COLUMNS)
    problems = [
        {"table": label, "problem": told}
        for label, table in tables
        for told in problems_of_effects(table)
    ]
    if problems:
        terminal.table("problems", problems, PROBLEM_COLUMNS)
    return not problems
