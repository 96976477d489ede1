"""What a city plugin may get wrong: each fault is refused by plugin, version and hook,
and every other city serves.

All faulty plugins are installed at once as distributions of their own and loaded by
entry point, as on a server.
"""

from __future__ import annotations

import re

import pytest
from gongji.cities.city import Cities, RefusedPlugin
from gongji.cities.guards import quoted
from gongji.cities.loading import load_cities

from tests.cities.faulty_hooks import FUNCTIONS, IDENTITIES, RAISING, SHAPES
from tests.cities.faulty_values import BETWEEN_HOOKS, CANDIDATES, VALUES
from tests.packages import IDENTITY, Package, installed

SERVED = {"anqing", "chuzhou", "huangshan", "wuhu"}

FAULTS = FUNCTIONS | RAISING | IDENTITIES | SHAPES | VALUES | BETWEEN_HOOKS | CANDIDATES
PACKAGES = {
    name: Package(f"gongji-f{n}", f"f{n}", source)
    for n, (name, (source, _)) in enumerate(FAULTS.items())
}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Cities:
    """Return the three cities, a fourth that is faultless, and every faulty one."""
    healthy = Package("gongji-wuhu", "wuhu", IDENTITY)
    with installed(tmp_path_factory.mktemp("plugins"), healthy, *PACKAGES.values()):
        return load_cities()


def test_the_others_serve(loaded: Cities) -> None:
    """However many plugins are faulty, every faultless city serves and no faulty one does."""
    assert {c.pinyin for c in loaded.all} == SERVED
    assert {p.pinyin for p in PACKAGES.values()} == {r.pinyin for r in loaded.refused}


@pytest.mark.parametrize("fault", FAULTS)
def test_refused_by_name(loaded: Cities, fault: str) -> None:
    """A faulty plugin is refused by distribution and version, and the problem names the
    hook and what is wrong."""
    package = PACKAGES[fault]
    (refused,) = (r for r in loaded.refused if r.pinyin == package.pinyin)
    _, problem = FAULTS[fault]

    assert RefusedPlugin(package.label, package.pinyin, refused.problem) == refused
    assert re.search(problem, refused.problem), refused.problem


@pytest.mark.parametrize(
    "words",
    [
        quoted("甲」乙\n丙"),
        repr("甲'\"乙"),
        repr('甲"'),
        "「甲",
        "'甲",
        '"甲',
    ],
)
def test_what_is_told_holds_none_of_the_plugins_words(words: str) -> None:
    """Neither a bracket, a quote or a line break in them lets words out, nor do words
    that were cut off; the next line is told."""
    plugin = RefusedPlugin("gongji-f", "f", f"scope：得到 {words}\nconsent：甚好")
    assert "scope：得到 …\nconsent：甚好" == plugin.told
