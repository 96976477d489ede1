"""`gongji conformance`: the suite for people, without knowing pytest.

An entry point tells `gongji` of it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Final

import click
import pytest

from gongji_conformance import options
from gongji_conformance.client.command import client_command
from gongji_conformance.mutation.command import mutation_command
from gongji_conformance.options import Option

RUN: Final = "run"
_PROGRAM: Final = "gongji conformance"
_QUIET: Final = (
    "-q",
    "--no-header",
    "--disable-warnings",
    # Nothing is written into the folder somebody happens to be in.
    *("-p", "no:cacheprovider"),
    # No test of the suite is asynchronous; the plugin warns of its settings.
    *("-p", "no:asyncio"),
    # Started by this command, the suite is imported already; its tests need no rewriting.
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
)
_ALONE: Final = (
    *("--rootdir", str(Path(__file__).parent)),
    *("-c", os.devnull),
    "--import-mode=importlib",
)
"""No configuration of the folder somebody happens to be in."""


class _Judging(click.Group):
    """A group in which a city's name stands for judging that city."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[Any, Any, list[str]]:
        """Read `chuzhou` as `run chuzhou`."""
        if not args or args[0] not in self.commands:
            args = [RUN, *args]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Let options of `run` stand before the first city."""
        named = {*self.commands, *ctx.help_option_names}
        if not args or args[0] not in named:
            args = [RUN, *args]
        return super().parse_args(ctx, args)


@click.group(
    "conformance",
    cls=_Judging,
    context_settings={"help_option_names": ["-h", "--help"]},
)
def conformance() -> None:
    """合规测试：判断一个城市、一个正在运行的服务（--target）或一个客户端（client）。

    gongji conformance chuzhou 即 gongji conformance run chuzhou;
    见 gongji conformance run --help.
    """


def _run(cities: tuple[str, ...], only: str, **values: Any) -> None:
    """判断城市：不写城市则判断每个已接入的。"""
    chosen = {f"gongji_{name}": value for name, value in values.items()}
    chosen["gongji_city"] = cities
    selected = ["-k", only] if only else []
    arguments = [*_QUIET, *_ALONE, "--pyargs", "gongji_conformance"]
    # What is told to be typed again is this command, not pytest.
    arguments += [options.PREFIX + options.PROGRAM, _PROGRAM]
    arguments += [*options.arguments(chosen), *selected]
    sys.exit(int(pytest.main(arguments)))


def _option(option: Option) -> click.Option:
    """Return an option of the suite as one of click's."""
    # The prefix keeps pytest's options apart from others'; here all are ours.
    text = option.help.replace(options.PREFIX, "--")
    name = f"--{option.name}"
    if not option.metavar:
        return click.Option(
            [name],
            is_flag=True,
            help=text,
        )
    shared = option.name in options.BY_ENVIRONMENT
    return click.Option(
        [name],
        metavar=option.metavar,
        help=text,
        multiple=option.multiple,
        envvar=option.key.upper() if shared else None,
    )


_ONLY: Final = click.Option(
    ["--only"],
    metavar="ID",
    default="",
    help="只测这个编号，如 CORE-SETTLE-003",
)
_RUN_COMMAND: Final = click.Command(
    RUN,
    callback=_run,
    help=_run.__doc__,
    params=[
        click.Argument(
            ["cities"],
            metavar="[CITY]…",
            nargs=-1,
        ),
        _ONLY,
        *(_option(option) for option in options.OPTIONS if option.name != "city"),
    ],
)

for _command in (_RUN_COMMAND, client_command, mutation_command):
    conformance.add_command(_command)
