"""`gongji statement`."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

from gongji.cli.options import (
    DAY,
    MONTH,
    CallingCommand,
    ServerTarget,
    target_options,
)
from gongji.cli.terminal import Terminal
from gongji.client import statement
from gongji.client.statement import Sheet, StatementPeriod
from gongji.rules.codes import SHANGHAI
from gongji.serve.clock import system_clock

_FORMATS: Final = ("table", "csv", "json", "pdf")


@click.command("statement", cls=CallingCommand)
@click.argument("person_no", metavar="PERSON")
@click.option(
    "--side",
    type=click.Choice(statement.SIDES),
    default="holder",
    show_default=True,
    help="holder 共济消费（授权人），member 本人结算（就诊人），account 个人账户明细。",
)
@click.option("--month", type=MONTH, help="查询的月份；与 --from、--to 二选一。")
@click.option(
    "--from", "first", type=DAY, help="起始日（按结算时间，退回按撤销时间；含当日）。"
)
@click.option("--to", "last", type=DAY, help="结束日（含当日）。")
@click.option(
    "--format",
    "requested_format",
    type=click.Choice(_FORMATS),
    help="默认按 --out 的后缀，否则为表格。",
)
@click.option(
    "--out",
    # Lazy: no file is made or emptied if the service refuses.
    type=click.File("wb", lazy=True),
    default="-",
    metavar="FILE",
    help="写入文件；默认标准输出。",
)
@click.option(
    "--printed-at",
    type=click.DateTime(["%Y-%m-%d %H:%M"]),
    help="PDF 上的打印时间；默认现在。",
)
@target_options
@click.pass_obj
def statement_command(
    terminal: Terminal,
    /,
    *,
    person_no: str,
    side: str,
    target: ServerTarget,
    **options: Any,
) -> None:
    """共济消费查询：打印一个人的共济消费、本人结算或账户明细。"""
    period = _period(options["month"], options["first"], options["last"])
    output = options["out"]
    # Before the call: a mistake among the options costs the service nothing.
    file_format = _format(terminal, options["requested_format"], output.name)
    with target.connect() as channel:
        sheet = statement.fetch(channel, person_no, side, period)
    if file_format == "table":
        columns = [column.head for column in sheet.columns]
        # Sums and balances are told of no record, too.
        none = "" if sheet.rows or terminal.as_json else "：没有记录"
        terminal.table(sheet.heading + none, sheet.shown(), columns)
    else:
        _write(sheet, file_format, output, options["printed_at"])


def _write(
    sheet: Sheet, file_format: str, output: BinaryIO, printed_at: datetime | None
) -> None:
    if file_format == "csv":
        output.write(statement.to_csv(sheet))
    elif file_format == "json":
        output.write(statement.to_json(sheet))
    else:
        at = printed_at.replace(tzinfo=SHANGHAI) if printed_at else system_clock()
        output.write(statement.to_pdf(sheet, at))


def _period(
    month: datetime | None, first: datetime | None, last: datetime | None
) -> StatementPeriod:
    """Return the days requested. UsageError if both a month and days are given."""
    if month and (first or last):
        raise click.UsageError("--month 与 --from、--to 只能二选一")
    if month:
        return StatementPeriod.of_month(month.date())
    return StatementPeriod(
        first.date() if first else None, last.date() if last else None
    )


def _format(terminal: Terminal, requested: str | None, name: str) -> str:
    """Return the format: as requested, by the output's suffix, or a table.

    UsageError if it does not suit the output.
    """
    file_format = requested or _default_format(terminal, name)
    if file_format == "table" and name != "-":
        raise click.UsageError(
            "--out 只写 csv、json 或 pdf；请以此为后缀或用 --format 指明"
        )
    if file_format == "pdf" and name == "-" and sys.stdout.isatty():
        raise click.UsageError("PDF 不能显示在终端；请用 --out FILE.pdf")
    return file_format


def _default_format(terminal: Terminal, name: str) -> str:
    suffix = Path(name).suffix.removeprefix(".")
    if suffix in _FORMATS:
        return suffix
    return "json" if terminal.as_json else "table"
