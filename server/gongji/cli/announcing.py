"""What `gongji serve` says of itself: text on a terminal, a line of the log in a service."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from urllib.parse import urlsplit

import structlog

from gongji import __version__
from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities
from gongji.cli.citytable import REFUSED_PLUGIN_COLUMNS, city_rows, show_cities
from gongji.cli.installed import as_installed, tool_command
from gongji.cli.terminal import Terminal, rows_of
from gongji.client.credentials import LOCAL_TOKEN
from gongji.isolation.limits import lacking
from gongji.serve.admission import admitted
from gongji.serve.listening import is_loopback
from gongji.serve.metrics.page import readable_elsewhere
from gongji.serve.notify import notify
from gongji.serve.service import Up
from gongji.serve.settings import Settings
from gongji.store.databases import database_at


def startup_warnings(
    settings: Settings, workdays: Workdays, today: date, lossy: Iterable[str]
) -> Iterator[str]:
    """Yield what an operator should know before anybody calls."""
    # Sixty days ahead, since a review begun late in a year may be due in the next.
    for year in sorted({today.year, (today + timedelta(days=60)).year}):
        if not workdays.known(year):
            yield (
                f"注意：{year} 年放假安排尚未载入，该年的工作日暂按周末与法定节日推定；"
                "可用 --calendar 补充"
            )
    for refusal in settings.refusals:
        yield f"医保区划 {refusal.area_code}：{refusal.clause.text}"
    if settings.sandbox:
        yield "沙盒：SandboxService 可拨钟、清空；切勿存放真实数据"
    if not is_loopback(settings.address):
        yield (
            "注意：没有前置代理时，不取答复的连接要到 40 分钟的寿命才断，一个地址的连接数也不设限；"
            "对外请经 deploy/haproxy.cfg，服务只监听本机"
        )
    yield from readable_elsewhere(settings.metrics_address)
    for missing in lacking():
        yield f"警告：本机不能阻止城市插件{missing}"
    for setting in lossy:
        yield f"警告：PostgreSQL 的 {setting}；「答复之前已经落盘」在此库上不成立"


def announce(
    terminal: Terminal,
    settings: Settings,
    cities: Cities,
    warnings: Iterable[str],
    up: Up,
) -> None:
    """Say that the service is up, where, and what to try next."""
    said = [*warnings, *_sentences(settings, up)]
    tell_started(terminal, settings, cities, up, said)


def tell_started(
    terminal: Terminal,
    settings: Settings,
    cities: Cities,
    up: Up,
    said: Iterable[str],
    *,
    table: bool = True,
) -> None:
    """Say that the service is up: on a terminal in sentences, below a table of cities."""
    said = [as_installed(sentence) for sentence in said]
    notify(READY=1, STATUS=f"在 {up.address} 服务")
    if not _on_terminal(terminal):
        structlog.get_logger().info(
            "started",
            version=__version__,
            address=up.address,
            metrics=up.metrics,
            workers=settings.workers,
            cities=city_rows(cities, whole=True),
            refused=rows_of(
                [replace(one, problem=one.told) for one in cities.refused],
                REFUSED_PLUGIN_COLUMNS,
            ),
            said=said,
        )
        return
    # Who reads may go away, as with `| head`: the service stays.
    with suppress(BrokenPipeError):
        if table:
            show_cities(terminal, cities)
        for line in said:
            terminal.say(line)


def tell_stopping(terminal: Terminal) -> None:
    """Say that the service finishes its calls in flight."""
    notify(STOPPING=1, STATUS="正在停止")
    if not _on_terminal(terminal):
        structlog.get_logger().info("stopping")
        return
    with suppress(BrokenPipeError):
        terminal.say("正在停止 …")


def tell_stopped(terminal: Terminal) -> None:
    """Say that the service has ended in order."""
    if not _on_terminal(terminal):
        structlog.get_logger().info("stopped")


def _on_terminal(terminal: Terminal) -> bool:
    """Return whether people read what is printed; in a service it is a line of the log."""
    return sys.stdout.isatty() and not terminal.as_json


def _sentences(settings: Settings, up: Up) -> Iterator[str]:
    """Yield who is admitted, where what is, and what to try next."""
    yield admitted(settings)
    address = up.address
    processes = f"（{settings.workers} 个进程）" if settings.workers > 1 else ""
    yield (
        f"gongji {__version__} 正在 {address} 服务{processes}；{_place(settings)}；"
        "Ctrl-C 停止。接下来可在另一终端键入："
    )
    if up.metrics:
        yield (f"  gongji top --metrics-address {up.metrics}    # 指标的实时视图")
    yield "  gongji guide chuzhou        # 滁州办理指南"
    yield "  gongji check anqing         # 安庆每条规则的取值与依据"
    yield _call_by_hand(settings, address)


def _call_by_hand(settings: Settings, address: str) -> str:
    """Return a command that calls the service, as its callers have to."""
    url = f"{address}/gongji.v1.CityService/ListCities"
    buf = f"  {tool_command('buf')} curl --schema protos --protocol grpc -d '{{}}'"
    if settings.client_ca:
        files = "--cacert CA.pem --cert CERT.pem --key CERT.key"
        return f"{buf} \\\n      {files} https://{url}"
    if settings.policy:
        header = '-H "authorization: Bearer $(cat TOKEN)"'
        return f"{buf} \\\n      --cacert CA.pem {header} https://{url}"
    plain = f"{buf} --http2-prior-knowledge"
    if settings.sandbox:
        return f"{plain} \\\n      http://{url}"
    token = shlex.quote(str(settings.data / LOCAL_TOKEN))
    header = f'-H "authorization: Bearer $(cat {token})"'
    return f"{plain} \\\n      {header} \\\n      http://{url}"


def _place(settings: Settings) -> str:
    """Return the place of the data, without passwords."""
    if not database_at(settings.database).shared:
        return f"数据在 {settings.database or f'{settings.data}/'}"
    address = urlsplit(settings.database)
    return f"数据在 PostgreSQL {address.hostname or ''}{address.path}，密钥在 {settings.data}/"
