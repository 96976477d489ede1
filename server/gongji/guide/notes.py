"""Places the sentences no decision asks for under the sections they belong to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gongji.guide.builder import GuideBuilder
from gongji.guide.page import (
    LineList,
    Section,
    Statement,
    list_section,
)
from gongji.rules.channels import Note
from gongji.rules.hookspecs import CityRules

_REMAINING = "其他说明"


def with_notes(
    builder: GuideBuilder,
    sections: Iterable[Section],
) -> tuple[Section, ...]:
    """Return the sections with their notes, those of no section in one at the end."""
    placed = tuple(sections)
    headings = [section.heading for section in placed]
    notes: dict[str, list[Statement]] = {}
    for note in builder.value(CityRules.notes):
        heading, statement = _under_heading(builder, note, headings)
        notes.setdefault(heading, []).append(statement)
    placed = tuple(
        _with(
            section,
            notes.pop(section.heading, []),
        )
        for section in placed
    )
    if not notes:
        return placed
    parts = [list_section(heading, lines) for heading, lines in notes.items()]
    return *placed, Section(_REMAINING, parts=tuple(parts))


def _under_heading(
    builder: GuideBuilder,
    note: Note,
    headings: Iterable[str],
) -> tuple[str, Statement]:
    """Return a note as a statement, with the heading it belongs under.

    A sentence that begins with a section's heading ("如何解绑:…") belongs there.
    """
    # "绑定不成功的原因:没有参保…" (C28) says itself where it belongs.
    text = note.clause.text
    begun = next((heading for heading in headings if text.startswith(heading)), "")
    text = text.removeprefix(begun).lstrip(":： ")
    statement = builder.statement(
        CityRules.notes,
        text,
        [note.clause],
    )
    return begun or note.heading, statement


def _with(section: Section, notes: list[Statement]) -> Section:
    """Return a section with notes, in its last list unless that is numbered."""
    if not notes:
        return section
    last = section.blocks[-1] if section.blocks else None
    # In a numbered list a note would read as one more step.
    if isinstance(last, LineList) and not last.numbered:
        joined = LineList((*last.items, *notes))
        return replace(
            section,
            blocks=(*section.blocks[:-1], joined),
        )
    return replace(
        section,
        blocks=(*section.blocks, LineList(tuple(notes))),
    )
