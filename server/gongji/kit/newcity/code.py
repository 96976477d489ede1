"""Rule values as Python source, laid out as `ruff format` would: on one line where it
fits, else one part a line."""

from __future__ import annotations

import json
import re
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from datetime import time
from enum import Enum
from typing import Any, Final

from gongji.kit.newcity.policy import Constant
from gongji.rules.binding import CLOSE, DIRECT, NO_LIMIT
from gongji.rules.channels import ALWAYS
from gongji.rules.clauses import Clause

LINE: Final = 88

_STEP: Final = 4

_NAMED: Final[tuple[tuple[str, object], ...]] = (
    ("NO_LIMIT", NO_LIMIT),
    ("ALWAYS", ALWAYS),
    ("DIRECT", DIRECT),
    ("CLOSE", CLOSE),
)
"""Values that have a name in the vocabulary."""


@dataclass(frozen=True, slots=True)
class Text:
    """A string of the source; too long for a line, it stands in pieces."""

    value: str


@dataclass(frozen=True, slots=True)
class Item:
    """One part of a group: what stands before it (`name=`, `key: `), itself, and the
    comments above it."""

    before: str
    node: Node
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """A call or a display: what opens it, its parts, what closes it."""

    opening: str
    items: tuple[Item, ...]
    closing: str
    comma: str = ""
    """What stands before the closing even on one line: the comma of a tuple of one."""


Node = str | Text | Group


