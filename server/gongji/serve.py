"""Starts the service: settings, cities, store, server, sample population, and what is printed at the start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from gongji import __version__, importer, logs, money
from gongji.adopting import adopting
from gongji.cities import Adoption, Cities, RetiredCredit, load_cities
from gongji.clauses import Clause, Grade
from gongji.client import connect
from gongji.clock import SandboxClock, system_clock
from gongji.codes import SHANGHAI
from gongji.crew import interrupted, rarely_collect
from gongji.gateway import Gateway
from gongji.model import Person
from gongji.rpc.port import OpenPort, Port
from gongji.rpc.server import offered
from gongji.store import open_store
from gongji.store.opening import alone_over, is_postgres
from gongji.terminal import Terminal
from gongji.workdays import Workdays

__all__ = ["DATABASE", "KEY_FILE", "Settings", "announce", "running", "serve", "show_cities"]

DATABASE, KEY_FILE = "gongji.sqlite3", "gongji.key"
"""Names in the data folder: the database, unless another is named, and the key file in any case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator asked for."""

    address: str
    data: Path
    database: str = ""
    sample: bool = False
    sandbox: bool = False
    workers: int = 1
    gateway: bool = False
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

    def workdays(self) -> Workdays:
        """The calendar with what the operator adds. ValueError where the file is written otherwise."""
        return Workdays.from_toml(self.calendar) if self.calendar else Workdays()


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
    """Serves with one process until interrupted. ValueError or OSError where the settings cannot be met."""
    cities, workdays = load_cities(settings.adopt, settings.retired_credits), settings.workdays()
    ending = asyncio.ensure_future(interrupted())  # before the port is open: who can call can be ended in order
    async with running(settings, cities, workdays) as port:
        await announce(terminal, settings, cities, workdays, port.address)
        await ending
        terminal.say("正在停止 …")


@asynccontextmanager
async def running(settings: Settings, cities: Cities, workdays: Workdays) -> AsyncIterator[Port]:
    """A server over its store, up and with its sample loaded; stopped and closed at the end.

    ValueError, OSError; also later, out of the body, where another server adopts otherwise (`adopting`).
    """
    logs.configure()
    clock = SandboxClock() if settings.sandbox else system_clock
    database = settings.database or settings.data / DATABASE
    async with AsyncExitStack() as stack:
        stack.enter_context(alone_over(database))
        store = open_store(database, clock, settings.data / KEY_FILE)
        stack.push_async_callback(store.close)
        async with adopting(store, settings.database, settings.adopt, clock()):
            offer = offered(
                store,
                cities,
                workdays,
                clock,
                sandbox=clock if isinstance(clock, SandboxClock) else None,
                load_sample=lambda: _load_sample(port.address),
            )
            port: Port = (Gateway if settings.gateway else OpenPort)(
                offer, settings.address, shared=settings.workers > 1
            )
            await port.start()
            rarely_collect()
            try:
                if settings.sample and await store.get(Person, _first_of_sample()) is None:
                    await _load_sample(port.address)
                yield port
            finally:
                await port.stop()


async def _load_sample(address: str) -> None:
    """Sends the sample population to this very server, over the wire like anybody's import."""

    def send() -> None:
        with connect(address) as channel:
            importer.send_sample(channel)

    await asyncio.to_thread(send)


def _first_of_sample() -> str:
    return next(rows[0]["person_no"] for kind, rows in importer.sample() if kind == "persons")


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


def _place(settings: Settings) -> str:
    """Where the data is; never a password."""
    if not is_postgres(settings.database):
        return f"数据在 {settings.database or f'{settings.data}/'}"
    address = urlsplit(settings.database)
    return f"数据在 PostgreSQL {address.hostname or ''}{address.path}, 密钥在 {settings.data}/"


def _lossy(database: str) -> tuple[str, ...]:
    """Settings of the database under which an answer may be lost, in words; what cannot be asked now is left."""
    if not is_postgres(database):
        return ()
    from gongji.store.condition import look  # noqa: PLC0415 - psycopg is an extra

    with suppress(OSError):
        return look(database).lossy
    return ()


async def announce(terminal: Terminal, settings: Settings, cities: Cities, workdays: Workdays, address: str) -> None:
    """What people read when the service is up."""
    show_cities(terminal, cities)
    today = system_clock().astimezone(SHANGHAI).date()
    for year in sorted({today.year, (today + timedelta(days=60)).year}):
        if not workdays.known(year):
            terminal.say(f"注意: {year} 年节假日安排尚未载入, 该年的审核期限暂按周末推算; 可用 --calendar 补充")
    if settings.sandbox:
        terminal.say("沙盒: SandboxService 可拨钟、清空; 切勿存放真实数据")
    for lossy in await asyncio.to_thread(_lossy, settings.database):
        terminal.say(f"警告: PostgreSQL 的 {lossy}; 「答复之前已经落盘」在此库上不成立")
    processes = f"({settings.workers} 个进程)" if settings.workers > 1 else ""
    terminal.say(
        f"gongji {__version__} 正在 {address} 服务{processes}; {_place(settings)}; Ctrl-C 停止. 接下来可在另一终端键入:"
    )
    terminal.say("  .venv/bin/gongji guide chuzhou        # 滁州办理指南")
    terminal.say("  .venv/bin/gongji check anqing         # 安庆每条规则的取值与依据")
    terminal.say(
        f"  .venv/bin/buf curl --protocol grpc --http2-prior-knowledge -d '{{}}' \\\n"
        f"      http://{address}/gongji.v1.CityService/ListCities"
    )
