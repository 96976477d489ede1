"""SECURITY.md names for each threat the tests that hold what it says, and they exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def rows_under(heading: str) -> dict[str, str]:
    """The rows of the table with a heading: the first cell, and what follows it."""
    table = PAGE.partition(heading)[2].partition("\n\n")[0]
    cells = [line.strip("| ").partition(" | ") for line in table.splitlines()[2:]]
    return {threat: rest for threat, _, rest in cells}


THREATS = rows_under("| 防谁 | 今天怎样 | 还差什么 |")

HELD = rows_under("| 防谁 | 测试 |")


def named() -> Iterator[tuple[str, str]]:
    """Each file of tests and the test in it that the page names."""
    for tests in HELD.values():
        yield from re.findall(r"`([^`]+\.py)::(\w+)`", tests)


def test_each_threat_is_held() -> None:
    """Every threat has its row, in the same order, with a test at least."""
    assert list(THREATS) == list(HELD)
    assert len(THREATS) > 8
    assert all("::test_" in tests for tests in HELD.values())


@pytest.mark.parametrize("path", sorted({path for path, _ in named()}))
def test_each_test_is_there(path: str) -> None:
    """What the page names is a function of the file it names."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    there = {node.name for node in ast.walk(tree) if isinstance(node, kinds)}
    assert {test for where, test in named() if where == path} <= there
