"""Reconciliation (对账): an institution's totals or rows against our books of a period."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import date
from time import monotonic
from typing import Final, TypeVar

from msgspec.structs import replace

from gongji.model.commands import Listing
from gongji.model.people import Institution, area_of_institution
from gongji.model.refusals import InstitutionNotFound, MalformedField
from gongji.model.settlement import Settlement
from gongji.rpc.calls import current_call, current_permit, own_request_id
from gongji.rpc.constraints import enforce
from gongji.rpc.convert.spans import Span
from gongji.rpc.convert.values import day_from, day_to
from gongji.rpc.services.few import Few
from gongji.rules.codes import Scheme, VisitKind
from gongji.settlement.reconcile import (
    Booked,
    Comparison,
    DetailRow,
    Difference,
    DifferenceKind,
    Heading,
    Sums,
    TotalDifference,
    Totals,
    forward,
    reverse,
    settled_before,
)
from gongji.store import Store
from gongji.v1 import settlement_pb2 as pb
from gongji.v1 import types_pb2

# Our rows of the period are held in memory.
MOST_DAYS: Final = 31
"""Days a comparison of rows may span."""

# Every row of the period is read, and the reply must fit one message.
MOST_DAYS_OF_TOTALS: Final = 366
"""Days a comparison of totals may span."""

MOST_AT_ONCE: Final = 4
"""Comparisons under way at once: each reads every row of its period, and may hold them."""

MOST_OF_A_CALLER: Final = 2
"""Comparisons of one caller under way at once."""

LONGEST_S: Final = 15 * 60.0
"""Seconds a comparison of rows may take, its caller's rows included."""

_PAGE: Final = 200

T = TypeVar("T")


class Reconciliation:
    """Compares an institution's books with ours."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._few = Few("对账", most=MOST_AT_ONCE, most_of_a_caller=MOST_OF_A_CALLER)

    async def totals(
        self, request: pb.ReconcileTotalsRequest
    ) -> pb.ReconcileTotalsResponse:
        """Return the totals that differ. MalformedField, InstitutionNotFound."""
        span = _period(request, MOST_DAYS_OF_TOTALS)
        stated = _totals_from(request.totals, span)
        await self._require_known(request.institution_code)
        totals = Totals()
        rows = self._standing if request.standing_only else self._booked
        with self._few.place():
            async for booked in rows(request.institution_code, span):
                totals.add(booked)
        differences = [_total_difference_to(d) for d in totals.differences(stated)]
        return pb.ReconcileTotalsResponse(
            balanced=not differences, differences=differences
        )

    async def details(
        self, messages: AsyncIterator[pb.ReconcileDetailsRequest]
    ) -> AsyncIterator[pb.ReconcileDetailsResponse]:
        """Yield the rows that differ, each at once. MalformedField, InstitutionNotFound."""
        header = await _header(messages)
        institution = header.institution_code
        span = _period(header, MOST_DAYS, "header.")
        await self._require_known(institution, "header.")
        until = monotonic() + LONGEST_S
        with self._few.place():
            comparison = Comparison()
            async for booked in self._booked(institution, span):
                comparison.expect(booked)
            async for row in _rows(messages):
                if monotonic() > until:
                    raise TimeoutError
                difference = comparison.judge(row)
                if difference is not None:
                    yield _difference_to(await self._explained(difference, institution))
            for difference in comparison.unreported():
                yield _difference_to(difference)

    async def _explained(self, difference: Difference, institution: str) -> Difference:
        """Return a difference, with the settlement a reverse row belongs to."""
        row = difference.theirs
        if difference.kind is not DifferenceKind.MISSING_HERE or row is None:
            return difference
        if not row.refund:
            return difference
        # It may have been settled before the period.
        settlement = await self._store.get(Settlement, row.settlement_id)
        if settlement is None:
            return difference
        # Another institution's settlement is not to be found out by asking.
        if settlement.bill.settled_at_institution != institution:
            return difference
        return settled_before(difference, settlement)

    async def _booked(self, institution: str, span: Span) -> AsyncIterator[Booked]:
        """Yield our rows of a period: settled in it, then reversed in it."""
        for order, row_of in (("settled_at", forward), ("reversed_at", reverse)):
            async for settlement in self._of(institution, span, order):
                yield row_of(settlement)

    async def _standing(self, institution: str, span: Span) -> AsyncIterator[Booked]:
        """Yield our rows of the period's settlements that stand now."""
        async for settlement in self._of(institution, span, "settled_at"):
            if settlement.reversed_at is None:
                yield forward(settlement)

    async def _of(
        self, institution: str, span: Span, order: str
    ) -> AsyncIterator[Settlement]:
        """Yield the settlements with an instant in the period, of settling or reversal."""
        listing = Listing(
            kind=Settlement,
            equals={"institution": institution},
            at_least=span.at_least(order),
            below=span.below(order),
            order=order,
            limit=_PAGE,
        )
        async for settlement in _listed(self._store, listing):
            # What a claim was paid by is in nobody's books but ours.
            if settlement.bill.settled_at_institution:
                yield settlement

    async def _require_known(self, code: str, path: str = "") -> None:
        permit = current_permit()
        permit.institution(code)
        permit.city(area_of_institution(code))
        if await self._store.get(Institution, code) is None:
            raise InstitutionNotFound(
                f"没有编号为 {code} 的定点医药机构", field=f"{path}institution_code"
            )


