"""A second telling of one family's money: whole numbers, text and dicts, written from
the policy and not from the code.

A town is a dict: today (text), cities, places, people, bound, purse, used, bills.
Amounts are fen. Nothing of ours is imported here, so that a mistake has to be made
twice, in two ways, to go unnoticed.
"""

from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import Any

Town = dict[str, Any]
PARTS = ("in_scope", "first_selfpay", "above_limit", "out_of_catalogue")
FIRST_DAY = "2022-07-01"


def whys(town: Town, bill: dict[str, Any]) -> set[str]:
    """Every reason for which a bill is refused; empty where it is settled."""
    person, place, day = (
        town["people"][bill["patient"]],
        town["places"][bill["place"]],
        bill["day"],
    )
    why = set()
    if day > town["today"]:
        why.add("FutureServiceDay")
    if day < FIRST_DAY:
        return {"NotInForce"}
    if not (place["from"] <= day <= (place["to"] or "9999")):
        why.add("InstitutionNotDesignated")
    insurance = insured(town, bill)
    if insurance is None or (person["died"] and day > person["died"]):
        why.add("NotEnrolled")
    if not kind_is_settled(town, bill):
        why.add("UnsupportedVisitKind")
    if place["area"] != person["area"] and not bill["filed"]:
        why.add("FilingRequired")
    if set(bill["givers"]) - {
        holder for holder, member in town["bound"] if member == bill["patient"]
    }:
        why.add("GiverNotBound")
    return why


def insured(town: Town, bill: dict[str, Any]) -> dict[str, Any] | None:
    """The insurance a bill runs under: as it says, else the only one there is, else the
    employees'."""
    lasting = [
        i
        for i in town["people"][bill["patient"]]["insured"]
        if i["from"] <= bill["day"] <= (i["to"] or "9999")
    ]
    in_force = {i["scheme"] for i in lasting if i["status"] in {"normal", "paused"}}
    asked = bill["scheme"] or (min(in_force) if len(in_force) == 1 else 310)
    found = [i for i in lasting if i["scheme"] == asked][:1]
    return found[0] if found and found[0]["status"] in {"normal", "paused"} else None


def kind_is_settled(town: Town, bill: dict[str, Any]) -> bool:
    """Hospital stays and chronic diseases only as what was left to pay; else what a
    table is for."""
    if bill["kind"] in {2101, 14}:
        return bool(bill["residue"])
    if bill["kind"] == 41 and town["places"][bill["place"]]["pharmacy"]:
        return True
    return bill["kind"] in table_of(town, bill)["covers"]


def table_of(town: Town, bill: dict[str, Any]) -> dict[str, Any]:
    """The employees' table of the patient's city on the day of the visit."""
    tables = town["cities"][town["people"][bill["patient"]]["area"]]["tables"]
    table: dict[str, Any] = [t for since, t in tables if since <= bill["day"]][-1]
    return table


def year_of(town: Town, bill: dict[str, Any]) -> str:
    """What was used up is counted per person, insurance, city and calendar year of the visit."""
    insurance = insured(town, bill)
    scheme = insurance["scheme"] if insurance else 0
    return f"{bill['patient']}/{scheme}/{town['people'][bill['patient']]['area']}/{bill['day'][:4]}"


def fund(town: Town, bill: dict[str, Any]) -> tuple[int, int]:
    """Deductible charged and fund paid."""
    insurance, place, table = (
        insured(town, bill),
        town["places"][bill["place"]],
        table_of(town, bill),
    )
    assert insurance
    excluded = (
        insurance["status"] == "paused"
        or bill["inpatient"]
        or bill["residue"]
        or bill["spent_on"] != "medical"
    )
    level = (
        table["pharmacy"] if place["pharmacy"] else place["level"] or table["unranked"]
    )
    if excluded or insurance["scheme"] == 390 or level is None:
        return 0, 0
    borne_before, paid_before = town["used"].get(year_of(town, bill), (0, 0))
    still_to_bear = table["deductible"][level] - borne_before
    if table["deductible_a_year"] is not None:
        still_to_bear = min(still_to_bear, table["deductible_a_year"] - borne_before)
    borne = max(0, min(still_to_bear, bill["in_scope"]))
    retired = insurance["type"][:2] == "12"
    per_cent = Fraction(table["retired" if retired else "active"][level], 100)
    exact = (bill["in_scope"] - borne) * per_cent / 100
    paid = floor(exact) if table["rounds_down"] else floor(exact + Fraction(1, 2))
    for most in (
        table["a_visit"][level],
        left_of_cap(table, paid_before, retired=retired),
    ):
        if most is not None and paid > most:
            paid = most
    return borne, paid


