"""Random families and what happens to them: towns of the plain model, the same towns as
worlds, and steps for both."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from gongji import (
    NO_LIMIT,
    BillPart,
    BonusPoints,
    NoFund,
    PurseKind,
    PurseOrder,
    Rounding,
    Scheme,
    Spending,
    Standing,
    Table,
    Use,
    Uses,
    VisitKind,
)
from gongji.cities import anhui
from gongji.cities.city import Cities
from gongji.model.account import Account
from gongji.model.people import Enrolment
from gongji.model.settlement import Accumulator, Bill
from gongji.rules.codes import (
    SHANGHAI,
    AccountUse,
    BindingState,
    EnrolmentStatus,
    Purpose,
)
from hypothesis import strategies as st

from tests.prove.plain import PARTS, Town
from tests.scaffold.world import NewWorld, World

NOON = datetime(2025, 9, 30, 12, 0, tzinfo=SHANGHAI)
TODAY = "2025-09-30"
CHUZHOU, ANQING = "341100", "340800"
STATUSES = {
    "normal": EnrolmentStatus.NORMAL,
    "paused": EnrolmentStatus.PAUSED,
    "ended": EnrolmentStatus.TERMINATED,
}
PURSES = {"none": AccountUse.NONE, "own": AccountUse.OWN, "all": AccountUse.CITY_ORDER}
KINDS = {"own": PurseKind.OWN, "givers": PurseKind.GIVERS}
WHERE = {"hospital": Use.OUTPATIENT, "pharmacy": Use.PHARMACY}

V1: dict[str, Any] = {
    "deductible": {1: 800_00, 2: 800_00, 3: 800_00},
    "deductible_a_year": None,
    "active": {1: 60_00, 2: 55_00, 3: 50_00},
    "retired": {1: 65_00, 2: 60_00, 3: 55_00},
    "bonus": 5_00,
    "cap_active": 2000_00,
    "cap_retired": 2000_00,
    "a_visit": {1: None, 2: None, 3: None},
    "unranked": 1,
    "pharmacy": None,
    "covers": [11, 12, 41],
    "rounds_down": False,
}
V2 = V1 | {
    "deductible": {1: 200_00, 2: 400_00, 3: 400_00},
    "deductible_a_year": 400_00,
    "active": {1: 60_00, 2: 50_00, 3: 50_00},
    "retired": {1: 70_00, 2: 60_00, 3: 60_00},
    "bonus": None,
    "cap_retired": 3000_00,
    "pharmacy": 1,
}
PROVINCE: dict[str, Any] = {
    "tables": [("2022-07-01", V1)],
    "order": ["own", "givers"],
    "aid_at": ["hospital", "pharmacy"],
    "aid_pays": ["in_scope", "first_selfpay"],
    "own_pays": list(PARTS),
}


def invented_table(chance: random.Random) -> dict[str, Any]:
    """A table no city has, within what a table can say."""

    def by_level(choose: Callable[[], Any]) -> dict[int, Any]:
        return {level: choose() for level in (1, 2, 3)}

    active = by_level(
        lambda: chance.choice(
            [0, chance.randint(0, 90_00), 33_33, 66_67, 10_000 - 10_00]
        )
    )
    bonus = chance.choice([None, 0, 10_00, chance.randint(0, 10_00)])
    retired = (
        by_level(lambda: chance.randint(0, 10_000))
        if bonus is None
        else {k: v + bonus for k, v in active.items()}
    )
    return {
        "deductible": by_level(
            lambda: chance.choice([0, 20_00, 33_33, 400_00, 800_00])
        ),
        "deductible_a_year": chance.choice([None, 0, 30_00, 500_00]),
        "active": active,
        "retired": retired,
        "bonus": bonus,
        "cap_active": chance.choice([None, 100_00, 777_77, 2000_00]),
        "cap_retired": chance.choice([None, 0, 150_00, 3000_00]),
        "a_visit": by_level(lambda: chance.choice([None, None, 10_00, 99_99])),
        "unranked": chance.randint(1, 3),
        "pharmacy": chance.choice([None, 1, 2, 3]),
        "covers": chance.choice([[11, 12, 41], [11], [11, 12, 13, 41, 51, 9901]]),
        "rounds_down": chance.choice([True, False]),
    }


def provincial(_: int) -> dict[str, Any]:
    """As the province rules."""
    return PROVINCE


def revised(_: int) -> dict[str, Any]:
    """V2 since this year: the day of the visit decides which table is asked."""
    return PROVINCE | {"tables": [("2022-07-01", V1), ("2025-01-01", V2)]}


def invented(number: int) -> dict[str, Any]:
    """Two invented tables, one after the other."""
    chance = random.Random(number)  # noqa: S311 - invents tables
    return PROVINCE | {
        "tables": [
            (day, invented_table(chance)) for day in ("2022-07-01", "2025-01-01")
        ]
    }


def new_year(number: int) -> dict[str, Any]:
    """Another invented table from next New Year's Day on."""
    chance = random.Random(number)  # noqa: S311 - invents tables
    return PROVINCE | {
        "tables": [
            (day, invented_table(chance)) for day in ("2022-07-01", "2026-01-01")
        ]
    }


