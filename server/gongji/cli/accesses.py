"""`gongji accesses`: who looked at a person's data."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import click
from google.protobuf.json_format import MessageToDict

from gongji.cli.options import DAY, CallingCommand, ServerTarget, target_options
from gongji.cli.terminal import Terminal
from gongji.client import accesses

_LISTED: Final = 1000
"""Rows of a table that people read; programs get all of them."""


@click.command("accesses", cls=CallingCommand)
@click.argument("person_no", metavar="PERSON")
@click.option("--from", "first", type=DAY, help="起始日。")
@click.option("--to", "last", type=DAY, help="结束日（含当日）。")
@target_options
@click.pass_obj
def accesses_command(
    terminal: Terminal,
    person_no: str,
    first: datetime | None,
    last: datetime | None,
    target: ServerTarget,
) -> None:
    """谁看过、动过一个人的资料：由近到远，导入也在其中。"""
    days = [f"{day:%Y-%m-%d}" if day else "" for day in (first, last)]
    with target.connect() as channel:
        found = accesses.accesses_of(channel, person_no, *days)
        if terminal.as_json:
            rows = [
                MessageToDict(access, preserving_proto_field_name=True)
                for access in found
            ]
            terminal.json({"accesses": rows})
            return
        lines = []
        for access in found:
            lines.append(accesses.line_of(access))
            if len(lines) == _LISTED:
                break
    terminal.table("accesses", lines, accesses.COLUMNS)
    if len(lines) == _LISTED:
        terminal.say(
            f"只列出最近 {_LISTED} 次；请以 --from、--to 缩小范围，或用 --json"
        )
