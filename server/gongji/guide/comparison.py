"""The table that compares a city's channels (办理渠道对比), as a document compares them."""

from __future__ import annotations

from collections.abc import (
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from typing import Any

from gongji.guide.builder import (
    GuideBuilder,
    Hook,
    phrase,
)
from gongji.guide.page import Grid, Statement
from gongji.rules.channels import (
    Across,
    Asked,
    AtOnce,
    Channel,
    ChannelId,
    ChannelKind,
    MaterialNeed,
    ReviewLatency,
)
from gongji.rules.clauses import Clause
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import days_in_words, pairs_taken

OVER_THE_COUNTER = frozenset({ChannelKind.COUNTER, ChannelKind.BANK})

ROWS: Mapping[str, Hook[Any]] = {
    # Anqing's document compares these, in this order (A28 to A42).
    "办理时效": CityRules.review_latency,
    "操作便捷性": CityRules.channels,
    "所需材料": CityRules.materials,
    "适用人群": CityRules.channels,
    "服务时间": CityRules.channels,
    # No document compares these.
    "身份核验": CityRules.identity_checks,
    "填报信息": CityRules.fields_asked,
    "受理范围": CityRules.channels,
}
"""The labels of the rows, each with the hook that answers."""

_SILENT = "—"


@dataclass(frozen=True, slots=True)
class ComparedChannel:
    """One channel with its cells by row; what a channel is silent on has no text."""

    name: str
    cells: Mapping[str, Statement]


Columns = Mapping[str, Sequence[ComparedChannel]]
"""The channels by the name they are compared under."""


def comparison(builder: GuideBuilder) -> Grid:
    """Return the whole table, without the rows on which every channel is silent."""
    columns = _columns(builder)
    channels = [channel for column in columns.values() for channel in column]
    rows = []
    for row in ROWS:
        if any(channel.cells[row].text for channel in channels):
            label = _label(builder, row, channels)
            cells = [_joined(column, row) for column in columns.values()]
            rows.append((label, *cells))
    return Grid(
        head=("对比项", *columns),
        rows=tuple(rows),
        wide=True,
    )


def how_soon(channel: Channel, latency: ReviewLatency) -> str:
    """Return when an application takes effect, in the words of the documents' table."""
    if latency.at_once is AtOnce.NEVER:
        return phrase(latency)
    # The documents say 办结 of what is done over the counter (A30), else 生效 (A28).
    over_the_counter = channel.kind in OVER_THE_COUNTER
    at_once = "即时办结" if over_the_counter else phrase(AtOnce.ALWAYS)
    if latency.at_once is AtOnce.ALWAYS:
        return at_once
    span = days_in_words(latency).replace("–", "-")
    return f"实时审核，{at_once}；自动核验不能确认的转人工审核，{span}"


def material_clauses(
    builder: GuideBuilder,
    key: ChannelId,
) -> list[Clause]:
    """Return the clauses that give one channel's materials, none if nothing names them."""
    needs = builder.value(CityRules.materials)[key]
    clauses = [clause for need in needs for clause in need.clauses]
    clauses += builder.channels[key].row_clauses.materials
    return clauses


def _columns(builder: GuideBuilder) -> Columns:
    """Return the channels in their order, those of one short name together."""
    columns: dict[str, list[ComparedChannel]] = {}
    for key, channel in builder.channels.items():
        compared = ComparedChannel(channel.name, _cells(builder, key))
        column = columns.setdefault(channel.short_name or channel.name, [])
        column.append(compared)
    return columns


def _cells(
    builder: GuideBuilder,
    key: ChannelId,
) -> Mapping[str, Statement]:
    """Return the cells of one channel by row."""
    channel = builder.channels[key]
    review = builder.value(CityRules.review_latency)[key]
    needs = builder.value(CityRules.materials)[key]
    checks = builder.value(CityRules.identity_checks)[key]
    fields = builder.value(CityRules.fields_asked)[key]
    cited = channel.row_clauses
    return {
        "办理时效": Statement(how_soon(channel, review), review.clauses),
        "操作便捷性": Statement(channel.ease, cited.ease),
        "所需材料": Statement(
            _what_to_bring(channel, needs),
            tuple(material_clauses(builder, key)),
        ),
        "适用人群": Statement(channel.audience, cited.audience),
        "服务时间": Statement(phrase(channel.hours), cited.hours),
        "身份核验": Statement(phrase(checks)),
        "填报信息": Statement(phrase(fields)),
        "受理范围": Statement(_pairs(builder, channel)),
    }


def _pairs(builder: GuideBuilder, channel: Channel) -> str:
    """Return which pairs a channel takes, nothing if all channels take the same."""
    if all(c.across is Across.BOTH for c in builder.channels.values()):
        return ""
    if channel.across is Across.BOTH:
        return phrase(builder.value(CityRules.scope))
    return pairs_taken(channel)


def _joined(
    column: Sequence[ComparedChannel],
    row: str,
) -> Statement:
    """Return what a column's channels have in common, or each one's own by name."""
    texts = {channel.cells[row].text for channel in column}
    # Two mini-programs under one short name mostly say the same.
    if len(texts) == 1:
        text = texts.pop() or _SILENT
    else:
        parts = []
        for channel in column:
            own = channel.cells[row].text or _SILENT
            parts.append(f"{channel.name}：{own}")
        text = "；".join(parts)
    cited: dict[Clause, None] = {}
    for channel in column:
        cited.update(dict.fromkeys(channel.cells[row].clauses))
    return Statement(text, tuple(cited))


def _label(
    builder: GuideBuilder,
    row: str,
    channels: Iterable[ComparedChannel],
) -> Statement:
    """Return a row's label with those of the hook's clauses that no cell cites."""
    hook = ROWS[row]
    # The cells of any row count: hours stand in their own row, not at "适用人群".
    in_cells: set[Clause] = set()
    for label in ROWS:
        if ROWS[label] is hook:
            for channel in channels:
                in_cells.update(channel.cells[label].clauses)
    clauses = builder.rules.answer(hook).clauses
    return Statement(
        row,
        tuple(clause for clause in clauses if clause not in in_cells),
        builder.rules.provincial(hook.__name__),
    )


def _what_to_bring(
    channel: Channel,
    needs: Iterable[MaterialNeed],
) -> str:
    """Return the materials of a channel on one line, originals together."""
    always = [need for need in needs if need.asked is Asked.ALWAYS]
    if_unknown = [need for need in needs if need.asked is Asked.RELATION_NOT_ON_RECORD]
    parts = []
    if always:
        parts.append(_names_of_proofs(always))
    elif channel.kind not in OVER_THE_COUNTER:
        parts.append("仅需在线身份验证")
    if if_unknown:
        proofs = _names_of_proofs(if_unknown)
        parts.append(f"登记信息查不到亲属关系的，另需{proofs}")
    return "；".join(parts)


def _names_of_proofs(needs: Iterable[MaterialNeed]) -> str:
    """Return names as the applicant, the holder, calls them: "身份证、社保卡原件；户口簿"."""
    originals: list[str] = []
    copies: list[str] = []
    for need in needs:
        # The applicant is the holder: the name need not say whose card it is.
        name = need.name.removeprefix("授权人")
        (originals if need.original else copies).append(name)
    parts = []
    if originals:
        parts.append("、".join(originals) + "原件")
    if copies:
        parts.append("、".join(copies))
    return "；".join(parts)
