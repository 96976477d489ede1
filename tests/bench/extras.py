"""Measure without calls: PostgreSQL itself, our store without a transport, the rule alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tests.bench.serving import Ground

# ruff: noqa: PLC0415 - a contender that is not installed must not keep the others from being measured

PGBENCH_CLIENTS: Final = (16, 64)
BATCH: Final = 64


@dataclass(frozen=True, slots=True)
class Extra:
    """One figure or several by name, taken on a ground in windows of so many seconds."""

    name: str
    title: str
    measure: Callable[[Ground, float], Mapping[str, float]]


def pgbench(on: Ground, seconds: float) -> Mapping[str, float]:
    """Return settlements a second by clients: one settlement's statements, one by one.

    By PostgreSQL's own load client.
    """
    from tests.bench.rivals.pgbench import measure

    return {
        str(clients): measure(on.postgres.fresh(), clients, seconds)
        for clients in PGBENCH_CLIENTS
    }


def batches(on: Ground, seconds: float) -> Mapping[str, float]:
    """Return settlements a second of our committer over PostgreSQL by size of batch."""
    from tests.bench.rivals.batches import measure

    return {str(BATCH): measure(on.postgres.fresh(), BATCH, seconds)}


def rules(on: Ground, seconds: float) -> Mapping[str, float]:
    """Return microseconds a bill by engine: rule and split alone.

    They choose their own windows.
    """
    del on, seconds
    from tests.bench.rivals.rules import measure

    return measure()


EXTRAS: Final = (
    Extra("pgbench", "pgbench 逐条语句，笔/秒（按连接数）", pgbench),
    Extra("batches", "存储层成批，PostgreSQL，笔/秒（按批量）", batches),
    Extra("rules", "规则与拆分，微秒/笔", rules),
)
