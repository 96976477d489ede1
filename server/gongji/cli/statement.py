"""`gongji statement`."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from gongji.cli.records import _DAY
from gongji.cli.serve import DEFAULT_ADDRESS
from gongji.cli.terminal import Terminal
from gongji.client import statement
from gongji.client.connection import connect
from gongji.rules.codes import SHANGHAI
from gongji.serve.clock import system_clock

_SHAPES = ("table", "csv", "json", "pdf")


@click.command("statement")
@click.argument("person_no", metavar="PERSON")
@click.option(
    "--side",
    type=click.Choice(statement.SIDES),
    default="holder",
    show_default=True,
    help="holder 共济消费(授权人), member 本人结算(就诊人), account 个人账户明细.",
)
@click.option(
    "--month",
    type=click.DateTime(["%Y-%m"]),
    help="查询的月份; 与 --from、--to 二选一.",
)
@click.option("--from", "first", type=_DAY, help="起始日(按结算时间, 含当日).")
@click.option("--to", "last", type=_DAY, help="结束日(含当日).")
@click.option(
    "--format",
    "shape",
    type=click.Choice(_SHAPES),
    help="默认按 --out 的后缀, 否则为表格.",
)
@click.option(
    "--out",
    type=click.File("wb", lazy=True),
    default="-",
    metavar="FILE",
    help="写入文件; 默认标准输出.",
)
@click.option(
    "--printed-at",
    type=click.DateTime(["%Y-%m-%d %H:%M"]),
    help="PDF 上的打印时间; 默认现在.",
)
@click.option("--target", default=DEFAULT_ADDRESS, show_default=True, help="服务地址.")
@click.pass_obj
def statement_command(
    terminal: Terminal, /, *, person_no: str, side: str, target: str, **options: Any
) -> None:
    """共济消费查询: 打印一个人的共济消费、本人结算或账户明细."""
    period, out = (
        _period(options["month"], options["first"], options["last"]),
        options["out"],
    )
    shape = _shape(terminal, options["shape"], out)
    with connect(target) as channel:
        sheet = statement.fetch(channel, person_no, side, period)
    if shape == "table":
        terminal.table(
            sheet.heading, sheet.shown(), [column.head for column in sheet.columns]
        )
    elif shape == "pdf":
        given = options["printed_at"]
        out.write(
            statement.to_pdf(
                sheet, given.replace(tzinfo=SHANGHAI) if given else system_clock()
            )
        )
    else:
        out.write(
            statement.to_csv(sheet) if shape == "csv" else statement.to_json(sheet)
        )


def _period(
    month: datetime | None, first: datetime | None, last: datetime | None
) -> statement.StatementPeriod:
    """The days asked for. UsageError where a month and days are both given."""
    if month and (first or last):
        raise click.UsageError("--month 与 --from、--to 只能二选一")
    if month:
        return statement.StatementPeriod.of_month(month.date())
    return statement.StatementPeriod(
        first.date() if first else None, last.date() if last else None
    )


def _shape(terminal: Terminal, asked: str | None, out: Any) -> str:
    """How to write it: as asked, as the file is called, or as a table. UsageError where
    the two do not go together."""
    suffix = Path(out.name).suffix.removeprefix(".")
    shape = asked or (
        suffix if suffix in _SHAPES else "json" if terminal.as_json else "table"
    )
    if shape == "table" and out.name != "-":
        raise click.UsageError(
            "--out 只写 csv、json 或 pdf; 请以此为后缀或用 --format 指明"
        )
    if shape == "pdf" and out.name == "-" and sys.stdout.isatty():
        raise click.UsageError("PDF 不能显示在终端; 请用 --out FILE.pdf")
    return shape
