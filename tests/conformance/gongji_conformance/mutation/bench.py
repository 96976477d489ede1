"""A bench to try cities on: cases told with another city in its place, and which rules a case reads."""

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

from gongji_conformance.cases.case import Case
from gongji_conformance.cases.story import CaseFailed, Story
from gongji_conformance.city.wire import refusal
from gongji_conformance.city.world import World
from gongji_conformance.mutation.inside import Inside

ASKED: Final = frozenset({"channels", "identity_checks", "agreement"})
"""What the suite itself uses of all the rules a server tells: see `asked.py`."""


class Bench:
    """A store and a clock on which one city at a time is played; the other cities stay as they are."""

    def __init__(self, beside: Cities) -> None:
        self._beside = beside
        self._clock = SandboxClock()
        self._loop = asyncio.new_event_loop()
        self._store = self._loop.run_until_complete(self._opened())

    async def _opened(self) -> Store:
        return open_store(":memory:", self._clock)

    def close(self) -> None:
        """Forgets everything."""
        self._loop.run_until_complete(self._store.close())
        self._loop.close()

    def fault(self, case: Case, city: City) -> str:
        """What comes out otherwise when a case is told with that city in its place; "" where nothing does."""
        wire = Inside(self._loop, self._store, self._with(city), self._clock)
        try:
            Story(case, wire, World(wire, city.area_code)).tell()
        except CaseFailed as failed:
            return str(failed)
        except grpc.RpcError as error:
            told = refusal(error)
            return f"调用失败 {told.code} {told.reason} {told.message}"
        return ""

    def reads(self, case: Case, city: City) -> frozenset[str]:
        """The hooks a case reads while it is told: a change to any other can change nothing of it.

        CaseFailed where the case does not hold of the city as it is.
        """
        seen: set[str] = set()
        if fault := self.fault(case, _watched(city, seen)):
            raise CaseFailed(fault)
        return frozenset(seen)

    def _with(self, city: City) -> Cities:
        """The served cities with this one in place of that of its area."""
        area = pooling_area(city.area_code)
        others = (other for other in self._beside.all if pooling_area(other.area_code) != area)
        return Cities(tuple(sorted((*others, city), key=lambda one: one.area_code)))


def _watched(city: City, seen: set[str]) -> City:
    """The same city, telling which hooks are read."""
    days = sorted({max(v.since, city.first_day) for timeline in city.timelines.values() for v in timeline})
    return replace(city, _periods=tuple((day, _watching(city, day, seen)) for day in days))


def _watching(city: City, day: date, seen: set[str]) -> DayRules:
    rules = city.rules(day)
    values = dict(rules.all())
    return DayRules(_Watching(values, seen), frozenset(hook for hook in values if rules.provincial(hook)))


class _Watching(Mapping[str, Ruled[Any]]):
    """Rule values by hook that tell which are looked up."""

    def __init__(self, values: Mapping[str, Ruled[Any]], seen: set[str]) -> None:
        self._values = values
        self._seen = seen

    def __getitem__(self, hook: str) -> Ruled[Any]:
        self._seen.add(hook)
        return self._values[hook]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def items(self) -> ItemsView[str, Ruled[Any]]:
        """All of them at once: asked for by a server that tells its rules, of which the suite uses few."""
        self._seen.update(ASKED)
        return self._values.items()
