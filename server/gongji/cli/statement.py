"""`gongji statement` and `gongji verify-statement`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
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
from gongji.client.statement import FileComparison, Sheet, StatementPeriod

_FORMATS: Final = ("table", "csv", "json", "pdf")

_WRITTEN: Final[Mapping[str, Callable[[Sheet], bytes]]] = {
    "csv": statement.to_csv,
    "json": statement.to_json,
    "pdf": statement.to_pdf,
}
"""What writes a sheet in each format that is a file."""

_MOST_TOLD: Final = 20
"""Differences of a file that are told one by one."""


@click.command("statement", cls=CallingCommand)
@click.argument("person_no", metavar="PERSON")
@click.option(
    "--side",
    type=click.Choice(statement.SIDES),
    default="holder",
    show_default=True,
    help="holder 共济消费（授权人），member 本人结算（就诊人），account 个人账户明细，"
    "wallet 医保钱包明细。",
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
    """共济消费查询：打印一个人的共济消费、本人结算、账户或医保钱包明细。

    PDF 由服务出具，带编号与验证码，服务留存根；真伪以 gongji verify-statement 核对。
    """
    period = _period(options["month"], options["first"], options["last"])
    output = options["out"]
    # Before the call: a mistake among the options costs the service nothing.
    file_format = _format(terminal, options["requested_format"], output.name)
    make = statement.fetch
    if file_format == "pdf":
        # No counterfoil of what cannot be printed.
        statement.require_printing()
        make = statement.issue
    with target.connect() as channel:
        sheet = make(channel, person_no, side, period)
    if file_format == "table":
        _show(terminal, sheet)
    else:
        output.write(_WRITTEN[file_format](sheet))


@click.command("verify-statement", cls=CallingCommand)
@click.argument("file", type=click.File("rb"), metavar="[FILE.pdf]", required=False)
@click.option("--number", default="", metavar="NUMBER", help="查询单上的编号。")
@click.option("--code", default="", metavar="CODE", help="查询单上的验证码。")
@target_options
@click.pass_obj
def verify_statement_command(
    terminal: Terminal,
    file: BinaryIO | None,
    *,
    number: str,
    code: str,
    target: ServerTarget,
) -> None:
    """核对查询单的真伪：原 PDF 文件，或照纸上输入 --number 与 --code。

    列出存根所载；文件与之不同的逐处写明，以 1 退出。大小写、空格、连字符不论。
    """
    if bool(number) != bool(code) or not (file or number):
        raise click.UsageError("请给出 PDF 文件，或同时给出 --number 与 --code")
    content = file.read(statement.MOST_BYTES + 1) if file else b""
    printed = (number, code) if number else statement.printed_on(content)
    with target.connect() as channel:
        sheet = statement.verified(channel, *printed)
    found = statement.compared(content, sheet) if file else None
    _tell(terminal, sheet, found)
    if found is not None and not found.identical:
        raise click.ClickException(_told(found))


def _tell(terminal: Terminal, sheet: Sheet, found: FileComparison | None) -> None:
    """Print what was issued, and how it was found."""
    if terminal.as_json:
        terminal.json(
            {
                "statement": statement.document_of(sheet),
                "file": found and found._asdict(),
            }
        )
    else:
        _show(terminal, sheet)
        for label, words in sheet.others:
            terminal.say(f"{label} {words}")
        terminal.say(_verdict(sheet, found))


def _show(terminal: Terminal, sheet: Sheet) -> None:
    columns = [column.head for column in sheet.columns]
    # Sums and balances are told of no record, too.
    none = "" if sheet.rows or terminal.as_json else "：没有记录"
    terminal.table(sheet.heading + none, sheet.shown(), columns)


def _verdict(sheet: Sheet, found: FileComparison | None) -> str:
    """Say what was found, for people."""
    issued = sheet.issued
    if issued is None:
        return ""
    at = f"{issued.issued_at:%Y-%m-%d %H:%M:%S}"
    by = f"{issued.authority}于 {at} 出具，编号 {issued.statement_no}"
    if found is None:
        return f"编号与验证码相符：{by}。纸上所印须与以上逐项相同，不同的即经人改动。"
    if found.identical:
        return f"真：文件与存根逐字节相同。{by}。"
    return f"编号与验证码相符：{by}；但文件与存根不同。"


def _told(found: FileComparison) -> str:
    """Say in what a file differs from what was issued."""
    if not found.differences:
        return (
            "文件的文字与存根相同，但不是出具时的文件（另存、转换或改动过，也可能由另一版本的"
            "排版程序核对）：所见的画面不足为凭，以上列存根为准"
        )
    lines = [
        f"  文件「{one.printed or '（无）'}」，存根「{one.issued or '（无）'}」"
        for one in found.differences[:_MOST_TOLD]
    ]
    return "\n".join(
        [
            f"文件经人改动：与存根有 {len(found.differences)} 处不同，以上列存根为准",
            *lines,
        ]
    )


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
