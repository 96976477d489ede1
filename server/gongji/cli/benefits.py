"""`gongji benefits`: what a person's year stands at."""

from __future__ import annotations

from datetime import datetime

import click
from google.protobuf.json_format import MessageToDict

from gongji.cli.options import DAY, CallingCommand, ServerTarget, target_options
from gongji.cli.terminal import Terminal
from gongji.client import benefits


@click.command("benefits", cls=CallingCommand)
@click.argument("person_no", metavar="PERSON")
@click.option("--day", type=DAY, help="截至这一日终了；默认此刻。")
@click.option("--visit", type=DAY, help="下一次就诊的日子；默认即截至之日。")
@target_options
@click.pass_obj
def benefits_command(
    terminal: Terminal,
    person_no: str,
    day: datetime | None,
    visit: datetime | None,
    target: ServerTarget,
) -> None:
    """年度待遇：起付标准与限额已用、余下多少，下一张账单在各级机构能得多少。"""
    days = [f"{one:%Y-%m-%d}" if one else "" for one in (day, visit)]
    with target.connect() as channel:
        reply = benefits.benefits_of(channel, person_no, *days)
    if terminal.as_json:
        terminal.json(MessageToDict(reply, preserving_proto_field_name=True))
        return
    terminal.say(
        f"{reply.year} 年度，截至 {reply.day}；下一次就诊按 {reply.service_day}"
    )
    for year in reply.benefits:
        terminal.say()
        terminal.say(benefits.heading(year))
        for sentence in benefits.used(year):
            terminal.say(sentence)
        if year.open:
            levels, purses = benefits.levels_of(year), benefits.purses_of(year)
            terminal.table("下一张账单", levels, benefits.LEVELS)
            terminal.table("可用的账户", purses, benefits.PURSES)
