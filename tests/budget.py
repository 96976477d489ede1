"""Hold the code to its budgets. What exceeds one is in budget.toml, a list that only shrinks.

python -m tests.budget               check the code, the list and its ceiling
python -m tests.budget --tighten     first lower or remove what the list holds beyond need
python -m tests.budget --base FILE   also compare the list with an earlier one
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
LIST = "tests/budget.toml"
TIGHTEN = "run python -m tests.budget --tighten"

SOURCES = ("server/gongji", "plugins", "tests", "examples", "protos/generate.py")
GENERATED = "server/gongji/v1/"
SUITE = "tests/conformance/gongji_conformance"
"""Shipped, although it lies under tests."""

COLUMNS = 100


class Budget(NamedTuple):
    """How much is allowed of what, and what to do about more."""

    limit: int
    unit: str
    advice: str


BUDGETS = {
    "columns": Budget(0, f"lines over {COLUMNS} columns", "break them"),
    "nodes": Budget(200, "AST nodes", "find the record, table or name it hides"),
    "lines": Budget(50, "lines", "split the function"),
    "module": Budget(400, "lines", "split the module by concern"),
    "nested": Budget(0, "nested comprehensions with a condition", "name the inner one"),
    "walrus": Budget(0, "comprehensions with a walrus", "write a loop"),
    "classes": Budget(1, "modules defining the class", "rename or merge"),
}
"""By the name of their table in budget.toml."""

HEADER = """\
# What exceeds the budgets of tests/budget.py, as measured. Entries only fall or go:
# `python -m tests.budget --tighten` sees to that, and nothing adds or raises one.

# How many entries each rule may have, and what their figures may come to.
"""

At = tuple[str, str]
"""A rule and what it measures."""

Listed = dict[str, dict[str, int]]
"""The figures by rule and by what they measure: `path`, `path::qualified.name` or `tree::Class`."""

Totals = Mapping[str, tuple[int, int]]
"""By rule: the number of entries, and the sum of their figures."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
Measured = Function | Comprehension

# Ruff does not count a pragma.
PRAGMA = re.compile(r"\s*# ?(noqa|type:|pyright:|pylint:|flake8:|ruff:|isort:).*$")


class Measure(NamedTuple):
    """A figure of one rule for one piece of code, found in line `line` of `path`."""

    rule: str
    key: str
    value: int
    path: str
    line: int


def width(line: str) -> int:
    """Return the columns of a line as ruff counts them: two for a Chinese character."""
    return sum(columns_of(char) for char in PRAGMA.sub("", line))


def columns_of(char: str) -> int:
    """Return the columns a character takes in a terminal."""
    if unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def modules(root: Path) -> Iterator[tuple[str, str]]:
    """Yield path and text of each module that has a budget."""
    for source in SOURCES:
        top = root / source
        for file in sorted(top.rglob("*.py")) if top.is_dir() else [top]:
            path = file.relative_to(root).as_posix()
            if file.is_file() and not path.startswith(GENERATED):
                yield path, file.read_text("utf-8")


def scoped(node: ast.AST, scope: str = "") -> Iterator[tuple[str, Measured]]:
    """Yield what is measured below a node, with the qualified name of its definition."""
    for child in ast.iter_child_nodes(node):
        inner = scope
        if isinstance(child, Function | ast.ClassDef):
            inner = f"{scope}.{child.name}".lstrip(".")
        if isinstance(child, Measured):
            yield inner, child
        yield from scoped(child, inner)


def nodes_of(function: Function) -> int:
    """Return the number of AST nodes of a function's body, its docstring apart."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return sum(1 for statement in body for _ in ast.walk(statement))


def nests_condition(outer: Comprehension) -> bool:
    """Return whether a comprehension holds another one that has a condition."""
    inner = (node for node in ast.walk(outer) if node not in {outer, *outer.generators})
    return any(isinstance(node, ast.comprehension) and node.ifs for node in inner)


def has_walrus(outer: Comprehension) -> bool:
    """Return whether a comprehension binds a name by `:=`."""
    return any(isinstance(node, ast.NamedExpr) for node in ast.walk(outer))


def measures_of(path: str, text: str) -> Iterator[Measure]:
    """Yield a module's figures; those of one rule and key belong together."""
    tree = ast.parse(text)
    lines = text.splitlines()
    yield Measure("module", path, len(lines), path, 1)
    for number, line in enumerate(lines, 1):
        if width(line) > COLUMNS:
            yield Measure("columns", path, 1, path, number)
    for scope, node in scoped(tree):
        for rule, value in figures_of(node):
            yield Measure(rule, f"{path}::{scope}", value, path, node.lineno)
    for top in tree.body:
        if isinstance(top, ast.ClassDef) and not top.name.startswith("_"):
            yield Measure(
                "classes", f"{tree_of(path)}::{top.name}", 1, path, top.lineno
            )


def figures_of(node: Measured) -> Iterator[tuple[str, int]]:
    """Yield rule and figure of what is measured of one node."""
    if isinstance(node, Function):
        yield "nodes", nodes_of(node)
        yield "lines", (node.end_lineno or node.lineno) - node.lineno + 1
    else:
        yield "nested", int(nests_condition(node))
        yield "walrus", int(has_walrus(node))


def tree_of(path: str) -> str:
    """Return the tree in which a module's class names are to be unique."""
    if path.startswith(SUITE):
        return "server"
    return path.partition("/")[0]


