"""The password of a database: in a file or the environment, never an argument.

Every user of the machine sees arguments (`ps`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

import click
from click.core import ParameterSource

from gongji.cli.configfile import file_of
from gongji.store.private_files import read_secret_file

DATABASE: Final = "database"
"""The option that names a database."""

OPTION_OF_FILE: Final = "password_file"
"""The option that names the password's file."""

_META: Final = "gongji.password"

_MASK: Final = "***"

_SECRET: Final = ("password", "sslpassword")
"""Parameters of an address that are secret."""

_BYTES: Final = 4096

# As libpq reads it: a # means nothing, and credentials end at the first @ or are none.
_PARTS: Final = re.compile(
    r"(\w+://)(?:([^@/:]*)(:[^@/]*)?@)?([^?]*)(\?.*)?", re.DOTALL
)
"""Scheme, user, password, what is addressed, parameters."""


def has_password(address: str) -> bool:
    """Return whether a password stands in a database's address."""
    return masked(address) != address


def masked(address: str) -> str:
    """Return a database's address without passwords."""
    parts = _PARTS.fullmatch(address)
    if parts is None:
        return address
    scheme, user, password, place, query = parts.groups(default="")
    if password:
        password = f":{_MASK}"
    if query:
        query = "?" + "&".join(map(_masked_parameter, query[1:].split("&")))
    return (
        f"{scheme}{user}{password}{'@' if parts[2] is not None else ''}{place}{query}"
    )


def _masked_parameter(parameter: str) -> str:
    name = unquote(parameter.partition("=")[0])
    return f"{name}={_MASK}" if name in _SECRET else parameter


def with_password(address: str, password: str) -> str:
    """Return a database's address with a password."""
    joint = "&" if "?" in address else "?"
    return f"{address}{joint}password={quote(password, safe='')}"


def take_password(command: click.Command) -> None:
    """Have a command that names a database take its password from a file, if any."""
    named = next((one for one in command.params if one.name == DATABASE), None)
    if named is None or any(one.name == OPTION_OF_FILE for one in command.params):
        return
    named.callback = _hold
    command.params.append(
        click.Option(
            ["--password-file"],
            type=click.Path(path_type=Path),
            metavar="FILE",
            # Before the address, to which it belongs.
            is_eager=True,
            expose_value=False,
            callback=_keep,
            help="数据库口令所在的文件（权限 0600）；口令不写在参数里。",
        )
    )


def _keep(ctx: click.Context, _: click.Parameter, path: Path | None) -> None:
    ctx.meta[_META] = path


def _hold(ctx: click.Context, parameter: click.Parameter, address: Any) -> Any:
    """Refuse a password that others can see; add the one of the file."""
    path: Path | None = ctx.meta.get(_META)
    address = address or ""
    if has_password(address):
        _refuse_seen(ctx, parameter)
        if path:
            raise click.UsageError("口令已写在数据库地址里：请去掉 --password-file")
    if path is None:
        return address
    if "://" not in address:
        raise click.UsageError("--password-file 须与 --database postgresql://… 同用")
    content = read_secret_file(path, "口令文件", _BYTES).decode("utf-8", "replace")
    password, _, rest = content.partition("\n")
    if rest.strip() or not password:
        raise click.ClickException(f"口令文件 {path} 中应只有一行口令")
    return with_password(address, password.rstrip("\r"))


def _refuse_seen(ctx: click.Context, parameter: click.Parameter) -> None:
    """Refuse a password on the command line, or in a file that others can read."""
    source = ctx.get_parameter_source(str(parameter.name))
    if source is ParameterSource.COMMANDLINE:
        raise click.UsageError(
            "--database 中写有口令，本机任何用户都看得见（ps）：请写在 --password-file 所指的文件、"
            "环境变量 GONGJI_DATABASE、配置文件（权限均为 0600）或 ~/.pgpass"
        )
    if source is ParameterSource.DEFAULT_MAP:
        read_secret_file(file_of(ctx).path, "写有口令的配置文件", 1)
