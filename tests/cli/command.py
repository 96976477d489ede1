"""The `gongji` command run in this process, and what it prints read back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import click
from click.testing import CliRunner, Result
from gongji.cities.city import Cities
from gongji.cli import main
from gongji.cli.config import commands_of

TableRow = dict[str, Any]
"""A row of a table as `--json` prints it."""


class StartSandbox(Protocol):
    """Starts a sandbox that runs until the test ends; returns its address."""

    def __call__(
        self,
        *,
        cities: Cities | None = None,
        sample: bool = True,
        data: Path | None = None,
    ) -> str: ...


def gongji(*arguments: str | Path, stdin: str | bytes | None = None) -> Result:
    """Run the command; an exception it does not turn into a message fails the test."""
    return CliRunner().invoke(
        main, [*map(str, arguments)], input=stdin, catch_exceptions=False
    )


def tables(result: Result) -> dict[str, list[TableRow]]:
    """Return the tables that `--json` printed, by title."""
    printed: dict[str, list[TableRow]] = {}
    for line in result.stdout.splitlines():
        printed |= json.loads(line)
    return printed


def opening_a_database() -> Iterator[tuple[str, click.Command]]:
    """Yield the commands that open a database, by their words."""
    for words, command in commands_of(main):
        if {"data", "database"} <= {one.name for one in command.params}:
            yield " ".join(words), command
