"""Codes and actions: the core, the protos and the README's tables say one thing."""

from __future__ import annotations

import re
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest
from gongji.model.conditions import ConditionCode, StepAction
from gongji.v1 import binding_pb2 as pb

README = Path(__file__).parents[2] / "protos" / "README.md"

CODES = (ConditionCode, pb.ConditionCode, "CONDITION_CODE")
ACTIONS = (StepAction, pb.StepAction, "STEP_ACTION")


def table(prefix: str) -> list[str]:
    """Return the first column of the README's table with that head."""
    text = README.read_text(encoding="utf-8")
    (rows,) = re.findall(rf"\| `{prefix}_…` \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", text)
    return re.findall(r"^\| `([A-Z_]+)` \|", rows, re.MULTILINE)


@pytest.mark.parametrize(("core", "wire", "prefix"), [CODES, ACTIONS])
def test_core_wire_and_readme_are_one(
    core: type[IntEnum], wire: Any, prefix: str
) -> None:
    """Each name has one number in the core and on the wire, and a row of the README."""
    numbers = {f"{prefix}_{one.name}": one.value for one in core}
    told = {name: number for name, number in wire.items() if number}
    assert told == {name: number for name, number in numbers.items() if number}
    assert [name.removeprefix(f"{prefix}_") for name in told] == table(prefix)
