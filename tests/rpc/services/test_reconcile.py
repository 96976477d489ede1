"""An institution's books against ours, over the wire: header first, differences as they
are found, periods bounded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import grpc
import pytest
from gongji.rpc.services import reconcile
from gongji.v1 import settlement_pb2 as pb
from gongji.v1 import types_pb2

from tests.scaffold.claims import decision_of, submit_and_review
from tests.scaffold.service import Service

HOSPITAL, OTHER = "H34110000002", "H34110000001"
MONDAY, TUESDAY = "2025-09-29", "2025-09-30"


async def settle(service: Service, **changes: Any) -> pb.Settlement:
    return (await service.settle(service_day=MONDAY, **changes)).settlement


def row(of: pb.Settlement, sign: int = 1, **changes: Any) -> pb.ReconcileRow:
    """The forward row of a settlement, or with sign -1 the reverse one."""
    fields: dict[str, Any] = {
        "settlement_id": of.settlement_id,
        "patient": of.bill.patient.person_no,
        "total_fen": sign * of.bill.total_fen,
        "fund_fen": sign * of.fund_fen,
        "account_fen": sign * of.account_fen,
        "refund": sign < 0,
        **changes,
    }
    return pb.ReconcileRow(**fields)


def header(
    code: str = HOSPITAL, first: str = MONDAY, last: str = TUESDAY
) -> pb.ReconcileDetailsRequest:
    return pb.ReconcileDetailsRequest(
        header=pb.ReconcileHeader(institution_code=code, from_day=first, to_day=last)
    )


async def details(
    service: Service, rows: Iterable[pb.ReconcileRow], **of: str
) -> list[pb.ReconcileDetailsResponse]:
    messages = [header(**of), *(pb.ReconcileDetailsRequest(row=r) for r in rows)]
    call = service.settlements.ReconcileDetails(iter(messages))
    return [difference async for difference in call]


async def totals(
    service: Service, *theirs: pb.Total, **changes: Any
) -> pb.ReconcileTotalsResponse:
    fields: dict[str, Any] = {
        "institution_code": HOSPITAL,
        "from_day": MONDAY,
        "to_day": TUESDAY,
        **changes,
    }
    request = pb.ReconcileTotalsRequest(totals=theirs, **fields)
    return await service.settlements.ReconcileTotals(request)


def total(day: str = MONDAY, *rows: pb.ReconcileRow) -> pb.Total:
    """The total of some rows of employees' outpatient visits."""
    return pb.Total(
        day=day,
        scheme=types_pb2.SCHEME_EMPLOYEE,
        visit_kind=pb.VISIT_KIND_OUTPATIENT,
        count=len(rows),
        total_fen=sum(r.total_fen for r in rows),
        fund_fen=sum(r.fund_fen for r in rows),
        account_fen=sum(r.account_fen for r in rows),
    )


async def books(service: Service) -> list[pb.Settlement]:
    """Three settlements on Monday, the last instant included, one on Tuesday's first;
    the third taken back then."""
    await service.give("P1", 70_000)
    made = []
    for moment in ("T08:00:00", "T09:00:00", "T23:59:59.999999"):
        service.set_clock(MONDAY + moment)
        made.append(await settle(service))
    service.set_clock(TUESDAY + "T00:00:00")
    made.append(await settle(service, patient=service.ref("P2")))
    await service.reverse(settlement_id=made[2].settlement_id)
    return made


async def test_true_totals_balance(service: Service) -> None:
    """Totals are settled less reversed by Shanghai day of setl_time; a reversal counts
    on its own day."""
    a, b, c, d = await books(service)
    assert a.account_fen > 0 < c.fund_fen
    monday = total(MONDAY, row(a), row(b), row(c))
    tuesday = total(TUESDAY, row(d), row(c, -1))
    balanced = pb.ReconcileTotalsResponse(balanced=True)
    assert balanced == await totals(service, tuesday, monday)
    assert (await totals(service, monday, to_day=MONDAY)).balanced
    assert (await totals(service, tuesday, from_day=TUESDAY)).balanced


