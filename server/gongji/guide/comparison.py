"""The table that compares a city's channels (办理渠道对比), as the documents' own one
does, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from gongji.guide.page import Grid, Said
from gongji.guide.quoted import OVER_THE_COUNTER, column_of, row_of, speaks_of
from gongji.guide.speaker import Hook, Speaker, phrase
from gongji.rules.channels import (
    Across,
    Asked,
    AtOnce,
    Channel,
    ChannelId,
    MaterialNeed,
    ReviewLatency,
)
from gongji.rules.clauses import Clause
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import days_in_words

HOURS = "服务时间"

_SILENT = "—"


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One row: its label, the hook that answers, what a channel's cell says, and the
    clauses told of that channel."""

    label: str
    hook: Hook[Any]
    cell: Callable[[ChannelId, Channel], str]
    told: Callable[[ChannelId], Iterable[Clause]] = lambda _: ()


@dataclass(frozen=True, slots=True)
class ComparisonColumn:
    """Channels under one name: one each, or those a document's table speaks of together."""

    name: str
    channels: tuple[tuple[ChannelId, Channel], ...]

    def says(self, row: ComparisonRow) -> str:
        """What all its channels say, or each by name where they differ."""
        texts = {channel.name: row.cell(key, channel) for key, channel in self.channels}
        if len(set(texts.values())) == 1:
            return next(iter(texts.values()))
        return "; ".join(f"{name}: {text or _SILENT}" for name, text in texts.items())

    def cites(
        self, row: ComparisonRow, clauses: Iterable[Clause]
    ) -> tuple[Clause, ...]:
        """What the row tells of its channels, and those of the hook's clauses and its
        own that quote the very cell."""
        cited: dict[Clause, None] = {}
        for key, channel in self.channels:
            told = tuple(row.told(key))
            quoting = (
                c
                for c in (*clauses, *channel.clauses, *told)
                if row_of(c) == row.label and speaks_of(c, channel)
            )
            cited |= dict.fromkeys((*quoting, *(c for c in told if not row_of(c))))
        return tuple(cited)


def comparison(speaker: Speaker) -> Grid:
    """The whole table; rows on which every channel is silent are left out."""
    columns = _columns(speaker)
    rows = (_cells(speaker, columns, row) for row in _rows(speaker))
    return Grid(
        ("对比项", *(column.name for column in columns)),
        tuple(filter(None, rows)),
        wide=True,
    )


def how_soon(channel: Channel, latency: ReviewLatency) -> str:
    """When a request through a channel takes effect, in the words of the documents' table."""
    if latency.at_once is AtOnce.NEVER:
        return phrase(latency)
    at_once = "即时办结" if channel.kind in OVER_THE_COUNTER else phrase(AtOnce.ALWAYS)
    if latency.at_once is AtOnce.ALWAYS:
        return at_once
    span = days_in_words(latency).replace("–", "-")
    return f"实时审核,{at_once}; 自动核验不能确认的转人工审核,{span}"


def _columns(speaker: Speaker) -> tuple[ComparisonColumn, ...]:
    """The channels in their order, under the short names of a document's table where
    one speaks of them."""
    by_channel: tuple[Hook[Any], ...] = (
        CityRules.review_latency,
        CityRules.materials,
        CityRules.channels,
    )
    quoted = [
        c
        for hook in by_channel
        for c in speaker.rules.answer(hook).clauses
        if row_of(c)
    ]
    columns: dict[str, list[tuple[ChannelId, Channel]]] = {}
    for key, channel in speaker.channels.items():
        short = [
            column_of(c) for c in (*quoted, *channel.clauses) if speaks_of(c, channel)
        ]
        columns.setdefault(next(iter(short), channel.name), []).append((key, channel))
    return tuple(
        ComparisonColumn(name, tuple(channels)) for name, channels in columns.items()
    )


def _rows(speaker: Speaker) -> Iterator[ComparisonRow]:
    reviews, needs = (
        speaker.value(CityRules.review_latency),
        speaker.value(CityRules.materials),
    )
    checks, fields = (
        speaker.value(CityRules.identity_checks),
        speaker.value(CityRules.fields_asked),
    )
    bringing = {
        key: [clause for need in asked for clause in need.clauses]
        for key, asked in needs.items()
    }
    of_channel = CityRules.channels
    yield ComparisonRow(
        "办理时效",
        CityRules.review_latency,
        lambda key, c: how_soon(c, reviews[key]),
        lambda key: reviews[key].clauses,
    )
    yield ComparisonRow("操作便捷性", of_channel, lambda _, channel: channel.ease)
    yield ComparisonRow(
        "所需材料",
        CityRules.materials,
        lambda key, c: _what_to_bring(c, needs[key]),
        lambda key: bringing[key],
    )
    yield ComparisonRow("适用人群", of_channel, lambda _, channel: channel.audience)
    yield ComparisonRow(HOURS, of_channel, lambda _, channel: phrase(channel.hours))
    yield ComparisonRow(
        "身份核验", CityRules.identity_checks, lambda key, _: phrase(checks[key])
    )
    yield ComparisonRow(
        "填报信息", CityRules.fields_asked, lambda key, _: phrase(fields[key])
    )
    if any(channel.across is not Across.BOTH for channel in speaker.channels.values()):
        scope = phrase(speaker.value(CityRules.scope))
        yield ComparisonRow(
            "受理范围",
            of_channel,
            lambda _, c: scope if c.across is Across.BOTH else phrase(c.across),
        )


def _cells(
    speaker: Speaker, columns: Iterable[ComparisonColumn], row: ComparisonRow
) -> tuple[Said, ...]:
    """The cells of one row, none where all are silent; clauses that stand in no cell
    stand by the label."""
    head = speaker.says(row.hook, row.label)
    cells = [
        Said(column.says(row), column.cites(row, head.clauses)) for column in columns
    ]
    if not any(said.text for said in cells):
        return ()
    placed = {clause for said in cells for clause in said.clauses}
    rest = tuple(
        clause for clause in head.clauses if not row_of(clause) and clause not in placed
    )
    shown = (Said(said.text or _SILENT, said.clauses) for said in cells)
    return (Said(row.label, rest, head.provincial), *shown)


def _what_to_bring(channel: Channel, needs: tuple[MaterialNeed, ...]) -> str:
    """The materials of a channel on one line, originals together."""
    always = [need for need in needs if need.asked is Asked.ALWAYS]
    only_if = [need for need in needs if need.asked is Asked.RELATION_NOT_ON_RECORD]
    parts = [_together(always)] if always else []
    if not always and channel.kind not in OVER_THE_COUNTER:
        parts = ["仅需在线身份验证"]
    if only_if:
        parts.append(f"登记信息查不到亲属关系的, 另需{_together(only_if)}")
    return "; ".join(parts)


def _together(needs: list[MaterialNeed]) -> str:
    """Names as the applicant, who is the holder, calls them: "身份证、社保卡原件; 户口簿"."""
    originals = "、".join(
        need.name.removeprefix("授权人") for need in needs if need.original
    )
    copies = "、".join(
        need.name.removeprefix("授权人") for need in needs if not need.original
    )
    return "; ".join(
        part for part in (originals and f"{originals}原件", copies) if part
    )
