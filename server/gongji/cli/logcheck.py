"""`gongji log verify`: files of the log, checked without the service."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click
from msgspec import structs, to_builtins

from gongji.audit.hashing import base64
from gongji.cli.terminal import Terminal
from gongji.client import log
from gongji.client.log_check import (
    Checked,
    CheckedConsistency,
    CheckedInclusion,
    CheckedLog,
    check_file,
)
from gongji.text.files import read_text

_FILE: Final = click.Path(path_type=Path)

KEY: Final = click.option(
    "--log-key",
    "public_key",
    default="",
    metavar="KEY",
    help="账本的公钥（gongji log key），由可信的途径得来；默认用随检查点而来的。",
)

_OWN_KEY: Final = (
    "公钥取自所验的东西本身，证明不了是谁签的：请以 --log-key 写明由可信途径得来的"
)


@click.command("verify")
@click.argument("file", type=_FILE, metavar="FILE")
@click.option(
    "--checkpoint", "kept", type=_FILE, help="另存的检查点：查出分叉与被截去的尾部。"
)
@KEY
@click.pass_obj
def verify_command(
    terminal: Terminal, file: Path, kept: Path | None, public_key: str
) -> None:
    """离线查验导出的账本、一叶的证明、前后一致的证明或检查点；指出第一处不成立的，并以 1 退出。"""
    note = log.note_of(read_text(kept)) if kept else None
    with file.open("rb") as content:
        found = check_file(content, public_key, note)
    if terminal.as_json:
        terminal.json(_plain(found))
        return
    tell(terminal, found)
    if isinstance(found, CheckedLog) and note is None:
        terminal.say("没有另存的检查点可比：其后若有被截去的尾部，由此看不出")
    tell_key(terminal, public_key)


def tell(terminal: Terminal, found: Checked) -> None:
    """Say what a file was found to prove."""
    match found:
        case CheckedLog():
            _tell_export(terminal, found)
        case CheckedInclusion():
            leaf = found.said
            said = f"（{leaf.what}，{_shown(found.at)}）" if leaf else ""
            terminal.say(
                f"第 {found.index} 叶{said}在 {found.origin} 的 {found.size} 叶之中"
            )
            _tell_rows(terminal, found.rows)
        case CheckedConsistency():
            terminal.say(
                f"{found.origin}：{found.size} 叶的账本由 {found.before} 叶的续成"
            )
        case _:
            terminal.say(f"{found.origin}：{found.size} 叶的检查点，签名有效")


def tell_key(terminal: Terminal, public_key: str) -> None:
    """Say what a key that was not given does not prove."""
    if not public_key:
        terminal.say(_OWN_KEY)


def _tell_export(terminal: Terminal, found: CheckedLog) -> None:
    until = _shown(found.until) or "无"
    terminal.say(f"{found.origin}：{found.size} 叶与检查点相符，证明到 {until}")
    _tell_rows(terminal, found.rows)
    if found.rows and found.untold:
        terminal.say(
            f"另有 {found.untold} 条只有散列：其后被改写或删除，由后面的叶写明"
        )


def _tell_rows(terminal: Terminal, rows: Mapping[str, int]) -> None:
    if rows:
        each = "，".join([f"{table} {count}" for table, count in sorted(rows.items())])
        terminal.say(f"{sum(rows.values())} 条记录与其叶相符：{each}")


def _shown(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}" if at else ""


def _plain(found: Checked) -> dict[str, Any]:
    """Return what was found for a program."""
    said = structs.asdict(found)
    said["root"] = base64(found.root)
    if isinstance(found, CheckedLog):
        said["until"] = _shown(found.until)
    plain: dict[str, Any] = to_builtins(said)
    return plain