def odd_purses(number: int) -> dict[str, Any]:
    """Invented tables, orders and uses of purses."""
    chance = random.Random(number)  # noqa: S311 - invents rules
    return invented(number) | {
        "order": chance.choice(
            [["own", "givers"], ["givers", "own"], ["givers"], ["own"]]
        ),
        "aid_at": chance.choice(
            [["hospital"], ["pharmacy"], ["hospital", "pharmacy"], []]
        ),
        "aid_pays": list(PARTS[: chance.randint(0, 4)]),
        "own_pays": list(PARTS[: chance.randint(0, 4)]),
    }


KINDS_OF_TOWN = {
    "provincial": provincial,
    "revised": revised,
    "invented": invented,
    "odd purses": odd_purses,
}
_RULES = KINDS_OF_TOWN | {"new year": new_year}
TOWNS = 40
"""How many cities of a kind are invented."""


def _insurance(
    scheme: int,
    psn_type: str,
    status: str = "normal",
    since: str = "2020-01-01",
    to: str = "",
) -> Any:
    return {
        "scheme": scheme,
        "type": psn_type,
        "status": status,
        "from": since,
        "to": to or None,
    }


def _person(area: str, *insured: Any, died: str = "") -> dict[str, Any]:
    return {"area": area, "insured": list(insured), "died": died or None}


PEOPLE = {
    "A1": _person(CHUZHOU, _insurance(310, "11")),
    "A2": _person(CHUZHOU, _insurance(310, "1201")),
    "A3": _person(ANQING, _insurance(310, "1102")),
    "A4": _person(CHUZHOU, _insurance(310, "11", "paused")),
    "A5": _person(ANQING, _insurance(310, "12")),
    "B1": _person(CHUZHOU, _insurance(390, "15"), _insurance(310, "11")),
    "C1": _person(
        CHUZHOU,
        _insurance(310, "11", to="2024-12-31"),
        _insurance(390, "15", since="2025-01-01"),
    ),
    "D1": _person(CHUZHOU, _insurance(310, "12"), died="2025-06-30"),
    "E1": _person(CHUZHOU, _insurance(310, "11", "ended", since="2024-01-01")),
    "R1": _person(CHUZHOU, _insurance(390, "1405")),
}
"""Employees and residents of two cities: at work, retired, paused, in both schemes,
moved to the other, dead, gone."""

PLACES: dict[str, list[tuple[str, int | None, bool]]] = {
    "H341100": [
        ("00008", 1, False),
        ("00005", 2, False),
        ("00002", 3, False),
        ("00011", None, False),
    ],
    "P341100": [("00000", None, True)],
    "H340800": [("00003", 3, False)],
}
GRADES = {"00008": 8, "00005": 5, "00002": 2, "00011": 11, "00000": 0, "00003": 3}


def places() -> dict[str, Any]:
    """Hospitals of every level, one unranked, one of the other city, and a pharmacy;
    two not designated every day."""
    found: dict[str, Any] = {
        f"{kind}{number}": {
            "area": kind[1:],
            "level": level,
            "pharmacy": drugs,
            "from": "2020-01-01",
            "to": None,
        }
        for kind, each in PLACES.items()
        for number, level, drugs in each
    }
    found["H34110000005"] |= {"to": "2025-09-30"}
    found["H34080000003"] |= {"from": "2024-12-31"}
    return found


# --- a town, drawn and built ----------------------------------------------------------

_SEEDS = st.integers(0, 2**32 - 1)
"""Hypothesis draws what happens, how often and in which order; what each thing looks
like follows from one number.

Drawn figure by figure most bills would be too small for the fund to pay.
"""

HOLDERS = ("A1", "A2", "A3", "A3", "A3", "A5", "A5", "A5", "A4", "D1")


