"""Measure everything side by side in one run: `make bench`.

.venv/bin/python -m tests.bench.run [--quick] [--only NAME,…] [--callers N,…] [--rounds
N] [--seconds S] [--write]
.venv/bin/python -m tests.bench.run --against WHEEL … [--callers N,…] [--rounds N]
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click
import grpc
from gongji.client.connection import refusal_of
from gongji.serve.clock import system_clock
from rich.console import Console

from tests.bench import against, compiled, machine
from tests.bench.extras import EXTRAS
from tests.bench.release import installed, wheels_in
from tests.bench.report import Report
from tests.bench.rounds import Plan, Rounds
from tests.bench.serving import Ground
from tests.bench.subjects import CALLERS, SUBJECTS, USUAL
from tests.postgres import own

DISK: Final = "/var/tmp"  # noqa: S108 - where temporary files survive a restart, so on a disk
ROUNDS: Final = 3
QUICK: Final[Mapping[str, Any]] = {"rounds": 1, "seconds": 1.0, "warm": 0.5}
"""What a plan changes to, only to see whether it runs."""

NAMES: Final = (*(item.name for item in SUBJECTS), *(item.name for item in EXTRAS))


def _numbers(_context: object, _option: object, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part)
    except ValueError:
        raise click.BadParameter(f"须为以逗号分隔的数目，得到 {text!r}") from None


def _names(_context: object, _option: object, text: str) -> tuple[str, ...]:
    names = tuple(part for part in text.split(",") if part) or NAMES
    if unknown := [name for name in names if name not in NAMES]:
        raise click.BadParameter(f"没有 {'、'.join(unknown)}；有 {'、'.join(NAMES)}")
    return names


@click.command(
    help="并排测量各个对象；结果是同一次运行中的比值，见 tests/bench/README.md。"
)
@click.option(
    "--only", default="", metavar="NAME,…", callback=_names, help="只测这些对象。"
)
@click.option(
    "--callers",
    default="",
    callback=_numbers,
    help=f"调用方数目；默认 {','.join(map(str, CALLERS))}，与较早的版本相比时 {USUAL}。",
)
@click.option(
    "--rounds",
    type=click.IntRange(1),
    help=f"轮数，各轮交错；默认 3，与较早的版本相比时 {against.ROUNDS}。",
)
@click.option("--seconds", default=3.0, show_default=True, help="每次计时的秒数。")
@click.option("--quick", is_flag=True, help="一轮，每次计时 1 秒：只为看看跑不跑得通。")
@click.option(
    "--write",
    is_flag=True,
    help="把结果写入 tests/bench 的 README.md、results.json 与 results.svg.",
)
@click.option(
    "--against",
    "wheels",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="WHEEL",
    help="与较早的版本交错着比：它的 wheel（服务与城市插件各一个），或放着它们的目录；可多次给出。",
)
def main(
    *,
    only: tuple[str, ...],
    callers: tuple[int, ...],
    rounds: int | None,
    wheels: tuple[Path, ...],
    **options: Any,
) -> None:
    console = Console(width=None if sys.stdout.isatty() else 140)
    try:
        compiled.load_client()
    except RuntimeError as missing_tool:
        raise click.ClickException(str(missing_tool)) from missing_tool
    seconds = options["seconds"]
    quick = QUICK if options["quick"] else {}
    if wheels:
        rounds = rounds or against.ROUNDS
        schedule = against.Schedule(rounds, callers or (USUAL,), seconds=seconds)
        compare(wheels, replace(schedule, **quick), console)
        return
    plan = Plan(
        subjects=[subject for subject in SUBJECTS if subject.name in only],
        extras=[extra for extra in EXTRAS if extra.name in only],
        callers=callers or CALLERS,
        rounds=rounds or ROUNDS,
        seconds=seconds,
    )
    report(replace(plan, **quick), console, write=options["write"])


def report(plan: Plan, console: Console, *, write: bool) -> None:
    """Print what a plan measures, and write it down if asked; exit by whether it is whole."""
    result = measured(plan, console)
    result.show(console)
    if write:
        result.write()
    sys.exit(0 if result.whole else 1)


def compare(wheels: Iterable[Path], plan: against.Schedule, console: Console) -> None:
    """Print how today's code compares with a release. ClickException if it cannot."""
    try:
        release = installed(wheels_in(wheels))
        with on_disk() as ground:
            comparison = against.compare(ground, release, plan, console)
    except (ValueError, RuntimeError) as fault:
        raise click.ClickException(str(fault)) from fault
    except grpc.RpcError as refused:
        refusal = refusal_of(refused)
        words = f"{refusal.code.name} {refusal.message}"
        raise click.ClickException(words) from refused
    against.show(comparison, release, console)


def measured(plan: Plan, console: Console) -> Report:
    """Return the report of what a plan measures, telling the console as it goes."""

    def say(line: str) -> None:
        console.print(line, highlight=False, markup=False)

    with on_disk() as ground:
        results = Rounds(ground, plan, say).results()
        today = f"{system_clock():%Y-%m-%d}"
        return Report(plan, results, machine.described(ground), today)


@contextmanager
def on_disk() -> Iterator[Ground]:
    """Give a ground in a temporary folder on a disk; all temporary files lie there."""
    tempfile.tempdir = DISK
    with ExitStack() as stack:
        temporary = tempfile.TemporaryDirectory(prefix="gongji-bench-")
        folder = Path(stack.enter_context(temporary))
        yield Ground(folder, lambda: stack.enter_context(own()))


if __name__ == "__main__":
    main()
