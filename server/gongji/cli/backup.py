"""`gongji backup` and `gongji restore`: a checked copy of the data, and back from it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import click

from gongji import __version__
from gongji.cli.config import ConfiguredCommand
from gongji.cli.key_options import DATABASE_NAMES, key_options
from gongji.cli.terminal import Terminal
from gongji.serve.clock import system_clock
from gongji.serve.settings import DATABASE
from gongji.store import last_leaf
from gongji.store.backup import (
    BackupError,
    CopyCheck,
    Manifest,
    Snapshot,
    back_up,
    restore,
)
from gongji.store.databases import database_at
from gongji.store.keys.source import Keys
from gongji.store.schema import VERSION
from gongji.store.seal import Vault
from gongji.verify.run import Verification, verify
from gongji.verify.snapshot import UnreadableError

_DATA: Final = click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("var"),
    show_default=True,
    help="数据库与密钥目录。",
)

_DATABASE: Final = click.option(
    "--database",
    default="",
    metavar="URL",
    help="PostgreSQL 的地址；默认数据目录中的 SQLite。",
)

_WITHOUT_KEY: Final = (
    "密钥不在备份里：请把 {key} 另外保管，不与备份放在一处；没有它，谁也打不开备份"
)


def _located(command: Callable[..., Any]) -> Callable[..., Any]:
    return _DATA(_DATABASE(key_options(command)))


@click.command("backup", cls=ConfiguredCommand, table="serve", named=DATABASE_NAMES)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@_located
@click.pass_obj
def backup_command(
    terminal: Terminal, folder: Path, data: Path, key: Keys, database: str
) -> None:
    """备份数据库到新的目录 DIR，不停服务；写完即打开查验。密钥不在其中。"""
    at = database_at(database or data / DATABASE)
    manifest = back_up(
        at.copying(),
        folder,
        lambda address, snapshot: verified(address, snapshot, key, data),
        program=__version__,
        now=system_clock(),
    )
    if terminal.as_json:
        terminal.json({"backup": [_row(manifest, folder, manifest.checked)]})
        _end_if_unsound(manifest.checked)
        return
    terminal.say(
        f"已备份到 {folder}（{manifest.size:,} 字节），{_until(manifest.snapshot)}"
    )
    if isinstance(key, Path):
        terminal.say(_WITHOUT_KEY.format(key=key))
    _tell_check(terminal, manifest.checked)


@click.command("restore", cls=ConfiguredCommand, table="serve", named=DATABASE_NAMES)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@_located
@click.pass_obj
def restore_command(
    terminal: Terminal, folder: Path, data: Path, key: Keys, database: str
) -> None:
    """从备份 DIR 恢复到没有数据库的数据目录或新建的空库；密钥文件须先放好。"""
    vault = Vault.open(key, create=False)
    at = database_at(database or data / DATABASE)
    manifest, checked = restore(
        at.copying(),
        folder,
        vault,
        lambda address, snapshot: verified(address, snapshot, key, data),
    )
    if terminal.as_json:
        terminal.json({"restored": [_row(manifest, folder, checked)]})
        _end_if_unsound(checked)
        return
    terminal.say(
        f"已恢复到 {database or data}，{_until(manifest.snapshot)}，其后的不在其中"
    )
    if lacking := _lacking(manifest.snapshot, data):
        terminal.say(lacking)
    if manifest.snapshot.schema < VERSION:
        terminal.say("请运行 gongji migrate，再启动服务")
    _tell_check(terminal, checked)


def _tell_check(terminal: Terminal, checked: CopyCheck) -> None:
    """Print how a copy was checked; SystemExit if something in it does not hold."""
    terminal.say(checked.how)
    if checked.finding:
        terminal.say(
            f"其中有不符之处，所备份的数据库也是如此，请运行 gongji verify 查明：{checked.finding}"
        )
    _end_if_unsound(checked)


def _end_if_unsound(checked: CopyCheck) -> None:
    if checked.finding:
        raise SystemExit(1)


def verified(address: str, snapshot: Snapshot, key: Keys, data: Path) -> CopyCheck:
    """Check a copy that lies at an address. BackupError if it cannot be read."""
    if not address:
        return CopyCheck(
            "已核对导出文件的目录；没有权限建立试恢复的库，所以没有逐项核对："
            "请给数据库用户 CREATEDB，或把备份恢复到另一台服务器"
        )
    if snapshot.schema < VERSION:
        return CopyCheck("已打开查验：文件完整；是低版本的结构，升级之后才能逐项核对")
    beside = data if data.exists() else None
    with TemporaryDirectory(prefix="verify-", dir=beside) as folder:
        asked = Verification(
            address=address,
            key_file=key,
            folder=Path(folder),
            jobs=os.cpu_count() or 1,
        )
        try:
            results = list(verify(asked))
        except UnreadableError as error:
            msg = f"副本不能读取：{error}"
            raise BackupError(msg) from error
    count = sum(result.count for result in results)
    found = [finding.sentence for result in results for finding in result.findings]
    return CopyCheck(f"已逐项核对（verify），共 {count:,} 项", "".join(found[:1]))


def _lacking(snapshot: Snapshot, data: Path) -> str:
    """Return what was seen in a data folder that a backup is too old for; "" if nothing."""
    seen, last_at = last_leaf.seen_until(data), snapshot.last_at
    if seen is None or (last_at and seen <= last_at):
        return ""
    return (
        f"本机写入并答复过到 {seen:%Y-%m-%d %H:%M:%S} 的记录，备份里没有其后的："
        "请查明去向；首次启动须加 --accept-rollback"
    )


def _until(snapshot: Snapshot) -> str:
    """Return in words up to when a backup goes."""
    if snapshot.last_at is None:
        return "其中还没有日志" if snapshot.schema >= VERSION else "是日志之前的结构"
    return f"到 {snapshot.last_at:%Y-%m-%d %H:%M:%S.%f} 为止，日志 {snapshot.leaves:,} 片叶"


def _row(manifest: Manifest, folder: Path, checked: CopyCheck) -> dict[str, Any]:
    snapshot = manifest.snapshot
    return {
        "folder": str(folder),
        "engine": manifest.engine,
        "schema": snapshot.schema,
        "leaves": snapshot.leaves,
        "last_at": snapshot.last_at.isoformat() if snapshot.last_at else "",
        "size": manifest.size,
        "digest": manifest.digest,
        "checked": checked.how,
        "finding": checked.finding,
    }
