"""A configuration file: which option stands where, and everything that is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import click
import msgspec

from gongji.access.lines import line_of
from gongji.cities.pinning import check_pin
from gongji.model.toml import document_of
from gongji.text.files import read_text

PLUGINS: Final = "plugins"
"""The table of pinned plugins."""

TablePath: TypeAlias = tuple[str, ...]


class ConfigFault(ValueError):  # noqa: N818 - the operator's file, not our program
    """A configuration cannot be used; the message names file, key and rule, in Chinese."""


class Place(NamedTuple):
    """Where an option stands in a file: its table, and its key there."""

    table: TablePath
    key: str

    @property
    def path(self) -> TablePath:
        """The keys that lead to it."""
        return (*self.table, self.key)


Places = Mapping[TablePath, Mapping[str, click.Option]]
"""The options that may stand in a file, by table and key."""


class ConfigProblem(NamedTuple):
    """Something wrong in a file, and the keys that lead to it."""

    path: TablePath
    message: str


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What a file says of options, each value as its option takes it."""

    path: Path = field(default_factory=Path)
    text: str = ""
    values: Mapping[Place, Any] = field(default_factory=dict)
    plugins: Mapping[str, str] = field(default_factory=dict)

    def says(self, place: Place) -> bool:
        """Return whether it says something of an option."""
        return place in self.values

    def value(self, place: Place) -> Any:
        """Return what it says of an option."""
        return self.values[place]

    def table(self, path: TablePath) -> dict[str, Any]:
        """Return what it says in a table, by key."""
        return {p.key: value for p, value in self.values.items() if p.table == path}

    def where(self, place: Place) -> str:
        """Return file and line of what it says of an option."""
        return f"{self.path}:{line_of(self.text, place.path)}"


_META: Final = "gongji.config"


def keep(ctx: click.Context, file: ConfigFile) -> None:
    """Have a file be that of the running command."""
    ctx.meta[_META] = file


def file_of(ctx: click.Context) -> ConfigFile:
    """Return the configuration file of the running command; an empty one without."""
    file: ConfigFile = ctx.meta.get(_META, ConfigFile())
    return file


def key_of(option: click.Option) -> str:
    """Return the key of an option: its long name, words joined by `_`."""
    return max(option.opts, key=len).lstrip("-").replace("-", "_")


def read(path: Path, places: Places) -> ConfigFile:
    """Return what a file says. ConfigFault; FileFaultError.

    A relative path in it is one from the file's folder.
    """
    file, problems = examine(path, places)
    if problems:
        first, *others = problems
        also = (
            f"（另有 {len(others)} 处，运行 gongji config check {path} 全部列出）"
            if others
            else ""
        )
        raise ConfigFault(f"配置文件 {path} {first.message}{also}")
    return file


def examine(path: Path, places: Places) -> tuple[ConfigFile, list[ConfigProblem]]:
    """Return what a file says and all that is wrong in it. FileFaultError."""
    text = read_text(path)
    try:
        document = document_of(text)
    except ValueError as fault:
        return ConfigFile(path, text), [ConfigProblem((), str(fault))]
    plugins = document.pop(PLUGINS, {})
    values, problems = _values(path, _entries((), document, places))
    problems += _of_plugins(plugins)
    problems.sort(key=lambda problem: line_of(text, problem.path) or 0)
    return ConfigFile(path, text, values, {} if problems else plugins), problems


def _values(
    path: Path, entries: Iterable[_Entry | ConfigProblem]
) -> tuple[dict[Place, Any], list[ConfigProblem]]:
    """Return the values of a file's entries, and what is wrong among them."""
    values: dict[Place, Any] = {}
    problems: list[ConfigProblem] = []
    for found in entries:
        if isinstance(found, ConfigProblem):
            problems.append(found)
            continue
        place, option, value = found
        try:
            values[place] = _value(place, option, value, path)
        except ConfigFault as fault:
            problems.append(ConfigProblem(place.path, str(fault)))
    return values, problems


_Entry = tuple[Place, click.Option, Any]


def _entries(
    table: TablePath, found: Mapping[str, Any], places: Places
) -> Iterator[_Entry | ConfigProblem]:
    """Yield what a table says of options, and what no option is called."""
    options = places.get(table, {})
    below = {path[len(table)] for path in places if path[: len(table)] == table != path}
    for key, value in found.items():
        path = (*table, key)
        if key in below and (isinstance(value, dict) or key not in options):
            if isinstance(value, dict):
                yield from _entries(path, value, places)
            else:
                name = ".".join(path)
                yield ConfigProblem(path, f"的 {name} 须是一节，写作 [{name}]")
        elif key in options:
            yield Place(table, key), options[key], value
        else:
            yield _unknown(path, [*options, *(below if table else _tables(places))])


def _tables(places: Places) -> list[str]:
    """Return the tables of a file, those that are shared first."""
    return list(dict.fromkeys([*(path[0] for path in places), PLUGINS]))


def _unknown(path: TablePath, known: Iterable[str]) -> ConfigProblem:
    *table, key = path
    allowed = list(dict.fromkeys(known))
    place = (
        f"的 [{'.'.join(table)}] 没有 {key} 这一项" if table else f"没有 [{key}] 这一节"
    )
    near = get_close_matches(key.replace("-", "_"), allowed, n=1)
    meant = f"；是否应为 {near[0]}？" if near else ""
    return ConfigProblem(path, f"{place}；可写的有 {'、'.join(allowed)}{meant}")


def _of_plugins(plugins: object) -> Iterator[ConfigProblem]:
    """Yield what is wrong in the table of pinned plugins."""
    form = '须逐行写作 插件名 = "sha256:…"'
    if not isinstance(plugins, dict):
        yield ConfigProblem((PLUGINS,), f"的 [{PLUGINS}] {form}")
        return
    for name, digest in plugins.items():
        if not isinstance(digest, str):
            yield ConfigProblem((PLUGINS, name), f"的 [{PLUGINS}] {form}")
            continue
        try:
            check_pin(name, digest)
        except ValueError as fault:
            yield ConfigProblem((PLUGINS, name), f"的 [{PLUGINS}] {fault}")


def _value(place: Place, option: click.Option, value: object, path: Path) -> Any:
    """Return an option's value as the file says it. ConfigFault."""
    kind, words = _kind(option)
    try:
        converted = msgspec.convert(value, kind)
    except msgspec.ValidationError as fault:
        # What stands there may be a secret.
        table = ".".join(place.table)
        raise ConfigFault(f"的 [{table}] {place.key} 须为{words}") from fault
    if isinstance(option.type, click.Path | click.File):
        return _from(path.parent, converted)
    return converted


def _from(folder: Path, value: Any) -> Any:
    """Return paths as from a folder; - is standard input or output."""
    if isinstance(value, list):
        return [_from(folder, one) for one in value]
    return value if value == "-" else folder / value


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
