"""The command: says which changes of a city's figures none of its cases notices."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gongji_conformance.mutation import report
from gongji_conformance.mutation.scoring import WORKERS, quiet, score
from gongji_conformance.mutation.subject import MutationFault
from gongji_conformance.mutation.verdicts import FULL_BP, Score


@click.command(
    "mutation",
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "逐一改动一个城市的每个数值，看它的案例能否察觉；未察觉的列出应写的案例。"
        "察觉率不足时退出码 1。"
    ),
)
@click.argument("city", metavar="CITY")
@click.option(
    "--json",
    "file",
    type=click.Path(
        dir_okay=False,
        path_type=Path,
    ),
    help="结果另写入此文件（mutation.v1）。",
)
@click.option(
    "--least",
    type=click.IntRange(0, 100),
    default=95,
    show_default=True,
    help="察觉率至少百分之几。",
)
@click.option(
    "--sample",
    type=click.IntRange(1),
    help="只抽这么多处，每次相同；不能用于评级。",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=WORKERS,
    show_default=True,
    help="用几个进程。",
)
def mutation_command(
    city: str,
    *,
    file: Path | None,
    least: int,
    sample: int | None,
    workers: int,
) -> None:
    """Score a city and print it; exit code 1 if too little is noticed."""
    try:
        with quiet():
            scored = score(
                city,
                workers=workers,
                sample=sample or 0,
            )
    except MutationFault as fault:
        raise click.ClickException(str(fault)) from None
    click.echo("\n".join(report.text(scored)))
    if file is not None:
        file.write_text(_document(scored), encoding="utf-8")
    raise SystemExit(0 if scored.ratio_bp * 100 >= least * FULL_BP else 1)


def _document(scored: Score) -> str:
    plain = report.document(scored)
    return (
        json.dumps(
            plain,
            ensure_ascii=False,
            indent=2,
        )
        + "\n"
    )
