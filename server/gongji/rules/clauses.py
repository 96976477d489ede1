"""What a rule rests on: clauses, dated values with their sources, and the
contradictions they settle."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from enum import Enum
from typing import Generic, TypeVar

T = TypeVar("T")


class Grade(Enum):
    """How far a clause may be trusted to decide money."""

    DOCUMENT = "document"
    """一手材料: one of the two source documents."""
    OFFICIAL = "official"
    """官方公开来源: decides where the documents are silent."""
    UNCONFIRMED = "unconfirmed"
    """未经证实: names a candidate; decides nothing until an operator adopts it."""
    OPERATOR = "operator"
    """运营方设定: a figure no document gives, set by whoever runs the service."""
    ASSUMPTION = "assumption"
    """推定: no document answers."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One sentence of a source (条款): its number, the Chinese sentence, where it
    stands, how far to trust it.

    `verified_on` is the day (YYYY-MM-DD) somebody last held the sentence against its
    source; "" where nobody has. ValueError where it is no day.
    """

    id: str
    text: str
    source: str
    grade: Grade = Grade.DOCUMENT
    verified_on: str = ""

    def __post_init__(self) -> None:
        if (
            self.verified_on
            and str(date.fromisoformat(self.verified_on)) != self.verified_on
        ):
            msg = f"条款 {self.id} 的 verified_on 应写作 YYYY-MM-DD, 得到 {self.verified_on!r}"
            raise ValueError(msg)

    @classmethod
    def assumption(cls, id: str, text: str) -> Clause:  # noqa: A002 - the field's name
        """A sentence no document states; every reply that rests on it says so."""
        return cls(id, text, "推定,无文件依据", Grade.ASSUMPTION)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two clauses that cannot both hold (X1 …); settled by the rule value that names it."""

    id: str
    clash: str


@dataclass(frozen=True, slots=True)
class Ruled(Generic[T]):
    """A rule value: the figure, its first day, what it rests on, what speaks against it
    and why it was chosen."""

    value: T
    since: date
    clauses: tuple[Clause, ...]
    against: tuple[Clause, ...] = ()
    why: str = ""
    settles: tuple[Contradiction, ...] = ()


Timeline = tuple[Ruled[T], ...]
"""All values of one rule, each from its day on; the core picks by day."""


def ruled(
    value: T,
    *,
    since: str,
    clauses: Iterable[Clause],
    against: Iterable[Clause] = (),
    why: str = "",
    settles: Iterable[Contradiction] = (),
) -> Timeline[T]:
    """A timeline of one value from `since` (YYYY-MM-DD) on; add two with + where a value changed.

    ValueError where the day is none or no clause is given.
    """
    clauses = tuple(clauses)
    if not clauses:
        msg = f"规则值 {value!r} 没有条款依据; 无文件时请用 Clause.assumption 写明推定"
        raise ValueError(msg)
    return (
        Ruled(
            value,
            date.fromisoformat(since),
            clauses,
            tuple(against),
            why,
            tuple(settles),
        ),
    )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A revision that no day selects (候选修订) until the operator adopts it with a first day.

    `hook` names the question, `value` its answer, `why_not` what is known against it.
    """

    name: str
    hook: str
    value: object
    clauses: tuple[Clause, ...]
    why_not: str


def clauses_in(thing: object) -> Iterable[Clause]:
    """Every clause reachable from a rule value, its own and those its parts carry."""
    if isinstance(thing, Clause):
        yield thing
    elif isinstance(thing, dict):
        for part in thing.values():
            yield from clauses_in(part)
    elif isinstance(thing, (tuple, list, frozenset)):
        for part in thing:
            yield from clauses_in(part)
    elif is_dataclass(thing) and not isinstance(thing, type):
        for field in fields(thing):
            yield from clauses_in(getattr(thing, field.name))
