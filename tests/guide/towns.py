"""The three cities as loaded, and one with another answer."""

from __future__ import annotations

from datetime import date
from typing import Any

import gongji_anqing
import gongji_chuzhou
import gongji_huangshan
import pytest
from gongji.cities.city import City
from gongji.cities.loading import city_from
from gongji.rules.clauses import Timeline

DAY = date(2025, 9, 30)
"""A day on which all three cities have rules."""

PLUGINS = {
    "anqing": gongji_anqing,
    "chuzhou": gongji_chuzhou,
    "huangshan": gongji_huangshan,
}

CITIES = {
    pinyin: city_from(plugin, pinyin=pinyin, version="1")
    for pinyin, plugin in PLUGINS.items()
}

every_city = pytest.mark.parametrize("city", CITIES.values(), ids=CITIES)


def with_answers(pinyin: str, **answers: Timeline[Any]) -> City:
    """Return a city that answers some hooks otherwise."""
    return city_from(
        PLUGINS[pinyin],
        pinyin=pinyin,
        version="1",
        overrides=answers,
    )
