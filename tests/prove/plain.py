"""The money of one family a second time, written from the documents and not from the code.

Whole numbers, text and plain records. Nothing of the product is imported here: a mistake
goes unnoticed only if it is made twice, in two ways.
"""

from __future__ import annotations

from fractions import Fraction
from math import floor

from tests.prove.records import (
    PARTS,
    Citizen,
    Insurance,
    Payment,
    Place,
    Policy,
    Table,
    Town,
    Visit,
)

FIRST_DAY = "2022-07-01"
EMPLOYEES, RESIDENTS = 310, 390
PHARMACY_VISIT, CHRONIC_VISIT = 41, 14
NOT_OUTPATIENT = {2101, 14}
"""Hospital stays and chronic diseases."""

INSURED = {"normal", "paused"}

Purse = tuple[str, set[str]]
"""Its owner and the parts of a bill it may pay."""


# --- whether a visit is settled -------------------------------------------------------


def reasons(town: Town, visit: Visit) -> set[str]:
    """Return every reason to refuse a visit; empty if it is settled."""
    if visit.day < FIRST_DAY:
        return {"NotInForce"}
    patient = town.people[visit.patient]
    place = town.places[visit.place]
    is_enrolled = insured(town, visit) and not is_dead(patient, visit.day)
    is_away = place.area != patient.area
    not_bound = set(visit.givers) - set(holders_of(town, visit.patient))
    grounds = {
        "FutureServiceDay": visit.day > town.today,
        "InstitutionNotDesignated": not covers(place, visit.day),
        "NotEnrolled": not is_enrolled,
        "UnsupportedVisitKind": visit.kind in NOT_OUTPATIENT and not visit.residue,
        "MalformedField": not remainder_is_plain(visit),
        "FilingRequired": is_away and not visit.filed,
        "GiverNotBound": bool(not_bound),
    }
    return {reason for reason, applies in grounds.items() if applies}


def covers(period: Insurance | Place, day: str) -> bool:
    """Return whether a day lies in a period."""
    return period.since <= day <= (period.until or "9999")


def is_dead(person: Citizen, day: str) -> bool:
    """Return whether somebody died before a day."""
    return person.died is not None and day > person.died


def holders_of(town: Town, member: str) -> list[str]:
    """Return whose account somebody may use, the first bound first."""
    return [holder for holder, user in town.bound if user == member]


def insured(town: Town, visit: Visit) -> Insurance | None:
    """Return the insurance a visit runs under.

    As the bill says, else the only one there is, else the employees'.
    """
    periods = town.people[visit.patient].insured
    current = [period for period in periods if covers(period, visit.day)]
    in_force = {period.scheme for period in current if period.status in INSURED}
    usual = min(in_force) if len(in_force) == 1 else EMPLOYEES
    for period in current:
        if period.scheme == (visit.scheme or usual):
            return period if period.status in INSURED else None
    return None


def remainder_is_plain(visit: Visit) -> bool:
    """Return whether a bill says of a remainder nothing that its kind denies."""
    if visit.residue_of is None:
        return True
    kinds = {2101: "inpatient", 14: "chronic"}
    return visit.residue and kinds.get(visit.kind, visit.residue_of) == visit.residue_of


def remainder_of(visit: Visit) -> str | None:
    """Return of which care a visit is what was left to pay; None if it is none."""
    if not visit.residue:
        return None
    usual = "chronic" if visit.kind == CHRONIC_VISIT else "inpatient"
    return visit.residue_of or usual


def kind_is_covered(town: Town, visit: Visit) -> bool:
    """Return whether the table is for visits of that kind."""
    if visit.kind == PHARMACY_VISIT and town.places[visit.place].pharmacy:
        return True
    return visit.kind in table_of(town, visit).covers


def table_of(town: Town, visit: Visit) -> Table:
    """Return the employees' table of the patient's city on the day of the visit."""
    tables = city_of(town, visit.patient).tables
    return [table for since, table in tables if since <= visit.day][-1]


def city_of(town: Town, person: str) -> Policy:
    """Return the rules of somebody's own city."""
    return town.cities[town.people[person].area]


def year_of(town: Town, visit: Visit) -> str:
    """Return what a visit counts towards: person, insurance, city and year."""
    insurance = insured(town, visit)
    scheme = insurance.scheme if insurance else 0
    area = town.people[visit.patient].area
    return f"{visit.patient}/{scheme}/{area}/{visit.day[:4]}"


# --- the fund -------------------------------------------------------------------------


def fund(town: Town, visit: Visit) -> tuple[int, int]:
    """Return the deductible charged and what the fund pays: deductible, ratio, caps."""
    insurance = insured(town, visit)
    assert insurance
    table = table_of(town, visit)
    level = level_of(table, town.places[visit.place])
    if level is None or pays_nothing(town, insurance, visit):
        return 0, 0
    year = year_of(town, visit)
    borne_before, paid_before = town.used.get(year, (0, 0))
    borne = min(left_to_bear(table, level, borne_before), visit.in_scope)
    shared = visit.in_scope - borne
    share = share_of(shared, table, level, insurance)
    a_visit = table.a_visit[level]
    a_year = left_of_cap(table, paid_before, insurance)
    caps = [cap for cap in (a_visit, a_year) if cap is not None]
    return borne, min([share, *caps])


def pays_nothing(town: Town, insurance: Insurance, visit: Visit) -> bool:
    """Return whether the fund pays nothing, whatever the figures of the table say."""
    return (
        insurance.status == "paused"
        or insurance.scheme == RESIDENTS
        or visit.inpatient
        or visit.residue
        or visit.spent_on != "medical"
        or not kind_is_covered(town, visit)
    )


