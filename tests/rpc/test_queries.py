"""共济消费查询 on the wire: which rows a holder, a patient and an account are shown,
and which days they belong to."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from gongji.model.binding import Binding
from gongji.model.decided import DecidedBy
from gongji.rules.codes import SHANGHAI, BindingState, Purpose
from gongji.v1 import account_pb2, types_pb2
from gongji.v1 import settlement_pb2 as pb

EDGES = (
    "2025-09-30T23:59:59",
    "2025-10-01T00:00:00",
    "2025-10-31T23:59:59",
    "2025-11-01T00:00:00",
)
"""The last second of a Shanghai month and the first of the next, twice."""
SHOWN_TO_A_HOLDER = {
    "settlement_id",
    "settled_at",
    "service_day",
    "institution_code",
    "institution_name",
    "patient",
    "charged_fen",
}


async def bound(service: Any, *holders: str) -> None:
    """P1 uses these holders' purses, each with 5,000 yuan."""
    at = service.clock() - timedelta(days=10)
    for holder in holders:
        await service.write(
            Binding(
                binding_id=f"B-{holder}",
                holder=holder,
                member="P1",
                relation="10",
                purposes=frozenset({Purpose.VISIT}),
                channel="window",
                state=BindingState.ACTIVE,
                submitted_at=at,
                active_at=at,
                decided_by=DecidedBy("341100", "x", "0", "0"),
            )
        )
        await service.give(holder, 500_000)


async def settle_at(
    service: Any, moment: str, fen: int = 10_000, **changes: Any
) -> pb.Settlement:
    """P1's bill, settled at a moment of Shanghai time."""
    service.clock.set(datetime.fromisoformat(moment).replace(tzinfo=SHANGHAI))
    request = pb.SettleRequest(
        request_id=service.new_id(), bill=service.bill(fen, **changes)
    )
    settled: pb.Settlement = (await service.settlements.Settle(request)).settlement
    return settled


async def charges(
    service: Any, holder: str = "P2", **narrowed: Any
) -> list[pb.SettlementRow]:
    """What a holder is shown."""
    request = pb.ListSettlementsRequest(holder=service.ref(holder), **narrowed)
    return list((await service.settlements.ListSettlements(request)).rows)


async def entries(
    service: Any, person_no: str = "P2", **days: Any
) -> account_pb2.ListEntriesResponse:
    """What an account's owner is shown."""
    request = account_pb2.ListEntriesRequest(person=service.ref(person_no), **days)
    reply: account_pb2.ListEntriesResponse = await service.accounts.ListEntries(request)
    return reply


def moments(rows: list[pb.SettlementRow]) -> list[str]:
    """When rows were settled, in Shanghai."""
    return [
        row.settled_at.ToDatetime(tzinfo=SHANGHAI).strftime("%Y-%m-%dT%H:%M:%S")
        for row in rows
    ]


SPANS: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "no span": ({}, EDGES),
    "the month before": ({"month": "2025-09"}, EDGES[:1]),
    "a month from its first to its last second": ({"month": "2025-10"}, EDGES[1:3]),
    "the month after": ({"month": "2025-11"}, EDGES[3:]),
    "one day": ({"from_day": "2025-10-01", "to_day": "2025-10-01"}, EDGES[1:2]),
    "days across a month's end": (
        {"from_day": "2025-10-31", "to_day": "2025-11-01"},
        EDGES[2:],
    ),
    "from a day on": ({"from_day": "2025-10-31"}, EDGES[2:]),
    "up to a day": ({"to_day": "2025-09-30"}, EDGES[:1]),
}


@pytest.mark.parametrize("side", ["holder", "patient"])
async def test_a_settlement_belongs_to_its_shanghai_day(
    service: Any, side: str
) -> None:
    """Both sides' lists go by month or dates of settlement in Shanghai time, to the second."""
    await bound(service, "P2")
    for moment in EDGES:
        await settle_at(service, moment)
    ref = {side: service.ref("P2" if side == "holder" else "P1")}

    found = {}
    for name, (span, _) in SPANS.items():
        request = pb.ListSettlementsRequest(**ref, **span)  # type: ignore[arg-type] # fields by name
        found[name] = tuple(
            moments(list((await service.settlements.ListSettlements(request)).rows))
        )

    assert {name: expected for name, (_, expected) in SPANS.items()} == found


@pytest.mark.parametrize(
    "days", [{"from_day": "2025-09-01"}, {"to_day": "2025-09-30"}], ids=["from", "to"]
)
async def test_a_month_and_days_exclude_each_other(
    service: Any, days: dict[str, str]
) -> None:
    """A month together with days is refused as MALFORMED_FIELD, from a holder's side too."""
    request = pb.ListSettlementsRequest(
        holder=service.ref("P2"),
        month="2025-09",
        **days,  # type: ignore[arg-type] # text
    )

    told = await service.refused(service.settlements.ListSettlements, request)

    assert ("MALFORMED_FIELD", "month") == (
        told.info.reason,
        told.info.metadata["field"],
    )


async def test_a_holders_row_has_nothing_but_time_place_member_and_charge(
    service: Any,
) -> None:
    """Whatever the bill held, a holder's row carries no other field: no kind of visit,
    item, total or payer."""
    await bound(service, "P2")
    await settle_at(
        service,
        EDGES[0],
        13_000,
        in_scope_fen=10_000,
        out_of_catalogue_fen=3_000,
        visit_kind=pb.VISIT_KIND_REGISTRATION,
    )

    (row,) = await charges(service)

    assert SHOWN_TO_A_HOLDER == {field.name for field, _ in row.ListFields()}
    assert 10_000 == row.charged_fen


