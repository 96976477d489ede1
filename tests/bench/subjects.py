"""What is measured: each subject with its server, its calls and its numbers of callers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Final

from tests.bench import doors, ground, serving
from tests.bench.serving import Ground, Serving

CALLERS: Final = (1, 16, 64, 256)
USUAL: Final = 64
"""Callers if one figure stands for all."""

BUSY: Final = (USUAL, 256)
"""Callers enough to keep a server busy."""

OVERLOAD: Final = 2048
"""Twice what may queue, and many times the callers beyond which no server here gets faster."""

Start = Callable[[Ground, str], AbstractContextManager[Serving]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One thing measured, under load of its own."""

    name: str
    title: str
    server: str
    method: str = "Settle"
    callers: tuple[int, ...] = CALLERS
    patients: tuple[int, int] = ground.SPREAD
    half_load_of: str = ""


SERVERS: Final[Mapping[str, Start]] = {
    "echo": serving.echo,
    "dressed": partial(serving.echo, options=("--dressed",)),
    "sqlite": serving.sqlite,
    "postgres": serving.postgres,
    "workers": partial(serving.postgres, workers=2),
    "sqlite-alone": partial(serving.sqlite, options=("--no-gateway",)),
    "postgres-alone": partial(serving.postgres, gateway=False),
    "workers-alone": partial(serving.postgres, workers=2, gateway=False),
    "naive-sqlite": partial(serving.naive, database="sqlite"),
    "naive-postgres": partial(serving.naive, database="postgres"),
    "each": partial(serving.sqlite, program="tests.bench.each"),
    "slow": partial(serving.sqlite, slow=True),
    "each-slow": partial(serving.sqlite, program="tests.bench.each", slow=True),
    "counted": partial(
        serving.sqlite,
        options=("--no-gateway", "--metrics-address", "127.0.0.1:19464"),
    ),
    "uncounted": partial(
        serving.sqlite, program="tests.bench.uncounted", options=("--no-gateway",)
    ),
    **doors.SERVERS,
}

_AT_DOORS: Final = tuple(
    Subject(
        name=f"{name}-quote" if method == "Quote" else name,
        title=f"{method}, SQLite, {title}",
        server=name,
        method=method,
        callers=(USUAL,) if name in doors.PARTS else BUSY,
    )
    for method in ("Quote", "Settle")
    for name, title in doors.TITLES.items()
)

SUBJECTS: Final[tuple[Subject, ...]] = (
    Subject(name="echo", title="空应答", server="echo"),
    Subject(name="dressed", title="空应答，带拦截、查验与日志", server="dressed"),
    Subject(name="quote", title="Quote, SQLite", server="sqlite", method="Quote"),
    Subject(name="sqlite", title="Settle, SQLite", server="sqlite"),
    Subject(name="postgres", title="Settle, PostgreSQL", server="postgres"),
    Subject(name="workers", title="Settle, PostgreSQL，两个工作进程", server="workers"),
    Subject(name="naive-sqlite", title="朴素写法，SQLite", server="naive-sqlite"),
    Subject(
        name="naive-postgres", title="朴素写法，PostgreSQL", server="naive-postgres"
    ),
    Subject(
        name="quote-alone",
        title="Quote, SQLite，不设网关",
        server="sqlite-alone",
        method="Quote",
        callers=BUSY,
    ),
    Subject(
        name="sqlite-alone",
        title="Settle, SQLite，不设网关",
        server="sqlite-alone",
        callers=BUSY,
    ),
    Subject(
        name="postgres-alone",
        title="Settle, PostgreSQL，不设网关",
        server="postgres-alone",
        callers=BUSY,
    ),
    Subject(
        name="workers-alone",
        title="Settle, PostgreSQL，两个工作进程，不设网关",
        server="workers-alone",
        callers=BUSY,
    ),
    Subject(
        name="counted",
        title="Settle, SQLite，不设网关，指标",
        server="counted",
        callers=(USUAL,),
    ),
    Subject(
        name="uncounted",
        title="Settle, SQLite，不设网关，什么也不数",
        server="uncounted",
        callers=(USUAL,),
    ),
    Subject(
        name="cool",
        title="Settle, SQLite，分散的账户",
        server="sqlite",
        callers=(USUAL,),
        patients=ground.WORN,
    ),
    Subject(
        name="hot",
        title="Settle, SQLite，同一账户",
        server="sqlite",
        callers=(USUAL,),
        patients=ground.HOT,
    ),
    Subject(
        name="each", title="Settle, SQLite，逐笔提交", server="each", callers=(USUAL,)
    ),
    Subject(
        name="slow",
        title="Settle, SQLite，刷盘加 2 毫秒",
        server="slow",
        callers=(USUAL,),
    ),
    Subject(
        name="each-slow",
        title="逐笔提交，刷盘加 2 毫秒",
        server="each-slow",
        callers=(USUAL,),
    ),
    Subject(
        name="half",
        title="Settle, SQLite，半负荷",
        server="sqlite",
        callers=(USUAL,),
        half_load_of="sqlite",
    ),
    Subject(
        name="overload",
        title="Settle, SQLite, 过载",
        server="sqlite",
        callers=(OVERLOAD,),
    ),
    *_AT_DOORS,
    Subject(
        name="dressed-guarded",
        title="空应答，带拦截、查验与日志，双向 TLS 与策略",
        server="dressed-guarded",
        callers=BUSY,
    ),
    Subject(
        name="whole",
        title="Settle, SQLite，双向 TLS、策略、访问记录与指标",
        server="whole",
        callers=BUSY,
    ),
)
