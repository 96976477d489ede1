"""The population every contender settles over: invented employees with deep purses.

Every fourth has only a giver.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Final

from gongji.model.account import Account
from gongji.model.binding import Binding
from gongji.model.commands import Write
from gongji.model.decided import DecidedBy
from gongji.model.ids import derived_id
from gongji.model.people import Certificate, Enrolment, Institution, Person
from gongji.model.settlement import Bill
from gongji.rules.codes import (
    SHANGHAI,
    AccountUse,
    BindingState,
    EnrolmentStatus,
    InstitutionKind,
    Purpose,
    Scheme,
    VisitKind,
)
from gongji.store import Store
from gongji.store.seal import Vault
from stdnum.cn import ric

PERSONS: Final = 10_000
HOSPITAL: Final = "H34110000001"
AREA: Final = "341100"
BALANCE_FEN: Final = 100_000_000_000
NOW: Final = datetime(2025, 9, 30, 10, tzinfo=SHANGHAI)
"""When every contender settles; bills are of that day."""

VAULT: Final = Vault(bytes(range(32)))
"""One key for all that is measured below the server, so that they may share a database;
it guards invented people."""

TOGETHER: Final = 2_000
"""Records written in one transaction."""


def number(place: int) -> str:
    """Return the number of the person at a place, counted from 1: P0000001."""
    return f"P{place:07d}"


def giver_of(place: int) -> int | None:
    """Return the place of the patient's only giver, the person before.

    Three patients in four have none.
    """
    return place - 1 if place % 4 == 0 else None


def records(persons: int = PERSONS) -> Iterator[object]:
    """Yield the institution, then each person with a purse.

    A patient with a giver has the binding and nothing of their own.
    """
    hospital, since = InstitutionKind.HOSPITAL, date(2015, 1, 1)
    yield Institution(HOSPITAL, "试验医院", hospital, 5, since)
    for place in range(1, persons + 1):
        giver = giver_of(place)
        yield _person(place)
        yield Account(number(place), 0 if giver else BALANCE_FEN)
        if giver is not None:
            yield _binding(giver, place)


def bill(place: int, in_scope_fen: int, other_fen: int = 2_000) -> Bill:
    """Return an outpatient bill of one day, paid by fund, own purse, giver, cash."""
    return Bill(
        patient=number(place),
        institution_code=HOSPITAL,
        service_day=NOW.date(),
        visit_kind=VisitKind.OUTPATIENT,
        total_fen=in_scope_fen + other_fen,
        out_of_catalogue_fen=other_fen,
        in_scope_fen=in_scope_fen,
        account_use=AccountUse.CITY_ORDER,
    )


def bills(persons: int = PERSONS, seed: int = 0) -> Iterator[Bill]:
    """Yield bills without end, patients in chance order.

    900 to 1,600 yuan in scope: from the first on the fund pays too.
    """
    chance = random.Random(seed)  # noqa: S311 - the same bills in every run
    while True:
        yield bill(chance.randint(1, persons), chance.randint(90_000, 160_000))


def writes(persons: int = PERSONS) -> Iterator[Write]:
    """Yield the whole population as queries of bounded size."""
    everything = records(persons)
    while together := tuple(islice(everything, TOGETHER)):
        yield Write(together)


async def populate(store: Store, persons: int = PERSONS) -> None:
    """Write the population into an empty store."""
    for write in writes(persons):
        await store.apply(write)


def _person(place: int) -> Person:
    # An area no city has; the birth date and the serial number make each certificate
    # one of its kind.
    born = date(1960, 1, 1) + timedelta(days=place // 500)
    digits = f"341199{born:%Y%m%d}{place % 500:03d}"
    normal = EnrolmentStatus.NORMAL
    return Person(
        person_no=number(place),
        certificate=Certificate("01", digits + ric.calc_check_digit(digits)),
        name=f"试验{place}",
        phone=f"1000{place:07d}",
        first_place=AREA,
        enrolments=(Enrolment(Scheme.EMPLOYEE, "11", normal, date(2015, 1, 1)),),
        first_base_fen=500_000,
    )


def _binding(giver: int, member: int) -> Binding:
    return Binding(
        binding_id=derived_id("B", str(uuid.UUID(int=member))),
        holder=number(giver),
        member=number(member),
        relation="10",
        purposes=frozenset({Purpose.VISIT}),
        channel="wanshitong",
        state=BindingState.ACTIVE,
        submitted_at=NOW - timedelta(days=30),
        active_at=NOW - timedelta(days=28),
        decided_by=DecidedBy(AREA, "gongji-chuzhou", "1", "1"),
    )
