"""Measure rule and split alone, µs of CPU a bill: gongji, zen-engine and OpenFisca.

Over one table and the same bills.

.venv/bin/python tests/bench/rivals/rules.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time
from typing import Final

from gongji.cities.loading import load_cities

# So that it finds the tests' helpers when it is run as a file.
sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.bench.rivals.rules_bills import Contender, Gongji, bills
from tests.bench.rivals.rules_openfisca import OpenFisca, OpenFiscaAtOnce
from tests.bench.rivals.rules_zen import Zen, ZenCreated

ROUNDS: Final = 5
COPIES: Final = 100
"""How often the bills stand in the simulation of many persons: 100,000 at once."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is timed of a contender, and how many bills it splits."""

    bills: int
    split: Callable[[], object]


def measure() -> dict[str, float]:
    """Return µs of this process's CPU a bill by contender: medians of rounds in turn.

    ValueError if two disagree. zen-engine stands there twice: its decision from a
    loader, and by `create_decision`, which is compiled anew inside.
    """
    works = _works()
    spent: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            began = process_time()
            work.split()
            spent[name].append((process_time() - began) / work.bills * 1e6)
    return {name: median(rounds) for name, rounds in spent.items()}


def _works() -> dict[str, Work]:
    """Return what is timed, by contender. ValueError if two disagree."""
    single = bills()
    many = single * COPIES
    at_once = OpenFiscaAtOnce(many)
    gongji = Gongji(load_cities())
    contenders: Mapping[str, Contender] = {
        "gongji": gongji,
        "zen-engine": Zen(),
        "zen-engine (create_decision)": ZenCreated(),
        "openfisca": OpenFisca(),
    }
    expected = gongji.split(single)
    works = {}
    for name, contender in contenders.items():
        _agree(name, expected, contender.split(single))
        works[name] = Work(len(single), partial(contender.split, bills()))
    _agree("openfisca (vectorised)", expected * COPIES, at_once.split(many))
    works["openfisca (vectorised)"] = Work(len(many), at_once.calculate)
    return works


def _agree(name: str, expected: object, actual: object) -> None:
    if expected != actual:
        raise ValueError(f"{name} 与 gongji 的结果不同")


def main() -> None:
    """Print the table."""
    measured = measure()
    for name, us in measured.items():
        ratio = us / measured["gongji"]
        sys.stdout.write(f"{name:<30} {us:>9.2f} µs a bill  {ratio:>7.2f} ×\n")


if __name__ == "__main__":
    main()
