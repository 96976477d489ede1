"""The three cities as loaded, one with other answers, and parts of their guides."""

from __future__ import annotations

from datetime import date
from typing import Any

import gongji_anqing
import gongji_chuzhou
import gongji_huangshan
import pytest
from gongji import guide
from gongji.cities.city import City
from gongji.cities.loading import city_from
from gongji.guide.page import Grid, Statement
from gongji.rules.clauses import (
    Clause,
    Timeline,
    ruled,
)

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

every_city = pytest.mark.parametrize(
    "city",
    CITIES.values(),
    ids=CITIES,
)


def with_answers(pinyin: str, **answers: Timeline[Any]) -> City:
    """Return a city that answers some hooks otherwise."""
    return city_from(
        PLUGINS[pinyin],
        pinyin=pinyin,
        version="1",
        overrides=answers,
    )


NEW = Clause("N1", "试验条款", "试验")
OTHER = Clause("N2", "另一试验条款", "试验")


def newly(value: Any, *clauses: Clause) -> Timeline[Any]:
    """Return a value that holds from the province's first day on, by new clauses."""
    return ruled(
        value,
        since="2022-07-01",
        clauses=clauses or [NEW],
    )


def part(text: str, heading: str) -> str:
    """Return what stands under a heading of the second order in a guide's Markdown."""
    _, _, below = text.partition(f"\n## {heading}\n")
    return below.partition("\n## ")[0]


def compared(city: City) -> dict[tuple[str, str], Statement]:
    """Return the cells of the comparison of channels, by row and column."""
    sections = {section.heading: section for section in guide.page(city, DAY).sections}
    (grid,) = sections["办理渠道对比"].blocks
    assert isinstance(grid, Grid)
    cells = {}
    for label, *row in grid.rows:
        for column, cell in zip(
            grid.head[1:],
            row,
            strict=True,
        ):
            cells[label.text, column] = cell
    return cells
