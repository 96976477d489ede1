"""The sections on what everything rests on: candidate revisions, contradictions
settled, clauses in full."""

from __future__ import annotations

from collections.abc import Iterator

from gongji.cities.city import City
from gongji.guide.page import Grid, LineList, Said, Section, in_order
from gongji.guide.speaker import Speaker, phrase
from gongji.rules.clauses import clauses_in
from gongji.rules.phrases import in_words, topic

HEADING = "依据"


def sections(city: City, speaker: Speaker) -> tuple[Section, ...]:
    """Candidates, contradictions and clauses; an empty one is left out."""
    candidates = tuple(_candidates(city))
    contradictions = tuple(_contradictions(speaker))
    told = []
    if candidates:
        intro = Said(
            "以下修订来源未经证实或没有施行日期, 未经运营方采用不影响任何办理结果。"
        )
        told.append(Section("尚未采用的候选修订", (intro, LineList(candidates))))
    if contradictions:
        told.append(Section("来源矛盾与取舍", parts=contradictions))
    return (*told, Section(HEADING, (_clauses(city, speaker),)))


def _candidates(city: City) -> Iterator[Said]:
    adopted = {adoption.partition("@")[0] for adoption in city.adoptions}
    for candidate in city.candidates:
        if candidate.name not in adopted:
            text = (
                f"{candidate.name}({topic(candidate.hook)}): "
                f"{phrase(candidate.value)}。未采用: {candidate.why_not}"
            )
            yield Said(text, candidate.clauses)


def _contradictions(speaker: Speaker) -> Iterator[Section]:
    """One part a rule value that settles contradictions: what clashes, what was chosen,
    why, what says otherwise."""
    names = {key: channel.name for key, channel in speaker.channels.items()}
    settling = [(hook, ruled) for hook, ruled in speaker.rules.all() if ruled.settles]
    for hook, ruled in sorted(
        settling, key=lambda answer: min(map(in_order, answer[1].settles))
    ):
        chosen = f"采用: {in_words(ruled.value, names)}"
        lines = [
            Said(f"{clash.id} {clash.clash}")
            for clash in sorted(ruled.settles, key=in_order)
        ]
        lines.append(Said(chosen, ruled.clauses, speaker.rules.provincial(hook)))
        lines += [Said(f"理由: {ruled.why}")] if ruled.why else []
        lines += [Said("另有说法:", ruled.against)] if ruled.against else []
        yield Section(topic(hook), (LineList(tuple(lines)),))


def _clauses(city: City, speaker: Speaker) -> Grid:
    """Every clause any value or candidate of the day rests on or was weighed against."""
    weighed = [ruled for _, ruled in speaker.rules.all()]
    clauses = dict.fromkeys([*clauses_in(weighed), *clauses_in(city.candidates)])
    ordered = sorted(clauses, key=in_order)
    rows = tuple(
        (
            Said(clause.id),
            Said(clause.text.replace("|", " · ")),
            Said(clause.source),
            Said(phrase(clause.grade)),
        )
        for clause in ordered
    )
    return Grid(
        ("条款", "原文", "出处", "性质"),
        rows,
        anchors=tuple(clause.id for clause in ordered),
    )
