"""`gongji import`, `credit` and `reconcile`: files sent to a running service."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import click
import grpc

from gongji.cli.options import (
    DAY,
    MONTH,
    CallingCommand,
    ServerTarget,
    target_options,
    text_file,
)
from gongji.cli.terminal import Terminal, rows_of
from gongji.client import credits as monthly_credits  # `credits` is a builtin
from gongji.client import imports, reconcile
from gongji.client.rows import FileOutcome, RefusedRows
from gongji.text.files import TextFile
from gongji.text.tables import CsvRow

_REFUSED: Final = ("row", "field", "message")

_REFUSED_CREDIT: Final = ("row", "person_no", "reason", "message")


@click.command("import", cls=CallingCommand)
@click.argument("file", metavar="FILE.csv", callback=text_file)
@click.option(
    "--batch",
    default="",
    metavar="NAME",
    help="结转余额属于哪一批次；同一批次再送只记差额。",
)
@click.option("--year", default="", metavar="YYYY", help="结转余额的年度；默认当年。")
@target_options
@click.pass_obj
def import_command(
    terminal: Terminal, file: TextFile, batch: str, year: str, target: ServerTarget
) -> None:
    """把人员、机构或结转余额的 CSV 文件送入服务；出错的行被列出，其余写入。"""
    kind, rows = imports.read(file)
    sent: Iterable[CsvRow] = rows
    if kind == "balances":
        sent = imports.of_batch(rows, batch, year)
    elif batch or year:
        raise click.UsageError("--batch 与 --year 只用于结转余额的文件")
    with (
        _shown(terminal, kind, _imported, _REFUSED) as outcome,
        target.connect() as channel,
        terminal.progress(file.name, len(rows)) as step,
    ):
        imports.send(channel, kind, sent, outcome, step)


@click.command("credit", cls=CallingCommand)
@click.argument("month", metavar="YYYY-MM", type=MONTH)
@click.option(
    "--persons",
    callback=text_file,
    default="-",
    help="CSV（person_no 列）；默认标准输入。",
)
@click.option(
    "--attempt",
    type=click.IntRange(min=1),
    default=1,
    help="更正原因后再次办理被拒绝的人：2、3 …。",
)
@target_options
@click.pass_obj
def credit_command(
    terminal: Terminal,
    month: datetime,
    persons: TextFile,
    attempt: int,
    target: ServerTarget,
) -> None:
    """为名单上的每个人划入一个月；重复运行不会重复划入。"""
    rows = monthly_credits.read(persons)
    name = f"{month:%Y-%m}"
    with (
        _shown(terminal, "credits", _credited, _REFUSED_CREDIT) as outcome,
        target.connect() as channel,
        terminal.progress(name, len(rows)) as step,
    ):
        monthly_credits.send(channel, name, rows, outcome, step, attempt=attempt)


@click.command("reconcile", cls=CallingCommand)
@click.argument("file", metavar="[FILE.csv]", callback=text_file, required=False)
@click.option("--institution", required=True, metavar="CODE", help="定点医药机构编号。")
@click.option("--from", "first", required=True, type=DAY, help="结算起始日。")
@click.option(
    "--to",
    "last",
    required=True,
    type=DAY,
    help="结算截止日（含），对明细至多 31 天，列合计至多 366 天。",
)
@click.option(
    "--standing-only",
    is_flag=True,
    help="合计只计此刻未撤销的结算（refd_setl_flag 0）；不说则撤销也计，各在当日。",
)
@target_options
@click.pass_obj
def reconcile_command(
    terminal: Terminal,
    /,
    file: TextFile | None,
    *,
    target: ServerTarget,
    **options: Any,
) -> None:
    """把机构的明细 CSV 与服务的账逐行核对；列出差异，不平则以 1 退出。

    不给文件则列出服务的合计（对总账），按日、险种与医疗类别。
    """
    first, last = options["first"].date(), options["last"].date()
    period = reconcile.ReconciledPeriod(options["institution"], first, last)
    standing_only = options["standing_only"]
    if file is None:
        _booked(terminal, period, target, standing_only=standing_only)
        return
    if standing_only:
        raise click.UsageError("--standing-only 只用于合计；对明细账时撤销总是另列一行")
    _compare(terminal, period, file, target)


def _booked(
    terminal: Terminal,
    period: reconcile.ReconciledPeriod,
    target: ServerTarget,
    *,
    standing_only: bool,
) -> None:
    """Print the service's totals of a period."""
    with target.connect() as channel:
        totals = reconcile.booked(channel, period, standing_only=standing_only)
    # Programs read codes, people words.
    lines = reconcile.booked_lines(totals, coded=terminal.as_json)
    terminal.table("totals", lines, reconcile.BOOKED_COLUMNS)


def _compare(
    terminal: Terminal,
    period: reconcile.ReconciledPeriod,
    file: TextFile,
    target: ServerTarget,
) -> None:
    """Print how a file differs from the service's books. SystemExit if it does."""
    refused = RefusedRows()
    rows = reconcile.sound_rows(reconcile.read(file), refused)
    with target.connect() as channel, terminal.progress(file.name, len(rows)) as step:
        compared = reconcile.compare(channel, period, rows, step)
    # Programs read the kinds as they are, people their labels.
    in_words = str if terminal.as_json else terminal.label
    totals = list(reconcile.totals(compared, in_words))
    if refused.count:
        totals.append(reconcile.refused_total(in_words, refused.count))
    terminal.table("totals", totals, reconcile.TOTAL_COLUMNS)
    _show_refused(terminal, refused, _REFUSED)
    lines = reconcile.lines(compared, in_words)
    terminal.table("differences", lines, reconcile.DIFFERENCE_COLUMNS)
    if compared.differences or refused.count:
        raise SystemExit(1)


def _imported(outcome: FileOutcome) -> dict[str, Any]:
    # By it `gongji consequences` tells what the import changes.
    named = {"import_id": outcome.import_id} if outcome.import_id else {}
    return named | {
        "received": outcome.received,
        "written": outcome.written,
        "unchanged": outcome.unchanged,
        "refused": outcome.refused.count,
    }


def _credited(outcome: FileOutcome) -> dict[str, int]:
    return {
        "credited": outcome.written,
        "replayed": outcome.unchanged,
        "refused": outcome.refused.count,
    }


@contextmanager
def _shown(
    terminal: Terminal,
    title: str,
    counts: Callable[[FileOutcome], dict[str, Any]],
    columns: Sequence[str],
) -> Iterator[FileOutcome]:
    """Yield the outcome of a file, then print it. SystemExit if a row was refused."""
    outcome = FileOutcome()
    try:
        yield outcome
    except grpc.RpcError:
        # What was written before the service went away stays written.
        if outcome.written or outcome.unchanged:
            _show_outcome(terminal, title, counts(outcome))
            _show_refused(terminal, outcome.refused, columns)
        raise
    _show_outcome(terminal, title, counts(outcome))
    _show_refused(terminal, outcome.refused, columns)
    if outcome.refused.count:
        raise SystemExit(1)


def _show_outcome(terminal: Terminal, title: str, counts: dict[str, Any]) -> None:
    terminal.table(title, [counts], list(counts))


def _show_refused(
    terminal: Terminal, refused: RefusedRows, columns: Sequence[str]
) -> None:
    """Print the refused rows by number, and how many more there are."""
    if not refused.count:
        return
    terminal.table("refused", rows_of(refused.in_order(), columns), columns)
    unlisted = refused.count - len({row.row for row in refused.listed})
    if unlisted:
        terminal.say(f"另有 {unlisted} 行未接受，没有列出")
