"""The alert rules and the dashboard of deploy/, read back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]

DEPLOY: Final = ROOT / "deploy"

RULES: Final = DEPLOY / "alerts.yml"

CONFIG: Final = DEPLOY / "prometheus.yml"

DASHBOARD: Final = DEPLOY / "grafana-dashboard.json"

_RULE: Final = re.compile(
    r"- alert: (?P<name>\w+)\n"
    r" +expr: >-\n +(?P<expr>.+)\n"
    r"(?: +for: (?P<wait>\w+)\n)?"
    r" +labels:\n +severity: (?P<severity>critical|warning|info)\n"
    r" +annotations:\n +summary: \"(?P<summary>[^\"]+)\"\n +runbook: (?P<runbook>\S+)\n"
)
"""A rule as it is written there; promtool reads the same file in full."""

_COMPARISON: Final = re.compile(r"\s(?:==|>|<)\s[0-9][0-9 .*]*(?=$|\))")

_SELECTOR: Final = re.compile(r"\b((?:gongji|grpc_server)_\w+)(?:\{([^}]*)\})?")

_MATCHER: Final = re.compile(r'(\w+)(=~|!=|!~|=)"([^"]*)"')


class AlertRule(NamedTuple):
    """One rule of alerts.yml."""

    name: str
    expr: str
    wait: str
    severity: str
    summary: str
    runbook: str

    @property
    def figure(self) -> str:
        """Its expression without the comparison: what is shown whether it fires or not."""
        return _COMPARISON.sub("", self.expr)


class Selector(NamedTuple):
    """A series asked for, and the labels it must have."""

    name: str
    labels: tuple[str, ...]


def rules() -> list[AlertRule]:
    """Return all rules; none may be written in another way than `_RULE`."""
    text = RULES.read_text(encoding="utf-8")
    found = [AlertRule(**match.groupdict("")) for match in _RULE.finditer(text)]
    assert text.count("- alert:") == len(found)
    return found


def panel_exprs() -> dict[str, str]:
    """Return the expressions of the dashboard by panel and letter."""
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    exprs = {
        f"{panel['id']} {panel['title']} {target['refId']}": str(target["expr"])
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    }
    assert len(exprs) == sum(len(panel.get("targets", ())) for panel in _panels())
    return exprs


def _panels() -> list[dict[str, Any]]:
    panels: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))[
        "panels"
    ]
    return panels


def selectors(expr: str) -> Iterator[Selector]:
    """Yield the series of ours that an expression asks for."""
    for name, matchers in _SELECTOR.findall(expr):
        labels = [label for label, _, _ in _MATCHER.findall(matchers)]
        yield Selector(name, tuple(labels))


def grouped_by(expr: str) -> Iterator[str]:
    """Yield the labels by which an expression groups."""
    for labels in re.findall(r"\b(?:by|on) \(([^)]*)\)", expr):
        yield from (label.strip() for label in labels.split(","))
