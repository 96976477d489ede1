"""`gongji retention`: what may go when, by a policy file; seen first, then let go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Final

import click

from gongji.cli.config import ConfiguredCommand
from gongji.cli.key_options import DATABASE_NAMES, key_options
from gongji.cli.options import accept_clock_option
from gongji.cli.terminal import Terminal
from gongji.model.toml import document_of
from gongji.serve.clock import check_command, system_clock
from gongji.serve.settings import DATABASE
from gongji.store.databases import Database, database_at
from gongji.store.keys.source import Keys
from gongji.store.retention import (
    EXPIRING,
    DueRows,
    Retention,
    RetentionFault,
    RetentionPolicy,
    policy_of,
)
from gongji.store.schema import Schema
from gongji.store.seal import Vault
from gongji.text.files import read_text

_COLUMNS: Final = ("kind", "rows", "oldest", "before", "ground")

_PARTITIONED: Final = "access"
"""The kind whose table has a part for each year, if the database has such parts."""


@click.group("retention")
def retention_group() -> None:
    """保存期限：什么到期可以去掉，由策略文件写明；依法须保存的不去。"""


def _policy(_: click.Context, __: click.Parameter, path: Path) -> RetentionPolicy:
    """Return what a policy file says. BadParameter."""
    tables = {
        table.name: kind for kind, table in Schema(Vault.ephemeral()).tables.items()
    }
    try:
        policy = policy_of(document_of(read_text(path)), tables)
    except RetentionFault as fault:
        raise RetentionFault(f"{path}：{fault}") from fault
    except ValueError as fault:
        raise RetentionFault(f"{path} {fault}") from fault
    if policy.export:
        # From where the file lies.
        policy = RetentionPolicy(policy.days, path.parent / policy.export)
    return policy


def _with_policy(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.argument(
        "policy", metavar="FILE", type=click.Path(path_type=Path), callback=_policy
    )(command)


def _with_database(command: Callable[..., Any]) -> Callable[..., Any]:
    data = click.option(
        "--data",
        type=click.Path(path_type=Path),
        default=Path("var"),
        show_default=True,
        help="数据库与密钥目录。",
    )
    database = click.option(
        "--database",
        default="",
        metavar="URL",
        help="PostgreSQL 的地址；默认数据目录中的 SQLite。",
    )
    return data(database(command))


@retention_group.command("check")
@_with_policy
@click.pass_obj
def _check(terminal: Terminal, policy: RetentionPolicy) -> None:
    """查验策略文件，不碰数据库。"""
    named = "、".join(f"{name} {days} 天" for name, days in policy.days.items())
    terminal.say(f"可用：{named or '什么也不去'}")


@retention_group.command(
    "plan", cls=ConfiguredCommand, table="serve", named=DATABASE_NAMES
)
@_with_policy
@_with_database
@accept_clock_option
@key_options
@click.pass_obj
def _plan(
    terminal: Terminal,
    *,
    policy: RetentionPolicy,
    data: Path,
    key: Keys,
    database: str,
    accept_clock: date | None,
) -> None:
    """列出现在运行会去掉什么；什么也不写。"""
    at = database_at(database or data / DATABASE)
    _show(terminal, _retained(policy, at, key, accept_clock, Retention.plan))


@retention_group.command(
    "run", cls=ConfiguredCommand, table="serve", named=DATABASE_NAMES
)
@_with_policy
@_with_database
@accept_clock_option
@key_options
@click.pass_obj
def _run(
    terminal: Terminal,
    *,
    policy: RetentionPolicy,
    data: Path,
    key: Keys,
    database: str,
    accept_clock: date | None,
) -> None:
    """去掉到期的，小批提交，每批在日志里有一片叶；不停服务，可中断再来。"""
    at = database_at(database or data / DATABASE)
    gone = _retained(policy, at, key, accept_clock, Retention.run)
    _show(terminal, gone)
    for one in gone:
        if one.name == _PARTITIONED:
            with at.administered(key) as administration:
                administration.free_years(one.name, one.before.year)


def _retained(
    policy: RetentionPolicy,
    at: Database,
    key: Keys,
    accepted: date | None,
    do: Callable[[Retention], Any],
) -> list[DueRows]:
    """Do something with a policy over a database. Errors as of opening it.

    ValueError also if the clock cannot be right.
    """

    async def run() -> list[DueRows]:
        store = at.open(system_clock, key)
        try:
            check_command(await store.latest(), accepted)
            found: list[DueRows] = await do(Retention(store, policy, system_clock()))
            return found
        finally:
            await store.close()

    return asyncio.run(run())


def _show(terminal: Terminal, found: list[DueRows]) -> None:
    rows = [
        {
            "kind": due.name,
            "rows": str(due.rows),
            "oldest": f"{due.oldest:%Y-%m-%d}" if due.oldest else "",
            "before": f"{due.before:%Y-%m-%d %H:%M:%S}",
            "ground": EXPIRING[due.name].ground,
        }
        for due in found
    ]
    terminal.table("retention", rows, _COLUMNS)
