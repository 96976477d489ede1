"""The server under test: reached or started, its cities, the people invented there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from gongji.v1 import city_pb2

from gongji_conformance.city.access import Access
from gongji_conformance.city.callers import CallersUnderTest, StatedCaller
from gongji_conformance.city.city import CityUnderTest
from gongji_conformance.city.population import Population
from gongji_conformance.city.stubs import CallRefused, Stubs, ask

if TYPE_CHECKING:
    from gongji.cities.city import Cities

    from gongji_conformance.city.local import LocalServer


class SetupFault(Exception):  # noqa: N818 - the caller's options, not the server's answer
    """The suite cannot run: no server, or a city it does not serve."""


class ServerUnderTest:
    """One server under test: that of `access`, or a sandbox of our own.

    SetupFault if it does not answer, or others use it at the same time.
    """

    def __init__(
        self,
        access: Access | None = None,
        *,
        alone: bool = True,
        cities: Cities | None = None,
        callers: Mapping[str, StatedCaller] | None = None,
    ) -> None:
        """Reach it; a sandbox of our own serves `cities`, or every installed one.

        It has callers of its own; of another server they are stated.
        """
        access = access or Access(target="")
        if access.target and not alone:
            # Every process would set the one clock that the sandbox has.
            raise SetupFault("--gongji-target 的沙盒时钟只有一个，请不要与 -n 并用")
        self.black_box = bool(access.target)
        self._local = None if access.target else _local_server(cities)
        if self._local is not None:
            access = replace(access, target=self._local.start())
            callers = self._local.callers
        # After the sandbox has started: only then its port is known.
        self.stubs = Stubs(access)
        self._callers = CallersUnderTest(callers or {}, access, self.stubs.recorder)
        self._populations: dict[str, Population] = {}
        self._listed = self._list_cities()

    @property
    def served(self) -> tuple[str, ...]:
        """Names (pinyin) of the cities that serve."""
        return tuple(city.pinyin for city in self._listed.cities)

    @property
    def refused(self) -> tuple[str, ...]:
        """Plugins that do not serve, each with its problem."""
        return tuple(
            f"{plugin.plugin}（{plugin.pinyin}）：{plugin.problem}"
            for plugin in self._listed.refused
        )

    def chosen(self, names: Iterable[str]) -> list[str]:
        """Return the cities of these names, all that serve if there are none.

        SetupFault for one that does not serve.
        """
        chosen = list(dict.fromkeys(names)) or list(self.served)
        unserved = [name for name in chosen if name not in self.served]
        if unserved:
            raise SetupFault(self._unserved(unserved))
        return chosen

    def _unserved(self, names: Iterable[str]) -> str:
        """Write which cities there are instead."""
        served = "、".join(self.served) or "无"
        text = f"没有城市 {'、'.join(names)}；已接入：{served}"
        if self.refused:
            text += f"；未能加载：{'; '.join(self.refused)}"
        return text

    def summary(self, pinyin: str) -> city_pb2.CitySummary:
        """Return a city as the server lists it."""
        cities = self._listed.cities
        return next(city for city in cities if city.pinyin == pinyin)

    def population(self, area_code: str) -> Population:
        """Return the people invented in a city."""
        # Once a city: each new one registers its institutions again.
        if area_code not in self._populations:
            self._populations[area_code] = Population(self.stubs, area_code)
        return self._populations[area_code]

    def city(self, pinyin: str) -> CityUnderTest:
        """Return a city as the laws see it."""
        summary = self.summary(pinyin)
        people = self.population(summary.area_code)
        return CityUnderTest(summary, self.stubs, people, self._callers)

    def close(self) -> None:
        """Close the channel and stop a server of our own."""
        self._callers.close()
        self.stubs.close()
        if self._local is not None:
            self._local.stop()

    def _list_cities(self) -> city_pb2.ListCitiesResponse:
        """Ask for the cities. SetupFault if nobody answers, or it is no sandbox."""
        try:
            self.stubs.reach()
        except TimeoutError as fault:
            self.close()
            raise SetupFault(str(fault)) from fault
        # Before anything is written: invented people must not get into real data.
        if self.black_box and (why := self.stubs.why_no_sandbox()):
            self.close()
            raise SetupFault(
                f"--gongji-target {why}：测试会拨动时钟，登记虚构的人员与机构，没有写入任何内容；"
                "请测以 gongji serve --sandbox 启动的服务，以 tester 或 operator 的凭据"
            )
        return self._cities_listed()

    def _cities_listed(self) -> city_pb2.ListCitiesResponse:
        """Return the cities. SetupFault if the caller may not even ask for them."""
        listed = ask(
            self.stubs.cities.ListCities,
            city_pb2.ListCitiesRequest(),
        )
        if isinstance(listed, CallRefused):
            self.close()
            raise SetupFault(f"--gongji-target 没有列出城市：{listed.message}")
        return listed


def _local_server(cities: Cities | None) -> LocalServer:
    # Late: whoever judges a server elsewhere need not have ours installed.
    from gongji_conformance.city.local import LocalServer  # noqa: PLC0415

    return LocalServer(cities)
