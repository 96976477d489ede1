"""Reads one city's rules on one day and turns their values into statements that carry
their clauses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from gongji.cities.city import DayRules
from gongji.guide.page import LineList, Said, Section
from gongji.guide.quoted import row_of, speaks_of
from gongji.rules.channels import Channel, ChannelId, Procedure, Step
from gongji.rules.clauses import Clause, Grade, Timeline
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import in_words

T = TypeVar("T")

Hook = Callable[[CityRules], Timeline[T] | None]


@dataclass(frozen=True, slots=True)
class Speaker:
    """Speaks for one city on one day."""

    rules: DayRules

    def value(self, hook: Hook[T]) -> T:
        """The bare value of a hook."""
        return self.rules.value(hook)

    def says(self, hook: Hook[T], text: str, clauses: Iterable[Clause] = ()) -> Said:
        """A statement that rests on a hook's clauses, or on those given."""
        return Said(
            text,
            tuple(clauses) or self.rules.answer(hook).clauses,
            self.rules.provincial(hook.__name__),
        )

    def about(self, hook: Hook[T], text: str, *terms: str) -> Said:
        """A statement on one side of a hook's value: it cites the clauses that speak of
        one of the terms.

        Unconfirmed ones only where no better one does; an assumption that
        carries another place's clauses over (比照) stands behind every side.
        All where none matches.
        """
        matching = [
            c
            for c in self.rules.answer(hook).clauses
            if any(term in c.text for term in terms)
        ]
        clauses = [c for c in matching if c.grade is not Grade.UNCONFIRMED] or matching
        carried = [
            c
            for c in self.rules.answer(hook).clauses
            if c.grade is Grade.ASSUMPTION and "比照" in c.text
        ]
        return self.says(hook, text, clauses and [*clauses, *carried])

    def steps(self, hook: Hook[T], steps: Iterable[Step]) -> LineList:
        """Steps in their order; one that names no clause rests on the hook's."""
        return LineList(tuple(self._step(hook, step) for step in steps), numbered=True)

    def section(
        self, heading: str, hook: Hook[T], procedure: Procedure, *told: Said
    ) -> Section:
        """A section of statements and a procedure, under its own title where the
        heading does not say it already."""
        steps = self.steps(hook, procedure.steps)
        if procedure.title in heading:
            return Section(heading, (*told, steps))
        return Section(heading, told, (Section(procedure.title, (steps,)),))

    @property
    def channels(self) -> Mapping[ChannelId, Channel]:
        """The city's channels."""
        return self.rules.value(CityRules.channels)

    def says_of(self, channels: Iterable[Channel], text: str, row: str = "") -> Said:
        """A statement about channels: it cites what names or describes them and their steps.

        With a row of a document's own comparison, it cites the cells of that row where
        there are any, and the assumptions that speak of it.
        """
        about = [
            c
            for channel in channels
            for c in (*channel.clauses, *_clauses_of_steps(channel))
        ]
        cells = [c for c in about if row and row_of(c) == row]
        assumed = [
            c
            for c in self.rules.answer(CityRules.channels).clauses
            if c.grade is Grade.ASSUMPTION
        ]
        plain = [c for c in about if not row_of(c)]
        return self.says(
            CityRules.channels,
            text,
            [*cells, *(c for c in assumed if row in c.text)] if cells else plain,
        )

    def says_for(
        self,
        hook: Hook[T],
        channels: Iterable[Channel],
        text: str,
        told: Iterable[Iterable[Clause]] = (),
    ) -> Said:
        """A statement on what a hook says for some channels: it cites what is told of each of them.

        Where nothing is told of one, it cites the hook's clauses but no cell of a table
        that speaks of other channels.
        """
        of, told = tuple(channels), [tuple(clauses) for clauses in told]
        hooks = self.rules.answer(hook).clauses
        fitting = [
            c
            for c in hooks
            if not row_of(c) or any(speaks_of(c, channel) for channel in of)
        ]
        return self.says(
            hook,
            text,
            [c for clauses in told for c in clauses] if told and all(told) else fitting,
        )

    def _step(self, hook: Hook[T], step: Step) -> Said:
        return replace(self.says(hook, step.text, step.clauses), mind=step.caution)


def _clauses_of_steps(channel: Channel) -> tuple[Clause, ...]:
    return tuple(clause for step in channel.steps for clause in step.clauses)


def phrase(value: object) -> str:
    """A value in words, spans with a hyphen as the documents write them."""
    return in_words(value).replace("–", "-")
