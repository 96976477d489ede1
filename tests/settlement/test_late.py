"""What late facts change of settlements: each told once, under one of the records that
changed, with the facts behind it; made good, nothing is left to tell."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from gongji.model.account import Account, Entry
from gongji.model.causes import ChangedIn, Record
from gongji.model.people import (
    Enrolment,
    GradeSince,
    Institution,
    InstitutionGrade,
    Person,
)
from gongji.model.revisions import superseding
from gongji.model.settlement import Accumulator, Settlement
from gongji.rules.codes import (
    AccountUse,
    EnrolmentStatus,
    InstitutionKind,
    Scheme,
    pooling_area,
)
from gongji.settlement.late import LateSettlement
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.scaffold.late import make_good, told
from tests.scaffold.people import ANQING, CHUZHOU, NOW, SINCE
from tests.scaffold.world import NewWorld, World

MAY = date(2025, 5, 1)
DAY = timedelta(days=1)
NORMAL, PAUSED = EnrolmentStatus.NORMAL, EnrolmentStatus.PAUSED
AT_WORK = Enrolment(Scheme.EMPLOYEE, "11", NORMAL, SINCE)


def since_may(**changes: Any) -> tuple[Enrolment, ...]:
    """Return an enrolment that is another since May."""
    return replace(AT_WORK, until=MAY - DAY), replace(AT_WORK, since=MAY, **changes)


def tell(world: World, record: Record, import_id: str, **facts: Any) -> None:
    """Have the registry know something otherwise from now on, by an import."""
    kind, key = record
    known: Any = world.record(kind, key)
    after = replace(
        known,
        revision=known.revision + 1,
        known_from=world.now,
        import_id=import_id,
        **facts,
    )
    world.add(*superseding(after, known))


def graded(hosp_lv: int) -> dict[str, Any]:
    """Return a hospital's grade, ever since it was designated."""
    grade = InstitutionGrade(InstitutionKind.HOSPITAL, hosp_lv)
    return {"grades": (GradeSince(grade, SINCE),)}


def visit(world: World, patient: str, fen: int) -> Settlement:
    """Settle a visit at the first hospital, wherever the patient is insured."""
    use, filing_no = AccountUse.CITY_ORDER, world.filed(patient)
    bill = world.visit(patient, fen, account_use=use, filing_no=filing_no)
    return world.settle(bill)


FACTS: dict[str, tuple[Record, dict[str, Any]]] = {
    "retired": ((Person, "P1"), {"enrolments": since_may(psn_type="12")}),
    "paused": ((Person, "P1"), {"enrolments": since_may(status=PAUSED)}),
    "moved": ((Person, "P1"), {"first_place": ANQING}),
    "dead": ((Person, "P1"), {"died_on": MAY}),
    "giver paused": ((Person, "P2"), {"enrolments": since_may(status=PAUSED)}),
    "giver dead": ((Person, "P2"), {"died_on": MAY}),
    "first level": ((Institution, "H"), graded(8)),
    "second level": ((Institution, "H"), graded(5)),
}
"""Whose record, and what of it is known otherwise."""


def record_of(world: World, named: Record) -> Record:
    kind, key = named
    return (
        (kind, world.all(Institution)[0].code) if kind is Institution else (kind, key)
    )


@given(
    st.lists(st.sampled_from(sorted(FACTS)), min_size=1, max_size=3, unique=True),
    st.lists(
        st.tuples(st.sampled_from(["P1", "P2", "P3"]), st.integers(1, 3000_00)),
        min_size=1,
        max_size=5,
    ),
)
@settings(deadline=None)
def test_made_good_nothing_is_left(
    family: NewWorld, names: list[str], visits: list[tuple[str, int]]
) -> None:
    """Whatever is told late of whom: each settlement is told once; those of import A
    and then of import B are those of both; settled again, none is left; and the money in
    purses has changed by exactly the entries, each transaction of which sums to 0."""
    world, begun = family(), NOW
    for patient, fen in visits:
        world.now += DAY
        visit(world, patient, fen)
    imports = [tell_of(world, name) for name in names]
    both = ChangedIn(begun)
    late = ids(told(world, both))
    assert len(late) == len(set(late))
    assert set(late) == {one for by in imports for one in ids(told(world, by))}
    before, entries = world.balances(), len(world.all(Entry))
    for one in imports:
        make_good(world, one)
    assert [] == told(world, both)
    check_money(world, before, entries)
    check_meters(world)


