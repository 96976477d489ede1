"""The sections on sources: candidate revisions, contradictions settled, clauses in full."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gongji.cities.city import City
from gongji.guide.builder import GuideBuilder, phrase
from gongji.guide.page import (
    Grid,
    LineList,
    Section,
    Statement,
    clause_order,
    list_section,
)
from gongji.rules.channels import ChannelId
from gongji.rules.clauses import Ruled, clauses_in
from gongji.rules.phrases import in_words, topic

HEADING = "依据"


def sections(
    city: City,
    builder: GuideBuilder,
) -> tuple[Section, ...]:
    """Return candidates and contradictions, if there are any, and the clauses."""
    candidates = tuple(_candidates(city))
    contradictions = tuple(_contradictions(builder))
    parts = []
    if candidates:
        text = "以下修订来源未经证实或没有施行日期，未经运营方采用不影响任何办理结果。"
        intro = Statement(text)
        parts.append(
            Section(
                "尚未采用的候选修订",
                (intro, LineList(candidates)),
                for_clerks=True,
            )
        )
    if contradictions:
        settled = Section("来源矛盾与取舍", parts=contradictions, for_clerks=True)
        parts.append(settled)
    clauses = _clauses(city, builder)
    return *parts, Section(HEADING, (clauses,), for_clerks=True)


def _candidates(city: City) -> Iterator[Statement]:
    # An adoption reads "V2@2025-01-01".
    adopted = {adoption.partition("@")[0] for adoption in city.adoptions}
    for candidate in city.candidates:
        if candidate.name not in adopted:
            revision = f"{candidate.name}（{topic(candidate.hook)}）"
            value = phrase(candidate.value)
            text = f"{revision}：{value}。未采用：{candidate.why_not}"
            yield Statement(text, candidate.clauses)


def _contradictions(builder: GuideBuilder) -> Iterator[Section]:
    """Return a part for each rule that settles contradictions, by the first settled."""
    names = {key: channel.name for key, channel in builder.channels.items()}
    settling = [(hook, ruled) for hook, ruled in builder.rules.all() if ruled.settles]
    settling.sort(key=lambda rule: min(map(clause_order, rule[1].settles)))
    for hook, ruled in settling:
        provincial = builder.rules.provincial(hook)
        lines = _settled(ruled, names, provincial=provincial)
        yield list_section(topic(hook), lines)


def _settled(
    ruled: Ruled[Any],
    names: Mapping[ChannelId, str],
    *,
    provincial: bool,
) -> Iterator[Statement]:
    """Return what clashes, what was chosen and why, and what says otherwise."""
    for contradiction in sorted(ruled.settles, key=clause_order):
        yield Statement(f"{contradiction.id} {contradiction.clash}")
    chosen = f"采用：{in_words(ruled.value, names)}"
    yield Statement(chosen, ruled.clauses, provincial)
    if ruled.why:
        yield Statement(f"理由：{ruled.why}")
    if ruled.against:
        yield Statement("另有说法：", ruled.against)


def _clauses(city: City, builder: GuideBuilder) -> Grid:
    """Return every clause that a value or candidate of the day rests on or weighs."""
    ruled = [answer for _, answer in builder.rules.all()]
    # No set: clauses of one number would stand in any order.
    clauses = dict.fromkeys([*clauses_in(ruled), *clauses_in(city.candidates)])
    ordered = sorted(clauses, key=clause_order)
    rows = []
    for clause in ordered:
        # A bar in a clause parts the cells of a table it quotes.
        quoted = clause.text.replace("|", " · ")
        cells = (
            clause.id,
            quoted,
            clause.source,
            phrase(clause.grade),
        )
        rows.append(tuple(Statement(cell) for cell in cells))
    return Grid(
        head=("条款", "原文", "出处", "性质"),
        rows=tuple(rows),
        anchors=tuple(clause.id for clause in ordered),
    )
