"""What a rule rests on: clauses (条款), values with first days, contradictions settled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from enum import Enum
from typing import Generic, TypeVar

from gongji.rules.days import day_of

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
    """One sentence of a source (条款).

    id           its number, by which decisions cite it
    text         the Chinese sentence, word for word; "|" parts the cells of a table
    source       the document, and its place there
    grade        how far to trust it
    verified_on  day (YYYY-MM-DD) on which the text was last held against its source, or
                 ""; ValueError if it is no day
    """

    id: str
    text: str
    source: str
    grade: Grade = Grade.DOCUMENT
    verified_on: str = ""

    def __post_init__(self) -> None:
        if not self.verified_on:
            return
        try:
            day_of(self.verified_on)
        except ValueError as error:
            raise ValueError(f"条款 {self.id} 的 verified_on：{error}") from None

    @classmethod
    def assumption(cls, id: str, text: str) -> Clause:  # noqa: A002 - the field's name
        """Return a sentence no document states; replies that rest on it say so."""
        return cls(id, text, "推定，无文件依据", Grade.ASSUMPTION)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two clauses that cannot both hold (X1 …); settled by the rule value that names it."""

    id: str
    clash: str


@dataclass(frozen=True, slots=True)
class Ruled(Generic[T]):
    """A rule value with its first day, what it rests on, what speaks against it, and why."""

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
    """Return a timeline of one value from `since` (YYYY-MM-DD) on.

    Two timelines are joined with + if a value changes. ValueError if the day is none or
    no clause is given.
    """
    clauses = tuple(clauses)
    # A value without a source could not be explained to whoever it decides for.
    if not clauses:
        msg = f"规则值 {value!r} 没有条款依据；无文件时请用 Clause.assumption 写明推定"
        raise ValueError(msg)
    try:
        first_day = day_of(since)
    except ValueError as error:
        raise ValueError(f"规则值的 since：{error}") from None
    return (
        Ruled(
            value,
            first_day,
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
    """Return every clause of a rule value, its own and those its parts carry."""
    if isinstance(thing, Clause):
        yield thing
    elif isinstance(thing, dict):
        for part in thing.values():
            yield from clauses_in(part)
    elif isinstance(thing, (tuple, list, frozenset)):
        for part in thing:
            yield from clauses_in(part)
    # Text ends here as well: it is no container of rules.
    elif is_dataclass(thing) and not isinstance(thing, type):
        for field in fields(thing):
            yield from clauses_in(getattr(thing, field.name))
