"""Where the content of each table and index lies in a SQLite file, byte by byte.

By the file format (sqlite.org/fileformat2.html) and nothing of SQLite's code: cells with
what overflows from them, where they lie in a page, and which pages hang below it. All
else is unused: free pages, the space between cells, what is left of a page's end, and the
row numbers of a table that no index names.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

Span = tuple[int, int]
"""First byte, and the one behind the last."""

_INTERIOR_INDEX, _INTERIOR_TABLE, _LEAF_INDEX, _LEAF_TABLE = 2, 5, 10, 13

_INTERIOR: Final = (_INTERIOR_INDEX, _INTERIOR_TABLE)

_ROOTS: Final = """
SELECT 'sqlite_schema', 1, true
UNION ALL
SELECT name, rootpage, name NOT IN (SELECT tbl_name FROM sqlite_schema WHERE type = 'index')
FROM sqlite_schema
"""
"""Name and first page of each tree, and whether no index names its rows."""

_FILE_HEADER: Final = 100

_POINTER: Final = 4

_VARINT: Final = 9


def content_of(path: Path) -> dict[str, list[Span]]:
    """Return the content of each table and index by its name."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        roots = connection.execute(_ROOTS).fetchall()
    file = _File(path.read_bytes())
    return {name: list(file.tree(page, alone=alone)) for name, page, alone in roots}


class _File:
    """A file as it lies on the disk."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        size = int.from_bytes(content[16:18])
        self._page = 65536 if size == 1 else size
        self._usable = self._page - content[20]

    def tree(self, number: int, *, alone: bool) -> Iterator[Span]:
        """Yield the content of a page and of all below it.

        `alone` says that no index names the rows of the table.
        """
        start = (number - 1) * self._page
        head = start + (_FILE_HEADER if number == 1 else 0)
        kind = self._content[head]
        pointers = self._pointers(head, kind)
        yield head, head + 1
        yield head + 3, head + 5
        yield pointers.start, pointers.stop
        places = [start + self._number(pointer, 2) for pointer in pointers]
        for place in places:
            yield from self._cell(place, kind, alone=alone)
        if kind in _INTERIOR:
            last = head + 8
            yield last, last + _POINTER
            for place in (*places, last):
                yield from self.tree(self._number(place, _POINTER), alone=alone)

    def _pointers(self, head: int, kind: int) -> range:
        """Return where the places of a page's cells stand."""
        array = head + (12 if kind in _INTERIOR else 8)
        return range(array, array + 2 * self._number(head + 3, 2), 2)

    def _cell(self, place: int, kind: int, *, alone: bool) -> Iterator[Span]:
        if kind in _INTERIOR:
            yield place, place + _POINTER
            place += _POINTER
        length, payload = self._varint(place)
        yield place, payload
        if kind == _INTERIOR_TABLE:
            return
        if kind == _LEAF_TABLE:
            _, after = self._varint(payload)
            if not alone:
                yield payload, after
            payload = after
        local = self._local(length, kind)
        yield payload, payload + local
        if local < length:
            yield payload + local, payload + local + _POINTER
            following = self._number(payload + local, _POINTER)
            yield from self._overflow(following, length - local)

    def _local(self, length: int, kind: int) -> int:
        """Return how much of a payload lies in its cell."""
        usable = self._usable
        most = usable - 35 if kind == _LEAF_TABLE else (usable - 12) * 64 // 255 - 23
        if length <= most:
            return length
        least = (usable - 12) * 32 // 255 - 23
        fitting = least + (length - least) % (usable - _POINTER)
        return fitting if fitting <= most else least

    def _overflow(self, number: int, left: int) -> Iterator[Span]:
        while left > 0:
            start = (number - 1) * self._page
            here = min(left, self._usable - _POINTER)
            left -= here
            # The last one leads nowhere.
            yield start + (0 if left else _POINTER), start + _POINTER + here
            number = self._number(start, _POINTER)

    def _number(self, place: int, width: int) -> int:
        return int.from_bytes(self._content[place : place + width])

    def _varint(self, place: int) -> tuple[int, int]:
        """Return a number of as many bytes as it needs, and where it ends."""
        value = 0
        for at in range(place, place + _VARINT - 1):
            byte = self._content[at]
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value, at + 1
        return value << 8 | self._content[place + _VARINT - 1], place + _VARINT
