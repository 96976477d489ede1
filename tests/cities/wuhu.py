"""A plugin of an invented city, as an object: 芜湖市."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

from gongji import (
    Clause,
    FamilyLimit,
    Identity,
    NoLimit,
    Timeline,
    hookimpl,
    ruled,
)
from gongji.rules.clauses import Candidate

C22 = Clause("C22", "最多7人。", "网页")
W1 = Clause("W1", "芜湖的条款。", "测试")
FIRST_DAY = date(2022, 7, 1)


def limit(people: int, since: str) -> Timeline[FamilyLimit | NoLimit]:
    """Return a family limit from a day on."""
    return ruled(
        FamilyLimit(people=people, counting_holder=True), since=since, clauses=[W1]
    )


def wuhu(*candidates: Candidate, **answers: Timeline[Any] | None) -> SimpleNamespace:
    """Return a plugin that answers these hooks, and its identity."""

    def answering(value: object) -> object:
        @hookimpl
        def answer() -> object:
            return value

        return answer

    by_hook = {
        "identity": Identity(area_code="340200", name="芜湖市"),
        "candidates": candidates,
        **answers,
    }
    return SimpleNamespace(
        **{hook: answering(value) for hook, value in by_hook.items()}
    )
