"""Starts the service: settings, cities, store, server, sample population, and what is printed at the start."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from gongji import __version__, importer, logs, money
from gongji.cities import Adoption, Cities, RetiredCredit, load_cities
from gongji.clauses import Clause, Grade
from gongji.client import connect
from gongji.clock import SandboxClock, system_clock
from gongji.codes import SHANGHAI
from gongji.facts import Adopted
from gongji.model import Person
from gongji.rpc.server import RunningServer, make_server
from gongji.store import Store, open_store
from gongji.terminal import Terminal
from gongji.workdays import Workdays

if sys.platform == "win32":  # there is no uvloop on Windows; asyncio's own loop serves there
    from asyncio import new_event_loop
else:
    from uvloop import new_event_loop

__all__ = ["DATABASE", "KEY_FILE", "STOP_GRACE_S", "Settings", "new_event_loop", "running", "serve", "show_cities"]

DATABASE, KEY_FILE = "gongji.sqlite3", "gongji.key"
"""Names in the data folder: the database, unless another is named, and the key file in any case."""

STOP_GRACE_S = 5.0
"""How long calls in flight may finish after Ctrl-C, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator asked for."""

    address: str
    data: Path
    database: str = ""
    sample: bool = False
    sandbox: bool = False
    adopt: tuple[Adoption, ...] = ()
    retired_credits: tuple[RetiredCredit, ...] = ()
    calendar: Path | None = None

    @classmethod
    def parse(cls, *, adopt: Iterable[str], retired_credit: Iterable[str], **plain: object) -> Settings:
        """Settings from the command line. ValueError names the option and how it is written."""
        return cls(
            adopt=tuple(Adoption.parse(text) for text in adopt),
            retired_credits=tuple(_retired_credit(text) for text in retired_credit),
            **plain,  # type: ignore[arg-type] # click has typed them
        )


def _retired_credit(text: str) -> RetiredCredit:
    """Reads `341100:70.00@2022-07-01`. ValueError where it is written otherwise."""
    area, _, rest = text.partition(":")
    amount, _, day = rest.partition("@")
    if not (area and amount and day):
        msg = f"退休人员定额划入应写作 341100:70.00@2022-07-01, 得到 {text!r}"
        raise ValueError(msg)
    clause = Clause(
        "运营方设定", f"退休人员每月定额划入{amount}元, 自 {day} 起", "启动参数 --retired-credit", Grade.OPERATOR
    )
    return RetiredCredit(area, money.fen(amount), date.fromisoformat(day), clause)


async def serve(settings: Settings, terminal: Terminal) -> None:
    """Serves until interrupted. ValueError or OSError where the settings cannot be met."""
    cities = load_cities(settings.adopt, settings.retired_credits)
    workdays = Workdays.from_toml(settings.calendar) if settings.calendar else Workdays()
    async with running(settings, cities, workdays) as server:
        _announce(terminal, settings, cities, workdays, server.address)
        await _interrupted()
        terminal.say("正在停止 …")


@asynccontextmanager
async def running(settings: Settings, cities: Cities, workdays: Workdays) -> AsyncIterator[RunningServer]:
    """A server over its store, up and with its sample loaded; stopped and closed at the end."""
    logs.configure()
    clock = SandboxClock() if settings.sandbox else system_clock
    settings.data.mkdir(parents=True, exist_ok=True)
    store = open_store(settings.database or settings.data / DATABASE, clock, settings.data / KEY_FILE)
    try:
        await _record_adoptions(store, settings.adopt, clock())
        server = make_server(
            store,
            cities,
            workdays,
            clock,
            sandbox=clock if isinstance(clock, SandboxClock) else None,
            load_sample=_load_sample,
            address=settings.address,
        )
        await server.start()
        try:
            if settings.sample and await store.get(Person, _first_of_sample()) is None:
                await _load_sample(server.address)
            yield server
        finally:
            await server.stop(STOP_GRACE_S)
    finally:
        await store.close()


async def _record_adoptions(store: Store, adopt: Iterable[Adoption], now: datetime) -> None:
    """Holds this start's adoptions against those recorded. ValueError where days already settled would change."""
    asked = {(a.area_code, a.candidate): a.since for a in adopt}
    recorded = {(a.area_code, a.candidate): a.since for a in await store.adopted()}
    for (area, name), since in recorded.items():
        if (area, name) not in asked:
            raise ValueError(f"此前已采用 {area}:{name}@{since}; 启动时须继续给出 --adopt {area}:{name}@{since}")
    for (area, name), since in asked.items():
        before = recorded.get((area, name))
        if before == since:
            continue
        if await store.settled_since(area, min(since, before or since)):
            raise ValueError(f"不能自 {since} 起采用 {area}:{name}: 该日以后已有结算, 采用会改变已结算的日子")
        await store.adopt(Adopted(area, name, since, now))


async def _load_sample(address: str) -> None:
    """Sends the sample population to this very server, over the wire like anybody's import."""

    def send() -> None:
        with connect(address) as channel:
            importer.send_sample(channel)

    await asyncio.to_thread(send)


def _first_of_sample() -> str:
    return next(rows[0]["person_no"] for kind, rows in importer.sample() if kind == "persons")


async def _interrupted() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


def show_cities(terminal: Terminal, cities: Cities) -> None:
    """The table of cities and, where there are any, of refused plugins."""
    served = [
        {
            "city": c.name,
            "area_code": c.area_code,
            "pinyin": c.pinyin,
            "plugin": c.plugin,
            "version": c.version,
            "overridden": len(c.overridden),
            "adoptions": "、".join(c.adoptions) or "—",
        }
        for c in cities.all
    ]
    columns = ["city", "area_code", "pinyin", "plugin", "version", "overridden", "adoptions"]
    terminal.table("cities", served, columns)
    if cities.refused:
        refused = [{"plugin": r.plugin, "pinyin": r.pinyin, "problem": r.problem} for r in cities.refused]
        terminal.table("refused_plugins", refused, ["plugin", "pinyin", "problem"])


def _announce(terminal: Terminal, settings: Settings, cities: Cities, workdays: Workdays, address: str) -> None:
    """What people read when the service is up."""
    show_cities(terminal, cities)
    today = system_clock().astimezone(SHANGHAI).date()
    for year in sorted({today.year, (today + timedelta(days=60)).year}):
        if not workdays.known(year):
            terminal.say(f"注意: {year} 年节假日安排尚未载入, 该年的审核期限暂按周末推算; 可用 --calendar 补充")
    if settings.sandbox:
        terminal.say("沙盒: SandboxService 可拨钟、清空; 切勿存放真实数据")
    terminal.say(
        f"gongji {__version__} 正在 {address} 服务; 数据在 {settings.data}/; Ctrl-C 停止. 接下来可在另一终端键入:"
    )
    terminal.say("  .venv/bin/gongji guide chuzhou        # 滁州办理指南")
    terminal.say("  .venv/bin/gongji check anqing         # 安庆每条规则的取值与依据")
    terminal.say(
        f"  .venv/bin/buf curl --protocol grpc --http2-prior-knowledge -d '{{}}' \\\n"
        f"      http://{address}/gongji.v1.CityService/ListCities"
    )
