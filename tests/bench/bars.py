"""The figures to reach, each a quotient of what one run measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.bench.extras import BATCH
from tests.bench.rounds import Results
from tests.bench.subjects import OVERLOAD, USUAL

MANY: Final = 256


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure, its bound, and the subjects it needs measured.

    The bound is the least it should be; the most if `at_most`. `callers` is 0 unless
    the figure is of one number of callers.
    """

    title: str
    bound: float
    measured: Callable[[Results], float | None]
    needs: tuple[str, ...]
    at_most: bool = False
    callers: int = 0

    def reached(self, figure: float) -> bool:
        """Return whether a figure is good enough."""
        return figure <= self.bound if self.at_most else figure >= self.bound


def _ratio(title: str, bound: float, subject: str, base: str, callers: int) -> Bar:
    return Bar(
        title=f"{title}，{callers} 个调用方",
        bound=bound,
        measured=lambda r: r.ratio((subject, callers), (base, callers)),
        needs=(subject, base),
        callers=callers,
    )


def _rules(title: str, contender: str) -> Bar:
    return Bar(
        title=title,
        bound=30,
        measured=lambda r: r.further("rules", lambda by: by[contender] / by["gongji"]),
        needs=("rules",),
    )


def _store(results: Results) -> float | None:
    store = results.further("batches", lambda by: by[str(BATCH)])
    pgbench = results.further("pgbench", lambda by: max(by.values()))
    return store / pgbench if store and pgbench else None


def _tail(results: Results) -> float | None:
    return results.typical("half", USUAL, lambda w: w.p99_ms / w.p50_ms)


BARS: Final = (
    _ratio("Quote / 同样装束的空应答", 0.7, "quote", "dressed", USUAL),
    _ratio("Quote / 同样装束的空应答", 0.7, "quote", "dressed", MANY),
    _ratio("Settle SQLite / 同样装束的空应答", 0.45, "sqlite", "dressed", USUAL),
    _ratio("Settle SQLite / 同样装束的空应答", 0.5, "sqlite", "dressed", MANY),
    _ratio("Settle PostgreSQL / 同样装束的空应答", 0.45, "postgres", "dressed", USUAL),
    _ratio("Settle PostgreSQL / 同样装束的空应答", 0.45, "postgres", "dressed", MANY),
    _ratio(
        "两个工作进程 / 一个，PostgreSQL，不设网关",
        1.4,
        "workers-alone",
        "postgres-alone",
        MANY,
    ),
    _ratio("两个工作进程 / 一个，PostgreSQL", 1.4, "workers", "postgres", MANY),
    _ratio("Settle / 朴素写法，SQLite", 5, "sqlite", "naive-sqlite", USUAL),
    _ratio("Settle / 朴素写法，PostgreSQL", 5, "postgres", "naive-postgres", USUAL),
    Bar(f"存储层每批 {BATCH} 笔 / pgbench 逐条语句", 2, _store, ("batches", "pgbench")),
    *(
        _ratio(f"{method}：双向 TLS、策略与访问记录 / 都没有", 0.8, *pair, callers)
        for method, pair in (
            ("Settle", ("guarded", "open")),
            ("Quote", ("guarded-quote", "open-quote")),
        )
        for callers in (USUAL, MANY)
    ),
    _ratio(
        "Settle SQLite，样样都开 / 同样装束", 0.45, "whole", "dressed-guarded", USUAL
    ),
    _ratio("Settle SQLite，样样都开 / 同样装束", 0.5, "whole", "dressed-guarded", MANY),
    _ratio("Settle SQLite，指标 / 什么也不数", 0.98, "counted", "uncounted", USUAL),
    _ratio("同一账户 / 分散的账户", 0.9, "hot", "cool", USUAL),
    _ratio("刷盘加 2 毫秒：成批提交 / 逐笔提交", 4, "slow", "each-slow", USUAL),
    Bar(
        "规则与拆分（不含逐行依据），微秒",
        15,
        lambda r: r.further("rules", lambda by: by["gongji"]),
        ("rules",),
        at_most=True,
    ),
    _rules("zen-engine(create_decision) / 规则与拆分", "zen-engine (create_decision)"),
    _rules("zen-engine（经装载器） / 规则与拆分", "zen-engine"),
    Bar("半负荷时 p99 / p50", 5, _tail, ("half", "sqlite"), at_most=True),
    Bar(
        f"过载（{OVERLOAD} 个调用方）时的成功 / 最高",
        0.9,
        lambda r: r.of_peak(("overload", OVERLOAD), "sqlite"),
        ("overload", "sqlite"),
    ),
)
