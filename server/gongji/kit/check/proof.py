"""Proves a city: exactly one rule for every situation on every day, no table that
breaks a law, no idle row.

`situations.py` settles every discrete situation, `curve.py` and `tables.py` prove the
arithmetic of every row at its breakpoints, `lints.py` finds what does nothing.
Candidates are proved like rules, as if adopted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

from gongji.cities.city import City, DayRules
from gongji.cities.loading import city_from
from gongji.kit.check.findings import Finding, FindingKind
from gongji.kit.check.lints import (
    lints_of_candidates,
    lints_of_exclusions,
    lints_of_order,
    lints_of_table,
    lints_of_timelines,
)
from gongji.kit.check.situations import prove_situations
from gongji.kit.check.tables import prove_table
from gongji.rules.benefits import Table
from gongji.rules.binding import Identity
from gongji.rules.clauses import Ruled, Timeline
from gongji.rules.codes import Scheme
from gongji.rules.hookspecs import DATED_HOOKS, hookimpl

__all__ = ["Proof", "prove", "prove_answers", "prove_plugin"]

FUND_HOOKS = ("reimbursement", "exclusions")
"""The hooks that decide the fund's part; a candidate for one is proved as if it were in force."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proved: so many situations settled, over so many periods and tables, and
    what does not hold."""

    periods: int
    situations: int
    tables: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Period:
    """The rules of some days under a name: their first day, or the candidate laid over them."""

    since: str
    day: date
    rules: DayRules


def prove(city: City) -> Proof:
    """The proof of a city that loads, with its candidates."""
    found = [*lints_of_timelines(city), *lints_of_candidates(city)]
    return _proved(city, list(_periods(city)), found)


def prove_answers(answers: Mapping[str, Timeline[Any]]) -> Proof:
    """The proof of answers that no city can serve with, laid over the province's: what
    their missing rows are."""
    city = city_from(
        SimpleNamespace(
            identity=hookimpl(lambda: Identity(area_code="340000", name="某市"))
        )
    )
    timelines = {hook: answers.get(hook, city.timelines[hook]) for hook in DATED_HOOKS}
    twice = [
        Finding(
            FindingKind.OVERLAP,
            hook,
            str(one.since),
            "",
            f"自 {one.since} 起有两个值",
            "每个施行日只写一个值",
        )
        for hook, timeline in timelines.items()
        for one, other in pairwise(sorted(timeline, key=lambda value: value.since))
        if one.since == other.since
    ]
    days = sorted(
        {value.since for hook in FUND_HOOKS for value in timelines[hook]}
        | {city.first_day}
    )
    periods = [
        _Period(str(day), day, _on(timelines, day))
        for day in days
        if day >= city.first_day
    ]
    return _proved(city, periods, twice)


def prove_plugin(plugin: object) -> Proof | None:
    """The proof of what a refused plugin answers about the fund; None where it gives no
    answer that can be read."""
    try:
        asked = {
            hook: getattr(plugin, hook)()
            for hook in FUND_HOOKS
            if hasattr(plugin, hook)
        }
        answers = {hook: answer for hook, answer in asked.items() if answer is not None}
        return prove_answers(answers) if answers else None
    except (Exception, SystemExit):  # noqa: BLE001 - whatever it answers, the guards have said so already
        return None


def _proved(city: City, periods: list[_Period], found: list[Finding]) -> Proof:
    situations = tables = 0
    for period in periods:
        count, gaps = prove_situations(city, period.rules, period.day, period.since)
        situations += count
        found += gaps
        values = dict(period.rules.all())
        found += lints_of_exclusions(values["exclusions"].value, period.since)
        found += lints_of_order(values["purse_order"].value, period.since)
        for scheme, table in _tables(values["reimbursement"].value):
            tables += 1
            found += [
                *prove_table(table, scheme, period.since),
                *lints_of_table(table, scheme, period.since),
            ]
    return Proof(len(periods), situations, tables, tuple(dict.fromkeys(found)))


def _tables(by_scheme: Mapping[Scheme, object]) -> Iterator[tuple[Scheme, Table]]:
    yield from (
        (scheme, entry)
        for scheme, entry in by_scheme.items()
        if isinstance(entry, Table)
    )


def _periods(city: City) -> Iterator[_Period]:
    """Each period between two changes of what decides the fund's part, then each
    candidate over the last of them."""
    days = {
        value.since
        for hook in FUND_HOOKS
        for value in city.timelines[hook]
        if value.since > city.first_day
    }
    last = city.first_day
    for last in sorted({city.first_day} | days):
        yield _Period(str(last), last, city.rules(last))
    for candidate in city.candidates:
        if candidate.hook in FUND_HOOKS:
            laid = {candidate.hook: Ruled(candidate.value, last, candidate.clauses)}
            yield _Period(
                f"候选 {candidate.name}",
                last,
                DayRules(dict(city.rules(last).all()) | laid, frozenset()),
            )


def _on(timelines: Mapping[str, Timeline[Any]], day: date) -> DayRules:
    """The last value of each hook that has begun, else its first."""
    values = {
        hook: next(
            (value for value in reversed(timeline) if value.since <= day), timeline[0]
        )
        for hook, timeline in timelines.items()
    }
    return DayRules(values, frozenset())
