"""Split bills by a decision of zen-engine: a table for the row, expressions for the amounts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import zen  # type: ignore[import-untyped,unused-ignore] # carries types, but no mark that says so

from tests.bench.rivals.rules_bills import Bill, Split, TableRow, rows

KEY: Final = "split"
FIGURES: Final = ("deductible", "ratio", "cap")

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
    """By a decision compiled from a loader, as its pages advise for speed."""

    def __init__(self) -> None:
        loader = {"type": "static", "content": {KEY: decision()}}
        self._engine = zen.ZenEngine({"loader": loader})  # type: ignore[arg-type]  # its stubs name a type of their own

    def split(self, bills: Sequence[Bill]) -> list[Split]:
        """Evaluate once a bill."""
        evaluate = self._engine.evaluate
        return [_split(evaluate(KEY, context(bill))["result"]) for bill in bills]


class ZenCreated:
    """As its first page shows: `create_decision`, once, and its `evaluate`."""

    def __init__(self) -> None:
        content = zen.ZenDecisionContent(json.dumps(decision()))
        self._decision = zen.ZenEngine().create_decision(content)

    def split(self, bills: Sequence[Bill]) -> list[Split]:
        """Evaluate once a bill."""
        evaluate = self._decision.evaluate
        return [_split(evaluate(context(bill))["result"]) for bill in bills]


def context(bill: Bill) -> dict[str, int | str]:
    """Return what the engine reads of a bill."""
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
    """Return the decision as a document (JDM): bill → table → split → answer."""
    expressions = [
        {"id": key, "key": key, "value": value} for key, value in _EXPRESSIONS.items()
    ]
    nodes = [
        _node("bill", "inputNode", {}),
        _node("table", "decisionTableNode", _table()),
        _node("split", "expressionNode", {"expressions": expressions}),
        _node("answer", "outputNode", {}),
    ]
    edges = [_edge(source["id"], target["id"]) for source, target in pairwise(nodes)]
    return {"nodes": nodes, "edges": edges}


def _table() -> dict[str, Any]:
    return {
        "hitPolicy": "first",
        "passThrough": True,
        "inputs": [_field(name) for name in ("level", "standing")],
        "outputs": [_field(name) for name in FIGURES],
        "rules": [_rule(row) for row in rows()],
    }


def _field(name: str) -> dict[str, str]:
    return {"id": name, "name": name, "field": name}


def _rule(row: TableRow) -> dict[str, str]:
    standing = row.standing.value
    conditions = {"level": str(row.level), "standing": f'"{standing}"'}
    figures = {name: str(getattr(row, name)) for name in FIGURES}
    return {"_id": f"{standing}{row.level}", **conditions, **figures}


def _node(name: str, kind: str, content: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": name,
        "name": name,
        "type": kind,
        "position": {"x": 0, "y": 0},
        "content": content,
    }


def _edge(source: str, target: str) -> dict[str, str]:
    return {
        "id": f"{source}-{target}",
        "type": "edge",
        "sourceId": source,
        "targetId": target,
    }


def _split(result: Mapping[str, int]) -> Split:
    return Split(result["fund"], result["own"], result["aid"], result["cash"])