async def _listed(store: Store, listing: Listing[T]) -> AsyncIterator[T]:
    """Yield every record of a listing, page by page."""
    while placed := await store.placed(listing):
        for record, _ in placed:
            yield record
        if len(placed) < listing.limit:
            return
        _, after = placed[-1]
        listing = replace(listing, after=after)
        # SQLite answers in this very loop: other calls have their turn between pages.
        await asyncio.sleep(0)


def _period(
    request: pb.ReconcileTotalsRequest | pb.ReconcileHeader, most: int, path: str = ""
) -> Span:
    """Return the days compared, both ends included.

    MalformedField if they are too many, or the end comes first.
    """
    first, last = day_from(request.from_day), day_from(request.to_day)
    if last < first:
        raise MalformedField(
            f"{path}to_day：结束日 {last} 早于起始日 {first}", field=f"{path}to_day"
        )
    days = (last - first).days + 1
    if days > most:
        raise MalformedField(
            f"{path}to_day：一次至多对 {most} 天的账，收到 {days} 天",
            field=f"{path}to_day",
        )
    return Span(first, last)


def _totals_from(totals: Iterable[pb.Total], span: Span) -> dict[Heading, Sums]:
    """Return an institution's totals by heading.

    MalformedField if one lies outside the period, or comes twice.
    """
    stated: dict[Heading, Sums] = {}
    for position, total in enumerate(totals):
        heading = Heading(
            day_from(total.day), Scheme(total.scheme), VisitKind(total.visit_kind)
        )
        path = f"totals[{position}]"
        if not _within(heading.day, span):
            raise MalformedField(
                f"{path}.day：{heading.day} 不在对账期间之内", field=f"{path}.day"
            )
        if heading in stated:
            raise MalformedField(
                f"{path}：同一日、险种与医疗类别的总额给出了两次", field=path
            )
        stated[heading] = Sums(
            total.count, total.total_fen, total.fund_fen, total.account_fen
        )
    return stated


def _within(day: date, span: Span) -> bool:
    return (span.first or date.min) <= day <= (span.last or date.max)


async def _header(
    messages: AsyncIterator[pb.ReconcileDetailsRequest],
) -> pb.ReconcileHeader:
    """Return the first message of a stream. MalformedField if it is no header."""
    async for message in messages:
        if message.WhichOneof("message") != "header":
            break
        enforce(message)
        return message.header
    raise MalformedField("header：首条消息须为 header", field="header")


async def _rows(
    messages: AsyncIterator[pb.ReconcileDetailsRequest],
) -> AsyncIterator[DetailRow]:
    """Yield the rows after the header. MalformedField names the first wrong message."""
    number = 0
    async for message in messages:
        number += 1
        if message.WhichOneof("message") != "row":
            raise MalformedField(
                f"第 {number} 行：首条消息之后，每条消息须恰好是一个 row", field="row"
            )
        try:
            enforce(message)
        except MalformedField as fault:
            raise MalformedField(
                f"第 {number} 行：{fault.message}", field=fault.field
            ) from None
        yield _row_from(message.row)


def _total_difference_to(difference: TotalDifference) -> pb.TotalDifference:
    return pb.TotalDifference(
        ours=_total_to(difference.heading, difference.ours),
        theirs=_total_to(difference.heading, difference.theirs),
    )


def _total_to(heading: Heading, sums: Sums) -> pb.Total:
    return pb.Total(
        day=day_to(heading.day),
        scheme=types_pb2.Scheme.ValueType(heading.scheme),
        visit_kind=pb.VisitKind.ValueType(heading.visit_kind),
        count=sums.count,
        total_fen=sums.total_fen,
        fund_fen=sums.fund_fen,
        account_fen=sums.account_fen,
    )


def _difference_to(difference: Difference) -> pb.ReconcileDetailsResponse:
    row = difference.theirs or difference.ours
    # A settlement of ours is told of even where its row is not.
    current_call().accesses.note(difference.origin.patient)
    return pb.ReconcileDetailsResponse(
        kind=pb.DifferenceKind.ValueType(difference.kind),
        settlement_id=row.settlement_id if row else "",
        ours=_row_to(difference.ours),
        theirs=_row_to(difference.theirs),
        settle_request_id=own_request_id(difference.origin.request_key),
        msgid=difference.origin.msgid,
    )


def _row_from(row: pb.ReconcileRow) -> DetailRow:
    return DetailRow(
        row.settlement_id,
        row.patient,
        row.total_fen,
        row.fund_fen,
        row.account_fen,
        row.refund,
    )


def _row_to(row: DetailRow | None) -> pb.ReconcileRow | None:
    if row is None:
        return None
    return pb.ReconcileRow(
        settlement_id=row.settlement_id,
        patient=row.patient,
        total_fen=row.total_fen,
        fund_fen=row.fund_fen,
        account_fen=row.account_fen,
        refund=row.refund,
    )
