"""Spans of days a list is requested for, as instants an index can be searched by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from gongji.model.refusals import MalformedField
from gongji.rpc.convert.values import end_of, optional_day_from, start_of
from gongji.rules.days import days_of_month


@dataclass(frozen=True, slots=True)
class Span:
    """From a first to a last Shanghai day, both inclusive; None if open."""

    first: date | None
    last: date | None

    def at_least(self, index: str) -> dict[str, datetime]:
        """Return the lower bound for an index of instants; empty if open."""
        return {index: start_of(self.first)} if self.first else {}

    def below(self, index: str) -> dict[str, datetime]:
        """Return the upper bound, exclusive; empty if open."""
        return {index: end_of(self.last)} if self.last else {}


def span_of(from_day: str, to_day: str, month: str = "") -> Span:
    """Return the span of a request: days, or a month instead.

    MalformedField if both are given, or the end comes first.
    """
    if month:
        if from_day or to_day:
            raise MalformedField("month：与 from_day、to_day 只能二选一", field="month")
        return Span(*days_of_month(month))
    span = Span(optional_day_from(from_day), optional_day_from(to_day))
    if span.first and span.last and span.last < span.first:
        raise MalformedField(
            f"to_day：结束日 {span.last} 早于起始日 {span.first}", field="to_day"
        )
    return span
