"""Sentences no decision asks for: each under the section of its heading, the others in
one of their own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gongji.guide.page import LineList, Said, Section
from gongji.guide.speaker import Speaker
from gongji.rules.hookspecs import CityRules

_OTHERS = "其他说明"


def with_notes(speaker: Speaker, sections: Iterable[Section]) -> tuple[Section, ...]:
    """The sections, each with the notes of its heading below it, and what is left as the last one.

    A note belongs to a section by its own heading, or where its sentence begins with
    the section's: "如何解绑:…".
    """
    told = tuple(sections)
    placed: dict[str, list[Said]] = {}
    for note in speaker.value(CityRules.notes):
        sentence = note.clause.text
        begun = next((s.heading for s in told if sentence.startswith(s.heading)), "")
        said = speaker.says(
            CityRules.notes, sentence.removeprefix(begun).lstrip(":： "), [note.clause]
        )
        placed.setdefault(begun or note.heading, []).append(said)
    told = tuple(
        _with(section, tuple(placed.pop(section.heading, ()))) for section in told
    )
    others = tuple(
        Section(heading, (LineList(tuple(notes)),)) for heading, notes in placed.items()
    )
    return (*told, Section(_OTHERS, parts=others)) if others else told


def _with(section: Section, notes: tuple[Said, ...]) -> Section:
    """The section with notes, in its last list where that has no order to follow."""
    if not notes:
        return section
    match section.blocks:
        case (*before, LineList(numbered=False) as last):
            return replace(section, blocks=(*before, LineList((*last.items, *notes))))
        case blocks:
            return replace(section, blocks=(*blocks, LineList(notes)))
