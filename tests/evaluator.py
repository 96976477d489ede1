"""Recompute trace.v1 from the lines alone, for models and for the wire.

No import of ours but what judges a packet, at most 130 lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from examples.referee import packet_rows

FUND, OWN_PURSE, GIVER_PURSE, CASH, WALLET = 1, 2, 3, 4, 5
FURTHER = {6, 7, 8, 9}
PAYERS = {
    "fund.v1": FUND,
    "fund.v2": FUND,
    "no_fund.v1": FUND,
    "own_purse.v1": OWN_PURSE,
    "giver_purse.v1": GIVER_PURSE,
    "wallet.v1": WALLET,
    "cash.v1": CASH,
}


def recomputed(formula: str, i: Mapping[str, int]) -> int:
    """Return the amount of a line from its formula and inputs."""
    match formula:
        case "no_fund.v1":
            return 0
        case "fund.v1":
            return fund(i)
        case "fund.v2" | "further.v1":
            return packet_rows.paid(i)
        case "own_purse.v1" | "giver_purse.v1" | "wallet.v1":
            return min(i["needed"], i["available"])
        case "cash.v1":
            return i["total"] - sum(fen for of, fen in i.items() if of != "total")
    msg = f"trace.v1 has no formula {formula}"
    raise ValueError(msg)


def fund(inputs: Mapping[str, int]) -> int:
    """Return what the fund pays: its ratio of the shared part, within visit and year."""
    shared = inputs["in_scope"] - deductible(inputs)
    bounds = [(shared * inputs["ratio_bp"] + inputs["rounding_bp"]) // 10_000]
    if "visit_cap" in inputs:
        bounds.append(inputs["visit_cap"])
    if "cap" in inputs:
        bounds.append(max(0, inputs["cap"] - inputs["fund_paid"]))
    return min(bounds)


def deductible(inputs: Mapping[str, int]) -> int:
    """Return the deductible charged now, from the inputs of fund.v1."""
    deductible = inputs["deductible_per_level"]
    if "deductible_year_max" in inputs:
        deductible = min(deductible, inputs["deductible_year_max"])
    left = max(0, deductible - inputs["deductible_used"])
    return min(inputs["in_scope"], left)


def faults(lines: Sequence[Any], total: int) -> Iterator[str]:
    """Yield what is wrong with the lines of a settlement of that total.

    A line is anything with fen, payer, purse, formula and inputs.
    """
    for place, line in enumerate(lines, 1):
        for fault in _faults_of_line(line):
            yield f"line {place}: {fault}"
    if sum(line.fen for line in lines) != total:
        yield f"the lines do not sum to {total}"
    if [lines[0].payer, lines[-1].payer] != [FUND, CASH]:
        yield "the fund comes first and cash last"
    places = [line.inputs["place"] for line in lines if line.payer == GIVER_PURSE]
    if places != list(range(1, len(places) + 1)):
        yield f"givers are asked in the order {places}"
    rests_on, paid = dict(lines[-1].inputs), _inputs_of_cash(lines, total)
    if rests_on != paid:
        yield f"cash rests on {rests_on}, the lines say {paid}"


def _inputs_of_cash(lines: Sequence[Any], total: int) -> dict[str, int]:
    asked = any(line.payer == WALLET for line in lines)
    further = [line.fen for line in lines if line.payer in FURTHER]
    others = {"further": sum(further)} if further else {}
    return (
        others
        | ({"wallet": _paid(lines, WALLET)} if asked else {})
        | {
            "total": total,
            "fund": _paid(lines, FUND),
            "own_purse": _paid(lines, OWN_PURSE),
            "givers": _paid(lines, GIVER_PURSE),
        }
    )


def _faults_of_line(line: Any) -> Iterator[str]:
    expected = recomputed(line.formula, line.inputs)
    if line.fen != expected:
        yield f"{line.formula} gives {expected}, not {line.fen}"
    if line.fen < 0:
        yield f"{line.fen} is less than nothing"
    payer = PAYERS.get(line.formula)
    if line.payer not in ({payer} if payer else FURTHER):
        yield f"{line.formula} is not what payer {line.payer} pays by"
    if bool(line.purse) != (line.payer not in {FUND, CASH, *FURTHER}):
        yield "only a purse has an owner"


def _paid(lines: Sequence[Any], payer: int) -> int:
    return sum(line.fen for line in lines if line.payer == payer)
