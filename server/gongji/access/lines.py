"""Where a key stands in the text of a TOML file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gongji.model.toml import document_of


def line_of(text: str, path: tuple[str, ...]) -> int | None:
    """Return the line of a key, of its table if it is not written; None if of neither.

    Of a table that is only written as part of a longer name, it is the first such line.
    """
    found, depth = None, 0
    for number, written in _written(text):
        if not depth and written[: len(path)] == path:
            found = found or number
        if depth < len(written) and path[: len(written)] == written:
            found, depth = number, len(written)
    return found


def _written(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield each line that begins a table or a value, with the path it leads to."""
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("["):
            # Inside a list over several lines this is no table, and leads nowhere.
            table = _path(line) or table
            yield number, table
        else:
            key, equals, _ = line.partition("=")
            path = _path(f"{key}=0") if equals else ()
            if path:
                yield number, (*table, *path)


def _path(line: str) -> tuple[str, ...]:
    """Return the keys of a line by themselves; none if it is no TOML alone."""
    try:
        value: Any = document_of(line)
    except ValueError:
        return ()
    path = []
    while isinstance(value, dict) and value:
        ((key, value),) = value.items()
        path.append(key)
    return tuple(path)
