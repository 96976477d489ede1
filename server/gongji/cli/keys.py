"""`gongji keys` and `gongji rekey`: the keys of a database, and new ones while it is served."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import date, datetime
from datetime import time as time_of_day
from pathlib import Path
from typing import Final

import click

from gongji.cli.config import ConfiguredCommand
from gongji.cli.key_options import DATABASE_NAMES, key_options
from gongji.cli.options import DAY, accept_clock_option
from gongji.cli.terminal import Terminal
from gongji.rules.codes import SHANGHAI
from gongji.serve.clock import check_command
from gongji.serve.settings import DATABASE, keys_of
from gongji.store.databases import database_at
from gongji.store.keys.counting import MOST_SEALS
from gongji.store.keys.ring import SEAL
from gongji.store.keys.source import (
    EitherSource,
    FileSource,
    Keys,
    KeySource,
    Master,
    source_of,
)
from gongji.store.keys.suite import SUITES, Suite, default_suite
from gongji.store.keys.table import WrappedKey
from gongji.store.migrations import SchemaError
from gongji.store.rekey import Rekeying, under_change
from gongji.store.schema import VERSION
from gongji.store.table import instant, micros

_BEGUN: Final = "已换上新的密钥，旧的只用来读；以下逐行改用新的"

_TELL_S: Final = 2.0
"""Seconds between two lines of progress."""


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


@click.command("keys", cls=ConfiguredCommand, table="serve", named=DATABASE_NAMES)
@_DATA
@_DATABASE
@key_options
@click.pass_obj
def keys_command(terminal: Terminal, data: Path, key: Keys, database: str) -> None:
    """列出数据密钥：何时所造，期限，已密封几次；不停服务。"""
    at = database_at(database or data / DATABASE)
    with at.administered(key) as opened:
        stored, seals = opened.stored_keys()
    rows = [_row(one, seals.get(one.number, 0)) for one in stored.keys]
    if terminal.as_json:
        terminal.json({"master": stored.fingerprint, "data_keys": rows})
        return
    terminal.say(f"主密钥：{_master(stored.fingerprint)}")
    terminal.table("data_keys", rows, list(rows[0]) if rows else [])
    if under_change(stored):
        terminal.say("换密钥还没有完：请再运行一次 gongji rekey")


def _master(fingerprint: str) -> str:
    """Return what an operator is shown of a master: a token's name, or a fingerprint."""
    if fingerprint.startswith("pkcs11:"):
        return f"令牌 {fingerprint.removeprefix('pkcs11:')}"
    return f"指纹 {fingerprint.rpartition(':')[2][:16]}…（文件或命令）"


def _row(key: WrappedKey, sealed: int) -> dict[str, str]:
    """Return a key as it is listed."""
    until = key.valid_until
    seals = key.purpose == SEAL
    return {
        "data_key": key.name,
        "suite": SUITES[key.suite].told,
        "state": "现用" if key.current else "只用来读",
        "made": f"{instant(key.made_at):%Y-%m-%d}" if key.made_at > 0 else "",
        "valid_until": "" if until is None else f"{instant(until):%Y-%m-%d}",
        "sealed": f"{sealed:,}" if seals else "",
        "most_seals": f"{MOST_SEALS:,}" if seals else "",
    }


@click.command("rekey", cls=ConfiguredCommand, table="serve", named=DATABASE_NAMES)
@_DATA
@_DATABASE
@click.option(
    "--prepare",
    is_flag=True,
    help="只生成新的主密钥文件，供先分发到各台服务器；之后再运行一次，不带本选项。",
)
@click.option("--valid-until", type=DAY, help="新密钥用到哪一天；临近时日志提醒。")
@click.option(
    "--to-key-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="主密钥改在此文件里，没有即生成；见 --to-key-pkcs11。",
)
@click.option(
    "--to-key-command",
    default="",
    metavar="COMMAND",
    help="主密钥改由此命令输出；见 --to-key-pkcs11。",
)
@click.option(
    "--to-key-pkcs11",
    default="",
    metavar="URI",
    help="主密钥改用令牌里的；除非服务启动时两个来源都已写明，须先停下全部服务。",
)
@accept_clock_option
@key_options
@click.pass_obj
def rekey_command(
    terminal: Terminal,
    *,
    data: Path,
    key: Keys,
    database: str,
    valid_until: datetime | None,
    to_key_file: Path | None,
    to_key_command: str,
    to_key_pkcs11: str,
    prepare: bool,
    accept_clock: date | None,
) -> None:
    """换密钥：新的主密钥与数据密钥，不停服务；中断之后再运行一次即接着换。"""
    target = _target(data, to_key_file, to_key_command, to_key_pkcs11)
    if prepare:
        terminal.say(_prepared(key))
        return
    at = database_at(database or data / DATABASE)
    change = _Change(source_of(key), target, at.suite() or default_suite())
    # A server asks the sources it was started with.
    apart = nullcontext() if change.known else at.stopped()
    with apart, at.administered(change.source) as opened:
        if opened.version != VERSION:
            msg = "请先运行 gongji migrate，再换密钥"
            raise SchemaError(msg)
        check_command(opened.latest, accept_clock)
        _run(terminal, opened.rekeying, change.next_master, _end_of(valid_until))
    terminal.say("换完：数据库中不再有旧密钥密封的内容。" + _ended(key, target))


def _target(
    data: Path, file: Path | None, command: str, pkcs11: str
) -> KeySource | None:
    """Return where the master is to come from, None if it stays. UsageError."""
    named = [one for one in (file, command, pkcs11) if one]
    if len(named) > 1:
        msg = "--to-key-file、--to-key-command、--to-key-pkcs11 只能写一个"
        raise click.UsageError(msg)
    return source_of(keys_of(data, file, command, pkcs11)) if named else None


class _Change:
    """From which source to which; they are the same if none is named."""

    def __init__(
        self, present: KeySource, target: KeySource | None, suite: Suite
    ) -> None:
        self._target = target
        if target is not None and not _has(present, target, suite):
            self.known = False
            self.source: KeySource = EitherSource(target, present)
        else:
            # Named where the servers are told of theirs too.
            self.known = True
            self.source = present

    def next_master(self, current: Master) -> Master:
        """Return the master that is to wrap the keys. KeyFileError; OSError."""
        if self._target is None:
            return self.source.next_master(current)
        self._target.make()
        return next(self._target.masters())


def _has(present: KeySource, target: KeySource, suite: Suite) -> bool:
    """Return whether the masters of one source are among another's."""
    target.make()
    wanted = next(target.masters()).fingerprint(suite)
    return wanted in [master.fingerprint(suite) for master in present.masters()]


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


def _ended(key: Keys, target: KeySource | None) -> str:
    """Say what the operator has to do now."""
    if target is not None:
        return (
            "服务此后启动只须写明新的密钥来源；旧的主密钥只用于打开此前的备份，"
            "请另外备份新的，并做一次 gongji backup"
        )
    if not isinstance(key, Path):
        return "主密钥在文件里的，也已更换；由命令输出或在令牌里的没有变"
    return (
        f"{key} 是新的主密钥，请另外备份。旧的留在 {key}.former-…，"
        "只用于打开此前的备份；此前的备份都不要了，再销毁它"
    )


def _run(
    terminal: Terminal,
    rekeying: Rekeying,
    next_master: Callable[[Master], Master],
    until: int | None,
) -> None:
    """Change all keys, with a line of progress now and then. Errors as of `Rekeying`."""
    begun = rekeying.begin(next_master, until)
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
