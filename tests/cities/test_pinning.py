"""Pinned plugins: who is not, file by file, what the operator pinned does not serve."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from gongji.cities.loading import load_cities
from gongji.cities.pinning import pin

from tests.packages import IDENTITY, Package, installed
from tests.scaffold.cities import shipped

WUHU = Package("gongji-wuhu", "wuhu", IDENTITY)
SHIPPED = {city.pinyin: city.plugin_digest for city in shipped().all}
OTHER = f"sha256:{'0' * 64}"


def test_pinned_ones_serve() -> None:
    """What is as pinned serves as without pins."""
    pinned = load_cities(pins=SHIPPED)

    served = {city.pinyin: city.plugin_digest for city in pinned.all}
    assert (SHIPPED, ()) == (served, pinned.refused)


def problems(pins: Mapping[str, str]) -> dict[str, str]:
    return {plugin.pinyin: plugin.problem for plugin in load_cities(pins=pins).refused}


def test_a_changed_one_is_refused_by_name() -> None:
    """Of a plugin with other files both digests are told."""
    assert {
        "anqing": (
            f"内容与钉住的不同：钉住的是 {OTHER}，现在是 {SHIPPED['anqing']}；"
            "核对来历之后用 gongji cities --pin 重新取得"
        )
    } == problems(SHIPPED | {"anqing": OTHER})


def test_one_that_is_not_pinned_is_refused() -> None:
    """If any is pinned, no other serves."""
    fewer = {name: digest for name, digest in SHIPPED.items() if name != "anqing"}

    assert {
        "anqing": (
            f"配置钉住了插件，而没有钉住这一个（{SHIPPED['anqing']}）；"
            "核对来历之后用 gongji cities --pin 重新取得"
        )
    } == problems(fewer)


def test_one_that_is_not_there() -> None:
    """A pin of a plugin that is not installed is a mistake of the configuration."""
    with pytest.raises(ValueError, match="钉住了没有安装的插件 wuhu"):
        load_cities(pins=SHIPPED | {"wuhu": OTHER})


@pytest.mark.parametrize(
    "rival",
    [
        Package("gongji-rival", "anqing", IDENTITY),
        Package(
            "gongji-rival",
            "rival",
            IDENTITY.replace("PLACE", "replace(PLACE, area_code='340800')"),
        ),
    ],
    ids=["of its name", "of its pooling area"],
)
def test_a_rival_takes_nothing_from_a_pinned_one(
    tmp_path: Path, rival: Package
) -> None:
    """Of two that claim one name or area the pinned one serves."""
    with installed(tmp_path, rival):
        cities = load_cities(pins=SHIPPED)

    assert SHIPPED == {city.pinyin: city.plugin_digest for city in cities.all}
    assert ["gongji-rival 1.2.3"] == [plugin.plugin for plugin in cities.refused]


def test_a_plugin_that_is_not_pinned_is_not_run(tmp_path: Path) -> None:
    """A plugin refused by its digest never runs: one that hangs takes no time."""
    hanging = Package("gongji-wuhu", "wuhu", "while True: pass")
    with installed(tmp_path, hanging):
        (refused,) = load_cities(pins=SHIPPED).refused

    assert "没有钉住这一个" in refused.problem


@pytest.mark.parametrize(
    "text",
    ["anqing", "anqing=", "anqing=sha256:0", f"={OTHER}", f"anqing={OTHER.upper()}"],
)
def test_malformed(text: str) -> None:
    """A pin is a name and a whole digest as it is shown."""
    with pytest.raises(ValueError, match="钉住插件应写作 anqing=sha256:…"):
        pin(text)


def test_written() -> None:
    """An option gives name and digest."""
    assert ("anqing", OTHER) == pin(f"anqing={OTHER}")
