"""The command: judges a client that is a command of its own."""

from __future__ import annotations

import asyncio
import json
import shutil

import click

from gongji_conformance.client import report
from gongji_conformance.client.process import command
from gongji_conformance.client.scenario import TASKS, Scenario
from gongji_conformance.client.verdicts import IDS, judge


@click.command(
    "client",
    context_settings={
        "help_option_names": ["-h", "--help"],
        "ignore_unknown_options": True,
    },
)
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(IDS),
    metavar="ID",
    help="只判这一条；可重复。",
)
@click.option(
    "--task",
    "tasks",
    multiple=True,
    type=click.Choice(TASKS),
    help="客户端会做的事；可重复。默认：全部。",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=4,
    show_default=True,
    help="同时进行几个场景。",
)
@click.option(
    "--limit",
    type=click.FloatRange(1),
    default=60.0,
    show_default=True,
    help="每个场景至多几秒。",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="输出 JSON，供程序读取。",
)
@click.argument(
    "argv",
    metavar="-- COMMAND…",
    nargs=-1,
    required=True,
    type=click.UNPROCESSED,
)
def client_command(
    *,
    only: tuple[str, ...],
    tasks: tuple[str, ...],
    jobs: int,
    limit: float,
    as_json: bool,
    argv: tuple[str, ...],
) -> None:
    """判断一个渠道客户端：起一个按剧本出错的服务，每个场景运行一次 COMMAND。"""
    if shutil.which(argv[0]) is None:
        raise click.UsageError(f"找不到命令 {argv[0]}")
    judging = judge(
        command(argv, limit),
        only=only or IDS,
        can=tasks or TASKS,
        jobs=jobs,
        listener=_print_progress,
    )
    verdicts = asyncio.run(judging)
    if as_json:
        plain = report.as_json(verdicts, argv)
        click.echo(
            json.dumps(
                plain,
                ensure_ascii=False,
                indent=2,
            )
        )
    else:
        click.echo("\n".join(report.text(verdicts, argv)))
    raise SystemExit(report.exit_code(verdicts))


def _print_progress(scenario: Scenario) -> None:
    # To standard error: standard output is the report's.
    click.echo(f"· {scenario.id}", err=True)