def ids(late: list[LateSettlement]) -> list[str]:
    """Return the ids of the settlements told."""
    return [one.again.before.settlement_id for one in late]


def tell_of(world: World, name: str) -> ChangedIn:
    """Have the registry know a fact, by an import of that name a day later."""
    world.now += DAY
    record, facts = FACTS[name]
    tell(world, record_of(world, record), name, **facts)
    return ChangedIn(world.now, name)


def check_money(world: World, before: dict[str, int], entries: int) -> None:
    """Purses changed by exactly the entries added; each transaction sums to 0."""
    sums: dict[str, int] = {}
    moved: dict[str, int] = {}
    for entry in world.all(Entry)[entries:]:
        sums[entry.transaction_id] = sums.get(entry.transaction_id, 0) + entry.fen
        moved[entry.ledger_account] = moved.get(entry.ledger_account, 0) + entry.fen
    assert {0} >= set(sums.values())
    for account in world.all(Account):
        number = account.person_no
        change = account.balance_fen - before[number]
        assert change == moved.get(f"purse:{number}", 0)


def check_meters(world: World) -> None:
    """Accumulators hold what the standing settlements added, and nothing else."""
    held = {
        a.key: (a.deductible_used_fen, a.fund_paid_fen)
        for a in world.all(Accumulator)
        if a.deductible_used_fen or a.fund_paid_fen
    }
    key = Accumulator.key_of("P1", Scheme.EMPLOYEE, pooling_area(CHUZHOU), NOW.year)
    # The deductible behind P1 from the start.
    added = {key: (800_00, 0)}
    for settlement in world.all(Settlement):
        if settlement.reversed_at is None:
            deductible, fund = added.get(settlement.accumulator_key, (0, 0))
            added[settlement.accumulator_key] = (
                deductible + settlement.deductible_fen,
                fund + settlement.fund_fen,
            )
    assert held == {key: used for key, used in added.items() if any(used)}


@pytest.mark.parametrize("name", FACTS)
def test_corrected_back(family: NewWorld, name: str) -> None:
    """Corrected, and corrected back, nothing is otherwise, whether or not it was settled
    again in between."""
    for between in (False, True):
        world, begun = family(), NOW
        for patient in ("P1", "P2"):
            visit(world, patient, 900_00)
        before = paid(world)
        kind, key = record = record_of(world, FACTS[name][0])
        known: Any = world.record(kind, key)
        tell_of(world, name)
        if between:
            make_good(world, ChangedIn(begun))
        world.now += DAY
        tell(world, record, "", **{f: getattr(known, f) for f in FACTS[name][1]})
        if between:
            make_good(world, ChangedIn(begun))
        assert [] == told(world, ChangedIn(begun))
        assert between or before == paid(world)


def paid(world: World) -> list[tuple[str, int, int, int]]:
    """Return what stands."""
    return [
        (s.bill.patient, s.fund_fen, s.account_fen, s.cash_fen)
        for s in world.all(Settlement)
        if s.reversed_at is None
    ]


def test_facts_behind(family: NewWorld) -> None:
    """A settlement names the record, both revisions and the days that differ; one that
    follows it names the settlement it follows."""
    world = family()
    first = world.settle(world.visit("P1", 900_00, service_day=MAY))
    world.now += DAY
    tell(world, (Person, "P1"), "A", enrolments=since_may(psn_type="12"))
    world.now += DAY
    second = world.settle(world.visit("P1", 900_00, service_day=MAY))
    late = {o.again.before.settlement_id: o for o in told(world, ChangedIn(NOW))}
    (fact,) = late[first.settlement_id].facts
    assert (fact.record, fact.decided_on, fact.known_now, fact.differences) == (
        "P1",
        1,
        2,
        ("职工医保参保：2025-05-01起 正常参保、退休（原正常参保、在职）",),
    )
    assert second.settlement_id not in late or (
        late[second.settlement_id].follows == first.settlement_id
    )
