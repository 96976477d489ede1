"""Where the suite plays: the server it judges, the cities on it, the world it has invented there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from gongji.v1 import city_pb2

from gongji_conformance.cases import case as cases
from gongji_conformance.cases.case import Case, Fault
from gongji_conformance.city.access import Access
from gongji_conformance.city.judged import Judged
from gongji_conformance.city.wire import Wire
from gongji_conformance.city.world import World

if TYPE_CHECKING:
    from gongji.cities.city import Cities

    from gongji_conformance.city.local import LocalServer


class StageFault(Exception):  # noqa: N818 - the caller's options, not the server's answer
    """The suite cannot play: no server, or a city it does not serve."""


class Stage:
    """One server under judgement: `target`, or a sandbox of our own where none is named.

    StageFault where it does not answer, or others play on it at the same time.
    """

    def __init__(self, access: Access | None = None, *, alone: bool = True, cities: Cities | None = None) -> None:
        """At the server of `access`; over `cities`, or every installed one, where that names none."""
        access = access or Access(target="")
        if access.target and not alone:
            raise StageFault("--gongji-target 的沙盒时钟只有一个, 请不要与 -n 并用")
        self.black_box = bool(access.target)
        self._local = None if access.target else _local_server(cities)
        self.wire = Wire(replace(access, target=self._local.start()) if self._local else access)
        self._worlds: dict[str, World] = {}
        self._served = self._listed()

    @property
    def served(self) -> tuple[str, ...]:
        """Names (pinyin) of the cities that serve."""
        return tuple(city.pinyin for city in self._served.cities)

    @property
    def refused(self) -> tuple[str, ...]:
        """Plugins that do not serve, each with its problem."""
        return tuple(f"{r.plugin}({r.pinyin}): {r.problem}" for r in self._served.refused)

    def chosen(self, wanted: Iterable[str]) -> list[str]:
        """The cities asked for; all that serve where none is. StageFault for one that does not serve."""
        chosen = list(dict.fromkeys(wanted)) or list(self.served)
        if strangers := [name for name in chosen if name not in self.served]:
            faulty = "; ".join(self.refused)
            served = "、".join(self.served) or "无"
            told = f"没有城市 {'、'.join(strangers)}; 已接入: {served}"
            raise StageFault(told + (f"; 未能加载: {faulty}" if faulty else ""))
        return chosen

    def city(self, pinyin: str) -> city_pb2.CitySummary:
        """A city as the server lists it."""
        return next(city for city in self._served.cities if city.pinyin == pinyin)

    def world(self, area_code: str) -> World:
        """The invented world in a city; its institutions are registered once."""
        if area_code not in self._worlds:
            self._worlds[area_code] = World(self.wire, area_code)
        return self._worlds[area_code]

    def judged(self, pinyin: str) -> Judged:
        """A city as the laws see it."""
        city = self.city(pinyin)
        return Judged(city, self.wire, self.world(city.area_code))

    def cases(self, wanted: Iterable[str]) -> list[tuple[str, Case | Fault]]:
        """The cases of the cities asked for, each with its city."""
        return [(pinyin, case) for pinyin in self.chosen(wanted) for case in cases.of_city(pinyin)]

    def close(self) -> None:
        """Hangs up, and stops a server of our own."""
        self.wire.close()
        if self._local is not None:
            self._local.stop()

    def _listed(self) -> city_pb2.ListCitiesResponse:
        try:
            self.wire.reach()
        except TimeoutError as fault:
            self.close()
            raise StageFault(str(fault)) from fault
        return self.wire.cities.ListCities(city_pb2.ListCitiesRequest())


def _local_server(cities: Cities | None) -> LocalServer:
    from gongji_conformance.city.local import LocalServer  # noqa: PLC0415 - a server elsewhere is judged without ours

    return LocalServer(cities)
