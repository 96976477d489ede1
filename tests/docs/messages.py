"""The catalogue of messages: every sentence in Chinese that the service answers with.

`python -m tests.docs.messages` writes docs/messages.csv anew from the sources.
"""

from __future__ import annotations

import ast
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from gongji.model import (
    claim_refusals,
    evidence_refusals,
    filing_refusals,
    refusals,
    wallet_refusals,
)
from gongji.model.conditions import ConditionCode
from gongji.model.refusals import MalformedField, Refusal

from tests.docs.punctuation import is_chinese

ROOT: Final = Path(__file__).parents[2]

CATALOGUE: Final = ROOT / "docs" / "messages.csv"

SERVER: Final = ROOT / "server" / "gongji"

IN_PART: Final = {
    "cities": ("answering.py", "asking.py"),
    "rules": ("days.py", "money.py", "phrases", "terms.py"),
    "serve": ("national",),
    "store": ("content.py", "replay.py"),
    "text": ("characters.py", "forms.py", "tables.py"),
}
"""Folders of which a part says something to a caller, and that part."""

SILENT: Final = {
    "audit": "the log, and its signatures",
    "cli": "the command line, for whoever runs it",
    "client": "what commands ask the service, for whoever runs them",
    "isolation": "processes of plugins",
    "kit": "for city teams",
    "v1": "generated",
    "verify": "for auditors",
}
"""Folders that say nothing to a caller, and whom they are for."""

NOT_ANSWERED: Final = {
    "access/policy.py": "what is wrong with a policy: for operators",
    "access/lines.py": "what is wrong with a policy: for operators",
    "access/document.py": "what is wrong with a policy: for operators",
    "access/table.py": "the table of rights: for operators",
    "model/toml.py": "what is wrong with a file: for operators",
    "serve/national/gates.py": "what the gateway of the platform answers, letter by letter",
    "serve/national/keyring.py": "what is wrong with a file of keys: for operators",
    "serve/national/settings.py": "what is wrong with an option: for operators",
    "national/heads.py": "what fields mean: a table of docs/national.md",
    "national/tables.py": "what fields mean: a table of docs/national.md",
    "national/extension.py": "what fields mean: a table of docs/national.md",
}
"""Modules in those folders that say nothing to a caller, and to whom they speak."""

_HAN: Final = re.compile("[\u3400-\u9fff]")

_VALUE: Final = re.compile(r"\{[^{}]*\}")

_LONGEST: Final = 40
"""Characters of the longest expression that stands in a template."""

_REFUSALS: Final = {
    name: kind.reason()
    for module in (
        refusals,
        claim_refusals,
        evidence_refusals,
        filing_refusals,
        wallet_refusals,
    )
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, Refusal)
}

_KINDS: Final = {
    **_REFUSALS,
    "Violation": MalformedField.reason(),
    "FieldFault": MalformedField.reason(),
    "NationalFault": "NATIONAL_FAULT",
}
"""The calls that make a refusal, and its code."""

_CODES: Final = frozenset(ConditionCode.__members__)


class Message(NamedTuple):
    """One sentence: code, where it is written, field, the sentence, clauses behind it."""

    code: str
    module: str
    function: str
    field: str
    template: str
    clauses: str


class _Place(NamedTuple):
    """Where a node stands: function, and what the call around it says of it."""

    function: str = ""
    code: str = ""
    field: str = ""
    clauses: str = ""


def messages() -> list[Message]:
    """Return every message of the sources, by module and sentence, each once."""
    found = {m for module in modules() for m in _messages_of(module)}
    return sorted(found, key=lambda m: (m.module, m.function, m.code, m.template))


def modules() -> Iterator[Path]:
    """Yield the modules whose sentences are answered."""
    for place in _places():
        for module in place.rglob("*.py") if place.is_dir() else [place]:
            if module.relative_to(SERVER).as_posix() not in NOT_ANSWERED:
                yield module


