"""`gongji rekey`: new keys for a database, while it is served."""

from __future__ import annotations

import time
from datetime import date, datetime
from datetime import time as time_of_day
from pathlib import Path
from typing import Final

import click

from gongji.cli.config import ConfiguredCommand
from gongji.cli.options import DAY
from gongji.cli.terminal import Terminal
from gongji.rules.codes import SHANGHAI
from gongji.serve.settings import DATABASE, KEY_FILE
from gongji.store.databases import database_at
from gongji.store.keys.source import FileSource
from gongji.store.migrations import SchemaError
from gongji.store.rekey import Rekeying
from gongji.store.schema import VERSION
from gongji.store.table import micros

_TELL_S: Final = 2.0
"""Seconds between two lines of progress."""


@click.command(
    "rekey", cls=ConfiguredCommand, table="serve", named=("data", "database")
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("var"),
    show_default=True,
    help="数据库与密钥目录。",
)
@click.option(
    "--database",
    default="",
    metavar="URL",
    help="PostgreSQL 的地址；默认数据目录中的 SQLite。",
)
@click.option(
    "--prepare",
    is_flag=True,
    help="只生成新的主密钥文件，供先分发到各台服务器；之后再运行一次，不带本选项。",
)
@click.option("--valid-until", type=DAY, help="新密钥用到哪一天；临近时日志提醒。")
@click.pass_obj
def rekey_command(
    terminal: Terminal,
    data: Path,
    database: str,
    valid_until: datetime | None,
    *,
    prepare: bool,
) -> None:
    """换密钥: 新的主密钥与数据密钥, 不停服务; 中断之后再运行一次即接着换."""
    source = FileSource(data / KEY_FILE)
    if prepare:
        source.make_successor()
        terminal.say(
            f"新的主密钥在 {source.successor}：请把它放到各台服务器的同一位置（权限 0600），"
            "再运行 gongji rekey"
        )
        return
    at = database_at(database or data / DATABASE)
    with at.administered(data / KEY_FILE) as administration:
        if administration.version != VERSION:
            msg = "请先运行 gongji migrate，再换密钥"
            raise SchemaError(msg)
        rekeying = administration.rekeying
        until = None if valid_until is None else _end_of(valid_until.date())
        if rekeying.begin(source.make_successor, until):
            terminal.say("已换上新的密钥，旧的只用来读；以下逐行改用新的")
        else:
            terminal.say("接着上次的换")
        _run(terminal, rekeying)
    terminal.say(
        f"换完：数据库中不再有旧密钥密封的内容，{data / KEY_FILE} 是新的主密钥，请另外备份。"
        f"旧的留在 {data / KEY_FILE}.former-…，只用于打开此前的备份；此前的备份都不要了，再销毁它"
    )


def _run(terminal: Terminal, rekeying: Rekeying) -> None:
    """Change row by row, with a line of progress now and then. Errors as of `Rekeying`."""
    total, done, told_at = rekeying.remaining(), 0, time.monotonic()

    def told(rows: int) -> None:
        nonlocal done, told_at
        done += rows
        if time.monotonic() - told_at >= _TELL_S:
            told_at = time.monotonic()
            terminal.say(f"  {done:,} / {max(total, done):,} 行")

    rekeying.run(told)
    terminal.say(f"  {done:,} 行")
    rekeying.finish()


def _end_of(day: date) -> int:
    return micros(datetime.combine(day, time_of_day.max, SHANGHAI))
