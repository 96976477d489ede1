"""Codes of the core are those of the protos, number by number and name by name."""

from __future__ import annotations

from enum import IntEnum
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest
from gongji import v1
from gongji.model import conditions
from gongji.rules import codes
from gongji.rules.codes import wire_name

CODES = [
    kind
    for module in (codes, conditions)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, IntEnum) and kind is not IntEnum
]


def on_the_wire(name: str) -> Any:
    """Return the enum of the protos that has a name."""
    modules = [
        import_module(f"gongji.v1.{one.name}") for one in iter_modules(v1.__path__)
    ]
    (kind,) = {vars(one)[name] for one in modules if name in vars(one)}
    return kind


@pytest.mark.parametrize("kind", CODES)
def test_a_code_is_named_as_on_the_wire(kind: type[IntEnum]) -> None:
    """`wire_name` of each code is the name that its number has in the protos."""
    wire = {
        number: name for name, number in on_the_wire(kind.__name__).items() if number
    }
    assert wire == {one.value: wire_name(one) for one in kind if one.value}