def level_of(table: Table, place: Place) -> int | None:
    """Return the level whose figures a place has; None if the fund pays nothing there."""
    return table.pharmacy if place.pharmacy else place.level or table.unranked


def left_to_bear(table: Table, level: int, borne_before: int) -> int:
    """Return what is left of the deductible, of the level and of the year."""
    deductible = table.deductible[level]
    if table.deductible_a_year is not None:
        deductible = min(deductible, table.deductible_a_year)
    return max(0, deductible - borne_before)


def share_of(fen: int, table: Table, level: int, insurance: Insurance) -> int:
    """Return the fund's share of an amount, rounded to the fen."""
    ratios = table.retired if is_retired(insurance) else table.active
    exact = Fraction(fen * ratios[level], 10_000)
    if table.rounds_down:
        return floor(exact)
    return floor(exact + Fraction(1, 2))


def left_of_cap(table: Table, paid_before: int, insurance: Insurance) -> int | None:
    """Return what the fund may still pay this year; None if nothing limits it."""
    cap = table.cap_retired if is_retired(insurance) else table.cap_active
    if cap is None:
        return None
    return max(0, cap - paid_before)


def is_retired(insurance: Insurance) -> bool:
    """Return whether somebody is insured as retired."""
    return insurance.psn_type.startswith("12")


# --- the purses -----------------------------------------------------------------------


def purses(town: Town, visit: Visit) -> list[Purse]:
    """Return whose purse is asked, in order, and the parts of the bill it may pay."""
    if visit.purses == "none":
        return []
    if visit.purses == "own":
        return own_purse(town, visit)
    in_order: list[Purse] = []
    for kind in city_of(town, visit.patient).order:
        in_order += own_purse(town, visit) if kind == "own" else givers(town, visit)
    return in_order


def own_purse(town: Town, visit: Visit) -> list[Purse]:
    """Return the patient's own purse and what it may pay; empty if he never had one."""
    patient = visit.patient
    schemes = {period.scheme for period in town.people[patient].insured}
    if EMPLOYEES not in schemes and patient not in town.purse:
        return []
    if visit.spent_on != "medical":
        return [(patient, set())]
    return [(patient, set(city_of(town, patient).own_pays))]


def givers(town: Town, visit: Visit) -> list[Purse]:
    """Return the givers' purses, the first bound first, and what each may pay."""
    holders = holders_of(town, visit.patient)
    named = visit.givers or holders
    return [(h, aid_of(town, visit, h)) for h in holders if h in named]


def aid_of(town: Town, visit: Visit, holder: str) -> set[str]:
    """Return what a giver's purse may pay, by his own city and how he stands today."""
    city = city_of(town, holder)
    is_pharmacy = town.places[visit.place].pharmacy
    if ("pharmacy" if is_pharmacy else "hospital") not in city.aid_at:
        return set()
    if visit.spent_on != "medical" or not may_give(town, holder):
        return set()
    if not may_use(town, visit.patient):
        return set()
    if remainder_of(visit) not in {None, *city.aid_residue_of}:
        return set()
    return set(city.aid_pays)


def may_give(town: Town, holder: str) -> bool:
    """Return whether somebody is alive and insured as an employee today."""
    giver = town.people[holder]
    for period in giver.insured:
        if period.scheme == EMPLOYEES and covers(period, town.today):
            return period.status == "normal" and not is_dead(giver, town.today)
    return False


def may_use(town: Town, member: str) -> bool:
    """Return whether somebody is alive and insured in either scheme today."""
    user = town.people[member]
    if user.died is not None and user.died <= town.today:
        return False
    return any(
        period.status == "normal" and covers(period, town.today)
        for period in user.insured
    )


# --- what is settled ------------------------------------------------------------------


def settle(town: Town, visit: Visit, name: str) -> Payment:
    """Settle a visit: the town changes and holds the payment returned under a name."""
    borne, paid = fund(town, visit)
    unpaid = visit.parts
    unpaid["in_scope"] -= paid
    drawn = draw_purses(town, visit, unpaid)
    own = drawn.get(visit.patient, 0)
    payment = Payment(
        year=year_of(town, visit),
        deductible=borne,
        fund=paid,
        own=own,
        aid=sum(drawn.values()) - own,
        cash=sum(unpaid.values()),
        drawn=drawn,
    )
    _use(town, payment, 1)
    town.payments[name] = payment
    return payment


def draw_purses(town: Town, visit: Visit, unpaid: dict[str, int]) -> dict[str, int]:
    """Pay what is unpaid from the purses asked. Return what each paid, if anything."""
    drawn: dict[str, int] = {}
    for owner, parts in purses(town, visit):
        fen = pay(unpaid, parts, town.purse[owner])
        if fen:
            town.purse[owner] -= fen
            drawn[owner] = fen
    return drawn


def pay(unpaid: dict[str, int], parts: set[str], balance: int) -> int:
    """Pay parts of a bill, in the order of PARTS, from a balance. Return what was paid."""
    paid = 0
    for part in PARTS:
        if part in parts:
            fen = min(unpaid[part], balance - paid)
            unpaid[part] -= fen
            paid += fen
    return paid


def reverse(town: Town, name: str) -> dict[str, int]:
    """Take a payment back. Return what each purse gets."""
    payment = town.payments[name]
    payment.stands = False
    for owner, fen in payment.drawn.items():
        town.purse[owner] += fen
    _use(town, payment, -1)
    return payment.drawn


def _use(town: Town, payment: Payment, sign: int) -> None:
    """Add a payment to what is used up, or take it off."""
    borne, paid = town.used.get(payment.year, (0, 0))
    borne += sign * payment.deductible
    paid += sign * payment.fund
    town.used[payment.year] = borne, paid