def _places() -> Iterator[Path]:
    """Yield what says something to a caller: each folder, unless it is known otherwise."""
    for package in SERVER.glob("*/__init__.py"):
        folder = package.parent
        if folder.name in IN_PART:
            yield from (folder / part for part in IN_PART[folder.name])
        elif folder.name not in SILENT:
            yield folder


def _messages_of(module: Path) -> Iterator[Message]:
    name = module.relative_to(SERVER).as_posix()
    for place, template in _visit(ast.parse(module.read_text("utf-8")), _Place()):
        function, code, field, clauses = place
        yield Message(code, name, function, field, template, clauses)


def _visit(node: ast.AST, place: _Place) -> Iterator[tuple[_Place, str]]:
    """Yield the sentences below a node, each with its place."""
    template = _template(node)
    if template is not None:
        if _HAN.search(template) and is_chinese(_VALUE.sub("", template)):
            yield place, template
        # What is chosen between inside of it is a sentence, or a part, of its own.
        for value in getattr(node, "values", ()):
            if isinstance(value, ast.FormattedValue):
                yield from _visit(value.value, place)
        return
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        outer = f"{place.function}." if place.function else ""
        place = _Place(f"{outer}{node.name}", _codes_in(node))
    elif isinstance(node, ast.Call):
        if _is_pattern(node.func):
            return
        place = _called(node, place)
    docstring = _docstring_of(node)
    for child in ast.iter_child_nodes(node):
        if child is not docstring:
            yield from _visit(child, place)


def _template(node: ast.AST) -> str | None:
    """Return a text with its values in braces; None of another node."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_part, node.values))
    return None


def _part(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    value = part.value if isinstance(part, ast.FormattedValue) else part
    shown = ast.unparse(value)
    if _HAN.search(shown):
        return "{…}"
    if isinstance(part, ast.FormattedValue) and part.conversion >= 0:
        shown += f"!{chr(part.conversion)}"
    return f"{{{shown}}}" if len(shown) <= _LONGEST else "{…}"


def _docstring_of(node: ast.AST) -> ast.AST | None:
    """Return the first statement of a body if it is a text; those after fields too."""
    body = getattr(node, "body", None)
    if not isinstance(body, list) or not body or not isinstance(body[0], ast.Expr):
        return None
    return body[0] if isinstance(body[0].value, ast.Constant) else None


def _called(call: ast.Call, place: _Place) -> _Place:
    """Return the place of what stands inside a call."""
    code = _KINDS.get(_name_of(call.func), "")
    conditions = [_name_of(arg) for arg in _arguments(call) if _is_code(arg)]
    if not code and not conditions:
        return place
    given = {word.arg: word.value for word in call.keywords}
    field = _template(given["field"]) if "field" in given else ""
    clauses = [a for a in _arguments(call) if "clause" in ast.unparse(a)[:_LONGEST]]
    told = [ast.unparse(a) for a in clauses if _template(a) is None]
    return _Place(
        place.function,
        code or conditions[0],
        field or "",
        " ".join(one for one in told if len(one) <= _LONGEST * 2),
    )


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *[word.value for word in call.keywords]]


def _codes_in(node: ast.AST) -> str:
    """Return the only code that a function makes; "" if there are several or none."""
    if isinstance(node, ast.ClassDef):
        return ""
    codes = {_KINDS[_name_of(n)] for n in ast.walk(node) if _is_kind(n)}
    codes |= {_name_of(n) for n in ast.walk(node) if _is_code(n)}
    return codes.pop() if len(codes) == 1 else ""


def _is_pattern(function: ast.expr) -> bool:
    """Return whether a call is one of re: its text is for a machine."""
    return isinstance(function, ast.Attribute) and _name_of(function.value) == "re"


def _is_kind(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in _KINDS


def _is_code(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in _CODES


def _name_of(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def text_of(rows: list[Message]) -> str:
    """Return the catalogue as it is written."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(Message._fields)
    table.writerows(rows)
    return text.getvalue()


if __name__ == "__main__":
    CATALOGUE.write_text(text_of(messages()), "utf-8")
