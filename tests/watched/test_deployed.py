"""deploy/ asks for what there is, and the runbook has a section for each alert."""

from __future__ import annotations

import re

import pytest
from gongji.serve.metrics.families import FAMILIES, MetricFamily, series_of
from gongji.serve.metrics.outcomes import WATCHED_REASONS

from tests.watched.deployed import ROOT, grouped_by, panel_exprs, rules, selectors

EXPRS = {rule.name: rule.expr for rule in rules()} | panel_exprs()

RUNBOOK = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")

FAMILY_OF = {name: family for family in FAMILIES.values() for name in series_of(family)}

# What Prometheus adds.
ADDED = {"job", "instance", "le"}


def labels_of(family: MetricFamily) -> set[str]:
    return {*family.labels, *ADDED}


@pytest.mark.parametrize("expr", EXPRS.values(), ids=EXPRS)
def test_each_expression_asks_for_what_there_is(expr: str) -> None:
    """Every series of an expression is one of ours, and so is every label."""
    families = [FAMILY_OF[selector.name] for selector in selectors(expr)]
    for family, selector in zip(families, selectors(expr), strict=True):
        assert labels_of(family) >= {*selector.labels}
    if families:
        known = set[str]().union(*map(labels_of, families))
        assert known >= {*grouped_by(expr)}
    else:
        assert expr.startswith("up{")


def test_every_family_is_shown() -> None:
    """Nothing is counted that no panel shows and no alert watches."""
    asked = {selector.name for expr in EXPRS.values() for selector in selectors(expr)}
    shown = {FAMILY_OF[name].name for name in asked}
    assert FAMILIES.keys() == shown


def test_reasons_that_are_asked_for_can_be_seen_to_rise() -> None:
    """What a rule asks for by reason is on the page before it first happens."""
    asked = {
        reason
        for rule in rules()
        for reasons in re.findall(r'reason=~?"([^"]+)"', rule.expr)
        for reason in WATCHED_REASONS
        if re.fullmatch(reasons, reason)
    }
    assert {*WATCHED_REASONS} == asked


def test_each_alert_has_its_section() -> None:
    """The runbook's sections are the alerts, in their order; each alert names its own."""
    names = [rule.name for rule in rules()]
    assert names == re.findall(r"^## (Gongji\w+)$", RUNBOOK, re.MULTILINE)
    expected = [f"docs/runbook.md#{name.lower()}" for name in names]
    assert expected == [rule.runbook for rule in rules()]


@pytest.mark.parametrize("name", [rule.name for rule in rules()])
def test_each_section_says_what_to_do(name: str) -> None:
    """A section says what it means, what to look at, and what to do."""
    section = RUNBOOK.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    said = re.findall(r"^\*\*(\S+?)\*\*：\S", section, re.MULTILINE)
    assert ["含义", "查看", "处理"] == said


def test_the_page_of_metrics_has_the_table() -> None:
    """docs/metrics.md is the table of the families."""
    page = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    rows = [
        f"| `{'`、`'.join(series_of(family))}` | {family.kind} | "
        f"{'、'.join(f'`{label}`' for label in family.labels) or '—'} | {family.help} |"
        for family in FAMILIES.values()
    ]
    assert rows == [line for line in page.splitlines() if line.startswith("| `g")]
