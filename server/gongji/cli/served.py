"""What `gongji cities`, `guide` and `check` print of a running service."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

from gongji.cities.city import Cities
from gongji.cli.citytable import REFUSED_PLUGIN_COLUMNS, SHOWN_DIGEST
from gongji.cli.options import ServerTarget
from gongji.cli.terminal import Terminal, rows_of
from gongji.client.cities import ServedCities, operator_decisions
from gongji.kit.check.report import RULE_COLUMNS
from gongji.serve.clock import system_clock
from gongji.v1 import city_pb2 as pb
from gongji.v1 import types_pb2

INSTALLED: Final = (
    "本机安装的插件如此回答，不含运行中的服务所采用的修订与运营方的设定；"
    "问服务：加上 --target 地址"
)

_CITY_COLUMNS: Final = (
    *("city", "area_code", "pinyin", "plugin", "version", "digest"),
    *("overridden", "adoptions", "operator"),
)


def show_served_cities(terminal: Terminal, service: ServerTarget) -> None:
    """Print the cities that a service serves, and the plugins that it refused."""
    with service.connect() as channel:
        listed = ServedCities(channel).listed()
    _say_whose(terminal, service, listed.cities)
    whole = terminal.as_json
    rows = [
        {
            "city": city.name,
            "area_code": city.area_code,
            "pinyin": city.pinyin,
            "plugin": city.plugin,
            "version": city.plugin_version,
            "digest": city.plugin_digest[: None if whole else SHOWN_DIGEST],
            "overridden": city.hooks_overridden,
            "adoptions": "、".join(city.adoptions) or "—",
            "operator": "；".join(c.text for c in city.operator_clauses) or "—",
        }
        for city in listed.cities
    ]
    terminal.table("cities", rows, _CITY_COLUMNS)
    if listed.refused:
        refused = rows_of(listed.refused, REFUSED_PLUGIN_COLUMNS)
        terminal.table("refused_plugins", refused, REFUSED_PLUGIN_COLUMNS)


def show_served_guide(
    terminal: Terminal,
    service: ServerTarget,
    name: str,
    day: date | None,
    *,
    html: bool,
) -> None:
    """Print the guide of a city as a service gives it. CityNotServed."""
    with service.connect() as channel:
        cities = ServedCities(channel)
        city = cities.named(name)
        text = cities.guide(city, _day(day), html=html)
    whose = _whose(service, [city])
    if html:
        # The page is the whole output.
        terminal.warn(whose)
        terminal.page(text)
    else:
        terminal.markdown(f"> {whose}\n\n{text}")


def show_served_rules(
    terminal: Terminal,
    service: ServerTarget,
    name: str,
    day: date | None,
    installed: Cities,
) -> None:
    """Print by which rules a service decides for a city on a day. CityNotServed.

    What is installed here is compared with it.
    """
    with service.connect() as channel:
        cities = ServedCities(channel)
        rules = cities.rules(cities.named(name), _day(day))
    _say_whose(terminal, service, [rules.city])
    terminal.say(
        f"{rules.city.name} {rules.day} 的规则；{_compared(rules.city, installed)}"
    )
    terminal.table("rules", list(_rule_rows(rules)), RULE_COLUMNS)
    terminal.say(
        "证明、次序与拆分、插件是否只依规则作答，只查验本机安装的插件："
        f"gongji check {rules.city.pinyin}"
    )


def _say_whose(
    terminal: Terminal, service: ServerTarget, cities: Sequence[pb.CitySummary]
) -> None:
    terminal.whose(
        _whose(service, cities),
        server=service.address,
        at=system_clock().isoformat(timespec="seconds"),
        operator=operator_decisions(cities),
    )


def _whose(service: ServerTarget, cities: Sequence[pb.CitySummary]) -> str:
    """Say whose answer follows, of when, and what its operator has decided."""
    decided = operator_decisions(cities) or "没有"
    return (
        f"服务 {service.address} 于 {system_clock():%Y-%m-%d %H:%M} 的回答；"
        f"运营方采用的修订与设定：{decided}"
    )


def _compared(city: pb.CitySummary, installed: Cities) -> str:
    """Say whether the plugin of a city is the one that is installed here."""
    here = [one for one in installed.all if one.area_code == city.area_code]
    if not here:
        return f"{city.plugin} {city.plugin_version}，本机没有安装"
    same = here[0].plugin_digest == city.plugin_digest
    alike = "与本机安装的相同" if same else "与本机安装的不同"
    return f"{city.plugin} {city.plugin_version}，{alike}"


def _rule_rows(rules: pb.GetCityResponse) -> Iterator[dict[str, str]]:
    """Yield each rule value with its day and clauses, candidates last."""
    for rule in rules.rules:
        yield {
            "hook": f"{rule.hook} {rule.question}",
            "since": rule.since,
            "in_words": rule.in_words,
            "clauses": _ids(rule.clauses),
            "against": _ids(rule.against),
            "settles": "、".join(one.id for one in rule.settles),
            "why": rule.why,
            "layer": "省级" if rule.provincial else rules.city.name,
        }
    for candidate in rules.candidates:
        yield {
            "hook": f"{candidate.hook}（候选 {candidate.name}）",
            "since": "—",
            "in_words": candidate.in_words,
            "clauses": _ids(candidate.clauses),
            "against": "",
            "settles": "",
            "why": candidate.why_not,
            "layer": "候选",
        }


def _ids(clauses: Sequence[types_pb2.Clause]) -> str:
    return "、".join(clause.id for clause in clauses)


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""
