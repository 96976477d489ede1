"""How an earlier release is found among wheels, and what is said of pairs of windows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.bench.against import Figure, Spread, WindowPair
from tests.bench.release import wheels_in

SERVER, CITY = "gongji-0.1.0-py3-none-any.whl", "gongji_chuzhou-0.1.0-py3-none-any.whl"


def folder_of(path: Path, *names: str) -> Path:
    for name in names:
        (path / name).touch()
    return path


def test_wheels_are_given_by_name_or_by_folder(tmp_path: Path) -> None:
    """A folder stands for the wheels in it; the order of the rest is as given."""
    folder = folder_of(tmp_path, SERVER, CITY, "README.md")

    assert [folder / SERVER, folder / CITY] == wheels_in([folder])
    assert [folder / CITY, folder / SERVER] == wheels_in(
        [folder / CITY, folder / SERVER]
    )


LACKING = {
    "no server": ([CITY], "gongji 的 wheel，得到 0 个"),
    "no city": ([SERVER], "gongji_chuzhou 的 wheel，得到 0 个"),
    "two servers": (
        [SERVER, "gongji-0.2.0-py3-none-any.whl", CITY],
        "gongji 的 wheel，得到 2 个",
    ),
    "nothing": ([], "给出的是 无"),
}


@pytest.mark.parametrize(("names", "problem"), LACKING.values(), ids=LACKING)
def test_wheels_that_cannot_be_served(
    names: list[str], problem: str, tmp_path: Path
) -> None:
    """Without exactly one server and the city of the load nothing is installed."""
    with pytest.raises(ValueError, match=re.escape(problem)):
        wheels_in([folder_of(tmp_path, *names)])


def test_ratios_are_todays_by_the_earlier() -> None:
    """Half the calls a second is 0.5, twice the CPU a call is 2."""
    pair = WindowPair(earlier=Figure(1000, 500), today=Figure(500, 1000))

    assert (0.5, 2.0) == (pair.rate, pair.cpu)


SPREADS = {
    "one round": ([1.5], "1.50  [1.50–1.50]  1.50–1.50"),
    "two rounds": ([1.0, 2.0], "1.50  [1.25–1.75]  1.00–2.00"),
    "five rounds": ([5.0, 1.0, 3.0, 2.0, 4.0], "3.00  [2.00–4.00]  1.00–5.00"),
}


@pytest.mark.parametrize(("values", "words"), SPREADS.values(), ids=SPREADS)
def test_a_spread_is_median_quartiles_and_ends(values: list[float], words: str) -> None:
    """Whatever the order of the rounds, the median stands before quartiles and ends."""
    assert words == str(Spread.of(values))
