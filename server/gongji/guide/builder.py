"""Statements made of one city's rules on one day, each with its clauses."""

from __future__ import annotations

from collections.abc import (
    Callable,
    Iterable,
    Iterator,
    Mapping,
)
from dataclasses import dataclass, field, replace
from typing import TypeVar

from gongji.cities.city import DayRules
from gongji.guide.page import (
    LineList,
    Section,
    Statement,
)
from gongji.rules.channels import (
    Channel,
    ChannelId,
    Procedure,
    Step,
)
from gongji.rules.clauses import Clause, Timeline
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import in_words

T = TypeVar("T")

Hook = Callable[[CityRules], Timeline[T] | None]


@dataclass(frozen=True, slots=True)
class GuideBuilder:
    """Makes statements of the rules of one city on one day."""

    rules: DayRules
    # The clauses of a hook's statements that name none, if not all of its clauses.
    narrowed: Mapping[str, tuple[Clause, ...]] = field(default_factory=dict)

    def narrowed_to(self, hook: Hook[T], clauses: Iterable[Clause]) -> GuideBuilder:
        """Return a builder of statements on one part of a hook's value.

        They rest on these clauses, if any, and not on those of the other parts.
        """
        return replace(self, narrowed={hook.__name__: tuple(clauses)})

    def value(self, hook: Hook[T]) -> T:
        """Return the bare value of a hook."""
        return self.rules.value(hook)

    @property
    def channels(self) -> Mapping[ChannelId, Channel]:
        """The city's channels (办理渠道)."""
        return self.rules.value(CityRules.channels)

    def statement(
        self,
        hook: Hook[T],
        text: str,
        clauses: Iterable[Clause] = (),
        caution: str = "",
    ) -> Statement:
        """Return a statement with these clauses, or with the hook's if there are none."""
        narrowed = self.narrowed.get(hook.__name__)
        cited = tuple(clauses) or narrowed or self.rules.answer(hook).clauses
        provincial = self.rules.provincial(hook.__name__)
        return Statement(text, cited, provincial, caution)

    def value_in(
        self,
        hook: Hook[T],
        sentence: str,
    ) -> Statement:
        """Return a sentence with the hook's value in words in place of its `{}`."""
        return self.statement(
            hook,
            sentence.format(phrase(self.value(hook))),
        )

    def steps(
        self,
        hook: Hook[T],
        steps: Iterable[Step],
    ) -> LineList:
        """Return steps in their order; one without clauses rests on the hook's."""
        lines = [
            self.statement(
                hook,
                step.text,
                step.clauses,
                step.caution,
            )
            for step in steps
        ]
        return LineList(tuple(lines), numbered=True)

    def section(
        self, heading: str, hook: Hook[T], procedure: Procedure, *statements: Statement
    ) -> Section:
        """Return a section of statements and a procedure.

        The procedure stands under its own title unless the heading says it already.
        """
        steps = self.steps(hook, procedure.steps)
        if procedure.title in heading:
            return Section(
                heading,
                (*statements, steps),
            )
        part = Section(procedure.title, (steps,))
        return Section(
            heading,
            statements,
            (part,),
        )

    def on_channels(
        self,
        channels: Iterable[Channel],
        text: str,
    ) -> Statement:
        """Return a statement with the clauses that name or describe these channels."""
        clauses = [
            clause for channel in channels for clause in _describing_clauses(channel)
        ]
        return self.statement(CityRules.channels, text, clauses)


def _describing_clauses(channel: Channel) -> Iterator[Clause]:
    """Return the clauses of a channel and its steps, without those of the comparison."""
    rows = channel.row_clauses
    compared = {
        *rows.ease,
        *rows.materials,
        *rows.audience,
        *rows.hours,
    }
    for clause in channel.clauses:
        if clause not in compared:
            yield clause
    for step in channel.steps:
        yield from step.clauses


def phrase(value: object) -> str:
    """Return a value in words, spans with a hyphen."""
    # The documents write "1-3个工作日"; in_words writes a dash.
    return in_words(value).replace("–", "-")
