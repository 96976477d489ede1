"""The report as one web page that needs nothing else: for a desk and for a phone, printed or not."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from pathlib import Path
from string import Template
from typing import Any, Final

from gongji_conformance.reports import badge
from gongji_conformance.reports.report import CityReport, Report
from gongji_conformance.reports.tiers import Reached
from gongji_conformance.verdicts.results import Call, Result
from gongji_conformance.verdicts.verdict import Verdict

_PAGE: Final = Template(Path(__file__).with_name("report.html").read_text(encoding="utf-8"))


def html(report: Report) -> str:
    """The whole page."""
    names = "、".join(city.name for city in report.cities)
    return _PAGE.substitute(
        title=escape(f"合规测试: {names}"),
        summary=_summary(report),
        cities="".join(_city(city) for city in report.cities),
        reproduce=_reproduce(report),
    )


def _summary(report: Report) -> str:
    rows = {
        "结论": "全部合乎" if report.green else "有不合之处",
        "时间": f"{report.at:%Y-%m-%d %H:%M} (北京时间)",
        "被测服务": report.target or "测试进程内的沙盒服务",
        "规范": "、".join(report.profiles) + (" (只测一部分: --gongji-quick)" if report.quick else ""),
        "核心": f"gongji {report.core.version}",
        "套件": f"gongji-conformance {report.suite.version}",
    }
    return _pairs(rows)


def _city(city: CityReport) -> str:
    anchor = escape(city.pinyin)
    return (
        f'<section id="{anchor}"><h2>{escape(city.name)} <small>{anchor} {escape(city.area_code)}</small></h2>'
        f"<p>{badge.svg(city)}</p>{_counts(city)}{_tier(city.tier)}{_verdicts(city)}"
        f"{_capabilities(city)}{_hooks(city)}{_contradictions(city)}{_sources(city)}</section>"
    )


def _counts(city: CityReport) -> str:
    shown = (
        f'<li class="{verdict.value}"><b>{city.counts[verdict.value]}</b> {verdict.in_words}</li>'
        for verdict in Verdict
        if city.counts[verdict.value]
    )
    return f'<ul class="counts">{"".join(shown)}</ul>'


def _tier(tier: Reached) -> str:
    until = f", 有效至 {tier.until}" if tier.until else ""
    names = {"bronze": "铜", "silver": "银", "gold": "金", "platinum": "铂"}
    rows = "".join(
        f'<li class="{"pass" if found.met else "open"}"><span class="mark">{"✓" if found.met else "✗"}</span>'
        f"<span><b>{names[found.tier]}</b> {escape(found.says)} <code>{escape(found.id)}</code>"
        + (f'<br><span class="missing">{escape(found.missing)}</span>' if found.missing else "")
        + "</span></li>"
        for found in tier.findings
    )
    return f'<h3>等级: {escape(tier.name)}{until}</h3><ul class="rules">{rows}</ul>'


def _verdicts(city: CityReport) -> str:
    order = [Verdict.FAIL, Verdict.SUITE_ERROR, Verdict.KNOWN_FAIL, Verdict.NOT_APPLICABLE, Verdict.PASS]
    blocks = []
    for verdict in order:
        found = [result for result in city.results if result.verdict is verdict]
        if found:
            told = "".join(_result(result) for result in found)
            opened = "" if verdict is Verdict.PASS else " open"
            blocks.append(f"<details{opened}><summary>{verdict.in_words} {len(found)}</summary>{told}</details>")
    return f"<h3>规矩与案例</h3>{''.join(blocks)}"


def _result(result: Result) -> str:
    more = f'<p class="why">{escape(result.why)}</p>' if result.why else ""
    more += f"<pre>{escape(result.failure)}</pre>" if result.failure else ""
    more += f'<p class="note">依据: {escape(result.basis)}; {result.seconds:.2f} 秒</p>'
    opened = " open" if result.failure else ""
    return (
        f'<details class="result {result.verdict.value}"{opened}><summary><code>{escape(result.id)}</code> '
        f"{escape(result.says)}</summary>{more}{_calls(result.calls)}</details>"
    )


def _calls(calls: Iterable[Call]) -> str:
    told = "".join(_call(call) for call in calls)
    return f'<details class="calls"><summary>调用 (个人信息已隐去)</summary>{told}</details>' if told else ""


def _call(call: Call) -> str:
    asked = "\n".join(_json(request) for request in call.requests)
    answer = f"拒绝 {_json(call.refused)}" if call.refused is not None else _json(call.reply)
    return f"<h5>{escape(call.method)}</h5><pre>→ {escape(asked)}\n← {escape(answer)}</pre>"


def _capabilities(city: CityReport) -> str:
    return "<h3>能力</h3>" + _table(
        ["能力", "编号", "本市"],
        [[one.name, one.id, "有" if one.declared else "声明没有"] for one in city.capabilities],
    )


def _hooks(city: CityReport) -> str:
    own = "、".join(city.own_hooks) or "无"
    uncovered = "、".join(city.uncovered_hooks) or "无"
    return "<h3>钩子</h3>" + _pairs({"本市自己回答": own, "没有案例用到": uncovered})


def _contradictions(city: CityReport) -> str:
    rows = [
        [one.id or "—", one.clash or "—", one.hook, "、".join(one.chosen), "、".join(one.against) or "—", one.why]
        for one in city.contradictions
    ]
    head = ["编号", "矛盾", "规则", "采用", "相反", "理由"]
    return f"<h3>来源之间的矛盾</h3>{_table(head, rows) if rows else '<p>无</p>'}"


def _sources(city: CityReport) -> str:
    rows = [
        [one.id, one.text, one.source, one.grade, one.verified_on or "—", "、".join(one.hooks)] for one in city.sources
    ]
    table = _table(["条款", "原文", "出处", "可信程度", "最近核对", "规则"], rows)
    return f"<details><summary><h3>条款 {len(rows)}</h3></summary>{table}</details>"


def _reproduce(report: Report) -> str:
    install = "pip install " + " ".join(report.reproduce.requirements)
    packages = [report.suite, report.core, *(city.plugin for city in report.cities)]
    digests = _table(
        ["软件包", "版本", "文件摘要 (SHA-256)"],
        [[package.name, package.version, package.digest or "文件不在本机"] for package in packages],
    )
    commands = f"<pre># {report.reproduce.python}\n{escape(install)}\n{escape(report.reproduce.command)}</pre>"
    return f"{commands}{digests}"


def _pairs(rows: dict[str, str]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(key)}</dt><dd>{escape(text)}</dd>" for key, text in rows.items()) + "</dl>"


def _table(head: list[str], rows: list[list[str]]) -> str:
    titles = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td data-label="{escape(name)}"><span>{_broken(cell)}</span></td>'
            for name, cell in zip(head, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def _broken(text: str) -> str:
    """A text that a long digest does not push out of the page."""
    return f'<span class="digest">{text}</span>' if len(text) == 64 and text.isalnum() else escape(text)


def _json(plain: Any) -> str:
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)
