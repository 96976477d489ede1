"""A plugin's code harms nobody: its own city does not serve, by name, and all others do.

All hostile plugins are installed at once beside those that are shipped.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from gongji.cities.city import Cities
from gongji.cities.loading import load_cities
from gongji.isolation.protocol import WALL_S

from tests.cities.hostile.plugins import CHANGING, HOSTILE
from tests.packages import Package, installed

SECRET = "0123456789abcdef"  # noqa: S105 - of no use


class Attacked(NamedTuple):
    """What was loaded beside hostile plugins, and what they might have reached."""

    before: Cities
    cities: Cities
    key: Path
    stream: socket.socket
    datagrams: socket.socket
    took_s: float


_PLACES = re.compile(r"\{(KEY|CANARY|PORT)(!r)?\}")


def packages(places: Mapping[str, object]) -> Iterator[Package]:
    """The hostile plugins as distributions, each of a pooling area of its own."""

    def place(found: re.Match[str]) -> str:
        return repr(places[found[1]])

    for number, (source, _) in enumerate(HOSTILE.values()):
        filled = _PLACES.sub(place, source).replace("{{", "{").replace("}}", "}")
        area = f"PLACE = replace(PLACE, area_code='{990_000 - 100 * number}')\n"
        yield Package(f"gongji-h{number}", f"h{number}", area + filled)


@contextmanager
def listening() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Listen on one port for connections and for datagrams."""
    with (
        socket.create_server(("127.0.0.1", 0)) as stream,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
    ):
        datagrams.bind(stream.getsockname())
        stream.setblocking(False)  # noqa: FBT003 - the library's own
        datagrams.setblocking(False)  # noqa: FBT003 - the library's own
        yield stream, datagrams


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    """Load every hostile plugin once, beside the shipped ones."""
    data = tmp_path_factory.mktemp("data")
    key, canary = data / "gongji.key", data / "canary"
    key.write_text(SECRET, encoding="utf-8")
    before = load_cities()
    with listening() as (stream, datagrams):
        port = stream.getsockname()[1]
        places = {"KEY": str(key), "CANARY": str(canary), "PORT": port}
        folder = tmp_path_factory.mktemp("hostile")
        with installed(folder, *packages(places)):
            begun = time.monotonic()
            cities = load_cities()
            took_s = time.monotonic() - begun
            yield Attacked(before, cities, key, stream, datagrams, took_s)


@pytest.mark.parametrize("name", HOSTILE)
def test_its_own_city_only(attacked: Attacked, name: str) -> None:
    """A hostile plugin is refused by name, with what it did; or it serves, having done nothing."""
    pinyin = f"h{list(HOSTILE).index(name)}"
    problems = [r.problem for r in attacked.cities.refused if r.pinyin == pinyin]
    _, said = HOSTILE[name]

    if said is None:
        assert ([], True) == (
            problems,
            pinyin in {c.pinyin for c in attacked.cities.all},
        )
    else:
        assert re.search(said, problems[0]), problems[0]


def test_the_others_are_as_before(attacked: Attacked) -> None:
    """Every other city serves with the very rules it has without hostile plugins."""
    after = {city.pinyin: city.rules_digest for city in attacked.cities.all}

    for city in attacked.before.all:
        assert (city.pinyin, city.rules_digest) == (city.pinyin, after[city.pinyin])


def test_nothing_was_reached(attacked: Attacked) -> None:
    """Secrets are where and what they were; nothing was written, nothing sent."""
    assert SECRET == attacked.key.read_text(encoding="utf-8")
    assert [attacked.key] == list(attacked.key.parent.iterdir())
    with pytest.raises(BlockingIOError):
        attacked.stream.accept()
    with pytest.raises(BlockingIOError):
        attacked.datagrams.recv(1)


def test_the_day_decides_nothing(attacked: Attacked) -> None:
    """A plugin that turns on the day of the week answers on every day the same: its
    clock stands on a Monday."""
    number = list(HOSTILE).index("decides by the day of the week")
    city = attacked.cities.named(f"h{number}")

    assert "decides by the day of the week" in CHANGING
    assert 1 == city.timelines["application_expiry"][-1].value


def test_all_at_once(attacked: Attacked) -> None:
    """Those that hang wait side by side: the start takes no longer than a few of them."""
    assert attacked.took_s < 6 * WALL_S
