"""Rule and split alone, µs of CPU a bill: ours, zen-engine and OpenFisca over one table
and the same bills.

.venv/bin/python tests/bench/rivals/rules.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from time import process_time
from typing import Final

from gongji.cities.loading import load_cities

sys.path.insert(
    0, str(Path(__file__).parents[3])
)  # run as a file, it finds the tests' helpers all the same
from tests.bench.rivals.rules_bills import Contender, Gongji, bills
from tests.bench.rivals.rules_openfisca import OpenFisca, OpenFiscaAtOnce
from tests.bench.rivals.rules_zen import Zen, ZenCreated

ROUNDS: Final = 5
COPIES: Final = 100
"""How often the bills stand in the simulation of many persons: 100,000 at once."""


def measure() -> dict[str, float]:
    """µs of this process's CPU a bill by contender: medians of rounds in turn.
    ValueError where two disagree.

    zen-engine stands there twice: its decision from a loader, and by `create_decision`,
    which is compiled anew inside.
    """
    some = bills()
    many = some * COPIES
    at_once = OpenFiscaAtOnce(many)
    ours = Gongji(load_cities())
    single: Mapping[str, Contender] = {
        "gongji": ours,
        "zen-engine": Zen(),
        "zen-engine (create_decision)": ZenCreated(),
        "openfisca": OpenFisca(),
    }
    expected = ours.split(some)
    for name, contender in single.items():
        _agree(name, expected, contender.split(some))
    _agree("openfisca (vectorised)", expected * COPIES, at_once.split(many))
    works: dict[str, tuple[int, Callable[[], object]]] = {
        name: (len(some), _splitting(contender)) for name, contender in single.items()
    }
    works["openfisca (vectorised)"] = (len(many), at_once.calculate)
    spent: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, (count, work) in works.items():
            began = process_time()
            work()
            spent[name].append((process_time() - began) / count * 1e6)
    return {name: median(each) for name, each in spent.items()}


def _splitting(contender: Contender) -> Callable[[], object]:
    some = bills()
    return lambda: contender.split(some)


def _agree(name: str, expected: object, actual: object) -> None:
    if expected != actual:
        raise ValueError(f"{name} 与 gongji 的结果不同")


def main() -> None:
    """Prints the table."""
    found = measure()
    for name, us in found.items():
        sys.stdout.write(
            f"{name:<30} {us:>9.2f} µs a bill  {us / found['gongji']:>7.2f} ×\n"
        )


if __name__ == "__main__":
    main()
