"""The same rule as a tax and benefit system of OpenFisca: parameters for the table,
variables for the amounts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
        """One simulation a bill."""
        return [
            split
            for bill in bills
            for split in simulated(self._system, 1, columns([bill]))
        ]


class OpenFiscaAtOnce:
    """One simulation of many persons, each with a bill; their columns are arrays beforehand."""

    def __init__(self, bills: Sequence[Bill]) -> None:
        self._system = system()
        self._bills = bills
        self._columns = columns(bills)

    def split(self, bills: Sequence[Bill]) -> list[Split]:
        """Those it was made with only. ValueError for others."""
        if bills is not self._bills:
            raise ValueError(len(bills))
        return simulated(self._system, len(bills), self._columns)

    def calculate(self) -> None:
        """The same without a list of the answers: what is timed."""
        calculated(self._system, len(self._bills), self._columns)


def columns(bills: Sequence[Bill]) -> Columns:
    """Bills as columns; level and standing as places among their possible values."""
    found = {
        name: np.array([getattr(bill, name) for bill in bills]) for name in AMOUNTS
    }
    found["level"] = np.array([LEVELS.index(bill.level) for bill in bills])
    found["standing"] = np.array([_STANDINGS.index(bill.standing) for bill in bills])
    return found


def simulated(of: Any, persons: int, given: Columns) -> list[Split]:
    """The splits of so many persons."""
    amounts = (amount.tolist() for amount in calculated(of, persons, given))
    return [Split(*each) for each in zip(*amounts, strict=True)]


def calculated(of: Any, persons: int, given: Columns) -> list[Any]:
    """Fund, own, aid and cash of so many persons, an array each."""
    simulation = SimulationBuilder().build_default_simulation(of, persons)
    for name, values in given.items():
        simulation.set_input(name, PERIOD, values)
    return [simulation.calculate(name, PERIOD) for name in Split._fields]


def system() -> Any:
    """The whole system: persons, parameters, variables."""
    person = build_entity(
        key="person", plural="persons", label="Insured person", is_person=True
    )
    made = TaxBenefitSystem([person])
    made.parameters = ParameterNode("", data={"reimbursement": _parameters()})
    standing = Enum("Standing", [(s.value, s.value) for s in Standing])
    level = Enum("Level", [(f"level{n}", str(n)) for n in LEVELS])
    variables = [
        _variable(
            person,
            "standing",
            Enum,
            possible_values=standing,
            default_value=standing["active"],
        ),
        _variable(
            person, "level", Enum, possible_values=level, default_value=level["level1"]
        ),
        *(_variable(person, name, int) for name in AMOUNTS),
        *(_variable(person, name, int, formula=_looked_up(name)) for name in FIGURES),
        *(
            _variable(person, name, int, formula=_formula(of))
            for name, of in _FORMULAS.items()
        ),
    ]
    for variable in variables:
        made.add_variable(variable)
    return made


def _parameters() -> dict[str, Any]:
    """The table: figure → standing → level, each with its day."""
    tree: dict[str, Any] = {}
    for row in rows():
        for figure in FIGURES:
            of_standing = tree.setdefault(figure, {}).setdefault(row.standing.value, {})
            of_standing[f"level{row.level}"] = {
                "values": {SINCE: {"value": getattr(row, figure)}}
            }
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
        tree, standing, level = (
            parameters(period).reimbursement[figure],
            person("standing", period),
            person("level", period),
        )
        places = [(s, n) for s in range(len(_STANDINGS)) for n in range(len(LEVELS))]
        figures = [tree[_STANDINGS[s].value][f"level{LEVELS[n]}"] for s, n in places]
        return np.select([(standing == s) & (level == n) for s, n in places], figures)

    return formula


def _formula(amount: Callable[[Of], Any]) -> Callable[[Any, Any], Any]:
    def formula(person: Any, period: Any) -> Any:
        return amount(lambda name: person(name, period))

    return formula


def _fund(of: Of) -> Any:
    rest = (of("in_scope") - of("deducted")).astype(
        np.int64
    )  # fen times basis points outgrow OpenFisca's 32 bits
    return np.minimum(
        (rest * of("ratio") + 5000) // 10000, np.maximum(0, of("cap") - of("fund_paid"))
    )


_FORMULAS: Final[Mapping[str, Callable[[Of], Any]]] = {
    "deducted": lambda of: np.minimum(
        of("in_scope"), np.maximum(0, of("deductible") - of("deductible_used"))
    ),
    "fund": _fund,
    "aidable": lambda of: of("in_scope") - of("fund") + of("first_selfpay"),
    "own": lambda of: np.minimum(of("own_balance"), of("aidable") + of("other")),
    "aid": lambda of: np.minimum(
        of("giver_balance"), np.maximum(0, of("aidable") - of("own"))
    ),
    "cash": lambda of: of("aidable") + of("other") - of("own") - of("aid"),
}
