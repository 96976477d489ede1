"""`gongji config`: a configuration file checked, and what is in force shown."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import click

from gongji.access.lines import line_of
from gongji.cli.config import places_of
from gongji.cli.configfile import (
    PLUGINS,
    ConfigFile,
    ConfigProblem,
    Place,
    TablePath,
    examine,
    file_of,
)
from gongji.cli.password import DATABASE, has_password, masked
from gongji.cli.terminal import Terminal
from gongji.serve.admission import unmet
from gongji.serve.settings import Settings
from gongji.store.private_files import ExposedFileError, read_secret_file

_SHARED: Final = {("client",), ("serve",), ("output",)}

_COMMAND_LINES: Final = frozenset({"key_command", "to_key_command"})
"""Options whose arguments may be secret."""

_LISTS: Final = ("adopt", "retired_credit", "refuse_without_table")
"""Options of `serve` of which each text is a setting."""

_FILE: Final = click.argument(
    "path", type=click.Path(path_type=Path), metavar="FILE", required=False
)


@click.group("config")
def config_group() -> None:
    """配置文件：查验，列出各选项的取值与来处。"""


@config_group.command("check")
@click.argument("path", type=click.Path(path_type=Path), metavar="FILE")
@click.pass_context
def check_config_command(ctx: click.Context, path: Path) -> None:
    """查验配置文件，逐条列出全部问题与所在的行；有问题则以 1 退出。"""
    terminal: Terminal = ctx.obj
    file, problems = examine(path, places_of(ctx.find_root().command))
    problems += _deeper(ctx, file)
    if not problems:
        terminal.say(f"{path}：没有发现问题")
        return
    rows = [
        {
            "row": str(line_of(file.text, problem.path) or ""),
            "field": ".".join(problem.path),
            "problem": problem.message.removeprefix("的 "),
        }
        for problem in problems
    ]
    rows.sort(key=lambda row: int(row["row"] or 0))
    terminal.table("problems", rows, ["row", "field", "problem"])
    raise SystemExit(1)


def _deeper(ctx: click.Context, file: ConfigFile) -> Iterator[ConfigProblem]:
    """Yield what is wrong in values that are written as they should be."""
    places = places_of(ctx.find_root().command)
    sound: dict[str, Any] = {}
    for place, value in file.values.items():
        option = places[place.table][place.key]
        try:
            option.type_cast_value(ctx, value)
        except click.BadParameter as fault:
            yield ConfigProblem(place.path, _in_words(option, value, fault))
        else:
            yield from _of_file(place, option, value)
            if place.table == ("serve",):
                sound[place.key] = value
    yield from _of_serve(sound)
    yield from _of_password(file)


def _in_words(option: click.Option, value: object, fault: click.BadParameter) -> str:
    """Return what is wrong with a value."""
    if isinstance(option.type, click.Choice):
        return f"须为 {'、'.join(option.type.choices)} 之一，得到 {value!r}"
    return fault.message


def _of_file(
    place: Place, option: click.Option, value: object
) -> Iterator[ConfigProblem]:
    """Yield that a file is not there which a command would read."""
    read = isinstance(option.type, click.Path) and place.table in _SHARED
    # The data folder is made.
    if read and place.key != "data" and not Path(str(value)).exists():
        yield ConfigProblem(place.path, f"没有文件 {value}")


def _of_serve(table: dict[str, Any]) -> Iterator[ConfigProblem]:
    """Yield what is wrong in the options of the server together."""
    for key in _LISTS:
        for text in table.get(key, []):
            try:
                _settings({key: [text]})
            except ValueError as fault:
                yield ConfigProblem(("serve", key), str(fault))
    # What is done once at a start, such as --new, is no setting.
    names = {one.name for one in fields(Settings)} - {*_LISTS}
    plain = {key: value for key, value in table.items() if key in names}
    for problem in unmet(_settings(plain)):
        yield ConfigProblem(("serve",), problem)


def _settings(given: dict[str, Any]) -> Settings:
    empty: dict[str, Any] = {"adopt": (), "retired_credit": ()}
    defaults = {"address": "127.0.0.1:0", "data": Path()}
    return Settings.parse(**(empty | defaults | given))


def _of_password(file: ConfigFile) -> Iterator[ConfigProblem]:
    """Yield that others can read a file in which a password stands."""
    for place, value in file.values.items():
        if place.key == DATABASE and has_password(value):
            try:
                read_secret_file(file.path, "写有口令的配置文件", 1)
            except ExposedFileError as fault:
                yield ConfigProblem(place.path, str(fault))


@config_group.command("show")
@_FILE
@click.pass_context
def show_config_command(ctx: click.Context, path: Path | None) -> None:
    """列出各选项现在的取值与来处（命令行之外）：环境变量、配置文件、默认；口令不显示。"""
    terminal: Terminal = ctx.obj
    places = places_of(ctx.find_root().command)
    file = file_of(ctx)
    if path is not None:
        file, problems = examine(path, places)
        if problems:
            raise click.ClickException(
                f"{path} 有 {len(problems)} 处问题，运行 gongji config check {path} 列出"
            )
    rows = [
        row
        for table, options in places.items()
        for row in _rows(ctx, file, table, options)
    ]
    for name, digest in file.plugins.items():
        rows.append(_row((PLUGINS,), name, digest, _line(file, (PLUGINS, name))))
    terminal.table("settings", rows, ["section", "option", "setting", "origin"])


def _rows(
    ctx: click.Context,
    file: ConfigFile,
    table: TablePath,
    options: Any,
) -> Iterator[dict[str, str]]:
    """Yield the options of a table; of one command's own those that are set."""
    for key, option in options.items():
        place = Place(table, key)
        variable = str(option.envvar)
        if os.environ.get(variable):
            value, origin = os.environ[variable], f"环境变量 {variable}"
        elif file.says(place):
            value, origin = file.value(place), _line(file, place.path)
        elif table in _SHARED:
            value, origin = option.get_default(ctx, call=True), "默认"
        else:
            continue
        yield _row(table, key, _shown(key, value), origin)


def _line(file: ConfigFile, path: TablePath) -> str:
    return f"{file.path}:{line_of(file.text, path)}"


def _row(table: TablePath, key: str, value: str, origin: str) -> dict[str, str]:
    return {
        "section": ".".join(table),
        "option": key,
        "setting": value,
        "origin": origin,
    }


def _shown(key: str, value: Any) -> str:
    """Return a value as text, without what is secret in it."""
    if isinstance(value, list | tuple):
        return "、".join(_shown(key, one) for one in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    # Whatever else is no value: nothing was said.
    text = str(value) if isinstance(value, str | int | float | Path) else ""
    if key in _COMMAND_LINES:
        program, _, arguments = text.partition(" ")
        return f"{program} …" if arguments else program
    return masked(text)
