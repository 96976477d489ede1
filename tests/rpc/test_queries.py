"""共济消费查询 on the wire: which rows a holder, a patient and an account are shown,
and which days they belong to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from gongji.rules.codes import SHANGHAI
from gongji.v1 import account_pb2, types_pb2
from gongji.v1 import settlement_pb2 as pb

from tests.scaffold.service import Service

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


async def bound(service: Service, *holders: str) -> None:
    """Let P1 use these holders' purses, each with 5,000 yuan."""
    for holder in holders:
        await service.bind(holder)
        await service.give(holder, 500_000)


async def settle_at(
    service: Service, moment: str, fen: int = 10_000, **changes: Any
) -> pb.Settlement:
    """Settle P1's bill at a moment of Shanghai time."""
    service.set_clock(moment)
    return (await service.settle(fen=fen, **changes)).settlement


async def charges(
    service: Service, holder: str = "P2", **narrowed: Any
) -> list[pb.SettlementRow]:
    """Return what a holder is shown."""
    request = pb.ListSettlementsRequest(holder=service.ref(holder), **narrowed)
    return list((await service.settlements.ListSettlements(request)).rows)


async def entries(
    service: Service, person_no: str = "P2", **days: Any
) -> account_pb2.ListEntriesResponse:
    """Return what an account's owner is shown."""
    request = account_pb2.ListEntriesRequest(person=service.ref(person_no), **days)
    return await service.accounts.ListEntries(request)


async def settle_at_edges(service: Service) -> None:
    """Settle a bill P2 pays for P1 at each edge of a month."""
    await bound(service, "P2")
    for moment in EDGES:
        await settle_at(service, moment)


def around(reply: account_pb2.ListEntriesResponse) -> tuple[int, int]:
    """Return the balances before and after the days listed."""
    return reply.opening_balance_fen, reply.closing_balance_fen


def versions(reply: account_pb2.ListEntriesResponse) -> list[int]:
    return [entry.version for entry in reply.entries]


def moments(rows: Iterable[pb.SettlementRow]) -> list[str]:
    """Return when rows were settled, in Shanghai."""
    instants = [row.settled_at.ToDatetime(tzinfo=SHANGHAI) for row in rows]
    return [instant.strftime("%Y-%m-%dT%H:%M:%S") for instant in instants]


SPANS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
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


@pytest.mark.parametrize(("side", "person_no"), [("holder", "P2"), ("patient", "P1")])
async def test_a_settlement_belongs_to_its_shanghai_day(
    service: Service, side: str, person_no: str
) -> None:
    """Both sides' lists go by month or dates of settlement in Shanghai time, to the second."""
    await settle_at_edges(service)
    person: dict[str, Any] = {side: service.ref(person_no)}

    listed = {}
    for name, (span, _) in SPANS.items():
        request = pb.ListSettlementsRequest(**person, **span)
        reply = await service.settlements.ListSettlements(request)
        listed[name] = tuple(moments(reply.rows))

    assert {name: expected for name, (_, expected) in SPANS.items()} == listed


@pytest.mark.parametrize(
    "days", [{"from_day": "2025-09-01"}, {"to_day": "2025-09-30"}], ids=["from", "to"]
)
async def test_a_month_and_days_exclude_each_other(
    service: Service, days: dict[str, Any]
) -> None:
    """A month together with days is refused as MALFORMED_FIELD, from a holder's side too."""
    request = pb.ListSettlementsRequest(
        holder=service.ref("P2"), month="2025-09", **days
    )

    refusal = await service.refused(service.settlements.ListSettlements, request)

    assert "MALFORMED_FIELD month" == refusal.named