def _fen(chance: random.Random) -> int:
    return chance.choice(
        [
            0,
            0,
            chance.randint(0, 99),
            chance.randint(0, 300_00),
            chance.randint(0, 3000_00),
        ]
    )


def _purse(chance: random.Random) -> int:
    return chance.choice(
        [
            0,
            chance.randint(1, 99),
            chance.randint(1, 200_00),
            chance.randint(1, 4000_00),
        ]
    )


def _pair(chance: random.Random) -> tuple[str, str]:
    holder = chance.choice(HOLDERS)
    members = [
        member
        for member in (*["A1", "A2"] * 4, "R1", *sorted(PEOPLE))
        if member != holder
    ]
    return holder, chance.choice(members)


def towns(kind: str) -> st.SearchStrategy[tuple[int, Town]]:
    """A town of that kind and the number of its city."""
    return st.tuples(st.integers(0, TOWNS - 1), _SEEDS).map(
        lambda drawn: (drawn[0], _town(kind, *drawn))
    )


def _town(kind: str, number: int, seed: int) -> Town:
    chance = random.Random(seed)  # noqa: S311 - invents families
    near = {
        who: (
            chance.choice([0, 400_00, 799_99, 800_00]),
            chance.choice([0, 0, 99_00, 1500_00, 1999_99, 2000_00]),
        )
        for who in ("A1", "A2", "B1")
        if chance.random() < 0.6
    }
    return {
        "today": TODAY,
        "cities": {CHUZHOU: _RULES[kind](number), ANQING: PROVINCE},
        "people": PEOPLE,
        "places": places(),
        "bound": list(
            dict.fromkeys(_pair(chance) for _ in range(chance.randint(0, 20)))
        ),
        "purse": {
            who: _purse(chance)
            for who in sorted(PEOPLE)
            if who != "R1" and chance.random() < 0.9
        },
        "used": {f"{who}/310/{CHUZHOU}/2025": figures for who, figures in near.items()},
        "bills": {},
    }


@cache
def _cities(kind: str, number: int, new_world: NewWorld) -> Cities:
    city = _RULES[kind](number)
    return new_world(
        reimbursement=_timeline(city["tables"]),
        purse_order=PurseOrder(order=tuple(KINDS[k] for k in city["order"])),
        uses=Uses(
            aid_at=frozenset(WHERE[w] for w in city["aid_at"]),
            aid_pays=frozenset(BillPart(part) for part in city["aid_pays"]),
            own_pays=frozenset(BillPart(part) for part in city["own_pays"]),
            never=frozenset(set(Spending) - {Spending.MEDICAL}),
        ),
    ).cities


def _timeline(tables: list[tuple[str, dict[str, Any]]]) -> Any:
    ruled = anhui.reimbursement()[0]
    resident = ruled.value[Scheme.RESIDENT]
    return tuple(
        replace(
            ruled,
            since=date.fromisoformat(since),
            value={Scheme.EMPLOYEE: _table(table), Scheme.RESIDENT: resident},
        )
        for since, table in tables
    )


def _table(told: dict[str, Any]) -> Table:
    resident = anhui.reimbursement()[0].value[Scheme.RESIDENT]
    assert isinstance(resident, NoFund)

    def limit(amount: int | None) -> Any:
        return NO_LIMIT if amount is None else amount

    return Table(
        deductible_fen=told["deductible"],
        deductible_year_max_fen=limit(told["deductible_a_year"]),
        ratio_bp=told["active"],
        retired=told["retired"]
        if told["bonus"] is None
        else BonusPoints(above_active_bp=told["bonus"]),
        cap_fen={
            Standing.ACTIVE: limit(told["cap_active"]),
            Standing.RETIRED: limit(told["cap_retired"]),
        },
        visit_cap_fen={
            level: limit(amount) for level, amount in told["a_visit"].items()
        },
        unranked_as=told["unranked"],
        pharmacy=told["pharmacy"] or resident,
        covers=frozenset(VisitKind(kind) for kind in told["covers"]),
        rounding=Rounding.DOWN if told["rounds_down"] else Rounding.HALF_UP,
    )


def world_of(town: Town, kind: str, number: int, new_world: NewWorld) -> World:
    """The same town as a world at noon; a binding for premiums only and one not yet
    active count for nothing."""
    world = type(new_world())(_cities(kind, number, new_world), NOON)
    people_of(world, town)
    return world


