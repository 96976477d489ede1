"""What goes over the wire and back is what it was; days become instants at Shanghai's midnight."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from gongji.cities.city import Cities
from gongji.model.decided import RuleRef
from gongji.rpc.convert import values
from gongji.rpc.convert.city import value_json
from gongji.rpc.convert.settlement import bill_from, patient_row_to, settlement_to
from gongji.rpc.convert.spans import span_of
from gongji.rules.clauses import Grade
from gongji.rules.codes import SHANGHAI
from gongji.settlement.settle import Quote
from gongji.v1 import settlement_pb2 as pb
from gongji.v1 import types_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from tests.scaffold.world import NewWorld

MONTHS = {
    "2025-02": (date(2025, 2, 1), date(2025, 2, 28)),
    "2024-02": (date(2024, 2, 1), date(2024, 2, 29)),
    "2025-12": (date(2025, 12, 1), date(2025, 12, 31)),
    "0001-01": (date(1, 1, 1), date(1, 1, 31)),
    "9999-12": (date(9999, 12, 1), date(9999, 12, 31)),
}


@pytest.mark.parametrize(
    "at",
    [
        datetime(2025, 9, 30, 10, 0, 0, 1, tzinfo=SHANGHAI),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(1900, 1, 2, tzinfo=SHANGHAI),
        datetime(2199, 12, 31, 23, 59, tzinfo=UTC),
    ],
    ids=str,
)
def test_an_instant_survives(at: datetime) -> None:
    """An instant goes out and comes back to the microsecond, in Shanghai's time;
    nanoseconds stay in their range."""
    stamp = values.instant_to(at)
    assert stamp is not None
    assert 0 <= stamp.nanos < 1_000_000_000
    back = values.instant_from(stamp)
    assert (at, SHANGHAI) == (back, back.tzinfo)


def test_less_than_a_microsecond_is_cut_off() -> None:
    """Nanoseconds below a microsecond are dropped."""
    assert 1 == values.instant_from(Timestamp(seconds=1, nanos=1999)).microsecond


@pytest.mark.parametrize(("month", "days"), MONTHS.items(), ids=MONTHS)
def test_a_month_is_its_days(month: str, days: tuple[date, date]) -> None:
    """A month lasts from its first to its last day, at the calendar's ends too."""
    span = span_of("", "", month)
    assert days == (span.first, span.last)
    assert span.at_least("at")["at"] < span.below("at")["at"]


def test_a_day_lasts_until_the_next_begins() -> None:
    """A span ends where the day after its last begins, in Shanghai."""
    span = span_of("2025-09-30", "2025-09-30")
    assert {"at": datetime(2025, 9, 29, 16, 0, tzinfo=UTC)} == span.at_least("at")
    assert {"at": datetime(2025, 9, 30, 16, 0, tzinfo=UTC)} == span.below("at")


SENT = pb.Bill(
    patient=types_pb2.PersonRef(person_no="P1"),
    institution_code="H34080000002",
    service_day="2025-09-30",
    visit_kind=pb.VISIT_KIND_OUTPATIENT,
    scheme=types_pb2.SCHEME_EMPLOYEE,
    total_fen=10,
    out_of_catalogue_fen=1,
    above_limit_fen=2,
    first_selfpay_fen=3,
    in_scope_fen=4,
    account_use=pb.ACCOUNT_USE_OWN,
    inpatient_that_day=True,
    residue=True,
    spending=pb.SPENDING_FITNESS,
    filing_no="F1",
    invoice_no="I1",
    insured_place="341199",
    msgid="M1",
    residue_of=pb.RESIDUE_OF_CHRONIC,
    use_wallet=True,
)


def test_a_bill_survives(new_world: NewWorld) -> None:
    """Every field of a bill comes back in its quote as it was sent."""
    world = new_world()
    world.person("P1", place="341100")
    world.filed("P1", filing_no=SENT.filing_no)
    world.hospital(2, place="340800", code=SENT.institution_code)
    fields = {field.name for field in pb.Bill.DESCRIPTOR.fields}
    # What was shown is not kept.
    assert fields - {"givers", "evidence"} == {
        field.name for field, _ in SENT.ListFields()
    }
    quoted = world.decide(Quote(bill_from(SENT, "P1"), world.cities)).answer
    shown = settlement_to(quoted, values.Sources(world.cities))
    assert SENT == shown.bill
    assert shown.patient_part_fen == shown.account_fen + shown.cash_fen
    assert patient_row_to(quoted, "", refund=False).total_fen == shown.bill.total_fen


@pytest.mark.parametrize("grade", Grade, ids=lambda g: g.name)
def test_every_grade_has_its_number(grade: Grade) -> None:
    """Each grade of a clause has the number of the same name."""
    number = types_pb2.ClauseGrade.Value(f"CLAUSE_GRADE_{grade.name}")
    assert number == values._GRADES[grade]


def test_a_clause_nobody_knows_comes_back_alone() -> None:
    """A stored number that no city cites any more is shown without a sentence,
    never as an error."""
    ref = RuleRef("family_limit", date(2022, 7, 1), ("C22",))
    shown = values.Sources(Cities(())).rule_to("341100", ref)
    expected = types_pb2.RuleRef(
        hook="family_limit", since="2022-07-01", clauses=[types_pb2.Clause(id="C22")]
    )
    assert expected == shown


def test_the_json_of_a_value_does_not_depend_on_the_order_of_sets(
    new_world: NewWorld,
) -> None:
    """Sets are written in one order, keys as text, enums by value."""
    value = {310: frozenset("ba"), "x": Grade.DOCUMENT}
    assert '{"310":["a","b"],"x":"document"}' == value_json(value)
    rules = new_world().cities.of("341100").rules(date(2025, 9, 30))
    for _, ruled in rules.all():
        assert value_json(ruled.value)