def left_of_cap(
    table: dict[str, Any], paid_before: int, *, retired: bool
) -> int | None:
    """What the fund may still pay this year; None where nothing limits it."""
    cap = table["cap_retired" if retired else "cap_active"]
    return None if cap is None else max(0, cap - paid_before)


def purses_asked(town: Town, bill: dict[str, Any]) -> list[tuple[str, set[str]]]:
    """Whose purse is asked, in order, and which parts of the bill it may pay today."""
    patient, asked = bill["patient"], []
    city = town["cities"][town["people"][patient]["area"]]
    if bill["purses"] == "none":
        return []
    for kind in city["order"] if bill["purses"] == "all" else ["own"]:
        if kind == "own":
            once_employed = any(
                i["scheme"] == 310 for i in town["people"][patient]["insured"]
            )
            if once_employed or patient in town["purse"]:
                asked.append(
                    (
                        patient,
                        set(city["own_pays"])
                        if bill["spent_on"] == "medical"
                        else set(),
                    )
                )
            continue
        for holder, member in town["bound"]:
            if member == patient and (not bill["givers"] or holder in bill["givers"]):
                asked.append((holder, aid_of(town, bill, holder)))
    return asked


def aid_of(town: Town, bill: dict[str, Any], holder: str) -> set[str]:
    """What a giver's purse may pay, by the rules of his own city and how he stands today."""
    giver, today = town["people"][holder], town["today"]
    city = town["cities"][giver["area"]]
    standing = [
        i
        for i in giver["insured"]
        if i["scheme"] == 310 and i["from"] <= today <= (i["to"] or "9999")
    ][:1]
    may = (
        bool(standing)
        and standing[0]["status"] == "normal"
        and not (giver["died"] and today > giver["died"])
    )
    where = "pharmacy" if town["places"][bill["place"]]["pharmacy"] else "hospital"
    return (
        set(city["aid_pays"])
        if may and where in city["aid_at"] and bill["spent_on"] == "medical"
        else set()
    )


def settle(town: Town, bill: dict[str, Any], name: str) -> dict[str, Any]:
    """Settles a bill: changes the town, keeps the settlement under a name, answers it."""
    borne, paid = fund(town, bill)
    owed = {part: bill[part] for part in PARTS}
    owed["in_scope"] -= paid
    taken: dict[str, int] = {}
    for owner, may in purses_asked(town, bill):
        for part in PARTS:
            if part in may:
                fen = min(owed[part], town["purse"].get(owner, 0))
                owed[part] -= fen
                if fen:
                    taken[owner] = taken.get(owner, 0) + fen
                    town["purse"][owner] -= fen
    own = taken.get(bill["patient"], 0)
    done = {
        "year": year_of(town, bill),
        "deductible": borne,
        "fund": paid,
        "own": own,
        "aid": sum(taken.values()) - own,
        "cash": sum(owed.values()),
        "taken": taken,
        "stands": True,
    }
    _use(town, done, 1)
    town["bills"][name] = done
    return done


def reverse(town: Town, name: str) -> dict[str, int]:
    """Takes a settlement back; answers what each purse gets."""
    done = town["bills"][name]
    done["stands"] = False
    for owner, fen in done["taken"].items():
        town["purse"][owner] += fen
    _use(town, done, -1)
    refunds: dict[str, int] = done["taken"]
    return refunds


def _use(town: Town, done: dict[str, Any], sign: int) -> None:
    borne, paid = town["used"].get(done["year"], (0, 0))
    town["used"][done["year"]] = (
        borne + sign * done["deductible"],
        paid + sign * done["fund"],
    )