Standing = tuple[tuple[str, tuple[int, ...]], ...]
"""Of each day, which of the books' settlements count."""

STANDING: tuple[tuple[str, dict[str, str], Standing], ...] = (
    ("the period", {}, ((MONDAY, (0, 1)), (TUESDAY, (3,)))),
    ("the day of settlement", {"to_day": MONDAY}, ((MONDAY, (0, 1)),)),
    ("the day of reversal", {"from_day": TUESDAY}, ((TUESDAY, (3,)),)),
)
"""Days asked for, and which of the books' settlements stand in each day's total."""


@pytest.mark.parametrize(("days", "expected"), [s[1:] for s in STANDING])
async def test_totals_of_what_stands(
    service: Service, days: dict[str, str], expected: Standing
) -> None:
    """With `standing_only` a settlement taken back counts nowhere, on whatever day,
    and its reversal neither; one taken back later leaves the totals asked for then."""
    made = await books(service)

    def stated(but: int = -1) -> list[pb.Total]:
        kept = [(day, [row(made[n]) for n in set(ns) - {but}]) for day, ns in expected]
        return [total(day, *rows) for day, rows in kept]

    assert (await totals(service, *stated(), standing_only=True, **days)).balanced
    first = expected[0][1][0]
    service.set_clock("2025-10-02T08:00:00")
    await service.reverse(settlement_id=made[first].settlement_id)
    reply = await totals(service, *stated(first), standing_only=True, **days)
    assert reply.balanced


async def test_totals_that_differ_are_shown_from_both_sides(service: Service) -> None:
    """A total that differs is told with ours and theirs; what one side lacks has count 0."""
    a, b, c, d = await books(service)
    monday = total(MONDAY, row(a), row(b), row(c))
    tuesday = total(TUESDAY, row(d), row(c, -1))
    stated = total(MONDAY, row(a), row(b, fund_fen=1), row(c))
    emergency, no_emergency = total(MONDAY, row(a)), total(MONDAY)
    emergency.visit_kind = no_emergency.visit_kind = pb.VISIT_KIND_EMERGENCY
    expected = [
        pb.TotalDifference(ours=monday, theirs=stated),
        pb.TotalDifference(ours=no_emergency, theirs=emergency),
        pb.TotalDifference(ours=tuesday, theirs=total(TUESDAY)),
    ]
    reply = await totals(service, emergency, stated)
    assert not reply.balanced
    assert expected == list(reply.differences)


