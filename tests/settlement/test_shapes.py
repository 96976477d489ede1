"""Benefits of any shape through the whole engine: examples worked by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from gongji.model.account import Account, Entry
from gongji.model.binding import Binding
from gongji.model.facts import Facts, Need, by_key
from gongji.model.people import Institution, Mark, Person
from gongji.model.settlement import MeterReading, Settlement
from gongji.rules.benefits import Table
from gongji.rules.codes import AccountUse, Payer, Scheme, VisitKind
from gongji.rules.shapes import PAID_IN_YEAR, Benefit
from gongji.settlement.former import FormerFacts
from gongji.settlement.preview import PreviewReversal
from gongji.settlement.resettle import Resettle, Returned
from gongji.settlement.reverse import Reverse
from gongji.settlement.settle import decide_bill
from gongji.settlement.split import FundShare
from msgspec.structs import replace

from tests import evaluator
from tests.scaffold.cities import employee_table
from tests.scaffold.world import NewWorld, World
from tests.settlement import shaped

SINCE = date(2020, 1, 1)

LEVELS = {1: 8, 2: 5, 3: 2}
"""A national grade of each level."""


class ShapedVisit(NamedTuple):
    """A bill, and the deductible and fund that must come of it; fen."""

    in_scope: int
    deductible: int
    fund: int
    level: int = 3
    day: str = "2025-09-30"
    care_class: str = ""
    kind: VisitKind = VisitKind.OUTPATIENT


class Example(NamedTuple):
    """A patient and visits one after the other."""

    benefit: Benefit
    visits: tuple[ShapedVisit, ...]
    psn_type: str = "11"
    born: date | None = None
    marks: Mapping[str, str] = {}


EXAMPLES = {
    "bands end when the fund has paid so much": Example(
        shaped.banded(PAID_IN_YEAR), (ShapedVisit(40_000_00, 1800_00, 25_777_14),)
    ),
    "the same read as cost in scope": Example(
        shaped.banded(shaped.COST_IN_YEAR),
        (ShapedVisit(40_000_00, 1800_00, 24_740_00),),
    ),
    "retired under 70": Example(
        shaped.banded(PAID_IN_YEAR),
        (ShapedVisit(2300_00, 1300_00, 850_00),),
        "12",
        date(1956, 1, 1),
    ),
    "retired from 70 on": Example(
        shaped.banded(PAID_IN_YEAR),
        (ShapedVisit(2300_00, 1300_00, 900_00),),
        "12",
        date(1955, 9, 30),
    ),
    "at a community centre": Example(
        shaped.banded(PAID_IN_YEAR),
        (ShapedVisit(2800_00, 1800_00, 900_00, 1, care_class="community"),),
    ),
    "a year that begins in July": Example(
        shaped.FROM_JULY,
        (
            ShapedVisit(1500_00, 500_00, 700_00, day="2025-06-30"),
            ShapedVisit(1500_00, 500_00, 700_00, day="2025-07-01"),
            ShapedVisit(100_00, 0, 70_00, day="2025-09-30"),
        ),
    ),
    "the chosen point": Example(
        shaped.CHOSEN_POINT,
        (ShapedVisit(1000_00, 0, 650_00),),
        marks={"chosen": "H34110000002"},
    ),
    "another than the chosen point": Example(
        shaped.CHOSEN_POINT,
        (ShapedVisit(1000_00, 0, 0),),
        marks={"chosen": "H34110000009"},
    ),
    "a limit by month": Example(
        shaped.BY_MONTH,
        (
            ShapedVisit(300_00, 0, 240_00, day="2025-07-05"),
            ShapedVisit(300_00, 0, 60_00, day="2025-07-20"),
            ShapedVisit(300_00, 0, 240_00, day="2025-08-03"),
        ),
    ),
    "active, signed, community": Example(
        shaped.SIGNING,
        (ShapedVisit(1000_00, 300_00, 602_00, 1, care_class="community"),),
        marks={"family_doctor": "signed"},
    ),
    "retired, signed, level 3": Example(
        shaped.SIGNING,
        (ShapedVisit(1000_00, 0, 820_00),),
        "12",
        marks={"family_doctor": "signed"},
    ),
    "a deductible for each visit": Example(
        shaped.EACH_VISIT,
        (ShapedVisit(100_00, 40_00, 36_00, 2), ShapedVisit(100_00, 40_00, 36_00, 2)),
    ),
    "a deductible for each visit, then the year's limit": Example(
        shaped.EACH_VISIT,
        (ShapedVisit(3090_00, 90_00, 1300_00), ShapedVisit(100_00, 90_00, 0)),
    ),
    "of two tiers, bound": Example(
        shaped.TIERS,
        (ShapedVisit(400_00, 0, 300_00, 1),),
        marks={"tier": "two", "chosen": "H34110000008"},
    ),
    "of two tiers, not bound": Example(
        shaped.TIERS, (ShapedVisit(400_00, 0, 0, 1),), marks={"tier": "two"}
    ),
    "a limit on the cost": Example(shaped.ON_COST, (ShapedVisit(1500_00, 0, 720_00),)),
    "a limit on the cost, signed": Example(
        shaped.ON_COST,
        (ShapedVisit(1500_00, 0, 900_00), ShapedVisit(500_00, 0, 180_00)),
        marks={"family_doctor": "signed"},
    ),
    "a limit on the cost of two diseases": Example(
        shaped.ON_COST, (ShapedVisit(2500_00, 0, 1200_00, kind=VisitKind.TWO_DISEASES),)
    ),
    "a level that is not covered eats no deductible": Example(
        shaped.LEVEL_NOT_COVERED,
        (ShapedVisit(100_00, 0, 0, 3), ShapedVisit(200_00, 100_00, 55_00, 1)),
    ),
    "active at level 1, at most 400": Example(
        shaped.AT_MOST_400, (ShapedVisit(1200_00, 200_00, 600_00, 1),)
    ),
    "retired at level 3, at most 400": Example(
        shaped.AT_MOST_400, (ShapedVisit(1400_00, 400_00, 600_00, 3),), "12"
    ),
    "topped up at a higher level": Example(
        shaped.AT_MOST_400,
        (
            ShapedVisit(1000_00, 200_00, 480_00, 1),
            ShapedVisit(1000_00, 200_00, 400_00, 2),
        ),
    ),
}


def world_of(new_world: NewWorld, example: Example) -> World:
    """Return a world in which the patient P1 lives under the benefit."""
    tables: dict[Scheme, object] = dict(employee_table({}))
    tables[Scheme.EMPLOYEE] = example.benefit
    world = new_world(reimbursement=tables)
    person = world.person("P1", example.psn_type)
    marks = [Mark(kind, value, SINCE) for kind, value in example.marks.items()]
    world.add(replace(person, marks=tuple(marks), born_on=example.born))
    return world


def settled(world: World, visit: ShapedVisit) -> Settlement:
    """Settle a visit at an institution of its level and class."""
    hospital = world.hospital(LEVELS[visit.level], first_care_class=visit.care_class)
    bill = world.visit("P1", visit.in_scope, account_use=AccountUse.NONE)
    bill = replace(
        bill,
        institution_code=hospital.code,
        service_day=date.fromisoformat(visit.day),
        visit_kind=visit.kind,
    )
    quoted = world.quote(bill)
    settlement = world.settle(bill)
    assert (quoted.fund_fen, quoted.lines) == (settlement.fund_fen, settlement.lines)
    return settlement


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_worked_examples(new_world: NewWorld, example: Example) -> None:
    """Each visit takes the deductible and gets of the fund what was worked by hand."""
    world = world_of(new_world, example)
    for visit in example.visits:
        one = settled(world, visit)
        assert (visit.deductible, visit.fund) == (one.deductible_fen, one.fund_fen)


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_reversed_nothing_is_left(new_world: NewWorld, example: Example) -> None:
    """Taken back in any order, every meter reads nothing, and the visits come out alike."""
    world = world_of(new_world, example)
    first = [settled(world, visit) for visit in example.visits]
    for one in first:
        world.reverse(one.settlement_id)
    assert {0} >= {reading.fen for reading in world.all(MeterReading)}
    again = [settled(world, visit) for visit in example.visits]
    assert [one.fund_fen for one in first] == [one.fund_fen for one in again]


def test_further_payers_pay_of_what_is_left(new_world: NewWorld) -> None:
    """Each pays of what those before left in scope, on meters of its own; the rest is the
    patient's, and the parts sum."""
    example = Example(shaped.AFTER_THE_LIMIT, (), marks={"civil": "yes"})
    world = world_of(new_world, example)
    # 1000: fund 100; of 900 the first 300 are borne, then 80 %: 480; of 420 half: 210.
    one = settled(world, ShapedVisit(1000_00, 0, 100_00))
    paid = {line.payer: line.fen for line in one.lines}
    assert {
        Payer.FUND: 100_00,
        Payer.LARGE_AMOUNT: 480_00,
        Payer.CIVIL_SERVANT: 210_00,
        Payer.CASH: 210_00,
    } == paid
    assert (690_00, 790_00, 210_00) == (
        one.further_fen,
        one.funds_fen,
        one.patient_part_fen,
    )
    # The deductible of the large amounts is behind.
    again = settled(world, ShapedVisit(100_00, 0, 0))
    assert 80_00 + 10_00 == again.further_fen


