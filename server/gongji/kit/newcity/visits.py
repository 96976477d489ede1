"""Make the visits (就诊) of a case: a bill, and what must come of it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from gongji.kit.newcity.reckoning import Year, written
from gongji.kit.newcity.telling import Person, Step, expecting
from gongji.rules.clauses import Clause
from gongji.rules.terms import LEVELS


def settle(
    patient: Person,
    in_scope: Decimal,
    year: Year,
    level: int,
    *,
    at: str = "",
    cited: Iterable[Clause] = (),
) -> Step:
    """Return a bill at a level, or at what counts as it, and what must come of it."""
    paid = year.visit(level, in_scope)
    outcome: dict[str, Any] = {
        "deductible": paid.deductible,
        "ratio": f"{written(paid.ratio)}%",
        "fund": paid.fund,
        "cash": paid.cash,
    }
    numbers = [clause.id for clause in cited]
    if numbers:
        # One clause may stand behind two figures.
        outcome["clauses"] = list(dict.fromkeys(numbers))
    return expecting(_bill(patient, at or LEVELS[level], in_scope), **outcome)


def unpaid(
    patient: Person,
    at: str,
    in_scope: Decimal,
) -> Step:
    """Return a bill of which the fund pays nothing."""
    return expecting(_bill(patient, at, in_scope), fund=Decimal(0), cash=in_scope)


def _bill(
    patient: Person,
    at: str,
    in_scope: Decimal,
) -> Step:
    return {
        "settle": {
            "patient": patient["name"],
            "at": at,
            "in_scope": in_scope,
        }
    }