async def test_a_holders_row_has_nothing_but_time_place_member_and_charge(
    service: Service,
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


async def test_each_holder_sees_his_own_share(service: Service) -> None:
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


async def test_a_reversed_charge_stays_on_its_day(service: Service) -> None:
    """A charge taken back in the next month stays in its own, marked with the day; the
    refund is a row of the next month, and the account's entry."""
    await bound(service, "P2")
    settled = await settle_at(service, EDGES[0])
    service.set_clock(EDGES[1])
    await service.reverse(settlement_id=settled.settlement_id)

    (row,) = await charges(service, month="2025-09")
    assert (True, False, 10_000) == (row.reversed, row.refund, row.charged_fen)
    (refund,) = await charges(service, month="2025-10")
    assert (True, True, -10_000) == (refund.reversed, refund.refund, refund.charged_fen)
    assert row.settled_at == refund.settled_at
    october = await entries(service, from_day="2025-10-01", to_day="2025-10-31")
    (entry,) = october.entries
    assert (account_pb2.ENTRY_KIND_REFUND, 10_000) == (entry.kind, entry.fen)
    assert [entry.at] * 2 == [row.reversed_at, refund.reversed_at]


async def test_a_refund_of_the_holders_own_bill_is_not_shown(service: Service) -> None:
    """What came back to a purse from the holder's own bill is no aid taken back."""
    await bound(service, "P2")
    own = await settle_at(service, EDGES[0], patient=service.ref("P2"))
    await service.reverse(settlement_id=own.settlement_id)

    assert [] == await charges(service)


async def test_a_patients_refund_has_every_amount_the_other_way(
    service: Service,
) -> None:
    """From the patient's side a refund takes back each payer's part on its own day."""
    await bound(service, "P2")
    await service.give("P1", 3_000)
    settled = await settle_at(service, EDGES[0], 200_000)
    service.set_clock(EDGES[1])
    await service.reverse(settlement_id=settled.settlement_id)

    parts = ("total_fen", "fund_fen", "charged_fen", "aid_fen", "cash_fen")
    listed = []
    for month in ("2025-09", "2025-10"):
        request = pb.ListSettlementsRequest(patient=service.ref("P1"), month=month)
        (row,) = (await service.settlements.ListSettlements(request)).rows
        listed.append({part: getattr(row, part) for part in parts})

    charge, refund = listed
    assert {part: -fen for part, fen in charge.items()} == refund
    assert 200_000 == charge["total_fen"]
    assert charge["fund_fen"] > 0 < charge["charged_fen"]


@pytest.mark.parametrize("size", [1, 2, 3])
async def test_pages_of_charges_put_together_are_the_list(
    service: Service, size: int
) -> None:
    """Whatever the page, a holder is shown every charge once, oldest first."""
    await settle_at_edges(service)
    request = pb.ListSettlementsRequest(holder=service.ref("P2"), month="2025-10")
    request.page.size = size
    reply = await service.settlements.ListSettlements(request)
    rows = list(reply.rows)
    while reply.next_page_token:
        request.page.token = reply.next_page_token
        reply = await service.settlements.ListSettlements(request)
        rows += reply.rows

    assert await charges(service, month="2025-10") == rows
    assert list(EDGES[1:3]) == moments(rows)


async def test_charges_are_the_accounts_aid_entries(service: Service) -> None:
    """What 共济消费查询 shows a holder is what left his account for others, settlement
    by settlement."""
    await settle_at_edges(service)
    await settle_at(service, EDGES[3], patient=service.ref("P2"))

    aid_charge = account_pb2.ENTRY_KIND_AID_CHARGE
    reply = await entries(service)
    aid = [entry for entry in reply.entries if entry.kind == aid_charge]

    rows = await charges(service)
    assert [entry.reference for entry in aid] == [row.settlement_id for row in rows]
    assert [-entry.fen for entry in aid] == [row.charged_fen for row in rows]


async def test_a_months_closing_balance_opens_the_next(service: Service) -> None:
    """Months follow each other without a gap in Shanghai time: the second decides on
    whose side an entry stands."""
    await settle_at_edges(service)
    months = (
        ("2025-09-01", "2025-09-30"),
        ("2025-10-01", "2025-10-31"),
        ("2025-11-01", "2025-11-30"),
    )

    replies = [
        await entries(service, from_day=first, to_day=last) for first, last in months
    ]

    balances = [(0, 490_000), (490_000, 470_000), (470_000, 460_000)]
    assert balances == [around(reply) for reply in replies]
    moved = [sum(entry.fen for entry in reply.entries) for reply in replies]
    assert moved == [closing - opening for opening, closing in balances]
    assert [[1, 2], [3, 4], [5]] == [versions(reply) for reply in replies]


async def test_opening_and_closing_do_not_depend_on_the_page(service: Service) -> None:
    """Every page of an account's entries carries the balances of the days asked for,
    not of the page."""
    await settle_at_edges(service)

    page = types_pb2.PageRequest(size=2)
    first = await entries(service, page=page)
    page.token = first.next_page_token
    later = await entries(service, page=page)

    assert (0, 460_000) == around(first)
    assert (0, 460_000) == around(later)
    assert ([1, 2], [3, 4]) == (versions(first), versions(later))


async def test_entries_of_days_the_wrong_way_round(service: Service) -> None:
    """An end before its start is refused by the field's name."""
    request = account_pb2.ListEntriesRequest(
        person=service.ref("P2"), from_day="2025-10-02", to_day="2025-10-01"
    )

    refusal = await service.refused(service.accounts.ListEntries, request)

    assert "MALFORMED_FIELD to_day" == refusal.named
