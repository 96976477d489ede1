"""`gongji demo`: a day of three families, told over the wire by a sandbox of its own."""

from __future__ import annotations

import click
import grpc

from gongji.cli.demo.chapters import CHAPTERS
from gongji.cli.demo.day import DemoDay
from gongji.cli.demo.sandbox import running_sandbox
from gongji.cli.terminal import Terminal
from gongji.client.connection import connect


@click.command("demo")
@click.pass_obj
def demo_command(terminal: Terminal) -> None:
    """另起一个沙盒服务，经网络讲述三个家庭的一天。"""
    with running_sandbox() as address, connect(address) as channel:
        tell(channel, terminal)


def tell(channel: grpc.Channel, terminal: Terminal) -> None:
    """Tell the day to a sandbox that holds the sample population.

    grpc.RpcError if a call fails that should not.
    """
    day = DemoDay(channel, terminal)
    for chapter in CHAPTERS:
        chapter(day)
