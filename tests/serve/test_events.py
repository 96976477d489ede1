"""The table of events is what the sources log, and what docs/events.md says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import gongji
import pytest
from gongji.rpc.call_line import CallLine
from gongji.serve.events import EVENTS, rows

SOURCES: Final = Path(gongji.__file__).parent
PAGE: Final = Path(__file__).parents[2] / "docs" / "events.md"
LEVELS: Final = {"debug", "info", "warning", "error", "critical", "exception", "log"}
LOGGERS: Final = re.compile(r"get_logger\(.*\)$|(^|\.)_?(log|LOG|logger)$")


class Logged(NamedTuple):
    """An event as a source logs it; `name` is a pattern of names."""

    place: str
    name: str
    fields: frozenset[str]


def logged() -> Iterator[Logged]:
    """Find every call of a structlog logger in our sources."""
    for path in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _logs(node):
                place = f"{path.relative_to(SOURCES)}:{node.lineno}"
                keywords = frozenset(k.arg for k in node.keywords if k.arg)
                at = (
                    1
                    if isinstance(node.func, ast.Attribute) and node.func.attr == "log"
                    else 0
                )
                yield Logged(place, _pattern(node.args[at]), keywords)


def _logs(node: ast.Call) -> bool:
    function = node.func
    return (
        isinstance(function, ast.Attribute)
        and function.attr in LEVELS
        and LOGGERS.search(ast.unparse(function.value)) is not None
    )


def _pattern(name: ast.expr) -> str:
    if isinstance(name, ast.JoinedStr):
        parts = [
            re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"\w+"
            for part in name.values
        ]
        return "".join(parts)
    assert isinstance(name, ast.Constant), ast.unparse(name)
    return re.escape(str(name.value))


def test_every_event_is_in_the_table() -> None:
    """What a source logs has a row, with each field it says."""
    found = list(logged())
    assert len(found) > 10
    untold = []
    for event in found:
        rows_of = [row for row in EVENTS.values() if re.fullmatch(event.name, row.name)]
        if not any(event.fields <= {*row.fields, "exc_info"} for row in rows_of):
            untold.append(event)
    assert [] == untold


def test_the_page_is_the_table() -> None:
    """docs/events.md has the table, row by row, and explains each field of a call."""
    text = PAGE.read_text(encoding="utf-8")
    told = [line for line in text.splitlines() if line.startswith("|")]
    assert list(rows()) == told[: len(EVENTS) + 2]
    explained = "".join(told[len(EVENTS) + 2 :])
    assert [] == [
        name for name in EVENTS["call"].fields if f"`{name}`" not in explained
    ]


def test_a_call_has_the_fields_of_its_row() -> None:
    """The line of a call says what its row names, beside what each line has."""
    named = {*EVENTS["call"].fields, "timestamp", "level"}
    assert named == set(CallLine.__struct_fields__)


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_kinds_are_told_apart_by_fields_of_theirs(event: object) -> None:
    """An event is told apart, and summed, by fields that it has."""
    row = EVENTS[event.name]  # type: ignore[attr-defined]
    assert {*row.each, *row.adds} <= set(row.fields)
