"""`gongji sheet`: a city's rules as a sheet to be signed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, BinaryIO

import click

from gongji.cli.options import DAY
from gongji.cli.plugins import installed_cities
from gongji.cli.served import INSTALLED
from gongji.cli.terminal import Terminal
from gongji.kit.sheet.changes import CHANGE_COLUMNS, changes
from gongji.kit.sheet.content import RulesSheet, SheetRow, sheet_of
from gongji.kit.sheet.due import DUE_COLUMNS, WITHIN, due_clauses
from gongji.kit.sheet.files import (
    MOST_BYTES,
    SheetToSign,
    UnreadableSheetError,
    kind_of,
)
from gongji.kit.sheet.pdf import from_pdf, to_pdf
from gongji.kit.sheet.workbook import from_xlsx, to_xlsx
from gongji.serve.clock import system_clock


@click.command("sheet")
@click.argument("city")
@click.option(
    "--out",
    # Lazy: no file is made or emptied if the sheet cannot be made.
    type=click.File("wb", lazy=True),
    metavar="FILE",
    help="写入的文件，.pdf 或 .xlsx；不给则只列出待核实的条款。",
)
@click.option(
    "--last",
    type=click.File("rb"),
    metavar="FILE",
    help="上一份规则清单：另列与它的改动。",
)
@click.option("--day", type=DAY, help="打印日；默认今天。")
@click.option(
    "--within",
    type=click.IntRange(0),
    default=WITHIN.days,
    show_default=True,
    metavar="DAYS",
    help="列出核实在多少日内到期的条款。",
)
@click.pass_obj
def sheet_command(
    terminal: Terminal,
    /,
    *,
    city: str,
    out: Any,
    last: BinaryIO | None,
    day: datetime | None,
    within: int,
) -> None:
    """规则清单：每条规则的取值、条款与核实日，算例，次序与拆分的影响，供签字。

    读回核对用 gongji check CITY --against FILE。
    """
    kind = kind_of(out.name) if out else ""
    chosen = installed_cities().named(city)
    printed_at = day or system_clock()
    sheet = sheet_of(chosen, printed_at.date())
    former = read_sheet(last) if last else None
    changed = list(changes(former, sheet)) if former else None
    due = list(due_clauses(chosen, printed_at.date(), timedelta(within)))
    signed = SheetToSign(sheet, changed, due)
    if out:
        out.write(to_xlsx(signed) if kind == "xlsx" else to_pdf(signed, printed_at))
    terminal.whose(INSTALLED)
    if changed is not None:
        show_changes(terminal, changed)
    terminal.table("due", due, DUE_COLUMNS)


def read_sheet(file: BinaryIO) -> RulesSheet:
    """Return the sheet of a file, XLSX or PDF by what it is. UnreadableSheetError."""
    content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise UnreadableSheetError("文件过大，不是规则清单")
    return from_pdf(content) if content.startswith(b"%PDF-") else from_xlsx(content)


def show_changes(terminal: Terminal, changed: Sequence[SheetRow]) -> None:
    """Print by what a sheet differs from a former one."""
    terminal.table("sheet_changes", changed, CHANGE_COLUMNS)
