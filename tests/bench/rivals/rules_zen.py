"""The same rule as a decision of zen-engine: a decision table for the row, expressions
for the amounts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import zen  # type: ignore[import-untyped,unused-ignore] # carries types, but no mark that says so

from tests.bench.rivals.rules_bills import Bill, Split, rows

KEY: Final = "split"

_EXPRESSIONS: Final[Mapping[str, str]] = {
    "deducted": "min([in_scope, max([0, deductible - deductible_used])])",
    "fund": (
        "min([floor(((in_scope - $.deducted) * ratio + 5000) / 10000), max([0, "
        "cap - fund_paid])])"
    ),
    "aidable": "in_scope - $.fund + first_selfpay",
    "own": "min([own_balance, $.aidable + other])",
    "aid": "min([giver_balance, max([0, $.aidable - $.own])])",
    "cash": "$.aidable + other - $.own - $.aid",
}
"""In the order they are evaluated."""


class Zen:
    """Decisions come compiled from a loader, as its pages advise where it is to be fast."""

    def __init__(self) -> None:
        self._engine = zen.ZenEngine(
            {"loader": {"type": "static", "content": {KEY: decision()}}}
        )

    def split(self, bills: Sequence[Bill]) -> list[Split]:
        """One evaluation a bill."""
        evaluate = self._engine.evaluate
        return [_split(evaluate(KEY, context(bill))["result"]) for bill in bills]


class ZenCreated:
    """The way of its first page: `create_decision`, once, and its `evaluate`."""

    def __init__(self) -> None:
        self._decision = zen.ZenEngine().create_decision(
            zen.ZenDecisionContent(json.dumps(decision()))
        )

    def split(self, bills: Sequence[Bill]) -> list[Split]:
        """One evaluation a bill."""
        evaluate = self._decision.evaluate
        return [_split(evaluate(context(bill))["result"]) for bill in bills]


def context(bill: Bill) -> dict[str, int | str]:
    """What a bill tells the engine."""
    return {
        "level": bill.level,
        "standing": bill.standing.value,
        "in_scope": bill.in_scope,
        "first_selfpay": bill.first_selfpay,
        "other": bill.other,
        "deductible_used": bill.deductible_used,
        "fund_paid": bill.fund_paid,
        "own_balance": bill.own_balance,
        "giver_balance": bill.giver_balance,
    }


def decision() -> dict[str, Any]:
    """The decision as a document (JDM): bill → table → split → answer."""
    outputs = ("deductible", "ratio", "cap")
    lines = [
        {
            "_id": f"{row.standing.value}{row.level}",
            "level": str(row.level),
            "standing": f'"{row.standing.value}"',
            **{name: str(getattr(row, name)) for name in outputs},
        }
        for row in rows()
    ]
    table = {
        "hitPolicy": "first",
        "passThrough": True,
        "inputs": [
            {"id": name, "name": name, "field": name} for name in ("level", "standing")
        ],
        "outputs": [{"id": name, "name": name, "field": name} for name in outputs],
        "rules": lines,
    }
    expressions = [
        {"id": key, "key": key, "value": value} for key, value in _EXPRESSIONS.items()
    ]
    nodes = {
        "bill": ("inputNode", {}),
        "table": ("decisionTableNode", table),
        "split": ("expressionNode", {"expressions": expressions}),
        "answer": ("outputNode", {}),
    }
    names = list(nodes)
    return {
        "nodes": [
            {
                "id": name,
                "name": name,
                "type": kind,
                "position": {"x": 0, "y": 0},
                "content": content,
            }
            for name, (kind, content) in nodes.items()
        ],
        "edges": [
            {"id": f"{one}-{other}", "type": "edge", "sourceId": one, "targetId": other}
            for one, other in pairwise(names)
        ],
    }


def _split(result: Mapping[str, int]) -> Split:
    return Split(result["fund"], result["own"], result["aid"], result["cash"])
