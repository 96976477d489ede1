"""Cities that answer as the province does, but for the hooks a test names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from gongji import Identity, NoFund, Ruled, Table, Timeline, hookimpl
from gongji.cities import anhui
from gongji.cities.city import Cities, City
from gongji.cities.loading import city_from, load_cities
from gongji.rules.codes import Scheme

from tests.scaffold.people import ANQING, CHUZHOU


class Plugin:
    """A plugin that says which city it is, and nothing else."""

    def __init__(self, area_code: str, name: str) -> None:
        self._identity = Identity(area_code=area_code, name=name)

    @hookimpl
    def identity(self) -> Identity:
        """Return the city."""
        return self._identity


def city(area_code: str, name: str, **overrides: Timeline[Any]) -> City:
    """Return a city that answers as the province does, but for these hooks."""
    return city_from(Plugin(area_code, name), pinyin=name, overrides=overrides)


@cache
def shipped() -> Cities:
    """Return the installed cities: loading them anew takes half a second."""
    return load_cities()


def two_cities(**values: object) -> Cities:
    """Return 安庆市 as the province rules, and 滁州市 with these values or timelines."""
    own = {hook: rule(hook, value) for hook, value in values.items()}
    return Cities((_plain(), city(CHUZHOU, "滁州市", **own)))


@cache
def _plain() -> City:
    """Return 安庆市 as the province rules: a city takes a tenth of a second to load."""
    return city(ANQING, "安庆市")


def rule(hook: str, value: object) -> Timeline[Any]:
    """Return the province's rule with another value under the same clauses.

    A timeline stays as it is.
    """
    if isinstance(value, tuple) and value and isinstance(value[0], Ruled):
        return value
    return (replace(getattr(anhui, hook)()[0], value=value),)


def employee_table(changes: Mapping[str, Any]) -> Mapping[Scheme, Table | NoFund]:
    """Return the province's tables, with these changes to that of employees."""
    tables: dict[Scheme, Table | NoFund] = {}
    for scheme, benefit in anhui.reimbursement()[0].value.items():
        assert isinstance(benefit, (Table, NoFund))
        tables[scheme] = benefit
    employees = tables[Scheme.EMPLOYEE]
    return tables | {Scheme.EMPLOYEE: replace(employees, **changes)}
