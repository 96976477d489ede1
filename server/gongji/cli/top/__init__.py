"""`gongji top`: what happens in a running server, live in the terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

import click
from rich.console import Group, RenderableType
from rich.live import Live

from gongji.cli.config import ConfiguredCommand
from gongji.cli.terminal import Terminal
from gongji.cli.top.picture import TABLES, Figures, picture_now
from gongji.cli.top.reading import MetricsReading, MetricsSpan, read

METRICS_ADDRESS: Final = "127.0.0.1:9464"

_MOST_ROWS: Final = 12
"""Rows of a table on the screen; `--once` has all of them."""


@click.command("top", cls=ConfiguredCommand, table="serve", named=("metrics_address",))
@click.option(
    "--metrics-address",
    default=METRICS_ADDRESS,
    show_default=True,
    metavar="HOST:PORT",
    help="服务的指标地址，即其 --metrics-address。",
)
@click.option(
    "--interval",
    type=click.FloatRange(0.5, 60),
    default=2.0,
    show_default=True,
    help="每隔几秒取一次；每秒的数是其间的平均。",
)
@click.option(
    "--once", is_flag=True, help="只取一次，全部列出（--json 时一张表一行）。"
)
@click.pass_obj
def top_command(
    terminal: Terminal, metrics_address: str, interval: float, *, once: bool
) -> None:
    """实时查看运行中的服务：调用、拒绝、调用方、城市、数据库、日志、进程。"""
    before = read(metrics_address)
    if once or terminal.as_json or not terminal.console.is_terminal:
        time.sleep(interval)
        tables = picture_now(MetricsSpan(before, read(metrics_address)))
        for title, columns in TABLES.items():
            terminal.table(title, _shown(terminal, tables[title]), columns)
        return
    with suppress(KeyboardInterrupt):
        _watch(terminal, before, metrics_address, interval)


def _shown(terminal: Terminal, rows: Sequence[Figures]) -> Sequence[Figures]:
    """Return rows as they are printed; programs get them as they are."""
    if terminal.as_json:
        return rows
    return [{column: _cell(value) for column, value in row.items()} for row in rows]


def _cell(value: object) -> object:
    if isinstance(value, float):
        return f"{value:,.2f}"
    return _WORDS.get(str(value), value)


_WORDS: Final[Mapping[str, str]] = {
    "None": "—",
    "True": "是",
    "False": "否",
    "available": "可用",
    "away": "不可用",
    "unknown": "不明",
}


def _watch(
    terminal: Terminal, before: MetricsReading, address: str, interval: float
) -> None:
    """Show a picture after the other until Ctrl-C; say so while nobody answers."""
    with Live(console=terminal.console, screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(interval)
            try:
                after = read(address)
            except OSError as fault:
                live.update(str(fault), refresh=True)
                continue
            tables = picture_now(MetricsSpan(before, after))
            head = f"gongji  {address}  每 {interval:g} 秒  Ctrl-C 结束"
            live.update(Group(head, *drawn(terminal, tables)), refresh=True)
            before = after


def drawn(
    terminal: Terminal, tables: Mapping[str, Sequence[Figures]]
) -> Iterator[RenderableType]:
    """Yield the tables of a picture as they are drawn on a terminal."""
    for title, columns in TABLES.items():
        rows = _shown(terminal, tables[title][:_MOST_ROWS])
        yield from terminal.drawn(title, rows, columns)