async def test_a_true_file_has_no_differences(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows in any order, over any number of pages, agree with what was settled and taken back."""
    monkeypatch.setattr(reconcile, "_PAGE", 1)
    a, b, c, d = await books(service)
    assert [] == await details(service, [row(c, -1), row(d), row(b), row(c), row(a)])
    assert [] == await details(service, [row(a), row(b), row(c)], last=MONDAY)
    assert [] == await details(service, [row(d), row(c, -1)], first=TUESDAY)


def difference(
    kind: pb.DifferenceKind.ValueType,
    of: pb.Settlement,
    ours: pb.ReconcileRow | None = None,
    theirs: pb.ReconcileRow | None = None,
) -> pb.ReconcileDetailsResponse:
    """Return a difference about a settlement of ours."""
    return pb.ReconcileDetailsResponse(
        kind=kind,
        settlement_id=of.settlement_id,
        ours=ours,
        theirs=theirs,
        settle_request_id=of.request_id,
    )


async def test_every_kind_of_difference(service: Service) -> None:
    """Each difference comes with both rows and the request that made our settlement."""
    a, b, c, d = await books(service)
    unknown, cheaper = row(a, settlement_id="S404"), row(a, fund_fen=1)
    theirs = [cheaper, unknown, row(c), row(c), row(b, -1), row(b)]
    missing_here = pb.ReconcileDetailsResponse(
        kind=pb.DIFFERENCE_KIND_MISSING_HERE, settlement_id="S404", theirs=unknown
    )
    expected = [
        difference(pb.DIFFERENCE_KIND_AMOUNT, a, ours=row(a), theirs=cheaper),
        missing_here,
        difference(pb.DIFFERENCE_KIND_DUPLICATE, c, ours=row(c), theirs=row(c)),
        difference(pb.DIFFERENCE_KIND_REVERSED_ONLY_THERE, b, theirs=row(b, -1)),
        difference(pb.DIFFERENCE_KIND_MISSING_THERE, d, ours=row(d)),
        difference(pb.DIFFERENCE_KIND_REVERSED_ONLY_HERE, c, ours=row(c, -1)),
    ]
    assert expected == await details(service, theirs)


async def test_a_reversal_of_a_settlement_before_the_period(service: Service) -> None:
    """Their reverse row of a settlement from before the period is reversed only there,
    with our request."""
    _, b, c, d = await books(service)
    rows = [row(d), row(c, -1), row(b, -1)]
    (only,) = await details(service, rows, first=TUESDAY)
    assert pb.DIFFERENCE_KIND_REVERSED_ONLY_THERE == only.kind
    assert b.request_id == only.settle_request_id


async def test_another_institutions_settlements_stay_hidden(service: Service) -> None:
    """Of settlements made elsewhere an institution sees nothing but its own row."""
    await service.write(service.world.hospital(2, code=OTHER))
    a, *_ = await books(service)
    theirs = [row(a), row(a, -1)]
    expected = [
        pb.ReconcileDetailsResponse(
            kind=pb.DIFFERENCE_KIND_MISSING_HERE,
            settlement_id=a.settlement_id,
            theirs=one,
        )
        for one in theirs
    ]
    assert expected == await details(service, theirs, code=OTHER)
    assert (await totals(service, institution_code=OTHER)).balanced


async def test_what_paid_a_claim_stays_hidden(service: Service) -> None:
    """Of what paid a claim its institution, which settled nothing, sees its own row only."""
    paying = decision_of(await submit_and_review(service))
    claim = (await service.claims.DecideClaim(paying)).claim
    theirs = row(await service.settlement(claim.settlement_id), -1)
    (only,) = await details(service, [theirs])
    assert only == pb.ReconcileDetailsResponse(
        kind=pb.DIFFERENCE_KIND_MISSING_HERE,
        settlement_id=claim.settlement_id,
        theirs=theirs,
    )


async def test_a_difference_is_told_at_once(service: Service) -> None:
    """A row is judged when it comes, not when the stream ends."""
    a, *_ = await books(service)
    call: Any = service.settlements.ReconcileDetails()
    await call.write(header())
    await call.write(pb.ReconcileDetailsRequest(row=row(a, total_fen=1)))
    amount = await call.read()
    assert (pb.DIFFERENCE_KIND_AMOUNT, row(a)) == (amount.kind, amount.ours)
    await call.done_writing()
    # b, c and d they lack; they lack c's reversal with c.
    kinds = [(await call.read()).kind for _ in range(4)]
    assert [pb.DIFFERENCE_KIND_MISSING_THERE] * 4 == kinds
    assert grpc.aio.EOF is await call.read()


UNKNOWN = "H34110099999"
ROW = pb.ReconcileDetailsRequest(row=pb.ReconcileRow(settlement_id="S1", patient="P1"))
NAMELESS = pb.ReconcileDetailsRequest(row=pb.ReconcileRow(settlement_id="S1"))
STREAMS: dict[str, tuple[list[pb.ReconcileDetailsRequest], str, str]] = {
    "nothing at all": ([], "INVALID_ARGUMENT MALFORMED_FIELD header", "首条消息"),
    "a row first": ([ROW], "INVALID_ARGUMENT MALFORMED_FIELD header", "首条消息"),
    "a header twice": (
        [header(), ROW, header()],
        "INVALID_ARGUMENT MALFORMED_FIELD row",
        "第 2 行",
    ),
    "an empty message": (
        [header(), pb.ReconcileDetailsRequest()],
        "INVALID_ARGUMENT MALFORMED_FIELD row",
        "第 1 行",
    ),
    "a row without a patient": (
        [header(), ROW, NAMELESS],
        "INVALID_ARGUMENT MALFORMED_FIELD row.patient",
        "第 2 行",
    ),
    "a header without a code": (
        [header("")],
        "INVALID_ARGUMENT MALFORMED_FIELD header.institution_code",
        "必填",
    ),
    "an unknown institution": (
        [header(UNKNOWN)],
        "NOT_FOUND INSTITUTION_NOT_FOUND header.institution_code",
        "没有",
    ),
    "a period that ends before it begins": (
        [header(first=TUESDAY, last=MONDAY)],
        "INVALID_ARGUMENT MALFORMED_FIELD header.to_day",
        "早于",
    ),
    "thirty-two days": (
        [header(first="2025-10-01", last="2025-11-01")],
        "INVALID_ARGUMENT MALFORMED_FIELD header.to_day",
        "至多对 31 天",
    ),
}


@pytest.mark.parametrize(
    ("messages", "expected", "sentence"), STREAMS.values(), ids=STREAMS
)
async def test_a_bad_stream_is_refused_by_name(
    service: Service,
    messages: list[pb.ReconcileDetailsRequest],
    expected: str,
    sentence: str,
) -> None:
    """What is wrong with header, period or row is told by the field and the number of the row."""

    async def gather(messages: list[pb.ReconcileDetailsRequest]) -> None:
        async for _ in service.settlements.ReconcileDetails(iter(messages)):
            pass

    refusal = await service.refused(gather, messages)
    assert expected == refusal.summary
    assert sentence in refusal.message


async def test_a_whole_month_may_be_compared(service: Service) -> None:
    """31 days, both ends included, are not too many."""
    assert [] == await details(service, [], first="2025-10-01", last="2025-10-31")


TOTALS: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown institution": (
        {"institution_code": UNKNOWN},
        "NOT_FOUND INSTITUTION_NOT_FOUND institution_code",
    ),
    "a period that ends before it begins": (
        {"to_day": "2025-09-01"},
        "INVALID_ARGUMENT MALFORMED_FIELD to_day",
    ),
    "more than a year": (
        {"to_day": "2026-09-30"},
        "INVALID_ARGUMENT MALFORMED_FIELD to_day",
    ),
    "a total of another day": (
        {"totals": [total("2025-10-01")]},
        "INVALID_ARGUMENT MALFORMED_FIELD totals[0].day",
    ),
    "a total given twice": (
        {"totals": [total(), total()]},
        "INVALID_ARGUMENT MALFORMED_FIELD totals[1]",
    ),
    "a total without a scheme": (
        {"totals": [pb.Total(day=MONDAY, visit_kind=pb.VISIT_KIND_OUTPATIENT)]},
        "INVALID_ARGUMENT MALFORMED_FIELD totals[0].scheme",
    ),
}


@pytest.mark.parametrize(("changes", "expected"), TOTALS.values(), ids=TOTALS)
async def test_bad_totals_are_refused_by_name(
    service: Service,
    changes: dict[str, Any],
    expected: str,
) -> None:
    """What is wrong with institution, period or a total is told by the field."""
    fields = {
        "institution_code": HOSPITAL,
        "from_day": MONDAY,
        "to_day": TUESDAY,
        **changes,
    }
    refusal = await service.refused(
        service.settlements.ReconcileTotals, pb.ReconcileTotalsRequest(**fields)
    )
    assert expected == refusal.summary
