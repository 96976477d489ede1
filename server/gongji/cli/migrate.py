"""`gongji migrate`: the database brought to this program's version, at once or in phases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Final

import click

from gongji.cli.config import ConfiguredCommand
from gongji.cli.key_options import key_options
from gongji.cli.options import accept_clock_option
from gongji.cli.terminal import Terminal
from gongji.serve.clock import check_command, system_clock
from gongji.serve.settings import DATABASE
from gongji.store.databases import Database, database_at
from gongji.store.keys.source import Keys
from gongji.store.migrations import Migration
from gongji.store.schema import VERSION

_REPEATED: Final = ("institution_msgid", "first_settlement", "later_settlement")
"""An institution's message, the settlement it made first, and a later one."""


@click.command("migrate", cls=ConfiguredCommand, table="serve")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("var"),
    show_default=True,
    help="密钥目录。",
)
@click.option(
    "--database",
    default="",
    metavar="URL",
    help="数据库地址，如 postgresql://主机/库名；默认数据目录中的 SQLite。",
)
@click.option(
    "--phase",
    type=click.Choice(["expand", "backfill", "contract"]),
    help="不停服务，分三步升级（PostgreSQL）：expand 之后把服务逐一换成本版，"
    "再 backfill，再 contract；每一步都可中断、重来。",
)
@accept_clock_option
@key_options
@click.pass_obj
def migrate_command(
    terminal: Terminal,
    *,
    data: Path,
    key: Keys,
    database: str,
    phase: str | None,
    accept_clock: date | None,
) -> None:
    """把数据库结构升级到本程序的版本；只向前，先备份；有服务在运行则拒绝，除非分步。"""
    at = database_at(database or data / DATABASE)
    # Of a new one it is said below that there is nothing to be brought forward.
    if not at.is_new():
        with at.administered(key) as administration:
            check_command(administration.latest, accept_clock)
    if phase is None:
        _told(terminal, at.migrate(key))
        return
    if not at.shared:
        msg = "SQLite 只供一个服务使用：请停下服务，直接运行 gongji migrate"
        raise click.UsageError(msg)
    terminal.say(_PHASES[phase](at, key))


def _expand(at: Database, key: Keys) -> str:
    with at.administered(key) as administration:
        administration.upgrade.expand()
        if administration.version == VERSION and not administration.upgrading:
            return f"已是第 {VERSION} 版，无需迁移"
    return (
        f"已为第 {VERSION} 版扩展：旧版的服务照常。接下来逐一换成本版的服务，"
        "再运行 gongji migrate --phase backfill"
    )


def _backfill(at: Database, key: Keys) -> str:
    with at.administered(key) as administration:
        administration.upgrade.begin_backfill(at.served_by())
        written = administration.backfill(at.open(system_clock, key))
    return f"补写 {written:,} 行。接下来运行 gongji migrate --phase contract"


def _contract(at: Database, key: Keys) -> str:
    with at.administered(key) as administration:
        administration.upgrade.contract()
    return f"升级完成：数据库结构为第 {VERSION} 版"


_PHASES: Final[Mapping[str, Callable[[Database, Keys], str]]] = {
    "expand": _expand,
    "backfill": _backfill,
    "contract": _contract,
}


def _told(terminal: Terminal, migration: Migration) -> None:
    """Print what a migration has done."""
    before, after = migration.before, migration.after
    terminal.say(
        f"数据库结构：第 {before} 版 → 第 {after} 版"
        if before != after
        else f"已是第 {after} 版，无需迁移"
    )
    if migration.repeated:
        terminal.say(
            f"同一机构同一 msgid 从前结算过不止一次，共 {len(migration.repeated)} 笔，"
            "照旧保留；请与机构核对，多出的可撤销："
        )
        rows = [dict(zip(_REPEATED, row, strict=True)) for row in migration.repeated]
        terminal.table("repeated", rows, _REPEATED)
