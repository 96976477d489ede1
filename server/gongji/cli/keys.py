"""`gongji rekey`: new keys for a database, while it is served."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime
from datetime import time as time_of_day
from functools import partial
from pathlib import Path
from typing import Final

import click

from gongji.cli.config import ConfiguredCommand
from gongji.cli.key_options import DATABASE_NAMES, key_options
from gongji.cli.options import DAY
from gongji.cli.terminal import Terminal
from gongji.rules.codes import SHANGHAI
from gongji.serve.settings import DATABASE, keys_of
from gongji.store.databases import database_at
from gongji.store.keys.source import (
    EitherSource,
    FileSource,
    Keys,
    Master,
    source_of,
)
from gongji.store.migrations import SchemaError
from gongji.store.rekey import Rekeying
from gongji.store.schema import VERSION
from gongji.store.table import micros

_BEGUN: Final = "已换上新的密钥，旧的只用来读；以下逐行改用新的"

_TELL_S: Final = 2.0
"""Seconds between two lines of progress."""


@click.command("rekey", cls=ConfiguredCommand, table="serve", named=DATABASE_NAMES)
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
@click.option(
    "--to-key-command",
    default="",
    metavar="COMMAND",
    help="主密钥改由此命令输出；须先停下全部服务，换完以 --key-command 启动。",
)
@click.option(
    "--to-key-pkcs11",
    default="",
    metavar="URI",
    help="主密钥改用令牌里的；须先停下全部服务，换完以 --key-pkcs11 启动。",
)
@key_options
@click.pass_obj
def rekey_command(
    terminal: Terminal,
    *,
    data: Path,
    key: Keys,
    database: str,
    valid_until: datetime | None,
    to_key_command: str,
    to_key_pkcs11: str,
    prepare: bool,
) -> None:
    """换密钥: 新的主密钥与数据密钥, 不停服务; 中断之后再运行一次即接着换."""
    if prepare:
        terminal.say(_prepared(key))
        return
    moved = bool(to_key_command or to_key_pkcs11)
    target = keys_of(data, to_key_command, to_key_pkcs11) if moved else key
    # What was begun with the target goes on with it.
    source = EitherSource(source_of(target), source_of(key)) if moved else key
    at = database_at(database or data / DATABASE)
    # A server that runs asks the source it was started with.
    with at.stopped() if moved else nullcontext(), at.administered(source) as opened:
        if opened.version != VERSION:
            msg = "请先运行 gongji migrate，再换密钥"
            raise SchemaError(msg)
        _run(
            terminal,
            opened.rekeying,
            partial(_next, target, moved=moved),
            _end_of(valid_until),
        )
    terminal.say("换完：数据库中不再有旧密钥密封的内容。" + _ended(key, moved=moved))


def _next(target: Keys, *, moved: bool) -> Master:
    """Return the master that is to wrap the keys. KeyFileError; OSError."""
    if isinstance(target, Path) and not moved:
        return FileSource(target).make_successor()
    return next(source_of(target).masters())


def _prepared(key: Keys) -> str:
    """Make the next key file; say what is to be done with it. UsageError."""
    if not isinstance(key, Path):
        msg = "--prepare 只用于密钥文件"
        raise click.UsageError(msg)
    source = FileSource(key)
    source.make_successor()
    return (
        f"新的主密钥在 {source.successor}：请把它放到各台服务器的同一位置（权限 0600），"
        "再运行 gongji rekey"
    )


def _ended(key: Keys, *, moved: bool) -> str:
    """Say what the operator has to do now."""
    if moved:
        return "请以新的密钥来源启动服务；旧的主密钥只用于打开此前的备份"
    if not isinstance(key, Path):
        return "主密钥没有变"
    return (
        f"{key} 是新的主密钥，请另外备份。旧的留在 {key}.former-…，"
        "只用于打开此前的备份；此前的备份都不要了，再销毁它"
    )


def _run(
    terminal: Terminal,
    rekeying: Rekeying,
    new_master: Callable[[], Master],
    until: int | None,
) -> None:
    """Change all keys, with a line of progress now and then. Errors as of `Rekeying`."""
    begun = rekeying.begin(new_master, until)
    terminal.say(_BEGUN if begun else "接着上次的换")
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


def _end_of(day: datetime | None) -> int | None:
    """Return the last instant of a day, in microseconds."""
    if day is None:
        return None
    return micros(datetime.combine(day.date(), time_of_day.max, SHANGHAI))
