"""What `gongji top` shows of two readings: rows of plain figures, for people and programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import time
from typing import Any, Final, TypeAlias

from gongji.cli.top.reading import MetricsReading, MetricsSpan
from gongji.serve.metrics import families
from gongji.serve.metrics.cells import OTHER

Figures: TypeAlias = dict[str, Any]
"""A row of a table by column."""

_MIB: Final = 1024 * 1024

_DURATION: Final = families.DURATION.name

SERVER_COLUMNS: Final = (
    *("database", "calls_per_s", "waiting", "batch"),
    *("commit_p50_ms", "commit_p99_ms", "leaves", "leaves_per_s", "unsigned_s"),
)

METHOD_COLUMNS: Final = ("method", "calls_per_s", "failed_per_s", "p50_ms", "p99_ms")

REFUSAL_COLUMNS: Final = ("reason", "city", "refused_per_s", "refused")

CALLER_COLUMNS: Final = ("caller", "calls_per_s", "in_flight", "over_limit_per_s")

CITY_COLUMNS: Final = ("city", "served", "decided_per_s", "refused_per_s")

PROCESS_COLUMNS: Final = ("process", "memory_mib", "cpu", "descriptors", "silent_s")


def picture(span: MetricsSpan, now: float) -> dict[str, list[Figures]]:
    """Return the tables of a picture by title; `now` is in Unix seconds."""
    return {
        "server": [_server(span, now)],
        "methods": _methods(span),
        "refusals": _refusals(span),
        "callers": _callers(span),
        "cities_now": _cities(span),
        "processes": _processes(span, now),
    }


def picture_now(span: MetricsSpan) -> dict[str, list[Figures]]:
    """Return the picture as it is now."""
    return picture(span, time())


def _server(span: MetricsSpan, now: float) -> Figures:
    after = span.after
    available = after.one("gongji_database_available")
    signed = after.one("gongji_log_signed_until_seconds")
    commit = span.quantiles("gongji_commit_seconds", "", 0.5, 0.99)
    p50, p99 = commit.get("", [None, None])
    batches = span.rate("gongji_batch_jobs_count")
    return {
        "database": {None: "unknown", 0.0: "away"}.get(available, "available"),
        "calls_per_s": _rounded(span.rate("grpc_server_call_started_total")),
        "waiting": _whole(after.one("gongji_queue_waiting")),
        "batch": _rounded(span.rate("gongji_batch_jobs_sum") / batches)
        if batches
        else None,
        "commit_p50_ms": _ms(p50),
        "commit_p99_ms": _ms(p99),
        "leaves": _whole(after.one("gongji_log_checkpoint_size")),
        "leaves_per_s": _rounded(span.rate("gongji_log_leaves_total")),
        "unsigned_s": None if signed is None else _whole(max(0.0, now - signed)),
    }


def _methods(span: MetricsSpan) -> list[Figures]:
    """Return the methods called in between, the busiest first."""
    ended = span.rates(f"{_DURATION}_count", "grpc_method", "grpc_status")
    calls = span.rates(f"{_DURATION}_count", "grpc_method")
    times = span.quantiles(_DURATION, "grpc_method", 0.5, 0.99)
    rows = []
    for (method,), per_s in sorted(calls.items(), key=lambda one: (-one[1], one[0])):
        if per_s:
            p50, p99 = times[method]
            row = {
                "method": method.rpartition("/")[2],
                "calls_per_s": _rounded(per_s),
                "failed_per_s": _rounded(per_s - ended.get((method, "OK"), 0.0)),
                "p50_ms": _ms(p50),
                "p99_ms": _ms(p99),
            }
            rows.append(row)
    return rows


def _refusals(span: MetricsSpan) -> list[Figures]:
    """Return what was ever refused, what is refused now first."""
    name = "gongji_refusals_total"
    rates = span.rates(name, "reason", "city")
    refused = _by(span.after, name, "reason", "city")
    order = sorted(refused, key=lambda key: (-rates[key], -refused[key], key))
    return [
        {
            "reason": reason,
            "city": city,
            "refused_per_s": _rounded(rates[reason, city]),
            "refused": _whole(refused[reason, city]),
        }
        for reason, city in order
        if refused[reason, city]
    ]


def _callers(span: MetricsSpan) -> list[Figures]:
    calls = span.rates("gongji_caller_calls_total", "caller")
    over = span.rates("gongji_caller_over_limit_total", "caller")
    under_way = _by(span.after, "gongji_caller_in_flight", "caller")
    names = sorted(calls.keys() | under_way.keys(), key=lambda n: (-calls.get(n, 0), n))
    return [
        {
            "caller": name[0],
            "calls_per_s": _rounded(calls.get(name, 0.0)),
            "in_flight": _whole(under_way.get(name, 0.0)),
            "over_limit_per_s": _rounded(over.get(name, 0.0)),
        }
        for name in names
    ]


def _cities(span: MetricsSpan) -> list[Figures]:
    decided = span.rates("gongji_decisions_total", "city")
    refused = span.rates("gongji_refusals_total", "city")
    served = _by(span.after, "gongji_plugin_served", "city")
    return [
        {
            "city": city,
            "served": None if city == OTHER else bool(served.get((city,))),
            "decided_per_s": _rounded(decided.get((city,), 0.0)),
            "refused_per_s": _rounded(refused.get((city,), 0.0)),
        }
        for (city,) in sorted({*decided, *refused, *served})
    ]


def _processes(span: MetricsSpan, now: float) -> list[Figures]:
    cpu = span.rates("gongji_process_cpu_seconds_total", "process")
    memory = _by(span.after, "gongji_process_resident_bytes", "process")
    descriptors = _by(span.after, "gongji_process_descriptors", "process")
    told = _by(span.after, "gongji_process_told_at_seconds", "process")
    return [
        {
            "process": process,
            "memory_mib": _whole(memory.get((process,), 0.0) / _MIB),
            "cpu": _rounded(cpu.get((process,), 0.0)),
            "descriptors": _whole(descriptors.get((process,), 0.0)),
            "silent_s": _whole(max(0.0, now - at)),
        }
        for (process,), at in sorted(told.items())
    ]


def _by(
    reading: MetricsReading, name: str, *labels: str
) -> Mapping[tuple[str, ...], float]:
    summed: dict[tuple[str, ...], float] = {}
    for sample in reading.of(name):
        key = tuple(sample.labels.get(label, "") for label in labels)
        summed[key] = summed.get(key, 0.0) + sample.value
    return summed


def _rounded(figure: float) -> float:
    return round(figure, 2)


def _whole(figure: float | None) -> int | None:
    return None if figure is None else round(figure)


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)


TABLES: Final[Mapping[str, Sequence[str]]] = {
    "server": SERVER_COLUMNS,
    "methods": METHOD_COLUMNS,
    "refusals": REFUSAL_COLUMNS,
    "callers": CALLER_COLUMNS,
    "cities_now": CITY_COLUMNS,
    "processes": PROCESS_COLUMNS,
}
"""The tables of a picture with their columns, in their order."""
