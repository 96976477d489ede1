"""Runs cases with another city in its place, and sees which rules a case reads."""

from __future__ import annotations

import asyncio
from collections.abc import ItemsView, Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, Final

import grpc
from gongji import Ruled
from gongji.cities.city import Cities, City, DayRules
from gongji.rules.codes import pooling_area
from gongji.serve.clock import SandboxClock
from gongji.store import Store, open_store

from gongji_conformance.cases.case import CityCase
from gongji_conformance.cases.run import CaseFailed, CaseRun
from gongji_conformance.city.population import Population
from gongji_conformance.city.stubs import refusal
from gongji_conformance.mutation.inprocess import InProcessStubs
from gongji_conformance.mutation.mutants import first_days

REQUIREMENTS: Final = frozenset({"channels", "identity_checks", "agreement"})
"""What the suite itself uses of all the rules a server tells: see Requirements."""


class CaseRunner:
    """A store and a clock on which one city at a time is served beside the others."""

    def __init__(self, beside: Cities) -> None:
        self._beside = beside
        self._clock = SandboxClock()
        self._loop = asyncio.new_event_loop()
        self._store = self._loop.run_until_complete(self._open())

    async def _open(self) -> Store:
        # Inside the loop, to which its queues belong.
        return open_store(":memory:", self._clock)

    def close(self) -> None:
        """Close the store, which is in memory."""
        # The store first: it ends tasks of the loop.
        self._loop.run_until_complete(self._store.close())
        self._loop.close()

    def fault(self, case: CityCase, city: City) -> str:
        """Run a case with that city in its place; return what differs, "" if nothing."""
        cities = self._with(city)
        stubs = InProcessStubs(self._loop, self._store, cities, self._clock)
        try:
            CaseRun(case, stubs, Population(stubs, city.area_code)).run()
        except CaseFailed as failed:
            return str(failed)
        except grpc.RpcError as error:
            call = refusal(error)
            return f"调用失败 {call.code} {call.reason} {call.message}"
        return ""

    def reads(self, case: CityCase, city: City) -> frozenset[str]:
        """Return the hooks a case reads: only a change to them can change it.

        CaseFailed if the case does not hold of the city as it is.
        """
        hooks: set[str] = set()
        if fault := self.fault(case, _watched(city, hooks)):
            raise CaseFailed(fault)
        return frozenset(hooks)

    def _with(self, city: City) -> Cities:
        """Return the served cities with this one in place of that of its area."""
        area = pooling_area(city.area_code)
        cities = [beside for beside in self._beside.all if _area_of(beside) != area]
        cities.append(city)
        return Cities(tuple(sorted(cities, key=lambda served: served.area_code)))


def _area_of(city: City) -> str:
    return pooling_area(city.area_code)


def _watched(city: City, hooks: set[str]) -> City:
    """Return the same city, adding the hooks that are read."""
    days = first_days(city, city.timelines)
    periods = tuple((day, _watched_rules(city, day, hooks)) for day in days)
    return replace(city, _periods=periods)


def _watched_rules(
    city: City,
    day: date,
    hooks: set[str],
) -> DayRules:
    """Return the rules of a day, adding the hooks that are read."""
    rules = city.rules(day)
    values = dict(rules.all())
    provincial = frozenset(hook for hook in values if rules.provincial(hook))
    return DayRules(_WatchedValues(values, hooks), provincial)


class _WatchedValues(Mapping[str, Ruled[Any]]):
    """Rule values by hook; the hooks looked up are added to a set."""

    def __init__(self, values: Mapping[str, Ruled[Any]], hooks: set[str]) -> None:
        self._values = values
        self._hooks = hooks

    def __getitem__(self, hook: str) -> Ruled[Any]:
        self._hooks.add(hook)
        return self._values[hook]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def items(self) -> ItemsView[str, Ruled[Any]]:
        """Return all values, as a server needs them that tells its rules."""
        # The suite uses few of what GetCity tells: the rest is not read by a case.
        self._hooks.update(REQUIREMENTS)
        return self._values.items()
