"""Text in the width of a terminal: no amount, number or clause is ever broken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from rich.cells import cell_len, chop_cells
from rich.text import Text

WHOLE: Final = 36
"""Cells of the longest piece that stays whole, a UUID. Digests and paths may be longer."""

_OPENING: Final = "（「『《〈【〔“‘–"
"""Signs that never end a line; the dash stands within ranges of clauses."""

_CLOSING: Final = "、，。；：！？）」』》〉】〕”’…–"
"""Signs that never begin a line."""

_UNITS: Final = frozenset("元分")

# Words of narrow characters, marks of clauses, single wide characters, and spaces.
_PART: Final = re.compile(r"\s+|〔[^\s〕]{1,6}〕|[^\s\u1100-\U0010ffff]+|.")

_CLAUSE: Final = re.compile(r"[^、]+、?|、")


def wrapped(text: str, width: int, *, clauses: bool = False) -> list[str]:
    """Return a text in lines of at most so many cells; pieces beyond that are cut.

    A text of `clauses` is broken only between two of them.
    """
    spans = _lines(text, width, clauses=clauses)
    return [text[begin:end].rstrip() for begin, end in spans]


def broken(text: Text, width: int) -> Text:
    """Return a styled text in lines of at most so many cells."""
    spans = _lines(text.plain, width, clauses=False)
    lines = [text[begin:end] for begin, end in spans]
    for line in lines:
        line.rstrip()
    return Text("\n").join(lines)


def widest(text: str, *, clauses: bool = False) -> int:
    """Return the cells of the widest piece of a text that must stay whole."""
    pieces = _pieces(text, clauses=clauses)
    widths = [cell_len(piece.strip()) for piece in pieces]
    return max([width for width in widths if width <= WHOLE], default=1)


def _lines(text: str, width: int, *, clauses: bool) -> list[tuple[int, int]]:
    """Return where each line of a text begins and ends."""
    lines, at = [], 0
    for paragraph in text.split("\n"):
        for begin, end in _filled(paragraph, width, clauses=clauses):
            lines.append((at + begin, at + end))
        at += len(paragraph) + 1
    return lines


def _filled(paragraph: str, width: int, *, clauses: bool) -> Iterator[tuple[int, int]]:
    """Yield where the lines of one paragraph begin and end; there is at least one."""
    begin = end = 0
    for piece in _pieces(paragraph, clauses=clauses):
        if cell_len(paragraph[begin:end] + piece.rstrip()) > width:
            if paragraph[begin:end].strip():
                yield begin, end
            begin = end
            # What is wider than a line is cut.
            for part in chop_cells(piece.rstrip(), width)[:-1]:
                yield begin, begin + len(part)
                begin += len(part)
        end += len(piece)
    yield begin, end


def _pieces(text: str, *, clauses: bool) -> Iterator[str]:
    """Yield the pieces of a text between which a line may be broken, in order."""
    if clauses:
        yield from _CLAUSE.findall(text)
        return
    piece = ""
    for part in _PART.findall(text):
        if piece and not _together(piece, part):
            yield piece
            piece = ""
        piece += part
    if piece:
        yield piece


def _together(piece: str, part: str) -> bool:
    """Return whether a part stands on the line of what it follows."""
    if part[0] in _CLOSING or piece[-1] in _OPENING or cell_len(part) == 0:
        return True
    # The mark of the clause before it.
    if part[0] == "〔" and not piece[-1].isspace():
        return True
    # The unit of the amount that ends there.
    if part[0] in _UNITS and re.search(r"\d ?$", piece):
        return True
    return part.isspace()
