"""`gongji demo`: days of a few families, told over the wire by a sandbox of its own."""

from __future__ import annotations

from typing import Final

import click
import grpc

from gongji.cli.demo.chapters import CHAPTERS
from gongji.cli.demo.day import DemoDay
from gongji.cli.demo.sandbox import running_sandbox
from gongji.cli.terminal import Terminal
from gongji.client.connection import connect

_NEXT: Final = (
    "\n以上都是服务的答复。接下来可以试：",
    "  gongji sandbox           # 自己的沙盒，谁是谁、怎样试",
    "  gongji guide chuzhou     # 滁州办理指南",
    "  gongji check anqing      # 安庆的规则与依据",
    "接入从 protos/README.md 读起。",
)
"""What to try after the demo."""


@click.command("demo")
@click.pass_obj
def demo_command(terminal: Terminal) -> None:
    """另起一个沙盒服务，经网络讲述几个家庭的几天。"""
    with running_sandbox() as address, connect(address) as channel:
        tell(channel, terminal)
    for line in _NEXT:
        terminal.say(line)


def tell(channel: grpc.Channel, terminal: Terminal) -> None:
    """Tell the days to a sandbox that holds the sample population.

    grpc.RpcError if a call fails that should not.
    """
    day = DemoDay(channel, terminal)
    for chapter in CHAPTERS:
        chapter(day)
