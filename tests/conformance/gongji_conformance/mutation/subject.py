"""The city whose figures are changed: its plugin, its cases, the cities beside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata

from gongji.cities.city import Cities, City
from gongji.cities.loading import city_from, load_cities

from gongji_conformance.cases import reading
from gongji_conformance.cases.case import CityCase
from gongji_conformance.cases.reading import CaseFault, CaseOrFault


class MutationFault(Exception):  # noqa: N818 - the caller's city or cases, not a finding
    """There is nothing to measure.

    No such city, or cases that cannot be read or do not hold of it as it is.
    """


@dataclass(
    frozen=True,
    slots=True,
)
class MutationSubject:
    """A city as it loads unchanged, its cases, the other cities it serves beside."""

    plugin: object
    city: City
    cases: tuple[CityCase, ...]
    beside: Cities

    @classmethod
    def installed(cls, pinyin: str) -> MutationSubject:
        """Return an installed city with its own cases. MutationFault."""
        beside = load_cities()
        served = [city.pinyin for city in beside.all]
        entries = list(
            metadata.entry_points(
                group=reading.CITIES,
                name=pinyin,
            )
        )
        if not entries or pinyin not in served:
            names = "、".join(served) or "无"
            raise MutationFault(f"没有城市 {pinyin}，或其插件未能加载；已接入：{names}")
        cases = _readable(reading.of_city(pinyin))
        return cls(entries[0].load(), beside.named(pinyin), cases, beside)

    @classmethod
    def of(
        cls,
        plugin: object,
        pinyin: str,
        cases: Iterable[CaseOrFault],
        beside: Cities,
    ) -> MutationSubject:
        """Return a city by its plugin and cases. MutationFault."""
        city = city_from(plugin, pinyin=pinyin)
        return cls(plugin, city, _readable(cases), beside)


def _readable(cases: Iterable[CaseOrFault]) -> tuple[CityCase, ...]:
    """Return the cases of a file. MutationFault if one cannot be read."""
    cases = list(cases)
    problems = [case.problem for case in cases if isinstance(case, CaseFault)]
    if problems:
        raise MutationFault("\n".join(problems))
    return tuple(case for case in cases if isinstance(case, CityCase))
