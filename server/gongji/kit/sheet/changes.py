"""Hold two sheets against each other, cell by cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from gongji.kit.sheet.content import AREA, KEYS, RulesSheet, SheetRow

CHANGE_COLUMNS: Final = ("表", "行", "栏", "此前", "现在")

_Key = tuple[tuple[str, ...], int]
"""What a row is known by, and how many rows above it are known by the same."""


class OtherCityError(ValueError):
    """Two sheets are of two cities."""


def changes(former: RulesSheet, now: RulesSheet) -> Iterator[SheetRow]:
    """Yield every cell and row by which a sheet differs from a former one.

    The head does not count, but for the city: a sheet printed on another day, or of
    another version with the same rules, is the same. OtherCityError.
    """
    areas = former.head.get(AREA, ""), now.head[AREA]
    if areas[0] != areas[1]:
        raise OtherCityError(
            f"两份规则清单不是同一城市的：医保区划为 {areas[0] or '空'} 与 {areas[1]}"
        )
    for table, headings in KEYS.items():
        before = _by_key(former.tables[table], headings)
        after = _by_key(now.tables[table], headings)
        for key in dict.fromkeys(chain(before, after)):
            for change in _row_changes(before.get(key), after.get(key)):
                yield {"表": table, "行": " ".join(key[0]), **change}


def _by_key(
    rows: Sequence[SheetRow], headings: tuple[str, ...]
) -> dict[_Key, SheetRow]:
    seen: Counter[tuple[str, ...]] = Counter()
    found = {}
    for row in rows:
        key = tuple(row.get(heading, "") for heading in headings)
        # A row written twice by hand is no row of the other sheet.
        found[key, seen[key]] = row
        seen[key] += 1
    return found


def _row_changes(before: SheetRow | None, after: SheetRow | None) -> Iterator[SheetRow]:
    if before is None or after is None:
        yield {"栏": "整行", "此前": _whole(before), "现在": _whole(after)}
        return
    for heading in dict.fromkeys(chain(before, after)):
        cells = before.get(heading, ""), after.get(heading, "")
        if cells[0] != cells[1]:
            yield {"栏": heading, "此前": cells[0], "现在": cells[1]}


def _whole(row: SheetRow | None) -> str:
    return "没有" if row is None else "；".join(filter(None, row.values()))
