"""Options that say where the master key comes from (密钥来源)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from gongji.serve.settings import keys_of

KEY_NAMES: Final = ("key_file", "key_command", "key_pkcs11")

DATABASE_NAMES: Final = ("data", "database", *KEY_NAMES)
"""The options of a command that opens a database with its key."""

_OPTIONS: Final = (
    click.option(
        "--key-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="主密钥的文件；默认数据目录中的 gongji.key。",
    ),
    click.option(
        "--key-command",
        default="",
        metavar="COMMAND",
        help="主密钥由此命令输出（64 位十六进制数），不经 shell，限时 20 秒。",
    ),
    click.option(
        "--key-pkcs11",
        default="",
        metavar="URI",
        help="主密钥在令牌或密码机里，写作 "
        "pkcs11:token=…;object=…?module-path=…&pin-source=文件；来源写明几个的，逐个试。",
    ),
)


def with_key_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options as they are."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def key_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options; it is called with `key`, for its `data`."""

    @functools.wraps(command)
    def with_key(*arguments: Any, data: Path, **options: Any) -> Any:
        named = [options.pop(name) for name in KEY_NAMES]
        return command(*arguments, data=data, key=keys_of(data, *named), **options)

    return with_key_options(with_key)