def test_a_table_goes_on_as_a_benefit(new_world: NewWorld) -> None:
    """What a year used up under a table counts under the benefit that follows it."""
    example = Example(shaped.AT_MOST_400, ())
    world = world_of(new_world, example)
    plain = employee_table({})
    assert isinstance(plain[Scheme.EMPLOYEE], Table)
    before = new_world()
    before.person("P1")
    settled(before, ShapedVisit(150_00, 150_00, 0))
    world.records.update(before.records)
    assert 50_00 == settled(world, ShapedVisit(500_00, 50_00, 0, 1)).deductible_fen


def test_a_line_says_all(new_world: NewWorld) -> None:
    """A row's line names the meters it counted on, and cites the row's clauses."""
    world = world_of(new_world, EXAMPLES["a limit by month"])
    settled(world, ShapedVisit(300_00, 0, 240_00, day="2025-07-05"))
    line = settled(world, ShapedVisit(300_00, 0, 60_00, day="2025-07-20")).lines[0]
    assert "fund.v2" == line.formula
    expected: dict[str, Any] = {
        "in_scope": 300_00,
        "limit:paid.month": 300_00,
        "read:paid.month": 240_00,
        "band1_bp": 80_00,
        "rounding_bp": 5000,
    }
    assert expected == line.inputs
    assert ("S1",) == tuple(line.rule.clauses)
    assert line.in_words.endswith("（以每月支付限额300元为限）")


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_lines_say_how_they_came_about(new_world: NewWorld, example: Example) -> None:
    """Whoever has the lines recomputes each amount, and they sum to the bill."""
    world = world_of(new_world, example)
    for visit in example.visits:
        one = settled(world, visit)
        assert [] == list(evaluator.faults(one.lines, one.bill.total_fen))


