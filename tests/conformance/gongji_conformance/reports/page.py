"""The report as one web page that needs nothing else: for a desk and for a phone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from markupsafe import Markup

from gongji_conformance.reports import badge
from gongji_conformance.reports.report import CityReport, Report
from gongji_conformance.reports.template import ENVIRONMENT
from gongji_conformance.verdicts.results import Result
from gongji_conformance.verdicts.verdict import Verdict

Rows = list[list[str | list[str]]]
"""Texts, and lists of clauses by number."""
NONE: Final = "—"
_ORDER: Final = (
    Verdict.FAIL,
    Verdict.SUITE_ERROR,
    Verdict.KNOWN_FAIL,
    Verdict.NOT_APPLICABLE,
    Verdict.PASS,
)
"""What a reader must act on comes first."""
_PARTS: Final = {
    "tier": "等级",
    "results": "规矩与案例",
    "capabilities": "能力",
    "hooks": "钩子",
    "contradictions": "矛盾",
    "sources": "条款",
}
"""The parts of a city's report, by the names that links go by."""
_TIERS: Final = {
    "bronze": "铜",
    "silver": "银",
    "gold": "金",
    "platinum": "铂",
}


def html(report: Report) -> str:
    """Return the whole page."""
    names = "、".join(city.name for city in report.cities)
    return ENVIRONMENT.get_template("report.html").render(
        report=report,
        title=f"合规测试：{names}",
        summary=_summary(report),
        verdicts=Verdict,
        tiers=_TIERS,
        badge=_badge,
        by_verdict=_by_verdict,
        json=_json,
        parts=_PARTS,
        capabilities=_capabilities,
        hooks=_hooks,
        contradictions=_contradictions,
        sources=_sources,
        packages=_packages,
    )


def _summary(report: Report) -> dict[str, str]:
    """Return what stands at the head of the page."""
    part = "（只测一部分：选项 quick）" if report.quick else ""
    return {
        "结论": "全部合乎" if report.green else "有不合之处",
        "时间": f"{report.at:%Y-%m-%d %H:%M}（北京时间）",
        "被测服务": report.target or "测试进程内的沙盒服务",
        "规范": "、".join(report.profiles) + part,
        "核心": f"gongji {report.core.version}",
        "套件": f"gongji-conformance {report.suite.version}",
    }


def _badge(city: CityReport) -> Markup:
    # Its own template has escaped the text.
    return Markup(badge.svg(city))  # noqa: S704 - see above


def _by_verdict(city: CityReport) -> Iterator[tuple[Verdict, list[Result]]]:
    """Yield the results of each verdict there is."""
    for verdict in _ORDER:
        results = [result for result in city.results if result.verdict is verdict]
        if results:
            yield verdict, results


def _json(plain: Any) -> str:
    """Return a message with a field a line, as people read it."""
    # A message that was cut is a text already.
    if isinstance(plain, str):
        return plain
    return json.dumps(plain, ensure_ascii=False, indent=2)


# --- tables: their heads and rows -------------------------------------------------


def _capabilities(city: CityReport) -> tuple[list[str], Rows]:
    head = ["能力", "编号", "本市"]
    rows: Rows = [
        [
            capability.name,
            capability.id,
            "有" if capability.declared else "声明没有",
        ]
        for capability in city.capabilities
    ]
    return head, rows


def _hooks(city: CityReport) -> dict[str, str]:
    return {
        "本市自己回答": "、".join(city.own_hooks) or "无",
        "没有案例用到": "、".join(city.uncovered_hooks) or "无",
    }


def _contradictions(city: CityReport) -> tuple[list[str], Rows]:
    head = ["编号", "矛盾", "规则", "采用", "相反", "理由"]
    rows: Rows = [
        [
            clash.id or NONE,
            clash.clash or NONE,
            clash.hook,
            clash.chosen,
            clash.against,
            clash.why,
        ]
        for clash in city.contradictions
    ]
    return head, rows


def _sources(city: CityReport) -> tuple[list[str], Rows]:
    head = ["条款", "原文", "出处", "可信程度", "最近核对", "规则"]
    rows: Rows = [
        [
            clause.id,
            clause.text,
            clause.source,
            clause.grade,
            clause.verified_on or NONE,
            "、".join(clause.hooks),
        ]
        for clause in city.sources
    ]
    return head, rows


def _packages(report: Report) -> tuple[list[str], Rows]:
    head = ["软件包", "版本", "文件摘要（SHA-256）"]
    plugins = [city.plugin for city in report.cities]
    rows: Rows = [
        [
            package.name,
            package.version,
            package.digest or "文件不在本机",
        ]
        for package in (report.suite, report.core, *plugins)
    ]
    return head, rows
