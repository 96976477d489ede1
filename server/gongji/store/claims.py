"""A request executed in several transactions: which run of it may write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from gongji.model.commands import Decision, Query, Request, RequestRecord
from gongji.model.facts import Facts, Need, by_key

R = TypeVar("R")

# Among the digests, so that rows of before are read as they are: those have none.
RUN: Final = "run"
"""The entry of an unfinished request's digests that names the run executing it."""

FREE: Final = ""
"""The run of a request nobody executes."""


class RunLostError(Exception):
    """Another run executes the request, or has finished it; nothing was written."""


class RowOf(Struct, frozen=True):
    """Asks for the row of a request."""

    request: Request

    def needs(self, _: Facts) -> tuple[Need, ...]:
        """Return where it may be."""
        return self.request.row_needs()

    def decide(self, facts: Facts) -> Decision[RequestRecord | None]:
        """Return the row."""
        return Decision(self.request.row(facts))


def run_of(row: RequestRecord | None) -> str | None:
    """Return the run that executes a request; None if it is finished."""
    return FREE if row is None else row.digests.get(RUN)


class Part(Struct, Generic[R], frozen=True):
    """One transaction of a request: a query, executed only by the run that holds it.

    `run` must be what the request's row names. `row` takes that row's place, or what
    `finished` makes of the query's answer. RunLostError. `request` is the one of which
    it is a part; unless that is finished by it, the log tells the query.
    """

    run: str
    row: RequestRecord
    query: Query[R]
    finished: Callable[[R], RequestRecord] | None = None
    request: Request | None = None

    @property
    def what(self) -> str:
        """What the log tells that it is."""
        if self.finished is not None and self.request is not None:
            return self.request.method
        return what_of(self.query)

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return the request's row, and what the query needs."""
        yield by_key(RequestRecord, self.row.key)
        yield from self.query.needs(facts)

    def decide(self, facts: Facts) -> Decision[R]:
        """Return the query's decision, with the row to write."""
        if run_of(facts.get(RequestRecord, self.row.key)) != self.run:
            raise RunLostError
        decision = self.query.decide(facts)
        row = self.row
        if self.finished is not None:
            row = self.finished(decision.answer)
        return replace(decision, writes=(*decision.writes, row))


def what_of(query: Query[Any]) -> str:
    """Return what the log tells that a query is which writes: what it says, or its name."""
    return getattr(query, "what", "") or type(query).__name__