async def test_each_holder_sees_his_own_share(service: Any) -> None:
    """Of a bill two purses paid, each holder is shown what his own paid; together it is the aid."""
    await bound(service, "P2", "P3")
    settled = await settle_at(service, EDGES[0], 80_000)
    other = await settle_at(service, EDGES[1], 700_000)

    shares = {
        holder: [row.charged_fen for row in await charges(service, holder)]
        for holder in ("P2", "P3")
    }

    assert settled.aid_fen + other.aid_fen == sum(map(sum, shares.values()))
    paid = {m.purse: -m.fen for m in other.movements}
    assert paid == {holder: fens[-1] for holder, fens in shares.items()}
    assert all(fen > 0 for fen in paid.values())


async def test_a_reversed_charge_stays_on_its_day(service: Any) -> None:
    """A charge taken back in the next month stays in its own, marked; the refund is an
    entry, no settlement."""
    await bound(service, "P2")
    settled = await settle_at(service, EDGES[0])
    service.clock.set(datetime.fromisoformat(EDGES[1]).replace(tzinfo=SHANGHAI))
    await service.settlements.Reverse(
        pb.ReverseRequest(
            request_id=service.new_id(), settlement_id=settled.settlement_id
        )
    )

    (row,) = await charges(service, month="2025-09")
    assert (True, 10_000) == (row.reversed, row.charged_fen)
    assert [] == await charges(service, month="2025-10")
    october = await entries(service, from_day="2025-10-01", to_day="2025-10-31")
    assert [(account_pb2.ENTRY_KIND_REFUND, 10_000)] == [
        (e.kind, e.fen) for e in october.entries
    ]


@pytest.mark.parametrize("size", [1, 2, 3])
async def test_pages_of_charges_put_together_are_the_list(
    service: Any, size: int
) -> None:
    """Whatever the page, a holder is shown every charge once, oldest first."""
    await bound(service, "P2")
    for moment in EDGES:
        await settle_at(service, moment)
    found: list[pb.SettlementRow] = []
    token = ""
    while True:
        page = types_pb2.PageRequest(size=size, token=token)
        request = pb.ListSettlementsRequest(
            holder=service.ref("P2"), month="2025-10", page=page
        )
        reply = await service.settlements.ListSettlements(request)
        found += reply.rows
        if not (token := reply.next_page_token):
            break

    assert await charges(service, month="2025-10") == found
    assert list(EDGES[1:3]) == moments(found)


async def test_charges_are_the_accounts_aid_entries(service: Any) -> None:
    """What 共济消费查询 shows a holder is what left his account for others, settlement
    by settlement."""
    await bound(service, "P2")
    for moment in EDGES:
        await settle_at(service, moment)
    await settle_at(service, EDGES[3], patient=service.ref("P2"))

    aid = [
        e
        for e in (await entries(service)).entries
        if e.kind == account_pb2.ENTRY_KIND_AID_CHARGE
    ]

    assert [(e.reference, -e.fen) for e in aid] == [
        (r.settlement_id, r.charged_fen) for r in await charges(service)
    ]


async def test_a_months_closing_balance_opens_the_next(service: Any) -> None:
    """Months follow each other without a gap in Shanghai time: the second decides on
    whose side an entry stands."""
    await bound(service, "P2")
    for moment in EDGES:
        await settle_at(service, moment)
    months = (
        ("2025-09-01", "2025-09-30"),
        ("2025-10-01", "2025-10-31"),
        ("2025-11-01", "2025-11-30"),
    )

    told = [
        await entries(service, from_day=first, to_day=last) for first, last in months
    ]

    assert [(0, 490_000), (490_000, 470_000), (470_000, 460_000)] == [
        (reply.opening_balance_fen, reply.closing_balance_fen) for reply in told
    ]
    assert [
        reply.closing_balance_fen - reply.opening_balance_fen for reply in told
    ] == [sum(e.fen for e in reply.entries) for reply in told]
    assert [[1, 2], [3, 4], [5]] == [
        [e.version for e in reply.entries] for reply in told
    ]


async def test_opening_and_closing_do_not_depend_on_the_page(service: Any) -> None:
    """Every page of an account's entries carries the balances of the days asked for,
    not of the page."""
    await bound(service, "P2")
    for moment in EDGES:
        await settle_at(service, moment)

    first = await entries(service, page=types_pb2.PageRequest(size=2))
    later = await entries(
        service, page=types_pb2.PageRequest(size=2, token=first.next_page_token)
    )

    assert [(0, 460_000)] * 2 == [
        (r.opening_balance_fen, r.closing_balance_fen) for r in (first, later)
    ]
    assert [1, 2, 3, 4] == [e.version for r in (first, later) for e in r.entries]


async def test_entries_of_days_the_wrong_way_round(service: Any) -> None:
    """An end before its start is refused by the field's name."""
    request = account_pb2.ListEntriesRequest(
        person=service.ref("P2"), from_day="2025-10-02", to_day="2025-10-01"
    )

    told = await service.refused(service.accounts.ListEntries, request)

    assert ("MALFORMED_FIELD", "to_day") == (
        told.info.reason,
        told.info.metadata["field"],
    )