def test_a_part_that_is_returned_frees_its_meters(new_world: NewWorld) -> None:
    """Of two visits of a month, the second gets what the first gives back."""
    world = world_of(new_world, EXAMPLES["a limit by month"])
    first = settled(world, ShapedVisit(300_00, 0, 240_00))
    second = settled(world, ShapedVisit(300_00, 0, 60_00))
    world.now += timedelta(minutes=1)
    request = world.request("Resettle")
    half = Returned(in_scope_fen=150_00)
    again = Resettle(
        request,
        first.settlement_id,
        later=True,
        returned=half,
        why="退费",
        cities=world.cities,
    )
    changed = [one.after for one in world.do(again).settlements if one.after]
    assert [120_00, 180_00] == [one.fund_fen for one in changed]
    assert second.settlement_id == changed[1].replaces
    [reading] = world.all(MeterReading)
    assert 300_00 == reading.fen


def test_a_year_from_july_is_settled_again_over_new_year(new_world: NewWorld) -> None:
    """A part returned in autumn changes a visit of spring, which lies in another year."""
    world = world_of(new_world, EXAMPLES["a year that begins in July"])
    world.now = datetime(2026, 3, 2, 10, tzinfo=world.now.tzinfo)
    first = settled(world, ShapedVisit(500_00, 500_00, 0, day="2025-12-30"))
    world.now += timedelta(minutes=1)
    later = settled(world, ShapedVisit(100_00, 0, 70_00, day="2026-03-01"))
    world.now += timedelta(minutes=1)
    request = world.request("Resettle")
    part = Returned(in_scope_fen=60_00)
    again = Resettle(
        request,
        first.settlement_id,
        later=True,
        returned=part,
        why="退费",
        cities=world.cities,
    )
    changed = [one.after for one in world.do(again).settlements if one.after]
    assert [440_00, 60_00] == [one.deductible_fen for one in changed]
    assert later.settlement_id == changed[1].replaces


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_recomputed_as_then(new_world: NewWorld, example: Example) -> None:
    """Decided again over the facts of then, nothing differs."""
    world = world_of(new_world, example)
    for visit in example.visits:
        one = settled(world, visit)
        world.now += timedelta(minutes=1)
        view = FormerFacts(facts_of(world), one, as_known=False)
        again = decide_bill(one.bill, view, world.cities).quoted()
        assert (one.lines, one.meters_before) == (again.lines, again.meters_before)


def facts_of(world: World) -> Facts:
    """Return everything a world has of P1."""
    facts = world.facts([Need(Settlement, "patient", "P1"), by_key(Person, "P1")])
    for hospital in world.all(Institution):
        facts.load(Institution, "", [hospital.code], [hospital])
    facts.load(Binding, "member", ["P1"], [])
    for account in ("purse:P1", "wallet:P1"):
        facts.load(Entry, "ledger_account", [account], [])
    facts.load(Account, "", ["P1"], [])
    return facts


def test_a_reversal_says_what_later_visits_would_be(new_world: NewWorld) -> None:
    """Without the first visit of a month the second would have got all it is due."""
    world = world_of(new_world, EXAMPLES["a limit by month"])
    first = settled(world, ShapedVisit(300_00, 0, 240_00))
    world.now += timedelta(minutes=1)
    second = settled(world, ShapedVisit(300_00, 0, 60_00))
    world.now += timedelta(minutes=1)
    other_month = settled(world, ShapedVisit(300_00, 0, 240_00, day="2025-08-03"))
    command = Reverse(
        world.request("Reverse"), first.settlement_id, "", "", world.cities
    )
    [affected] = world.decide(PreviewReversal(command)).answer.affected
    assert second.settlement_id == affected.settlement.settlement_id
    assert FundShare(0, 240_00) == affected.would_be
    assert other_month.settlement_id != affected.settlement.settlement_id
