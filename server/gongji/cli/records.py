"""`gongji import`, `credit` and `reconcile`: files sent to a running service."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

import click
from rich.progress import Progress

from gongji.cli.serve import DEFAULT_ADDRESS
from gongji.cli.terminal import Terminal
from gongji.client import credits as crediting
from gongji.client import imports, reconcile
from gongji.client.connection import connect

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command("import")
@click.argument(
    "path",
    metavar="FILE.csv",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--target", default=DEFAULT_ADDRESS, show_default=True, help="服务地址.")
@click.pass_obj
def import_command(terminal: Terminal, path: Path, target: str) -> None:
    """把人员、机构或结转余额的 CSV 文件送入服务; 出错的行被列出, 其余写入."""
    kind, rows = imports.read(path)
    with (
        connect(target) as channel,
        Progress(console=terminal.errors, transient=True) as bar,
    ):
        task = bar.add_task(path.name, total=len(rows))
        done = imports.send(channel, kind, rows, lambda: bar.advance(task))
    counts = {
        "received": done.received,
        "written": done.written,
        "unchanged": done.unchanged,
        "refused": done.refused,
    }
    terminal.table(kind, [counts], list(counts))
    if done.errors:
        errors = [
            {"row": row, "field": field, "message": message}
            for row, field, message in done.errors
        ]
        terminal.table("refused", errors, ["row", "field", "message"])
        raise SystemExit(1)


@click.command("credit")
@click.argument("month", metavar="YYYY-MM", type=click.DateTime(["%Y-%m"]))
@click.option(
    "--persons",
    type=click.File(encoding="utf-8-sig"),
    default="-",
    help="CSV(person_no 列); 默认标准输入.",
)
@click.option(
    "--attempt",
    type=click.IntRange(min=1),
    default=1,
    help="更正原因后再次办理被拒绝的人: 2、3 ….",
)
@click.option("--target", default=DEFAULT_ADDRESS, show_default=True, help="服务地址.")
@click.pass_obj
def credit_command(
    terminal: Terminal, month: datetime, persons: TextIO, attempt: int, target: str
) -> None:
    """为名单上的每个人划入一个月; 重复运行不会重复划入."""
    numbers = crediting.read(persons)
    with (
        connect(target) as channel,
        Progress(console=terminal.errors, transient=True) as bar,
    ):
        task = bar.add_task(f"{month:%Y-%m}", total=len(numbers))
        done = crediting.send(
            channel,
            f"{month:%Y-%m}",
            numbers,
            lambda: bar.advance(task),
            attempt=attempt,
        )
    counts = {
        "credited": done.credited,
        "replayed": done.replayed,
        "refused": done.refused,
    }
    terminal.table("credits", [counts], list(counts))
    if done.refused:
        columns = ["row", "person_no", "reason", "message"]
        terminal.table(
            "refused",
            [{c: getattr(r, c) for c in columns} for r in done.refusals],
            columns,
        )
        raise SystemExit(1)


@click.command("reconcile")
@click.argument(
    "path",
    metavar="FILE.csv",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--institution", required=True, metavar="CODE", help="定点医药机构编号.")
@click.option("--from", "first", required=True, type=_DAY, help="结算起始日.")
@click.option(
    "--to", "last", required=True, type=_DAY, help="结算截止日(含), 至多 31 天."
)
@click.option("--target", default=DEFAULT_ADDRESS, show_default=True, help="服务地址.")
@click.pass_obj
def reconcile_command(
    terminal: Terminal,
    path: Path,
    *,
    institution: str,
    first: Any,
    last: Any,
    target: str,
) -> None:
    """把机构的明细 CSV 与服务的账逐行核对; 列出差异, 不平则以 1 退出."""
    rows = reconcile.read(path)
    period = reconcile.ReconciledPeriod(institution, first.date(), last.date())
    with (
        connect(target) as channel,
        Progress(console=terminal.errors, transient=True) as bar,
    ):
        task = bar.add_task(path.name, total=len(rows))
        compared = reconcile.compare(channel, period, rows, lambda: bar.advance(task))
    in_words = str if terminal.as_json else terminal.label
    terminal.table(
        "totals", reconcile.totals(compared, in_words), reconcile.TOTAL_COLUMNS
    )
    if compared.differences:
        terminal.table(
            "differences",
            reconcile.lines(compared, in_words),
            reconcile.DIFFERENCE_COLUMNS,
        )
        raise SystemExit(1)
