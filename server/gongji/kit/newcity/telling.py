"""How a case is written down: steps and people as lines of TOML, as
`tests/conformance/README.md` reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from gongji.kit.newcity.reckoning import written
from gongji.rules.clauses import Clause

_BARE = re.compile(r"[A-Za-z0-9_]+")

SURNAMES: Final = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜"
"""Enough invented people for a case."""


@dataclass(frozen=True, slots=True)
class Story:
    """One case: its number, its sentence, the clauses behind it, when, who, and what happens."""

    id: str
    says: str
    clauses: Sequence[Clause]
    now: datetime
    people: Sequence[Mapping[str, Any]] = ()
    steps: Sequence[Mapping[str, Any]] = field(default_factory=tuple)

    def toml(self) -> str:
        """The case as a table of cases.toml."""
        lines = ["[[case]]", f"id = {_inline(self.id)}", f"says = {_inline(self.says)}"]
        lines.append(
            f"clauses = {_inline([clause.id for clause in dict.fromkeys(self.clauses)])}"
        )
        lines.append(f"now = {_inline(instant(self.now))}")
        for name, rows in (("people", self.people), ("steps", self.steps)):
            if rows:
                lines += [f"{name} = [", *(f"  {_inline(row)}," for row in rows), "]"]
        return "\n".join(lines)


def instant(moment: datetime) -> str:
    """An instant as a case writes it."""
    return f"{moment:%Y-%m-%d %H:%M}"


def people(
    area_code: str, standings: Iterable[str], **others: Any
) -> list[dict[str, Any]]:
    """Invented people of a city, one for each standing, named in order."""
    return [
        {
            "name": f"{SURNAMES[number % len(SURNAMES)]}{number + 1}",
            "insured": area_code,
            "as": standing,
            **others,
        }
        for number, standing in enumerate(standings)
    ]


def _inline(value: Any) -> str:
    """A value on one line of TOML."""
    if isinstance(value, Mapping):
        pairs = (f"{_key(key)} = {_inline(part)}" for key, part in value.items())
        return f"{{ {', '.join(pairs)} }}" if value else "{}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_inline, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return written(value)
    return (
        str(value)
        if isinstance(value, (int, date))
        else json.dumps(value, ensure_ascii=False)
    )


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False)
