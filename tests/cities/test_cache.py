"""Answers kept by digest: taken only for the very files that gave them, and checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from gongji.cities import asking, cache
from gongji.cities.cache import Kept, keep
from gongji.cities.city import Cities
from gongji.cities.loading import load_cities
from gongji.isolation.protocol import IsolatedAnswer, IsolatedRequest
from gongji.isolation.runner import run

from tests.packages import IDENTITY, Package, installed

WUHU = Package("gongji-wuhu", "wuhu", IDENTITY)


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """Begin as a new process does, with nothing in memory."""
    before = dict(cache._in_memory)
    cache._in_memory.clear()
    yield
    cache._in_memory.clear()
    cache._in_memory.update(before)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many plugins are asked each time."""
    counts: list[int] = []

    def counted(
        module: str, jobs: Sequence[IsolatedRequest]
    ) -> Sequence[IsolatedAnswer]:
        counts.append(len(jobs))
        return run(module, jobs)

    monkeypatch.setattr(asking, "run", counted)
    return counts


def rules_of(cities: Cities) -> list[str]:
    return [city.rules_digest for city in cities.all]


def test_asked_once(tmp_path: Path, asked: list[int]) -> None:
    """A plugin is asked once; another process takes its answer from the folder, and what
    it serves is the same."""
    folder = tmp_path / "plugins"
    first = load_cities(kept_in=folder)
    cache._in_memory.clear()
    second = load_cities(kept_in=folder)

    assert [3, 0] == asked
    assert rules_of(first) == rules_of(second)


def test_the_folder_is_its_owners(tmp_path: Path) -> None:
    """Nobody else reads or writes what is kept."""
    folder = tmp_path / "plugins"
    load_cities(kept_in=folder)

    assert 0o700 == folder.stat().st_mode & 0o777
    assert {0o600} == {file.stat().st_mode & 0o777 for file in folder.iterdir()}


def test_other_files_are_asked_anew(tmp_path: Path, asked: list[int]) -> None:
    """An answer of other files is none of these."""
    data, site = tmp_path / "data", tmp_path / "site"
    data.mkdir()
    site.mkdir()
    folder = data / "plugins"
    with installed(site, WUHU):
        load_cities(kept_in=folder)
        module = site / "gongji_wuhu.py"
        changed = module.read_text(encoding="utf-8").replace("芜湖市", "鸠江市")
        module.write_text(changed, encoding="utf-8")
        names = [city.name for city in load_cities(kept_in=folder).all]

    assert [4, 1] == asked
    assert "鸠江市" in names


@pytest.mark.sampled(1)
@pytest.mark.parametrize("content", [b"", b"0" * 40, None])
def test_damage_is_noticed(
    tmp_path: Path, asked: list[int], content: bytes | None
) -> None:
    """What was cut, written by others or turned in one byte is asked for again."""
    folder = tmp_path / "plugins"
    first = load_cities(kept_in=folder)
    for file in folder.iterdir():
        kept = file.read_bytes()
        file.write_bytes(kept[:-2] + b"0}" if content is None else content)
    cache._in_memory.clear()

    assert rules_of(first) == rules_of(load_cities(kept_in=folder))
    assert [3, 3] == asked


def test_what_is_kept_is_judged_again(tmp_path: Path) -> None:
    """An answer written under the right key counts no more than a plugin's own word."""
    folder = tmp_path / "plugins"
    (name, (key, _)), *_ = _kept_after_loading(folder)
    cache._write(folder, name, key, b'{"identity":["1","x"],"answers":{"$map":[]}}')
    cache._in_memory.clear()
    problems = [plugin.problem for plugin in load_cities(kept_in=folder).refused]

    assert 1 == len(problems)
    assert "规则文档含有不认识的值" in problems[0]


def _kept_after_loading(folder: Path) -> list[tuple[str, tuple[str, bytes]]]:
    load_cities(kept_in=folder)
    return list(cache._in_memory.items())


def test_no_data_folder_is_made_before_its_time(tmp_path: Path) -> None:
    """Before a server is up there is no folder of data; then all that is known goes there."""
    folder = tmp_path / "var" / "plugins"
    load_cities(kept_in=folder)
    assert not folder.parent.exists()
    keep(folder)
    assert 3 == len(list(folder.iterdir()))


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """Where nothing can be kept, nothing fails."""
    (tmp_path / "plugins").write_text("")
    assert 3 == len(load_cities(kept_in=tmp_path / "plugins").all)


def test_memory_is_bounded() -> None:
    """However many there are, memory holds the last."""
    for number in range(200):
        Kept(None, str(number)).write(b"x")

    assert (None, b"x") == (Kept(None, "0").read(), Kept(None, "199").read())
    assert cache._MOST == len(cache._in_memory)


def test_a_folder_that_cannot_be_looked_into_keeps_nobody_from_serving(
    tmp_path: Path,
) -> None:
    """Where nothing can be kept nothing is, and nobody hears of it."""
    Kept(None, "answers x", "part").write(b"content")
    file = tmp_path / "file"
    file.touch()
    keep(file / "below")
    # Longer than any name of a file: whoever looks there is refused.
    keep(tmp_path / ("x" * 300))
    assert [file] == list(tmp_path.iterdir())
