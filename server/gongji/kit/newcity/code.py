"""Write rule values as Python source; breaking its lines is left to `ruff format`."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import time
from enum import Enum
from typing import Any, Final

from gongji.kit.newcity.policy import Constant
from gongji.rules.binding import CLOSE, DIRECT, NO_LIMIT
from gongji.rules.channels import ALWAYS
from gongji.rules.clauses import Clause

WIDTH: Final = 88
"""Columns of comments and rules of dashes; ruff breaks code at the same column."""

_STRING_COLUMNS: Final = 72
"""Columns of one piece of a string: what is left of WIDTH behind an argument's name."""

_NAMED: Final[tuple[tuple[str, object], ...]] = (
    ("NO_LIMIT", NO_LIMIT),
    ("ALWAYS", ALWAYS),
    ("DIRECT", DIRECT),
    ("CLOSE", CLOSE),
)
"""Values that have a name in the vocabulary."""

# A word is cut at 40 characters: an address longer than a line must be broken somewhere.
_UNBROKEN = re.compile(r"[!-~]{1,40} *|[\s\S]")


def width(text: str) -> int:
    """Return the columns a text takes; a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def comment(text: str, indent: int = 0) -> list[str]:
    """Return a comment as the lines it needs; `indent` is where ruff will put them."""
    pieces = _pieces(in_one_line(text), WIDTH - indent - len("# "))
    return [f"# {piece.rstrip()}" for piece in pieces]


def heading(text: str) -> str:
    """Return a comment that begins a section: the text, then dashes to the edge."""
    opening = f"# --- {text} "
    return opening + "-" * (WIDTH - width(opening))


def docstring(text: str, indent: int) -> str:
    """Return a docstring of as many lines as it needs, indented by so many columns."""
    pieces = _pieces(in_one_line(text), WIDTH - indent - len('"""'))
    margin = "\n" + " " * indent
    return f'"""{margin.join(in_quotes(piece.rstrip()) for piece in pieces)}"""'


def in_one_line(text: str) -> str:
    """Return a text that ends no comment: no line breaks, what does not print escaped."""
    return "".join(c if c.isprintable() else _spelt(c) for c in text)


def in_quotes(text: str) -> str:
    """Return a text that ends no docstring and begins no escape in it."""
    return in_one_line(text).replace("\\", "\\\\").replace('"', '\\"')


def toml_text(text: str) -> str:
    """Return a basic string of TOML."""
    # JSON's escapes are TOML's; DEL alone must be escaped there and not here.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _spelt(char: str) -> str:
    return " " if char.isspace() else char.encode("unicode_escape").decode()


def literal(text: str) -> str:
    """Return a string literal, a long one in pieces: ruff breaks no string."""
    pieces = _pieces(text, _STRING_COLUMNS)
    # JSON's quotes and escapes are Python's, and ruff's.
    return " ".join(json.dumps(piece, ensure_ascii=False) for piece in pieces)


def call(function: str, *arguments: str, **named: str) -> str:
    """Return a call with these arguments, each a source text."""
    keywords = [f"{name}={source}" for name, source in named.items()]
    return f"{function}({', '.join([*arguments, *keywords])})"


def clause_name(clause: Clause) -> str:
    """Return a clause's name in the module of clauses: T-WH1 → T_WH1."""
    return re.sub(r"[^A-Z0-9]", "_", clause.id.upper())


def clause_list(clauses: Iterable[Clause]) -> str:
    """Return a list display of clauses by name."""
    return f"[{', '.join(f'c.{clause_name(clause)}' for clause in clauses)}]"


class SourceWriter:
    """Writes values as source and collects the names of the vocabulary they need.

    A value that is one of `constants` is written as that constant's name.
    """

    def __init__(self, constants: Iterable[Constant] = ()) -> None:
        self.names: set[str] = set()
        self._constants = tuple(constants)

    def source(
        self,
        value: object,
        field: str = "",
    ) -> str:
        """Return the source of a value; money and ratios are known by their field."""
        name = self._name(value)
        if name:
            return name
        if isinstance(value, (Mapping, tuple, frozenset)):
            return self._container(value, field)
        if isinstance(value, Clause):
            return f"c.{clause_name(value)}"
        if is_dataclass(value) and not isinstance(value, type):
            return self.record(value)
        return self._plain(value, field)

    def record(
        self, value: Any, above: Mapping[str, Iterable[str]] | None = None
    ) -> str:
        """Return the call that makes a dataclass, its fields under comments.

        A field at its default is left out, unless there is something `above` it.
        """
        kind = type(value).__name__
        self.names.add(kind)
        arguments = []
        for field in fields(value):
            part = getattr(value, field.name)
            notes = list((above or {}).get(field.name, ()))
            if part == _default(field) and not notes:
                continue
            lines = [line for note in notes for line in comment(note, indent=4)]
            name = f"{field.name}=" if field.kw_only else ""
            # A comment ends with its line; the argument begins on the next.
            lines.append(name + self.source(part, field.name))
            arguments.append("\n".join(["", *lines]) if notes else lines[0])
        return call(kind, *arguments)

    def _name(self, value: object) -> str:
        """Return the name of a constant or of a value of the vocabulary; else ""."""
        for constant in self._constants:
            if value is constant.value:
                return constant.name
        for name, named in _NAMED:
            if value is named:
                self.names.add(name)
                return name
        return ""

    def _container(
        self, value: Mapping[Any, Any] | tuple[Any, ...] | frozenset[Any], field: str
    ) -> str:
        if isinstance(value, Mapping):
            pairs = [
                f"{self.source(key)}: {self.source(part, field)}"
                for key, part in value.items()
            ]
            return f"{{{', '.join(pairs)}}}"
        if isinstance(value, tuple):
            parts = [self.source(part, field) for part in value]
            comma = "," if len(parts) == 1 else ""
            return f"({', '.join(parts)}{comma})"
        members = [self.source(member) for member in sorted(value, key=_declared)]
        if members:
            return f"frozenset({{{', '.join(members)}}})"
        return "frozenset()"

    def _plain(
        self,
        value: object,
        field: str,
    ) -> str:
        """Return the source of a value without parts."""
        match value:
            case Enum():
                self.names.add(type(value).__name__)
                return f"{type(value).__name__}.{value.name}"
            case str():
                return literal(value)
            case time():
                self.names.add("time")
                minute = f", {value.minute}" if value.minute else ""
                return f"time({value.hour}{minute})"
            case int() if field.endswith(("_fen", "_bp")) or field == "retired":
                return _figure(value)
        return repr(value)


def _default(field: Field[Any]) -> object:
    """Return a field's default; MISSING if it has none."""
    if field.default_factory is MISSING:
        return field.default
    return field.default_factory()


def _declared(member: object) -> tuple[int, str]:
    """Return the place of a set's member in its enum, or its text if it is in none."""
    # The order of a set differs from run to run.
    if isinstance(member, Enum):
        return list(type(member)).index(member), ""
    return 0, str(member)


def _figure(value: int) -> str:
    """Return fen or basis points with the last two digits apart: 80000 → 800_00."""
    if value >= 100:
        return f"{value // 100}_{value % 100:02d}"
    return str(value)


def _pieces(text: str, columns: int) -> list[str]:
    """Return a text in pieces of at most so many columns; joined, they are the text."""
    pieces = [""]
    for unbroken in _UNBROKEN.findall(text):
        if pieces[-1] and width(pieces[-1] + unbroken) > columns:
            pieces.append("")
        pieces[-1] += unbroken
    return pieces
