"""Prove a city: exactly one rule for every situation, no table that breaks a law.

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
from gongji.cities.contained import contained
from gongji.cities.guards import PluginProblem
from gongji.cities.loading import city_from
from gongji.kit.check.findings import Finding, FindingKind
from gongji.kit.check.lints import (
    lints_of_candidates,
    lints_of_exclusions,
    lints_of_order,
    lints_of_table,
    lints_of_timelines,
)
from gongji.kit.check.plausible import uncited_clauses, unusual_figures
from gongji.kit.check.shaped import prove_benefit
from gongji.kit.check.situations import prove_situations
from gongji.kit.check.tables import prove_table
from gongji.rules.benefits import NoFund, Table
from gongji.rules.binding import Identity
from gongji.rules.clauses import Ruled, Timeline
from gongji.rules.codes import Scheme
from gongji.rules.hookspecs import DATED_HOOKS, hookimpl
from gongji.rules.shapes import Benefit

__all__ = ["Proof", "prove", "prove_answers", "prove_plugin"]

FUND_HOOKS = ("reimbursement", "exclusions")
"""Hooks that decide the fund's part; their candidates are proved as if in force."""

Answers = Mapping[str, Timeline[Any]]


@dataclass(frozen=True, slots=True)
class Proof:
    """How much was proved, and what does not hold."""

    periods: int
    situations: int
    tables: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Period:
    """The rules of some days, named by their first day or the candidate laid over them."""

    since: str
    day: date
    rules: DayRules


def prove(city: City) -> Proof:
    """Prove a city that loads, with its candidates."""
    findings = [
        *lints_of_timelines(city),
        *lints_of_candidates(city),
        *uncited_clauses(city),
    ]
    return _proof(city, list(_periods(city)), findings)


def prove_answers(answers: Answers) -> Proof:
    """Prove answers no city can serve with, laid over the province's.

    It shows which rows are missing.
    """
    identity = Identity(area_code="340000", name="某市")
    city = city_from(SimpleNamespace(identity=hookimpl(lambda: identity)))
    timelines = {hook: answers.get(hook, city.timelines[hook]) for hook in DATED_HOOKS}
    days = {value.since for hook in FUND_HOOKS for value in timelines[hook]}
    days.add(city.first_day)
    periods = [
        _Period(str(day), day, _rules_on(timelines, day))
        for day in sorted(days)
        if day >= city.first_day
    ]
    return _proof(city, periods, list(_overlaps(timelines)))


def prove_plugin(plugin: object) -> Proof | None:
    """Prove what a refused plugin answers about the fund; None if it cannot be read."""
    try:
        with contained("证明"):
            answers = {}
            for hook in FUND_HOOKS:
                answer = getattr(plugin, hook)() if hasattr(plugin, hook) else None
                if answer is not None:
                    answers[hook] = answer
            return prove_answers(answers) if answers else None
    # The guards have already said what is wrong with such an answer.
    except PluginProblem:
        return None


def _overlaps(timelines: Answers) -> Iterator[Finding]:
    """Yield days on which two values of a hook begin."""
    for hook, timeline in timelines.items():
        in_order = sorted(timeline, key=lambda value: value.since)
        for first, second in pairwise(in_order):
            if first.since == second.since:
                yield Finding(
                    FindingKind.OVERLAP,
                    hook,
                    since=str(first.since),
                    situation="",
                    figures=f"自 {first.since} 起有两个值",
                    mend="每个施行日只写一个值",
                )


def _proof(
    city: City,
    periods: list[_Period],
    findings: list[Finding],
) -> Proof:
    """Prove these periods; what was found before stands first."""
    situations = tables = 0
    for period in periods:
        since = period.since
        count, gaps = prove_situations(
            city,
            period.rules,
            period.day,
            since,
        )
        situations += count
        findings += gaps
        values = dict(period.rules.all())
        findings += lints_of_exclusions(values["exclusions"].value, since)
        findings += lints_of_order(values["purse_order"].value, since)
        for scheme, table in values["reimbursement"].value.items():
            if not isinstance(table, NoFund):
                tables += 1
                findings += _of_benefit(table, scheme, since)
    # A fault that lasts over several periods of one value is told once.
    unique = tuple(dict.fromkeys(findings))
    return Proof(
        periods=len(periods),
        situations=situations,
        tables=tables,
        findings=unique,
    )


def _of_benefit(
    benefit: Table | Benefit, scheme: Scheme, since: str
) -> Iterator[Finding]:
    yield from unusual_figures(benefit, scheme, since)
    if isinstance(benefit, Benefit):
        yield from prove_benefit(benefit, scheme, since)
    else:
        yield from prove_table(benefit, scheme, since)
        yield from lints_of_table(benefit, scheme, since)


def _periods(city: City) -> Iterator[_Period]:
    """Yield each period between changes of the fund's rules, then each candidate."""
    days = {value.since for hook in FUND_HOOKS for value in city.timelines[hook]}
    later = sorted(day for day in days if day > city.first_day)
    for day in (city.first_day, *later):
        yield _Period(str(day), day, city.rules(day))
    # A candidate is laid over the rules in force last: that is where it would begin.
    last = later[-1] if later else city.first_day
    for candidate in city.candidates:
        if candidate.hook in FUND_HOOKS:
            values = dict(city.rules(last).all())
            values[candidate.hook] = Ruled(candidate.value, last, candidate.clauses)
            rules = DayRules(values, frozenset())
            yield _Period(f"候选 {candidate.name}", last, rules)


def _rules_on(timelines: Answers, day: date) -> DayRules:
    """Return the last value of each hook that has begun, else its first."""
    values = {}
    for hook, timeline in timelines.items():
        begun = [value for value in timeline if value.since <= day]
        values[hook] = begun[-1] if begun else timeline[0]
    return DayRules(values, frozenset())
