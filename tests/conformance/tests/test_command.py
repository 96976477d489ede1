"""What a run says to type is what was typed."""

from __future__ import annotations

import shlex
from typing import Any, Final

import pytest
from gongji_conformance import command, options

VALUES: Final = {
    "nothing but a city": {"gongji_city": ("chuzhou",)},
    "two cities and flags": {
        "gongji_city": ("chuzhou", "anqing"),
        "gongji_quick": True,
        "gongji_profile": "core@2025.1",
    },
    "paths with blanks": {
        "gongji_report": "my reports",
        "gongji_mutation": ("a b.json", "c.json"),
        "gongji_target": "127.0.0.1:50051",
    },
}


def parsed(words: list[str]) -> dict[str, Any]:
    """Return what click reads of the words of a command."""
    program, conformance, *arguments = words
    assert ("gongji", "conformance") == (program, conformance)
    context = command._RUN_COMMAND.make_context(
        "run", arguments, resilient_parsing=True
    )
    cities = {"gongji_city": context.params.pop("cities")}
    only = {"only": context.params.pop("only")}
    named = {f"gongji_{name}": value for name, value in context.params.items()}
    return {key: value for key, value in (cities | only | named).items() if value}


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_a_command_reads_back(values: dict[str, Any]) -> None:
    """The command told for a run of `gongji conformance` has each option as it was typed."""
    typed = {**values, options.PROGRAM_KEY: "gongji conformance"}
    assert values == parsed(shlex.split(options.command(typed)))


def test_one_item_alone() -> None:
    """The command for one item names its city and its id, and no report."""
    typed = {"gongji_report": "x", options.PROGRAM_KEY: "gongji conformance"}
    told = options.command(typed, "chuzhou", "CORE-SETTLE-001")
    assert "gongji conformance chuzhou --only CORE-SETTLE-001" == told


def test_pytest_is_told_pytests_own() -> None:
    """Whoever runs pytest is told its options, with their prefix."""
    told = options.command({"gongji_city": ("chuzhou",), "gongji_quick": True})
    assert f"{options.RUN} --gongji-city chuzhou --gongji-quick" == told
    sentence = "--gongji-today 应写作 YYYY-MM-DD"
    assert sentence == options.as_typed({}, sentence)
    as_command = {options.PROGRAM_KEY: "gongji conformance"}
    assert "--today 应写作 YYYY-MM-DD" == options.as_typed(as_command, sentence)
