"""Split bills by a tax and benefit system of OpenFisca.

Parameters for the table, variables for the amounts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from gongji.rules.codes import Standing
from openfisca_core.entities import build_entity
from openfisca_core.indexed_enums import Enum
from openfisca_core.parameters import ParameterNode  # type: ignore[import-untyped] # carries no types
from openfisca_core.periods import DateUnit
from openfisca_core.simulation_builder import SimulationBuilder  # type: ignore[import-untyped] # as above
from openfisca_core.taxbenefitsystems import TaxBenefitSystem  # type: ignore[import-untyped] # as above
from openfisca_core.variables import Variable  # type: ignore[import-untyped] # as above

from tests.bench.rivals.rules_bills import DAY, LEVELS, Bill, Split, rows

SINCE: Final = "2022-07-01"
PERIOD: Final = DAY.isoformat()
FIGURES: Final = ("deductible", "ratio", "cap")
AMOUNTS: Final = (
    "in_scope",
    "first_selfpay",
    "other",
    "deductible_used",
    "fund_paid",
    "own_balance",
    "giver_balance",
)

Columns = Mapping[str, "np.ndarray[Any, Any]"]
Of = Callable[[str], Any]
"""A variable's values for everybody, by its name."""

_STANDINGS: Final = list(Standing)


class OpenFisca:
    """One simulation of one person a bill."""

    def __init__(self) -> None:
        self._system = system()

    def split(self, bills: Sequence[Bill]) -> list[Split]:
        """Run one simulation a bill."""
        splits = []
        for bill in bills:
            splits += simulated(self._system, 1, columns([bill]))
        return splits


class OpenFiscaAtOnce:
    """One simulation of many persons, each with a bill; their columns are arrays beforehand."""

    def __init__(self, bills: Sequence[Bill]) -> None:
        self._system = system()
        self._bills = bills
        self._columns = columns(bills)

    def split(self, bills: Sequence[Bill]) -> list[Split]:
        """Split the bills it was made with. ValueError for any others."""
        if bills is not self._bills:
            raise ValueError(len(bills))
        return simulated(self._system, len(bills), self._columns)

    def calculate(self) -> None:
        """Split them without a list of the answers: what is timed."""
        calculated(self._system, len(self._bills), self._columns)


def columns(bills: Sequence[Bill]) -> Columns:
    """Return bills as columns; level and standing by their place among the values."""
    by_name = {
        name: np.array([getattr(bill, name) for bill in bills]) for name in AMOUNTS
    }
    by_name["level"] = np.array([LEVELS.index(bill.level) for bill in bills])
    standings = [_STANDINGS.index(bill.standing) for bill in bills]
    by_name["standing"] = np.array(standings)
    return by_name


def simulated(of: Any, persons: int, by_name: Columns) -> list[Split]:
    """Return the splits of so many persons."""
    amounts = (amount.tolist() for amount in calculated(of, persons, by_name))
    return [Split(*split) for split in zip(*amounts, strict=True)]


def calculated(of: Any, persons: int, by_name: Columns) -> list[Any]:
    """Return fund, own, aid and cash of so many persons, an array each."""
    simulation = SimulationBuilder().build_default_simulation(of, persons)
    for name, values in by_name.items():
        simulation.set_input(name, PERIOD, values)
    return [simulation.calculate(name, PERIOD) for name in Split._fields]


def system() -> Any:
    """Return the whole system: persons, parameters, variables."""
    person = build_entity(
        key="person", plural="persons", label="Insured person", is_person=True
    )
    fisca = TaxBenefitSystem([person])
    fisca.parameters = ParameterNode("", data={"reimbursement": _parameters()})
    for variable in _variables(person):
        fisca.add_variable(variable)
    return fisca


def _variables(person: Any) -> Iterator[type]:
    standing = Enum("Standing", [(s.value, s.value) for s in Standing])
    level = Enum("Level", [(f"level{n}", str(n)) for n in LEVELS])
    yield _choice(person, "standing", standing, "active")
    yield _choice(person, "level", level, "level1")
    for name in AMOUNTS:
        yield _variable(person, name, int)
    for figure in FIGURES:
        yield _variable(person, figure, int, formula=_looked_up(figure))
    for name, of in _FORMULAS.items():
        yield _variable(person, name, int, formula=_formula(of))


def _choice(entity: Any, name: str, values: Any, default: str) -> type:
    return _variable(
        entity, name, Enum, possible_values=values, default_value=values[default]
    )


def _parameters() -> dict[str, Any]:
    """Return the table: figure → standing → level, each with its day."""
    tree: dict[str, Any] = {}
    for row in rows():
        for figure in FIGURES:
            of_figure = tree.setdefault(figure, {})
            of_standing = of_figure.setdefault(row.standing.value, {})
            value = {"value": getattr(row, figure)}
            of_standing[f"level{row.level}"] = {"values": {SINCE: value}}
    return tree


def _variable(entity: Any, name: str, value_type: type, **more: Any) -> type:
    facts = {
        "value_type": value_type,
        "entity": entity,
        "definition_period": DateUnit.DAY,
        "label": name,
    }
    return type(name, (Variable,), facts | more)


def _looked_up(figure: str) -> Callable[[Any, Any, Any], Any]:
    def formula(person: Any, period: Any, parameters: Any) -> Any:
        # Parameters can be indexed by arrays too, but that visits every person in turn:
        # several times as slow.
        tree = parameters(period).reimbursement[figure]
        standing = person("standing", period)
        level = person("level", period)
        conditions, figures = [], []
        for s, of_standing in enumerate(_STANDINGS):
            for n, of_level in enumerate(LEVELS):
                conditions.append((standing == s) & (level == n))
                figures.append(tree[of_standing.value][f"level{of_level}"])
        return np.select(conditions, figures)

    return formula


def _formula(amount: Callable[[Of], Any]) -> Callable[[Any, Any], Any]:
    def formula(person: Any, period: Any) -> Any:
        return amount(lambda name: person(name, period))

    return formula


def _fund(of: Of) -> Any:
    # Fen times basis points outgrow OpenFisca's 32 bits.
    shared = (of("in_scope") - of("deducted")).astype(np.int64)
    share = (shared * of("ratio") + 5000) // 10000
    return np.minimum(share, np.maximum(0, of("cap") - of("fund_paid")))


def _deducted(of: Of) -> Any:
    left = of("deductible") - of("deductible_used")
    return np.minimum(of("in_scope"), np.maximum(0, left))


def _aidable(of: Of) -> Any:
    """Return what a giver's purse may pay too."""
    return of("in_scope") - of("fund") + of("first_selfpay")


def _own(of: Of) -> Any:
    return np.minimum(of("own_balance"), of("aidable") + of("other"))


def _aid(of: Of) -> Any:
    unpaid = np.maximum(0, of("aidable") - of("own"))
    return np.minimum(of("giver_balance"), unpaid)


def _cash(of: Of) -> Any:
    return of("aidable") + of("other") - of("own") - of("aid")


_FORMULAS: Final[Mapping[str, Callable[[Of], Any]]] = {
    "deducted": _deducted,
    "fund": _fund,
    "aidable": _aidable,
    "own": _own,
    "aid": _aid,
    "cash": _cash,
}
