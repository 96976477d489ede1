"""`gongji serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from gongji.audit.checkpoint import checked_name
from gongji.cli.config import ConfiguredCommand
from gongji.cli.doors import door_options
from gongji.cli.key_options import with_key_options
from gongji.cli.options import DEFAULT_ADDRESS, accept_clock_option, crypto_option
from gongji.cli.plugins import pins_of
from gongji.cli.terminal import Terminal
from gongji.serve.settings import Settings, gateway_is_worthwhile

MAX_WORKERS: Final = 64

_DATABASE_HELP: Final = (
    "数据库地址，如 postgresql://主机/库名；默认数据目录中的 SQLite。"
)


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
    default=gateway_is_worthwhile,
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
    # Every command that shares these options knows them: the service itself is a second
    # of processor time to import.
    from gongji.cli.serving import run_server  # noqa: PLC0415

    pins = pins_of(options.pop("pin"))
    new = options.pop("new")
    accepting = options.pop("accept_rollback")
    settings = Settings.parse(pins=pins, **options)
    run_server(settings, terminal, new=new, accepting=accepting)
