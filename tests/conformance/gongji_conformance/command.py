"""`gongji conformance`: the suite for people, without knowing pytest; told to `gongji` by an entry point."""

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

RUN: Final = "run"
QUIET: Final = ("-q", "--no-header", "--disable-warnings", "-p", "no:cacheprovider", "-p", "no:asyncio")
"""How pytest is asked to speak where nobody asked for pytest."""


class _Judging(click.Group):
    """A group in which a city's name stands for judging that city."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[Any, Any, list[str]]:
        """`chuzhou` is `run chuzhou`."""
        if not args or args[0] not in self.commands:
            args = [RUN, *args]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Options of `run` may stand before the first city."""
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = [RUN, *args]
        return super().parse_args(ctx, args)


@click.group("conformance", cls=_Judging, context_settings={"help_option_names": ["-h", "--help"]})
def conformance() -> None:
    """合规测试: 判断一个城市、一个正在运行的服务(--target)或一个客户端(client).

    gongji conformance chuzhou 即 gongji conformance run chuzhou; 见 gongji conformance run --help.
    """


def _run(cities: tuple[str, ...], only: str, **given: Any) -> None:
    """判断城市: 不写城市则判断每个已接入的."""
    values = {f"gongji_{name}": value for name, value in given.items()} | {"gongji_city": cities}
    arguments = [*QUIET, "--rootdir", str(Path(__file__).parent), "-c", os.devnull, "--import-mode=importlib"]
    arguments += ["--pyargs", "gongji_conformance", *options.arguments(values), *(["-k", only] if only else [])]
    sys.exit(int(pytest.main(arguments)))


def _option(option: options.Option) -> click.Option:
    told = option.help.replace(options.PREFIX, "--")
    if not option.metavar:
        return click.Option([f"--{option.name}"], is_flag=True, help=told)
    return click.Option([f"--{option.name}"], metavar=option.metavar, help=told, multiple=option.multiple)


conformance.add_command(
    click.Command(
        RUN,
        callback=_run,
        help=_run.__doc__,
        params=[
            click.Argument(["cities"], metavar="[CITY]…", nargs=-1),
            click.Option(["--only"], metavar="ID", default="", help="只测这个编号, 如 CORE-SETTLE-003"),
            *(_option(option) for option in options.OPTIONS if option.name != "city"),
        ],
    )
)
conformance.add_command(client_command)
conformance.add_command(mutation_command)
