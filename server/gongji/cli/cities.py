"""`gongji cities`, `guide` and `check`: the installed cities and their rules."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import BinaryIO

import click

from gongji import guide
from gongji.cities.city import City, RefusedPlugin
from gongji.cities.installed import plugins
from gongji.cities.loading import load_cities
from gongji.cli.citytable import show_cities
from gongji.cli.config import ConfiguredCommand
from gongji.cli.options import (
    DAY,
    AskingCommand,
    ServerTarget,
    asked_service,
    crypto_option,
)
from gongji.cli.plugins import installed_cities, pin_lines
from gongji.cli.served import (
    INSTALLED,
    show_served_cities,
    show_served_guide,
    show_served_rules,
)
from gongji.cli.sheet import read_sheet, show_changes
from gongji.cli.terminal import Terminal, rows_of
from gongji.kit.check import findings
from gongji.kit.check.extremes import problems_of_effects
from gongji.kit.check.findings import Finding
from gongji.kit.check.proof import prove
from gongji.kit.check.report import (
    EXTREME_COLUMNS,
    PROBLEM_COLUMNS,
    PROOF_COLUMNS,
    REFUSED_COLUMNS,
    RULE_COLUMNS,
    extreme_rows,
    purity_findings,
    rule_rows,
    source_findings,
)
from gongji.kit.check.tables import reimbursement_tables
from gongji.kit.check.unserved import missing_row_findings
from gongji.kit.sheet.changes import changes
from gongji.kit.sheet.content import RulesSheet, sheet_of
from gongji.serve.clock import system_clock
from gongji.store.keys.suite import SUITES


@click.command("cities", cls=ConfiguredCommand, table="serve", named=("crypto",))
@click.option(
    "--pin",
    is_flag=True,
    help="输出配置文件的 [plugins] 一节：照现在的内容钉住各插件。",
)
@crypto_option("以哪种库的散列函数钉住：standard（默认）或 gm（国密）。")
@asked_service
@click.pass_obj
def cities_command(
    terminal: Terminal, *, pin: bool, crypto: str, service: ServerTarget | None
) -> None:
    """列出已接入的城市与未能加载的插件。"""
    if pin and service:
        raise click.UsageError("--pin 钉住本机安装的插件，不与 --target 同用")
    if service:
        show_served_cities(terminal, service)
    elif pin:
        # Whatever is pinned so far: a changed plugin is pinned anew.
        hasher = SUITES[crypto].hasher if crypto else None
        terminal.page(pin_lines(load_cities(hasher=hasher).all))
    else:
        terminal.whose(INSTALLED)
        show_cities(terminal, installed_cities())


@click.command("guide", cls=AskingCommand)
@click.argument("city")
@click.option(
    "--day", type=click.DateTime(["%Y-%m-%d"]), help="指南适用的日期；默认今天。"
)
@click.option("--html", "as_html", is_flag=True, help="输出一个自足的网页。")
@asked_service
@click.pass_obj
def guide_command(
    terminal: Terminal,
    city: str,
    day: datetime | None,
    *,
    as_html: bool,
    service: ServerTarget | None,
) -> None:
    """打印一个城市的办理指南，全部内容出自规则取值。"""
    if service:
        asked = day.date() if day else None
        show_served_guide(terminal, service, city, asked, html=as_html)
        return
    chosen = installed_cities().named(city)
    on = (day or system_clock()).date()
    if as_html:
        # The page is the whole output.
        terminal.warn(INSTALLED)
        terminal.page(guide.html(chosen, on))
    else:
        terminal.markdown(f"> {INSTALLED}\n\n{guide.markdown(chosen, on)}")


@click.command("check", cls=AskingCommand)
@click.argument("city")
@click.option(
    "--strict", is_flag=True, help="提示（重复、被遮蔽、不起作用的取值）也算未通过。"
)
@click.option(
    "--day", type=DAY, help="与 --target 同写：哪一日有效的规则；默认服务的今天。"
)
@click.option(
    "--against",
    type=click.File("rb"),
    metavar="FILE",
    help="签过的规则清单（gongji sheet 所写）：有一处不同即未通过。",
)
@asked_service
@click.pass_obj
def check_command(
    terminal: Terminal,
    city: str,
    *,
    strict: bool,
    day: datetime | None,
    against: BinaryIO | None,
    service: ServerTarget | None,
) -> None:
    """核对并证明一个城市的插件：
    列出规则取值与条款、次序与拆分的影响、待遇表的证明、插件是否只依规则作答。
    给出 --target 则列出服务据以决定的规则取值。"""
    cities = installed_cities()
    if service and against:
        raise click.UsageError("--against 核对本机安装的插件，不与 --target 同用")
    if service:
        asked = day.date() if day else None
        show_served_rules(terminal, service, city, asked, cities)
        return
    if day:
        raise click.UsageError("--day 须与 --target 同写：本机的插件列出全部时段")
    terminal.whose(INSTALLED)
    refused = [plugin for plugin in cities.refused if plugin.pinyin == city]
    if refused:
        show_refused(terminal, city, refused)
        raise SystemExit(1)
    signed = read_sheet(against) if against else None
    passes = show_check(terminal, cities.named(city), strict=strict)
    if signed and not show_against(terminal, cities.named(city), signed):
        passes = False
    if not passes:
        raise SystemExit(1)


def show_against(terminal: Terminal, city: City, signed: RulesSheet) -> bool:
    """Print by what a city differs from its signed sheet; return whether by nothing."""
    changed = list(changes(signed, sheet_of(city, system_clock().date())))
    show_changes(terminal, changed)
    return not changed


def show_refused(
    terminal: Terminal, pinyin: str, refused: Iterable[RefusedPlugin]
) -> None:
    """Print why the plugins of a city were refused, and what its source shows."""
    rows = [
        {"plugin": plugin.plugin, "problem": line}
        for plugin in refused
        for line in plugin.problem.splitlines()
    ]
    terminal.table("refused_plugins", rows, REFUSED_COLUMNS)
    rows_missing = [
        finding
        for plugin in plugins()
        if plugin.name == pinyin
        for finding in missing_row_findings(plugin)
    ]
    # Whoever was refused is run nowhere but where he can do nothing.
    reported = [*rows_missing, *source_findings(pinyin)]
    if reported:
        _show_findings(terminal, reported)


def show_check(terminal: Terminal, city: City, *, strict: bool) -> bool:
    """Print a city's rules and their proof; return whether the check passes."""
    effective = show_rules(terminal, city)
    proof = prove(city)
    terminal.table("proof", rows_of([proof], PROOF_COLUMNS), PROOF_COLUMNS)
    reported = [*proof.findings, *purity_findings(city.pinyin)]
    # Programs get the table even if it is empty: it says that nothing was found.
    if reported or terminal.as_json:
        _show_findings(terminal, reported)
    return effective and findings.passes(reported, strict=strict)


def show_rules(terminal: Terminal, city: City) -> bool:
    """Print a city's rules and extremes; return whether its tables have no problem."""
    terminal.table("rules", rule_rows(city), RULE_COLUMNS)
    tables = list(reimbursement_tables(city))
    extremes = [row for label, table in tables for row in extreme_rows(label, table)]
    if extremes:
        terminal.table("extremes", extremes, EXTREME_COLUMNS)
    problems = [
        {"table": label, "problem": problem}
        for label, table in tables
        for problem in problems_of_effects(table)
    ]
    if problems:
        terminal.table("problems", problems, PROBLEM_COLUMNS)
    return not problems


def _show_findings(terminal: Terminal, reported: Iterable[Finding]) -> None:
    rows = [finding.row(coded=terminal.as_json) for finding in reported]
    terminal.table("findings", rows, findings.COLUMNS)
