"""Which clauses are to be held against their source again, and until when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from gongji.cities.city import City
from gongji.kit.sheet.content import SheetRow, all_clauses
from gongji.rules.clauses import Clause, Grade

FRESH: Final = timedelta(days=365)
"""How long a verification holds: as long as for a tier of the conformance suite."""

WITHIN: Final = timedelta(days=60)
"""How long before its end a clause is called for."""

DUE_COLUMNS: Final = ("条款", "核实日", "到期", "说明", "出处")

_SOURCED: Final = frozenset({Grade.DOCUMENT, Grade.OFFICIAL})
"""Grades whose text stands in a document that can be looked up again."""


def due_clauses(
    city: City, today: date, within: timedelta = WITHIN
) -> Iterator[SheetRow]:
    """Yield the clauses whose verification ends soon or has ended, the first to end first.

    Those never verified come last, in their own order.
    """
    sourced = [clause for clause in all_clauses(city) if clause.grade in _SOURCED]
    verified = [clause for clause in sourced if clause.verified_on]
    # ISO days sort as days.
    for clause in sorted(verified, key=lambda clause: clause.verified_on):
        on = date.fromisoformat(clause.verified_on)
        left = (on + FRESH - today).days
        if on > today:
            yield _row(clause, "", f"核实日在 {today} 之后")
        elif left < 0:
            yield _row(clause, str(on + FRESH), f"已过期 {-left} 日")
        elif left <= within.days:
            yield _row(clause, str(on + FRESH), f"还有 {left} 日")
    for clause in sourced:
        if not clause.verified_on:
            yield _row(clause, "", "从未核实")


def _row(clause: Clause, ends: str, told: str) -> SheetRow:
    cells = (clause.id, clause.verified_on, ends, told, clause.source)
    return dict(zip(DUE_COLUMNS, cells, strict=True))
