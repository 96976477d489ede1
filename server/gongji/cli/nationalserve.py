"""`gongji national serve`: the national interface over HTTP, in front of a running service."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
import grpc
import structlog

from gongji import __version__
from gongji.cli.options import CallingCommand, ServerTarget, target_options
from gongji.cli.terminal import Terminal
from gongji.rules.codes import SHANGHAI
from gongji.serve import logs
from gongji.serve.beside import working_beside
from gongji.serve.metrics.page import PATH, metrics_served, readable_elsewhere
from gongji.serve.national.settings import NationalSettings
from gongji.serve.notify import keep_watchdog, notify

DEFAULT_NATIONAL_ADDRESS: Final = "127.0.0.1:8306"

_FILE: Final = click.Path(path_type=Path)

_TOLD: Final = (click.ClickException, grpc.RpcError, OSError, ValueError)
"""What ends the service and is told in a sentence; whatever else does is a defect."""


@click.command("serve", cls=CallingCommand)
@click.option(
    "--address",
    default=DEFAULT_NATIONAL_ADDRESS,
    show_default=True,
    help="监听地址；端口 0 表示任选空闲端口。",
)
@click.option(
    "--path", default="/", show_default=True, help="报文所在的路径，其后可写交易编号。"
)
@click.option("--tls-cert", type=_FILE, help="本端口的证书链（PEM）。")
@click.option("--tls-key", type=_FILE, help="其私钥（PEM，权限 0600）。")
@click.option(
    "--signature",
    type=click.Choice(["none", "csb", "tif"]),
    default="none",
    show_default=True,
    help="核对哪一种签名请求头；对外监听时须核对。",
)
@click.option(
    "--signature-keys",
    type=_FILE,
    help="密钥文件（TOML，权限 0600），一节一个：secret、institutions。",
)
@click.option(
    "--require-sign-in",
    is_flag=True,
    help="其他报文须带当天签到（9001）所得的 sign_no。",
)
@click.option(
    "--dialect", type=_FILE, help="另一省的方言表（TOML）；默认为湖南版（HN）。"
)
@click.option(
    "--with-balance",
    is_flag=True,
    help="1101 一并查询个人账户余额；策略须许可 GetAccount。",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 300),
    default=20.0,
    show_default=True,
    metavar="SECONDS",
    help="等服务答复一次调用多久。",
)
@click.option(
    "--at-once",
    type=click.IntRange(1, 256),
    default=32,
    show_default=True,
    metavar="N",
    help="同时办理几个报文；另有四倍可以等候。",
)
@click.option(
    "--memory",
    type=_FILE,
    default=Path("var/national.sqlite3"),
    show_default=True,
    help="随机数、签到与对账文件的存放处，几个进程可以共用。",
)
@click.option(
    "--metrics-address",
    default="",
    metavar="HOST:PORT",
    help="指标（Prometheus）的监听地址，如 127.0.0.1:9465；默认不提供。",
)
@target_options
@click.pass_obj
def national_serve_command(
    terminal: Terminal, /, target: ServerTarget, **options: Any
) -> None:
    """以 HTTP 与 JSON 办理国家接口报文，由运行中的服务决定；Ctrl-C 停止。"""
    settings = NationalSettings(**options)
    with suppress(KeyboardInterrupt), logs.only_lines(*_TOLD):
        asyncio.run(_serve(terminal, target, settings))


async def _serve(
    terminal: Terminal, target: ServerTarget, settings: NationalSettings
) -> None:
    """Serve until interrupted. ValueError or OSError if the settings cannot be met."""
    try:
        # Only here: who installed the service alone has no HTTP server.
        from gongji.serve.national.assembly import assembled  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        raise ValueError(
            f"国家接口服务须安装附加组件（缺 {missing.name}）："
            "pip install 'gongji[national]'"
        ) from missing

    with target.connect() as channel:
        clock = partial(datetime.now, SHANGHAI)
        async with (
            metrics_served(settings.metrics_address) as metrics,
            assembled(
                settings,
                channel,
                clock,
                partial(_announce, terminal, settings, target, metrics),
            ) as server,
            working_beside(keep_watchdog()),
        ):
            await server.serve()
    notify(STOPPING=1)
    terminal.say("已停止")


def _announce(
    terminal: Terminal,
    settings: NationalSettings,
    target: ServerTarget,
    metrics: str,
    address: str,
) -> None:
    scheme = "https" if settings.tls_cert else "http"
    place = f"{scheme}://{address}{settings.path}"
    edition = settings.edition.name
    said = [f"国家接口在 {place} 服务（方言 {edition}），由 {target.address} 决定"]
    if settings.signature == "none":
        said += [UNSIGNED]
    if metrics:
        said += [f"指标在 http://{metrics}{PATH}", *readable_elsewhere(metrics)]
    notify(READY=1, STATUS=f"在 {address} 服务")
    if sys.stdout.isatty():
        for line in said:
            terminal.say(line)
        return
    structlog.get_logger().info(
        "started", version=__version__, address=address, metrics=metrics, said=said
    )


UNSIGNED: Final = (
    "没有核对签名：本机任何人都可以送来报文；只用于试验，或放在已核对签名的网关之后"
)
