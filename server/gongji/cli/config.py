"""Settings of commands (配置): options first, then the environment, then one file.

An option `--some-name` that several commands share is `GONGJI_SOME_NAME` in the
environment and `some_name` in the table `[client]` or `[serve]` of the file. One that a
command has alone is `GONGJI_COMMAND_SOME_NAME`, and stands in a table of the command's
name: `[command]`, `[group.command]`.
"""

from __future__ import annotations

from collections import UserDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click

from gongji.cli.configfile import (
    ConfigFile,
    Place,
    Places,
    TablePath,
    file_of,
    keep,
    key_of,
    read,
)
from gongji.cli.password import OPTION_OF_FILE, take_password

FILE_VARIABLE: Final = "GONGJI_CONFIG"

OUTPUT: Final = "output"
"""The table of the program's own options."""

_APART: Final = frozenset({"config", "help", "version"})
"""Options that no file can say."""


def variable_of(*words: str) -> str:
    """Return the variable of the environment that stands for an option."""
    return "_".join(("GONGJI", *words)).upper().replace("-", "_")


class ConfiguredCommand(click.Command):
    """A command that shares options with others, and so a table of the configuration.

    Those shared are named; all are if none is, as far as `owner` has them.
    """

    def __init__(
        self, *arguments: Any, table: str, named: Iterable[str] = (), **attributes: Any
    ) -> None:
        super().__init__(*arguments, **attributes)
        self.table = table
        self.named = frozenset(named)
        self.params.append(_config_option())

    @property
    def configured(self) -> list[click.Option]:
        """The options that are in the table it shares."""
        return [
            option
            for option in options_of(self)
            if not self.named or option.name in {*self.named, OPTION_OF_FILE}
        ]


def options_of(command: click.Command) -> list[click.Option]:
    """Return the options of a command that a file can say."""
    return [
        one
        for one in command.params
        if isinstance(one, click.Option) and one.name not in _APART
    ]


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
        help=f"配置文件（TOML）；也可用环境变量 {FILE_VARIABLE} 指明。",
    )


class CommandsByName(UserDict[str, Any]):
    """Commands by name, each imported, and made ready, when it is asked for.

    `places` are module and attribute of each, below a package.
    """

    def __init__(self, package: str, places: Mapping[str, str]) -> None:
        super().__init__(places)
        self._package = package
        self.prepare: Callable[[str, click.Command], None] = lambda *_: None

    def __getitem__(self, name: str) -> click.Command:
        """Return the command of a name. KeyError."""
        found = self.data[name]
        if isinstance(found, click.Command):
            return found
        module, _, attribute = found.partition(":")
        command: click.Command = getattr(
            import_module(f"{self._package}.{module}"), attribute
        )
        # Before it is made ready: it may share options with itself.
        self.data[name] = command
        self.prepare(name, command)
        return command


def configured(group: click.Group, commands: CommandsByName) -> click.Group:
    """Give a program its commands and `--config`, and each of their options a variable."""
    option = _config_option()
    option.envvar = FILE_VARIABLE
    _name_variables((Place((OUTPUT,), key_of(one)), one) for one in options_of(group))
    group.params.append(option)
    group.commands = commands
    commands.prepare = partial(_prepare, group)
    return group


def _prepare(program: click.Group, name: str, command: click.Command) -> None:
    """Give the options of a command, or of those below it, their variables."""
    for path, one in _called((name,), command):
        take_password(one)
        _name_variables(_placed_of(path, one, _shared(program, one)))


def _name_variables(placed: Iterable[tuple[Place, click.Option]]) -> None:
    for place, one in placed:
        shared = place.table in {("client",), ("serve",), (OUTPUT,)}
        words = [] if shared else place.table
        one.envvar = variable_of(*words, place.key)


def commands_of(
    group: click.Group, path: TablePath = ()
) -> Iterator[tuple[TablePath, click.Command]]:
    """Yield each command of a program by the words with which it is called."""
    for name, command in group.commands.items():
        yield from _called((*path, name), command)


def _called(
    path: TablePath, command: click.Command
) -> Iterator[tuple[TablePath, click.Command]]:
    if isinstance(command, click.Group):
        yield from commands_of(command, path)
    else:
        yield path, command


def _placed(program: click.Command) -> Iterator[tuple[Place, click.Option]]:
    """Yield each option of a program with its place in a file."""
    for option in options_of(program):
        yield Place((OUTPUT,), key_of(option)), option
    if isinstance(program, click.Group):
        for path, command in commands_of(program):
            yield from _placed_of(path, command, _shared(program, command))


def _placed_of(
    path: TablePath, command: click.Command, shared: Mapping[str, str]
) -> Iterator[tuple[Place, click.Option]]:
    for option in options_of(command):
        table = shared.get(str(option.name))
        yield Place((table,) if table else path, key_of(option)), option


def _shared(program: click.Command, command: click.Command) -> dict[str, str]:
    """Return the table of each option that a command shares with others."""
    if not isinstance(command, ConfiguredCommand):
        return {}
    names = {str(one.name) for one in command.configured}
    commands = program.commands if isinstance(program, click.Group) else {}
    owner = commands.get(command.table)
    if owner is not None and owner is not command:
        names &= {str(one.name) for one in options_of(owner)}
    return dict.fromkeys(names, command.table)


def places_of(program: click.Command) -> Places:
    """Return the options that may stand in each table of a file."""
    places: dict[TablePath, dict[str, click.Option]] = {
        ("client",): {},
        ("serve",): {},
        (OUTPUT,): {},
    }
    for place, option in _placed(program):
        places.setdefault(place.table, {}).setdefault(place.key, option)
    return places


def pinned_plugins(ctx: click.Context) -> Mapping[str, str]:
    """Return the digests of the table [plugins] by plugin; none without a file."""
    return file_of(ctx).plugins


def _read(ctx: click.Context, _: click.Parameter, path: Path | None) -> None:
    """Make what the file says the defaults of a command, or of every command."""
    if path is None:
        return
    program = ctx.find_root().command
    try:
        file = read(path, places_of(program))
    # The program's own options are read where no fault is turned into a sentence yet.
    except ValueError as fault:
        raise click.ClickException(str(fault)) from fault
    keep(ctx, file)
    ctx.default_map = _defaults(program, _words(ctx), ctx.command, file)


def _words(ctx: click.Context) -> TablePath:
    """Return the words by which the running command is called, without the program's."""
    if ctx.parent is None:
        return ()
    return (*_words(ctx.parent), str(ctx.info_name))


def _defaults(
    program: click.Command, path: TablePath, command: click.Command, file: ConfigFile
) -> dict[str, Any]:
    """Return what a file says of a command, and of those below it by name."""
    if not isinstance(command, click.Group):
        return _said(file, _placed_of(path, command, _shared(program, command)))
    below = {
        name: _defaults(program, (*path, name), one, file)
        for name, one in command.commands.items()
    }
    if path:
        return below
    own = [(Place((OUTPUT,), key_of(one)), one) for one in options_of(command)]
    # The suite is a package of its own, and takes what every caller takes.
    suite = {"conformance": {"run": file.table(("client",))}}
    return {**below, **_said(file, own), **suite}


def _said(
    file: ConfigFile, placed: Iterable[tuple[Place, click.Option]]
) -> dict[str, Any]:
    """Return what a file says of options, by their names."""
    return {str(one.name): file.value(p) for p, one in placed if file.says(p)}
