"""`gongji try`: one bill by the installed rules, without a server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import click

from gongji.cli.options import DAY, Yuan
from gongji.cli.plugins import installed_cities
from gongji.cli.terminal import Terminal
from gongji.kit.onebill import TriedBill, read_words, try_bill
from gongji.rules.money import yuan
from gongji.serve.clock import system_clock
from gongji.settlement.split import Used

_INSTALLED: Final = (
    "按本机安装的插件试算，不含服务所采用的修订与运营方的设定；个人账户与共济未计"
)

_CURVE: Final = ("tried_in_scope", "fund", "tried_bar")

_SOURCES: Final = ("clause_number", "clause_text", "clause_source")

_LACKS_BORNE: Final = (
    "基金已付过而起付标准未付：若本年已付过起付标准，请以 --borne 写明"
)

_WIDEST: Final = 30
"""Blocks of the longest bar."""


@click.command("try")
@click.argument("city")
@click.argument("words", nargs=-1, required=True, metavar="账单…")
@click.option("--day", type=DAY, help="就诊日；默认今天。")
@click.option(
    "--paid",
    type=Yuan(),
    default="0",
    metavar="YUAN",
    help="此前本年统筹基金已付（元）。",
)
@click.option(
    "--borne",
    type=Yuan(),
    default="0",
    metavar="YUAN",
    help="此前本年起付标准已付（元）。",
)
@click.pass_obj
def try_command(
    terminal: Terminal,
    /,
    *,
    city: str,
    words: tuple[str, ...],
    day: datetime | None,
    paid: int,
    borne: int,
) -> None:
    """不开服务，按本机的规则试算一张账单：
    谁付多少、依据、基金随金额怎样支付。如 gongji try 滁州 退休 三级 700。"""
    # The words first: cities take a second to load.
    bill = read_words(words)
    chosen = installed_cities().named(city)
    on = (day or system_clock()).date()
    tried = try_bill(chosen, bill, on, Used(borne, paid))
    if terminal.as_json:
        terminal.json(_as_json(tried))
        return
    terminal.whose(_INSTALLED)
    terminal.say(tried.question)
    terminal.say(tried.answer)
    for line in tried.outcome.lines:
        terminal.say(f"  {line.in_words}")
    if tried.lacks_borne:
        terminal.say(_LACKS_BORNE)
    terminal.say(f"同样的账单：{tried.curve_in_words}")
    terminal.table("tried_curve", _curve(tried), _CURVE)
    terminal.table("tried_clauses", _sources(tried), _SOURCES)


def _curve(tried: TriedBill) -> Iterator[dict[str, str]]:
    points = tried.points()
    most = max(fund for _, fund in points) or 1
    for in_scope, fund in points:
        bar = "█" * (fund * _WIDEST // most)
        here = " ◀ 本单" if in_scope == tried.bill.in_scope_fen else ""
        values = (yuan(in_scope), yuan(fund), bar + here)
        yield dict(zip(_CURVE, values, strict=True))


def _sources(tried: TriedBill) -> Iterator[dict[str, str]]:
    for clause in tried.clauses():
        values = (clause.id, clause.text, clause.source)
        yield dict(zip(_SOURCES, values, strict=True))


def _as_json(tried: TriedBill) -> dict[str, Any]:
    share = tried.outcome.paid.share
    return {
        "tried": {
            "city": tried.city.pinyin,
            "day": str(tried.day),
            "in_scope_fen": tried.bill.in_scope_fen,
            "deductible_fen": share.deductible_fen,
            "fund_fen": share.fund_fen,
            "patient_fen": tried.outcome.cash_fen,
            "in_words": [line.in_words for line in tried.outcome.lines],
            "curve": tried.curve_in_words,
            "points": tried.points(),
            "clauses": [clause.id for clause in tried.clauses()],
        }
    }