def people_of(world: World, town: Town) -> None:
    """Puts the town's people, places, purses and bindings into a world."""
    for who, told in town["people"].items():
        insured = tuple(_enrolment(i) for i in told["insured"])
        died = date.fromisoformat(told["died"]) if told["died"] else None
        world.person(who, place=told["area"], enrolments=insured, died_on=died)
    for code, place in town["places"].items():
        first, last = (
            date.fromisoformat(place["from"]),
            place["to"] and date.fromisoformat(place["to"]),
        )
        world.hospital(
            GRADES[code[7:]],
            code[1:7],
            code=code,
            designated_from=first,
            designated_to=last,
        )
    world.add(*(Account(who, balance, 1) for who, balance in town["purse"].items()))
    for key, (borne, paid) in town["used"].items():
        who, scheme, area, year = key.split("/")
        world.add(
            Accumulator(who, Scheme(int(scheme)), area[:4], int(year), borne, paid)
        )
    for place, (holder, member) in enumerate(town["bound"]):
        world.bind(holder, member, NOON - timedelta(days=30 - place))
    world.bind(
        "B1",
        "A2",
        NOON - timedelta(days=40),
        purposes=frozenset({Purpose.RESIDENT_PREMIUM}),
    )
    world.bind("B1", "A1", NOON - timedelta(days=40), state=BindingState.UNDER_REVIEW)


def _enrolment(told: dict[str, Any]) -> Enrolment:
    last = date.fromisoformat(told["to"]) if told["to"] else None
    first = date.fromisoformat(told["from"])
    return Enrolment(
        Scheme(told["scheme"]), told["type"], STATUSES[told["status"]], first, last
    )


# --- what happens ---------------------------------------------------------------------


def _bill(seed: int) -> dict[str, Any]:
    """A bill; one in five is refused."""
    chance = random.Random(seed)  # noqa: S311 - invents bills
    in_scope = [
        0,
        33_33,
        799_99,
        800_01,
        chance.randint(1, 300_00),
        chance.randint(1, 1500_00),
        chance.randint(1, 6000_00),
    ]

    def rarely(odd: list[Any], usual: Any, share: float = 0.1) -> Any:
        return chance.choice(odd) if chance.random() < share else usual

    return {
        "patient": rarely(sorted(PEOPLE), chance.choice(["A1", "A2"]), 0.4),
        "place": chance.choice(sorted(places())),
        "day": rarely(["2025-01-01", "2024-12-31", "2025-10-01", "2022-06-30"], TODAY),
        "kind": rarely([41, 12, 13, 14, 2101, 9901], 11),
        "scheme": rarely([310, 390], None),
        "in_scope": chance.choice(in_scope),
        "first_selfpay": _fen(chance),
        "above_limit": _fen(chance),
        "out_of_catalogue": _fen(chance),
        "purses": chance.choice(["all", "all", "all", "all", "own", "none"]),
        "givers": rarely([["A1"], ["A2"], ["A3"], ["A3", "A2"]], []),
        "inpatient": rarely([True], usual=False, share=0.05),
        "residue": rarely([True], usual=False, share=0.05),
        "spent_on": rarely(["fitness"], "medical"),
        "filed": rarely([False], usual=True),
    }


def _step(what: str, seed: int) -> tuple[str, Any]:
    chance = random.Random(seed)  # noqa: S311 - invents what happens
    match what:
        case "bill":
            return what, _bill(seed)
        case "bind":
            return what, _pair(chance)
        case "credit":
            return what, (chance.choice(["A1", "A2", "A3"]), _fen(chance))
    return what, chance.randrange(100)


bills = _SEEDS.map(_bill)
steps = st.builds(
    _step,
    st.sampled_from(["bill"] * 14 + ["reverse", "reverse", "bind", "unbind", "credit"]),
    _SEEDS,
)


def bill_of(told: dict[str, Any]) -> Bill:
    """The bill of a plain bill."""
    return Bill(
        patient=told["patient"],
        institution_code=told["place"],
        service_day=date.fromisoformat(told["day"]),
        visit_kind=VisitKind(told["kind"]),
        total_fen=sum(told[part] for part in PARTS),
        out_of_catalogue_fen=told["out_of_catalogue"],
        above_limit_fen=told["above_limit"],
        first_selfpay_fen=told["first_selfpay"],
        in_scope_fen=told["in_scope"],
        account_use=PURSES[told["purses"]],
        scheme=Scheme(told["scheme"]) if told["scheme"] else None,
        givers=tuple(told["givers"]),
        inpatient_that_day=told["inpatient"],
        residue=told["residue"],
        spending=Spending(told["spent_on"]),
        filing_no="F1" if told["filed"] else "",
    )
