"""Write a case (算例) as a table of TOML: its steps and people one a line.

`tests/conformance/README.md` says how a case is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from gongji.kit.newcity.code import toml_text
from gongji.kit.newcity.reckoning import written
from gongji.rules.clauses import Clause

Step = dict[str, Any]
"""What happens, or is asked, and what is expected of it."""

Person = dict[str, Any]

_BARE = re.compile(r"[A-Za-z0-9_]+")

SURNAMES: Final = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜"
"""Enough invented people for a case."""


@dataclass(frozen=True, slots=True)
class Story:
    """One case: its number, its sentence, the clauses behind it, and what happens."""

    id: str
    says: str
    clauses: Sequence[Clause]
    now: datetime
    people: Sequence[Person] = ()
    steps: Sequence[Step] = ()

    def toml(self) -> str:
        """Return the case as a table of cases.toml."""
        numbers = [clause.id for clause in dict.fromkeys(self.clauses)]
        lines = [
            "[[case]]",
            f"id = {_inline(self.id)}",
            f"says = {_inline(self.says)}",
            f"clauses = {_inline(numbers)}",
            f"now = {_inline(instant(self.now))}",
            *_rows("people", self.people),
            *_rows("steps", self.steps),
        ]
        return "\n".join(lines)


def expecting(step: Step, **outcome: Any) -> Step:
    """Return a step with what is expected of it."""
    return step | {"expect": outcome}


def each(step: Step, **values: Sequence[Any]) -> Step:
    """Return a step that is tried with each of these values and leaves nothing."""
    return step | {"each": values}


def clock(moment: datetime) -> Step:
    """Return a step that sets the clock."""
    return {"clock": instant(moment)}


def instant(moment: datetime) -> str:
    """Return an instant as a case writes it."""
    return f"{moment:%Y-%m-%d %H:%M}"


def people(area_code: str, standings: Iterable[str]) -> list[Person]:
    """Return invented people of a city, one for each standing, named in order."""
    persons = []
    for number, standing in enumerate(standings):
        surname = SURNAMES[number % len(SURNAMES)]
        name = f"{surname}{number + 1}"
        persons.append({"name": name, "insured": area_code, "as": standing})
    return persons


def adults(area_code: str, count: int) -> list[Person]:
    """Return so many invented employees of a city."""
    return people(area_code, ["在职"] * count)


def names_of(persons: Iterable[Person]) -> list[str]:
    """Return the names of people, as steps refer to them."""
    return [person["name"] for person in persons]


def _rows(name: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the lines of an array, one member a line; none if it is empty."""
    if not rows:
        return []
    members = [f"  {_inline(row)}," for row in rows]
    return [
        f"{name} = [",
        *members,
        "]",
    ]


def _inline(value: Any) -> str:
    """Return a value on one line of TOML."""
    if isinstance(value, Mapping):
        pairs = [f"{_key(key)} = {_inline(part)}" for key, part in value.items()]
        return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_inline, value))}]"
    if isinstance(value, Decimal):
        return written(value)
    # Before numbers: True is an int to Python.
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, date)):
        return str(value)
    return toml_text(value)


def _key(key: str) -> str:
    if _BARE.fullmatch(key):
        return key
    return toml_text(key)
