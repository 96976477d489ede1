"""The table of served cities, as `gongji cities` and the start of a server show it."""

from __future__ import annotations

from typing import Any

from gongji.cities.city import Cities, City
from gongji.cli.terminal import Terminal, rows_of
from gongji.rules.benefits import NoFund, NotSettled
from gongji.rules.codes import Scheme
from gongji.rules.terms import TERMS

_CITY_COLUMNS = (
    "city",
    "area_code",
    "pinyin",
    "plugin",
    "version",
    "digest",
    "overridden",
    "adoptions",
    "without_table",
)

SHOWN_DIGEST = len("sha256:") + 12

REFUSED_PLUGIN_COLUMNS = ("plugin", "pinyin", "problem")


def show_cities(terminal: Terminal, cities: Cities) -> None:
    """Print the table of cities and, if there are any, of refused plugins."""
    rows = city_rows(cities, whole=terminal.as_json)
    terminal.table("cities", rows, _CITY_COLUMNS)
    if cities.refused:
        refused = rows_of(cities.refused, REFUSED_PLUGIN_COLUMNS)
        terminal.table("refused_plugins", refused, REFUSED_PLUGIN_COLUMNS)


def city_rows(cities: Cities, *, whole: bool) -> list[dict[str, Any]]:
    """Return a row for each city; digests are shortened unless they are to be `whole`."""
    return [
        {
            "city": city.name,
            "area_code": city.area_code,
            "pinyin": city.pinyin,
            "plugin": city.plugin,
            "version": city.version,
            "digest": city.plugin_digest if whole else _shortened(city),
            "overridden": len(city.overridden),
            "adoptions": "、".join(city.adoptions) or "—",
            "without_table": _without_table(city),
        }
        for city in cities.all
    ]


def _shortened(city: City) -> str:
    """Return as much of a plugin's digest as people compare."""
    return city.plugin_digest[:SHOWN_DIGEST]


def _without_table(city: City) -> str:
    """Return what is done with bills of schemes for which the city states no table."""
    refused = "拒绝"
    settled = "照常结算，统筹支付为 0"
    entries = city.timelines["reimbursement"][-1].value
    parts = [
        f"{TERMS[Scheme][scheme]}{refused if isinstance(entry, NotSettled) else settled}"
        for scheme, entry in entries.items()
        if isinstance(entry, NoFund)
    ]
    return "；".join(parts) or "—"
