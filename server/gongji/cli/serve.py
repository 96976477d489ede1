"""`gongji serve`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import click
import grpc

from gongji.audit.checkpoint import checked_name
from gongji.cities import cache
from gongji.cities.city import Cities
from gongji.cli.announcing import (
    announce,
    startup_warnings,
    tell_stopped,
    tell_stopping,
)
from gongji.cli.config import ConfiguredCommand
from gongji.cli.doors import door_options
from gongji.cli.key_options import with_key_options
from gongji.cli.options import DEFAULT_ADDRESS, accept_clock_option, crypto_option
from gongji.cli.plugins import pins_of
from gongji.cli.terminal import Terminal
from gongji.kit.check.serving import unfit
from gongji.model.refusals import Refusal
from gongji.serve import descriptors, gateway, logs, service, supervisor
from gongji.serve.admission import check_doors, check_folder
from gongji.serve.beside import working_beside
from gongji.serve.clock import system_clock
from gongji.serve.notify import answer_reloads, keep_watchdog
from gongji.serve.service import Up, lossy_settings
from gongji.serve.settings import Settings
from gongji.serve.watched import RELOADED_S
from gongji.serve.workers import serve_many
from gongji.store import last_leaf

MAX_WORKERS: Final = 64

_DATABASE_HELP: Final = (
    "数据库地址，如 postgresql://主机/库名；默认数据目录中的 SQLite。"
)


_TOLD: Final = (click.ClickException, grpc.RpcError, OSError, Refusal, ValueError)
"""What ends the service and is told in a sentence; whatever else does is a defect."""


Announcing: TypeAlias = Callable[[Terminal, Settings, Cities, Iterable[str], Up], None]
"""Says that the service is up: the settings, cities, warnings and addresses it has."""


def _named(_: click.Context, __: click.Parameter, name: str) -> str:
    """Return the name of a log, or none. CheckpointFaultError."""
    return checked_name(name) if name else name


@click.command("serve", cls=ConfiguredCommand, table="serve")
@click.option(
    "--address",
    default=DEFAULT_ADDRESS,
    show_default=True,
    help="监听地址；端口 0 表示任选空闲端口。",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("var"),
    show_default=True,
    help="数据库与密钥目录。",
)
@click.option("--database", default="", metavar="URL", help=_DATABASE_HELP)
@crypto_option("建库所用的算法：standard 或 gm（国密）；随库记下，以后不必写。")
@click.option(
    "--workers",
    type=click.IntRange(1, MAX_WORKERS),
    default=1,
    show_default=True,
    metavar="N",
    help="几个进程共用此端口；多于一个须用 PostgreSQL。",
)
@click.option(
    "--gateway/--no-gateway",
    default=gateway.worthwhile,
    help="收发报文另成一个进程；默认：多于一个处理器时。",
)
@click.option(
    "--access-before-answer",
    is_flag=True,
    help="查询的访问记录落盘之后才答复；默认答复后一秒之内落盘。",
)
@click.option(
    "--new",
    is_flag=True,
    help="已有密钥而没有数据库时，另建一个空库；首次启动不必写，建成之后须去掉。",
)
@accept_clock_option
@click.option(
    "--origin",
    default="",
    metavar="NAME",
    callback=_named,
    help="账本的名称，检查点的第一行，如 gongji.example.cn/3408；"
    "第一个检查点时取定，默认随机，以后不必写，不能改。",
)
@click.option(
    "--accept-rollback",
    is_flag=True,
    help="数据库里缺少本机从前写入的记录时，以现有的数据继续；只写一次，之后须去掉。",
)
@click.option(
    "--sample", is_flag=True, help="载入虚构的样例人群；已有别的人员或机构时拒绝启动。"
)
@click.option(
    "--sandbox",
    is_flag=True,
    help="开放 SandboxService（拨钟、清空、吩咐故障）；切勿用于真实数据。",
)
@click.option(
    "--adopt",
    multiple=True,
    metavar="CITY:NAME@DAY",
    help="自某日起采用候选修订，如 341100:V2@2025-01-01。",
)
@click.option(
    "--retired-credit",
    multiple=True,
    metavar="CITY:YUAN@DAY",
    help="退休人员每月定额划入，如 341100:70.00@2022-07-01。",
)
@click.option(
    "--refuse-without-table",
    multiple=True,
    metavar="CITY",
    help="该市没有写明门诊待遇的险种（如居民）拒绝结算，如 341100；默认照常结算，统筹支付为 0。",
)
@click.option(
    "--authority",
    multiple=True,
    metavar="CITY=NAME",
    help="查询单上的出具单位，如 340800=某市医疗保障局；默认为城市名加「医疗保障部门」。",
)
@click.option(
    "--calendar",
    type=click.Path(path_type=Path),
    help="补充年份的节假日与补班日（TOML），见 docs/operate.md。",
)
@click.option(
    "--pin",
    multiple=True,
    metavar="NAME=DIGEST",
    help="只接入内容与摘要相符的插件，如 anqing=sha256:…；由 gongji cities --pin 给出。",
)
@click.option(
    "--metrics-address",
    default="",
    metavar="HOST:PORT",
    help="指标（Prometheus）的监听地址，如 127.0.0.1:9464；默认不提供。",
)
@click.option(
    "--trace-ratio",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    metavar="RATIO",
    help="多大一部分调用送出 OpenTelemetry 跨度，须另装 gongji[otel]；默认一概不送。",
)
@with_key_options
@door_options
@click.pass_obj
# The options are called as the fields of Settings.
def serve_command(terminal: Terminal, /, **options: Any) -> None:
    """启动服务；Ctrl-C 停止。"""
    pins = pins_of(options.pop("pin"))
    new = options.pop("new")
    accepting = options.pop("accept_rollback")
    settings = Settings.parse(pins=pins, **options)
    run_server(settings, terminal, new=new, accepting=accepting)


def run_server(
    settings: Settings,
    terminal: Terminal,
    tell: Announcing = announce,
    *,
    new: bool = False,
    accepting: bool = False,
) -> None:
    """Serve until interrupted; `tell` says that the service is up.

    ValueError or OSError if the settings cannot be met.
    """
    descriptors.raise_limit()
    # Its own lines on standard error are no JSON, and there may be many.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # Ctrl-C before the service handles signals itself ends without a traceback.
    with suppress(KeyboardInterrupt), logs.only_lines(*_TOLD):
        if settings.workers > 1:
            # The parent answers no call and needs no fast loop.
            asyncio.run(_serve(settings, terminal, tell, new=new, accepting=accepting))
            return
        with asyncio.Runner(loop_factory=supervisor.new_event_loop) as runner:
            runner.run(_serve(settings, terminal, tell, new=new, accepting=accepting))


async def _serve(
    settings: Settings,
    terminal: Terminal,
    tell: Announcing,
    *,
    new: bool,
    accepting: bool,
) -> None:
    """Serve until interrupted and print what happens.

    ValueError or OSError if the settings cannot be met.
    """
    # Before anything is read there or made.
    check_folder(settings)
    settings, cities = _fit(settings)
    workdays = settings.workdays()
    if accepting:
        last_leaf.forget(settings.data)
    if new:
        await service.make_database(settings)
    if settings.workers > 1:
        serving = serve_many(settings.for_workers(cities))
    else:
        serving = service.serve(settings, cities, workdays)
    answer_reloads(RELOADED_S)
    async with aclosing(serving) as events, working_beside(keep_watchdog()):
        async for event in events:
            if isinstance(event, Up):
                await asyncio.to_thread(cache.keep, settings.kept_plugins)
                lossy = await asyncio.to_thread(lossy_settings, settings.database)
                today = system_clock().date()
                warnings = startup_warnings(settings, workdays, today, lossy)
                tell(terminal, settings, cities, warnings, event)
            else:
                tell_stopping(terminal)
    tell_stopped(terminal)


def _fit(settings: Settings) -> tuple[Settings, Cities]:
    """Return the cities that may serve, and the settings that refuse all others.

    ValueError or OSError if options or addresses cannot be met, whatever the cities.
    """
    # Before plugins are asked, which takes seconds.
    check_doors(settings)
    settings = settings.with_recorded_suite()
    loaded = settings.cities()
    settings = replace(settings, unfit=tuple(unfit(loaded, settings.kept_plugins)))
    return settings, loaded.without(settings.unfit)
