"""`gongji import`, `credit` and `reconcile`: files sent to a running service."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TextIO

import click
from rich.progress import Progress

from gongji.cli.options import DAY, MONTH, target_option
from gongji.cli.terminal import Terminal, rows_of
from gongji.client import credits as monthly_credits  # `credits` is a builtin
from gongji.client import imports, reconcile
from gongji.client.connection import connect

_CSV_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)

_IMPORT_COUNTS: Final = ("received", "written", "unchanged", "refused")

_IMPORT_ERROR_COLUMNS: Final = ("row", "field", "message")

_CREDIT_COUNTS: Final = ("credited", "replayed", "refused")

_CREDIT_REFUSAL_COLUMNS: Final = ("row", "person_no", "reason", "message")


@click.command("import")
@click.argument("path", metavar="FILE.csv", type=_CSV_FILE)
@click.option(
    "--batch",
    default="",
    metavar="NAME",
    help="结转余额属于哪一批次; 同一批次再送只记差额.",
)
@click.option("--year", default="", metavar="YYYY", help="结转余额的年度; 默认当年.")
@target_option
@click.pass_obj
def import_command(
    terminal: Terminal, path: Path, batch: str, year: str, target: str
) -> None:
    """把人员、机构或结转余额的 CSV 文件送入服务; 出错的行被列出, 其余写入."""
    kind, rows = imports.read(path)
    total = len(rows)
    sent: Iterable[imports.Row] = rows
    if kind == "balances":
        sent = imports.of_batch(rows, batch, year)
    elif batch or year:
        raise click.UsageError("--batch 与 --year 只用于结转余额的文件")
    with connect(target) as channel, _progress(terminal, path.name, total) as step:
        imported = imports.send(channel, kind, sent, step)
    terminal.table(kind, rows_of([imported], _IMPORT_COUNTS), _IMPORT_COUNTS)
    if imported.errors:
        errors = [
            dict(zip(_IMPORT_ERROR_COLUMNS, error, strict=True))
            for error in imported.errors
        ]
        terminal.table("refused", errors, _IMPORT_ERROR_COLUMNS)
        raise SystemExit(1)


@click.command("credit")
@click.argument("month", metavar="YYYY-MM", type=MONTH)
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
@target_option
@click.pass_obj
def credit_command(
    terminal: Terminal, month: datetime, persons: TextIO, attempt: int, target: str
) -> None:
    """为名单上的每个人划入一个月; 重复运行不会重复划入."""
    numbers = monthly_credits.read(persons)
    name = f"{month:%Y-%m}"
    with connect(target) as channel, _progress(terminal, name, len(numbers)) as step:
        result = monthly_credits.send(channel, name, numbers, step, attempt=attempt)
    terminal.table("credits", rows_of([result], _CREDIT_COUNTS), _CREDIT_COUNTS)
    if result.refused:
        refusals = rows_of(result.refusals, _CREDIT_REFUSAL_COLUMNS)
        terminal.table("refused", refusals, _CREDIT_REFUSAL_COLUMNS)
        raise SystemExit(1)


@click.command("reconcile")
@click.argument("path", metavar="[FILE.csv]", type=_CSV_FILE, required=False)
@click.option("--institution", required=True, metavar="CODE", help="定点医药机构编号.")
@click.option("--from", "first", required=True, type=DAY, help="结算起始日.")
@click.option(
    "--to",
    "last",
    required=True,
    type=DAY,
    help="结算截止日(含), 对明细至多 31 天, 列合计至多 366 天.",
)
@click.option(
    "--standing-only",
    is_flag=True,
    help="合计只计此刻未撤销的结算(refd_setl_flag 0); 不说则撤销也计, 各在当日.",
)
@target_option
@click.pass_obj
def reconcile_command(
    terminal: Terminal, /, path: Path | None, *, target: str, **options: Any
) -> None:
    """把机构的明细 CSV 与服务的账逐行核对; 列出差异, 不平则以 1 退出.

    不给文件则列出服务的合计(对总账), 按日、险种与医疗类别.
    """
    first, last = options["first"].date(), options["last"].date()
    period = reconcile.ReconciledPeriod(options["institution"], first, last)
    standing_only = options["standing_only"]
    if path is None:
        _booked(terminal, period, target, standing_only=standing_only)
        return
    if standing_only:
        raise click.UsageError("--standing-only 只用于合计；对明细账时撤销总是另列一行")
    _compare(terminal, period, path, target)


def _booked(
    terminal: Terminal,
    period: reconcile.ReconciledPeriod,
    target: str,
    *,
    standing_only: bool,
) -> None:
    """Print the service's totals of a period."""
    with connect(target) as channel:
        totals = reconcile.booked(channel, period, standing_only=standing_only)
    # Programs read codes, people words.
    lines = reconcile.booked_lines(totals, coded=terminal.as_json)
    terminal.table("totals", lines, reconcile.BOOKED_COLUMNS)


def _compare(
    terminal: Terminal, period: reconcile.ReconciledPeriod, path: Path, target: str
) -> None:
    """Print how a file differs from the service's books. SystemExit if it does."""
    rows = reconcile.read(path)
    with connect(target) as channel, _progress(terminal, path.name, len(rows)) as step:
        compared = reconcile.compare(channel, period, rows, step)
    # Programs read the kinds as they are, people their labels.
    in_words = str if terminal.as_json else terminal.label
    totals = reconcile.totals(compared, in_words)
    terminal.table("totals", totals, reconcile.TOTAL_COLUMNS)
    if compared.differences:
        lines = reconcile.lines(compared, in_words)
        terminal.table("differences", lines, reconcile.DIFFERENCE_COLUMNS)
        raise SystemExit(1)


@contextmanager
def _progress(
    terminal: Terminal, label: str, total: int
) -> Iterator[Callable[[], None]]:
    """Show a progress bar; yield what advances it by one."""
    # On standard error: standard output is for the result, which programs read.
    with Progress(console=terminal.errors, transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda: bar.advance(task)