def width(text: str) -> int:
    """Columns a text takes: Chinese characters take two."""
    return sum(
        2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def layout(node: Node, indent: int = 0, before: int = 0, after: int = 0) -> str:
    """The source of a node that begins `before` columns into a line indented by
    `indent` and has `after` behind it."""
    flat = _flat(node)
    if flat is not None and indent + before + width(flat) + after <= LINE:
        return flat
    if isinstance(node, Text):
        room = LINE - indent - before - after - 2
        return f"\n{' ' * indent}".join(
            quoted(piece) for piece in _pieces(node.value, room)
        )
    if isinstance(node, str) or not node.items:
        return flat or ""
    inner, lines = indent + _STEP, [node.opening]
    for item in node.items:
        lines += [
            f"{' ' * inner}{line}"
            for told in item.comments
            for line in comment(told, inner)
        ]
        lines.append(
            f"{' ' * inner}{item.before}{layout(item.node, inner, width(item.before), 1)},"
        )
    return "\n".join([*lines, " " * indent + node.closing])


def comment(text: str, indent: int) -> list[str]:
    """A comment of as many lines as it needs."""
    return [f"# {piece}" for piece in _pieces(text, LINE - indent - 2)]


def quoted(text: str) -> str:
    """A string literal."""
    return json.dumps(text, ensure_ascii=False)


def name_of(clause: Clause) -> str:
    """A clause's name in the module of clauses: T-WH1 → T_WH1."""
    return re.sub(r"[^A-Z0-9]", "_", clause.id.upper())


def call(function: str, *parts: Node | tuple[str, Node]) -> Group:
    """A call with arguments, those by keyword as pairs."""
    named = [part if isinstance(part, tuple) else ("", part) for part in parts]
    return Group(
        f"{function}(",
        tuple(Item(f"{key}=" if key else "", node) for key, node in named),
        ")",
    )


class SourceWriter:
    """Turns values into nodes and remembers which names of the vocabulary they need;
    constants go by name."""

    def __init__(self, constants: Iterable[Constant] = ()) -> None:
        self.names: set[str] = set()
        self._constants = tuple(constants)

    def node(self, value: object, of: str = "") -> Node:
        """The source of a value; `of` is the field it stands in, by which money and
        ratios are recognised."""
        if constant := next((c for c in self._constants if c.value is value), None):
            return constant.name
        if name := next((name for name, known in _NAMED if value is known), ""):
            self.names.add(name)
            return name
        if isinstance(value, Enum):
            self.names.add(type(value).__name__)
            return f"{type(value).__name__}.{value.name}"
        if isinstance(value, (Mapping, tuple, frozenset)):
            return self._container(value, of)
        if is_dataclass(value) and not isinstance(value, type):
            return (
                f"c.{name_of(value)}"
                if isinstance(value, Clause)
                else self.record(value)
            )
        return self._plain(value, of)

    def clauses(self, cited: Iterable[Clause]) -> Node:
        """A list of clauses."""
        return Group(
            "[", tuple(Item("", f"c.{name_of(clause)}") for clause in cited), "]"
        )

    def record(
        self, value: Any, above: Mapping[str, tuple[Clause, ...]] | None = None
    ) -> Group:
        """A dataclass with the fields that are not at their default, each under its clauses."""
        kind = type(value).__name__
        self.names.add(kind)
        items = []
        for field in fields(value):
            given, notes = getattr(value, field.name), (above or {}).get(field.name, ())
            if not notes and given == _default(field):
                continue
            told = tuple(f"{clause.id} {clause.text}" for clause in notes)
            items.append(
                Item(
                    f"{field.name}=" if field.kw_only else "",
                    self.node(given, field.name),
                    told,
                )
            )
        return Group(f"{kind}(", tuple(items), ")")

    def _plain(self, value: object, of: str) -> Node:
        if isinstance(value, str):
            return Text(value)
        if isinstance(value, time):
            self.names.add("time")
            return (
                f"time({value.hour}, {value.minute})"
                if value.minute
                else f"time({value.hour})"
            )
        if isinstance(value, int) and not isinstance(value, bool):
            return (
                _figure(value)
                if of.endswith(("_fen", "_bp")) or of == "retired"
                else str(value)
            )
        return repr(value)

    def _container(
        self, value: Mapping[Any, Any] | tuple[Any, ...] | frozenset[Any], of: str
    ) -> Group:
        if isinstance(value, Mapping):
            pairs = [
                (_flat(self.node(key)), self.node(part, of))
                for key, part in value.items()
            ]
            return Group("{", tuple(Item(f"{key}: ", node) for key, node in pairs), "}")
        if isinstance(value, tuple):
            parts = tuple(Item("", self.node(part, of)) for part in value)
            return Group("(", parts, ")", "," if len(parts) == 1 else "")
        members = tuple(
            Item("", self.node(part)) for part in sorted(value, key=_declared)
        )
        return (
            call("frozenset", Group("{", members, "}"))
            if members
            else Group("frozenset(", (), ")")
        )


def _default(field: Field[Any]) -> object:
    """What a field has when nothing is written; MISSING where something must be."""
    return (
        field.default if field.default_factory is MISSING else field.default_factory()
    )


def _declared(member: object) -> tuple[int, str]:
    """Where a member of a set stands in its enum."""
    return (
        (list(type(member)).index(member), "")
        if isinstance(member, Enum)
        else (0, str(member))
    )


def _figure(value: int) -> str:
    """Fen and basis points with their last two digits apart: 80000 → 800_00."""
    return f"{value // 100}_{value % 100:02d}" if value >= 100 else str(value)


def _flat(node: Node) -> str | None:
    """A node on one line; None where a comment stands within."""
    if isinstance(node, str):
        return node
    if isinstance(node, Text):
        return quoted(node.value)
    told = []
    for item in node.items:
        flat = _flat(item.node)
        if flat is None or item.comments:
            return None
        told.append(item.before + flat)
    return f"{node.opening}{', '.join(told)}{node.comma}{node.closing}"


def _pieces(text: str, room: int) -> Iterator[str]:
    """A text in pieces of at most so many columns."""
    if text.isascii():
        yield from textwrap.wrap(text, room, drop_whitespace=False) or [""]
        return
    piece = ""
    for character in text:
        if width(piece + character) > room:
            yield piece
            piece = ""
        piece += character
    yield piece
