"""Settings of commands (配置): options first, then the environment, then one file.

An option `--some-name` is `GONGJI_SOME_NAME` in the environment and `some_name` in its
table of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from gongji.model.toml import document_of
from gongji.text.files import read_text

FILE_VARIABLE: Final = "GONGJI_CONFIG"

_META: Final = "gongji.config"

Table = Mapping[str, Any]


class ConfigFault(ValueError):  # noqa: N818 - the operator's file, not our program
    """A configuration cannot be used; the message names file, key and rule, in Chinese."""


class Configuration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a configuration file says: options by table, pinned plugins by name."""

    client: Table = {}
    serve: Table = {}
    plugins: dict[str, str] = {}


def variable_of(name: str) -> str:
    """Return the variable of the environment that stands for an option."""
    return f"GONGJI_{name.upper()}"


class ConfiguredCommand(click.Command):
    """A command whose options may come from a table of the configuration.

    Those that may are named; all may if none is.
    """

    def __init__(
        self, *arguments: Any, table: str, named: Iterable[str] = (), **attributes: Any
    ) -> None:
        super().__init__(*arguments, **attributes)
        self.table = table
        chosen = frozenset(named)
        self.configured = [
            option
            for option in self.params
            if isinstance(option, click.Option)
            and (option.name in chosen if chosen else True)
        ]
        for option in self.configured:
            option.envvar = variable_of(str(option.name))
        self.params.append(_config_option())


def _config_option() -> click.Option:
    """Return `--config`, as the whole program and each configured command take it."""
    return click.Option(
        ["--config"],
        type=click.Path(path_type=Path),
        metavar="FILE",
        # Before all others, which it gives their defaults.
        is_eager=True,
        expose_value=False,
        callback=_read,
        help=f"配置文件(TOML); 也可用环境变量 {FILE_VARIABLE} 指明.",
    )


def configured(group: click.Group) -> click.Group:
    """Give a program `--config`, which each of its configured commands takes too."""
    option = _config_option()
    option.envvar = FILE_VARIABLE
    group.params.append(option)
    return group


def pinned_plugins(ctx: click.Context) -> Mapping[str, str]:
    """Return the digests of the table [plugins] by plugin; none without a file."""
    config: Configuration = ctx.meta.get(_META, Configuration())
    return config.plugins


def _read(ctx: click.Context, _: click.Parameter, path: Path | None) -> None:
    """Make what the file says the defaults of a command, or of every command."""
    if path is None:
        return
    program = ctx.find_root().command
    try:
        config = read(path, _tables(program))
    # The program's own options are read where no fault is turned into a sentence yet.
    except ValueError as fault:
        raise click.ClickException(str(fault)) from fault
    ctx.meta[_META] = config
    if isinstance(ctx.command, ConfiguredCommand):
        ctx.default_map = getattr(config, ctx.command.table)
    else:
        ctx.default_map = {
            name: getattr(config, command.table)
            for name, command in _configured_of(program)
        }
        # The suite is a package of its own, and takes what every caller takes.
        ctx.default_map["conformance"] = {"run": config.client}


def _configured_of(program: click.Command) -> list[tuple[str, ConfiguredCommand]]:
    """Return our own configured commands by name."""
    commands = program.commands if isinstance(program, click.Group) else {}
    return [
        (name, command)
        for name, command in commands.items()
        if isinstance(command, ConfiguredCommand)
    ]


def _tables(program: click.Command) -> dict[str, dict[str, click.Option]]:
    """Return the options that may stand in each table of a file."""
    tables: dict[str, dict[str, click.Option]] = {"client": {}, "serve": {}}
    for _, command in _configured_of(program):
        tables[command.table] |= {str(one.name): one for one in command.configured}
    return tables


def read(path: Path, tables: Mapping[str, Mapping[str, click.Option]]) -> Configuration:
    """Return what a file says of options by table. ConfigFault; FileFaultError.

    A relative path in it is one from the file's folder.
    """
    text = read_text(path)
    try:
        document = document_of(text)
    except ValueError as fault:
        raise ConfigFault(f"配置文件 {path} {fault}") from fault
    _hold_keys(path, "", document, Configuration.__struct_fields__)
    for name, options in tables.items():
        table = document.get(name, {})
        if not isinstance(table, dict):
            raise ConfigFault(f"配置文件 {path} 的 {name} 须是一节，写作 [{name}]")
        _hold_keys(path, name, table, options)
        document[name] = {
            key: _value(f"配置文件 {path} 的 [{name}] {key}", options[key], value, path)
            for key, value in table.items()
        }
    try:
        return msgspec.convert(document, Configuration)
    except msgspec.ValidationError as fault:
        raise ConfigFault(
            f'配置文件 {path} 的 [plugins] 须逐行写作 插件名 = "sha256:…"'
        ) from fault


def _hold_keys(
    path: Path, table: str, found: Iterable[str], known: Iterable[str]
) -> None:
    """Refuse an unknown key by name. ConfigFault."""
    allowed = tuple(known)
    unknown = next((key for key in found if key not in allowed), None)
    if unknown is None:
        return
    place = (
        f"的 [{table}] 没有 {unknown} 这一项" if table else f"没有 [{unknown}] 这一节"
    )
    raise ConfigFault(f"配置文件 {path} {place}；可写的有 {'、'.join(allowed)}")


def _value(place: str, option: click.Option, value: object, path: Path) -> Any:
    """Return an option's value as the file says it. ConfigFault."""
    kind, words = _kind(option)
    try:
        converted = msgspec.convert(value, kind)
    except msgspec.ValidationError as fault:
        # What stands there may be a secret.
        raise ConfigFault(f"{place} 须为{words}") from fault
    if isinstance(option.type, click.Path) and isinstance(converted, str):
        return path.parent / converted
    return converted


def _kind(option: click.Option) -> tuple[Any, str]:
    """Return what TOML says of an option, as a type and in words."""
    if option.is_flag:
        return bool, " true 或 false"
    if option.multiple:
        return list[str], '文本的列表，如 ["…"]'
    if isinstance(option.type, click.types.IntParamType):
        return int, "整数"
    if isinstance(option.type, click.types.FloatParamType):
        return float, "数"
    return str, "加引号的文本"