def exceeding(root: Path) -> dict[At, Measure]:
    """Return by rule and key what exceeds its budget, at the place of its first figure."""
    measured: dict[At, Measure] = {}
    for path, text in modules(root):
        for measure in measures_of(path, text):
            if measure.value:
                at = measure.rule, measure.key
                measured[at] = (
                    joined(measured[at], measure) if at in measured else measure
                )
    return {
        at: measure
        for at, measure in measured.items()
        if measure.value > BUDGETS[measure.rule].limit
    }


def joined(first: Measure, second: Measure) -> Measure:
    """Return one figure for two of one key: of functions of one name the higher, else the sum."""
    higher, total = max(first.value, second.value), first.value + second.value
    return first._replace(value=higher if first.rule in {"nodes", "lines"} else total)


def read(file: Path) -> tuple[Listed, Totals]:
    """Return the entries of a list and its ceiling. KeyError if it has a table of no rule."""
    tables = tomllib.loads(file.read_text("utf-8"))
    ceiling = {
        rule: (number, total) for rule, (number, total) in tables.pop("ceiling").items()
    }
    if unknown := tables.keys() - BUDGETS.keys():
        raise KeyError(*unknown)
    return {rule: tables.get(rule, {}) for rule in BUDGETS}, ceiling


def write(file: Path, listed: Listed, ceiling: Totals) -> None:
    """Write a list; the entries of a rule in alphabetical order."""
    lines = ["[ceiling]"]
    lines += [
        f"{rule} = [{number}, {total}]" for rule, (number, total) in ceiling.items()
    ]
    for rule, entries in listed.items():
        if entries:
            lines += ["", f"[{rule}]"]
            lines += [f'"{key}" = {value}' for key, value in sorted(entries.items())]
    file.write_text(HEADER + "\n".join(lines) + "\n", "utf-8")


def totals(listed: Listed) -> Totals:
    """Return how much a list holds."""
    return {
        rule: (len(entries), sum(entries.values())) for rule, entries in listed.items()
    }


def tighten(file: Path, over: Mapping[At, Measure]) -> None:
    """Lower or remove what a list holds beyond need; add and raise nothing."""
    listed, ceiling = read(file)
    for rule, entries in listed.items():
        for key, value in list(entries.items()):
            if (rule, key) in over:
                entries[key] = min(value, over[rule, key].value)
            else:
                del entries[key]
    lowered = {}
    for rule, (number, total) in totals(listed).items():
        entries_allowed, sum_allowed = ceiling.get(rule, (0, 0))
        lowered[rule] = min(number, entries_allowed), min(total, sum_allowed)
    write(file, listed, lowered)


def unlisted(over: Mapping[At, Measure], listed: Listed) -> Iterator[str]:
    """Yield a line for whatever exceeds its budget, and its entry if it has one."""
    for (rule, key), measure in over.items():
        limit, unit, advice = BUDGETS[rule]
        entry = listed[rule].get(key)
        if entry is None or measure.value > entry:
            place = f"{measure.path}:{measure.line}: {key}"
            listing = "not listed" if entry is None else f"listed {entry}"
            figures = f"{measure.value} {unit}, budget {limit}, {listing}"
            yield f"{place}: {figures}; {advice}"


def stale(over: Mapping[At, Measure], listed: Listed) -> Iterator[str]:
    """Yield a line for each entry that is higher than need be."""
    for rule, entries in listed.items():
        for key, value in entries.items():
            now = over[rule, key].value if (rule, key) in over else 0
            if now < value:
                state = f"now {now}" if now else "within budget or gone"
                yield f"{LIST}: [{rule}] {key}: listed {value}, {state}; {TIGHTEN}"


def grown(listed: Listed, earlier: Totals, name: str) -> Iterator[str]:
    """Yield a line for each rule that has more entries, or a higher sum, than earlier."""
    for rule, (number, total) in totals(listed).items():
        most_entries, highest = earlier.get(rule, (0, 0))
        if number > most_entries or total > highest:
            before = f"{name} {most_entries}, sum {highest}"
            growth = f"{number} entries, sum {total}; {before}"
            yield f"{LIST}: [{rule}]: {growth}; mend the code instead of listing it"


def loose(listed: Listed, ceiling: Totals) -> Iterator[str]:
    """Yield a line for each ceiling above its entries, under which the list could grow again."""
    for rule, (number, total) in totals(listed).items():
        most_entries, highest = ceiling.get(rule, (0, 0))
        if number < most_entries or total < highest:
            now = f"now {number}, sum {total}"
            room = f"ceiling {most_entries}, sum {highest}; {now}"
            yield f"{LIST}: [{rule}]: {room}; {TIGHTEN}"


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Check the code and its list, or tighten the list first. Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.budget")
    parser.add_argument(
        "--tighten", action="store_true", help="lower or remove entries"
    )
    parser.add_argument(
        "--base", type=Path, help="an earlier list, which this must not exceed"
    )
    options = parser.parse_args(arguments)
    over = exceeding(root)
    if options.tighten:
        tighten(root / LIST, over)
    listed, ceiling = read(root / LIST)
    problems = [*unlisted(over, listed), *stale(over, listed)]
    problems += [*grown(listed, ceiling, "ceiling"), *loose(listed, ceiling)]
    if options.base:
        problems += grown(listed, totals(read(options.base)[0]), "base")
    sys.stdout.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
