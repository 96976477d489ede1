"""Towns of the plain model in the product's own records: the same cities, people, bills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    ResidueOf,
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

from tests.prove import plain, records
from tests.prove.families import Drawn
from tests.prove.records import Citizen, Insurance, Place, Town, Visit
from tests.prove.rules import RULES
from tests.scaffold.world import NewWorld, World

NOON = datetime(2025, 9, 30, 12, 0, tzinfo=SHANGHAI)
STATUSES = {
    "normal": EnrolmentStatus.NORMAL,
    "paused": EnrolmentStatus.PAUSED,
    "ended": EnrolmentStatus.TERMINATED,
}
ACCOUNT_USES = {
    "none": AccountUse.NONE,
    "own": AccountUse.OWN,
    "all": AccountUse.CITY_ORDER,
}
PURSE_KINDS = {"own": PurseKind.OWN, "givers": PurseKind.GIVERS}
RESIDUES = {"inpatient": ResidueOf.INPATIENT, "chronic": ResidueOf.CHRONIC}
USES = {"hospital": Use.OUTPATIENT, "pharmacy": Use.PHARMACY}


def world_of(drawn: Drawn, kind: str, new_world: NewWorld) -> World:
    """Return a town as a world at noon."""
    number, town = drawn
    world = type(new_world())(_cities(kind, number, new_world), NOON)
    add_town(world, town)
    return world


# --- cities ---------------------------------------------------------------------------


@cache
def _cities(kind: str, number: int, new_world: NewWorld) -> Cities:
    policy = RULES[kind](number)
    order = tuple(PURSE_KINDS[purse] for purse in policy.order)
    uses = Uses(
        aid_at=frozenset(USES[place] for place in policy.aid_at),
        aid_pays=frozenset(BillPart(part) for part in policy.aid_pays),
        own_pays=frozenset(BillPart(part) for part in policy.own_pays),
        never=frozenset(set(Spending) - {Spending.MEDICAL}),
        aid_residue_of=frozenset(RESIDUES[care] for care in policy.aid_residue_of),
    )
    return new_world(
        reimbursement=_timeline(policy.tables),
        purse_order=PurseOrder(order=order),
        uses=uses,
    ).cities


def _timeline(tables: Sequence[tuple[str, records.Table]]) -> Any:
    """Return the province's rule with a city's own tables for employees."""
    province = anhui.reimbursement()[0]
    resident = province.value[Scheme.RESIDENT]
    assert isinstance(resident, NoFund)
    timeline = []
    for since, table in tables:
        value: dict[Scheme, Table | NoFund] = {
            Scheme.EMPLOYEE: _table(table, resident),
            Scheme.RESIDENT: resident,
        }
        day = date.fromisoformat(since)
        timeline.append(replace(province, since=day, value=value))
    return tuple(timeline)


def _table(table: records.Table, no_fund: NoFund) -> Table:
    bonus = table.bonus
    points = None if bonus is None else BonusPoints(above_active_bp=bonus)
    return Table(
        deductible_fen=table.deductible,
        deductible_year_max_fen=_limit(table.deductible_a_year),
        ratio_bp=table.active,
        retired=points or table.retired,
        cap_fen={
            Standing.ACTIVE: _limit(table.cap_active),
            Standing.RETIRED: _limit(table.cap_retired),
        },
        visit_cap_fen={level: _limit(fen) for level, fen in table.a_visit.items()},
        unranked_as=table.unranked,
        pharmacy=table.pharmacy or no_fund,
        covers=frozenset(VisitKind(kind) for kind in table.covers),
        rounding=Rounding.DOWN if table.rounds_down else Rounding.HALF_UP,
    )


def _limit(fen: int | None) -> Any:
    return NO_LIMIT if fen is None else fen


# --- people, places, purses and bindings ----------------------------------------------


def add_town(world: World, town: Town) -> None:
    """Add a town's people, places, purses and bindings to a world."""
    add_people(world, town.people)
    add_places(world, town.places)
    for person, balance in town.purse.items():
        world.add(Account(person, balance, 1))
    for year_key, used in town.used.items():
        world.add(_accumulator(year_key, *used))
    add_bindings(world, town.bound)


def add_people(world: World, people: Mapping[str, Citizen]) -> None:
    """Add people as they are insured."""
    for name, citizen in people.items():
        world.person(
            name,
            place=citizen.area,
            enrolments=tuple(_enrolment(period) for period in citizen.insured),
            died_on=_day(citizen.died),
        )
        world.filed(name)


def _enrolment(period: Insurance) -> Enrolment:
    return Enrolment(
        Scheme(period.scheme),
        period.psn_type,
        STATUSES[period.status],
        date.fromisoformat(period.since),
        _day(period.until),
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def add_places(world: World, places: Mapping[str, Place]) -> None:
    """Add institutions; a code is kind, area and a number that ends in the grade."""
    for code, place in places.items():
        area, grade = code[1:7], int(code[7:])
        world.hospital(
            grade,
            area,
            code=code,
            designated_from=date.fromisoformat(place.since),
            designated_to=_day(place.until),
        )


def _accumulator(year_key: str, borne: int, paid: int) -> Accumulator:
    person, scheme, area, year = year_key.split("/")
    return Accumulator(person, Scheme(int(scheme)), area[:4], int(year), borne, paid)


def add_bindings(world: World, pairs: list[tuple[str, str]]) -> None:
    """Bind pairs a day apart, and two in ways that count for nothing.

    One is for premiums only, one is not yet active.
    """
    for place, (holder, member) in enumerate(pairs):
        world.bind(holder, member, NOON - timedelta(days=30 - place))
    earlier = NOON - timedelta(days=40)
    premiums = frozenset({Purpose.RESIDENT_PREMIUM})
    world.bind("B1", "A2", earlier, purposes=premiums)
    world.bind("B1", "A1", earlier, state=BindingState.UNDER_REVIEW)


# --- bills ----------------------------------------------------------------------------


def bill_of(visit: Visit) -> Bill:
    """Return the bill of a visit as the product has it."""
    return Bill(
        patient=visit.patient,
        institution_code=visit.place,
        service_day=date.fromisoformat(visit.day),
        visit_kind=VisitKind(visit.kind),
        total_fen=sum(visit.parts.values()),
        out_of_catalogue_fen=visit.out_of_catalogue,
        above_limit_fen=visit.above_limit,
        first_selfpay_fen=visit.first_selfpay,
        in_scope_fen=visit.in_scope,
        account_use=ACCOUNT_USES[visit.purses],
        scheme=Scheme(visit.scheme) if visit.scheme else None,
        givers=tuple(visit.givers),
        inpatient_that_day=visit.inpatient,
        residue=visit.residue,
        residue_of=RESIDUES[visit.residue_of] if visit.residue_of else None,
        spending=Spending(visit.spent_on),
        filing_no=f"F{visit.patient}" if visit.filed else "",
    )


def lived(drawn: Drawn, kind: str, visits: list[Visit], new_world: NewWorld) -> World:
    """Return a world in which those of some visits that may be settled have been."""
    world = world_of(drawn, kind, new_world)
    for visit in visits:
        if not plain.reasons(drawn[1], visit):
            world.now += timedelta(minutes=1)
            world.settle(bill_of(visit))
    return world
