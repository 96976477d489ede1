"""What `gongji check` calls an error keeps a city from serving."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gongji.cities import cache
from gongji.cities.city import City
from gongji.cities.loading import load_cities
from gongji.kit.check import serving
from gongji.kit.check.proof import Proof, prove
from gongji.kit.check.serving import unfit

from tests.packages import IDENTITY, Package, installed
from tests.scaffold.cities import shipped


def fund(table: str) -> str:
    return f"{IDENTITY}\n@hookimpl\ndef reimbursement():\n    return {table}\n"


EFFECTS = "Effects(order_fen=0, splitting_loses_fen=0, splitting_gains_fen=0)"

UNFIT = {
    "effects not declared": (fund("table()"), "没有声明次序与拆分的影响"),
    "effects declared wrongly": (fund(f"table(effects={EFFECTS})"), "按本表计算为"),
    "retired people below": (
        fund(
            "table(retired=BonusPoints(above_active_bp=0), ratio_bp={1: 1, 2: 2, 3: 3})"
        ),
        "低级别低于高级别|次序",
    ),
    "the clock in the source": (
        IDENTITY
        + "@hookimpl\ndef application_expiry():\n    return from_2023(date.today().day)\n",
        r"application_expiry：读取时钟（gongji_wuhu\.py:\d+）：datetime.date.today；",
    ),
    "a foreign import": (f"import gongji.cities\n{IDENTITY}", "导入不许导入的模块"),
    "an import of the machine": (f"import os\n{IDENTITY}", "读取运行环境"),
}


@pytest.fixture(scope="module")
def remembered() -> dict[Any, Any]:
    """Return what a process remembers that has looked at the shipped cities alone."""
    cache._in_memory.clear()
    assert [] == unfit(shipped())
    return dict(cache._in_memory)


@pytest.fixture(autouse=True)
def nothing_else(remembered: dict[Any, Any]) -> Iterator[None]:
    """Begin and end with nothing kept but that."""
    cache._in_memory.clear()
    cache._in_memory.update(remembered)
    yield
    cache._in_memory.clear()


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("source", "said"), UNFIT.values(), ids=UNFIT)
def test_refused_by_name(tmp_path: Path, source: str, said: str) -> None:
    """A city with an error does not serve, the others do, and each error is told."""
    with installed(tmp_path, Package("gongji-wuhu", "wuhu", source)):
        loaded = load_cities()
        cities = loaded.without(unfit(loaded))

    assert ["anqing", "huangshan", "chuzhou"] == [city.pinyin for city in cities.all]
    (refused,) = cities.refused
    assert ("gongji-wuhu 1.2.3", "wuhu") == (refused.plugin, refused.pinyin)

    assert re.search(said, refused.problem), refused.problem


def test_what_has_passed_is_not_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cities that passed are kept by what they turn on; those that failed are not."""
    cache._in_memory.clear()
    failing = Package("gongji-wuhu", "wuhu", f"import os\n{IDENTITY}")
    with installed(tmp_path, failing):
        cities = load_cities()
        folder = tmp_path / "plugins"
        first = unfit(cities, folder)
        cache._in_memory.clear()
        proved: list[str] = []

        def noted(city: City) -> Proof:
            proved.append(city.pinyin)
            return prove(city)

        monkeypatch.setattr(serving, "prove", noted)
        assert first == unfit(cities, folder)

    assert ["wuhu"] == proved
