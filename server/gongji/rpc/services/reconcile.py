"""Reconciliation on the wire: our books of a period read page by page, an institution's
totals or rows against them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import date
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from gongji.model.commands import Listing
from gongji.model.people import Institution
from gongji.model.refusals import InstitutionNotFound, MalformedField
from gongji.model.settlement import Settlement
from gongji.rpc.constraints import enforce
from gongji.rpc.convert.spans import Span
from gongji.rpc.convert.values import day_from, day_to
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

MOST_DAYS: Final = 31
"""Days a comparison of rows may span: our rows of the period are held in memory."""

MOST_DAYS_OF_TOTALS: Final = 366
"""Days a comparison of totals may span: every row of the period is read, and the reply
must fit one message."""

_PAGE: Final = 200

T = TypeVar("T")


class Reconciliation:
    """Compares an institution's books with ours; `Settlements` answers both calls with it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def totals(
        self, request: pb.ReconcileTotalsRequest
    ) -> pb.ReconcileTotalsResponse:
        """The totals that differ. MalformedField, InstitutionNotFound."""
        span = _period(request, MOST_DAYS_OF_TOTALS)
        theirs = _their_totals(request.totals, span)
        await self._refuse_unknown(request.institution_code)
        ours = Totals()
        async for booked in self._booked(request.institution_code, span):
            ours.add(booked)
        differences = [_total_difference_to(d) for d in ours.differences(theirs)]
        return pb.ReconcileTotalsResponse(
            balanced=not differences, differences=differences
        )

    async def details(
        self, messages: AsyncIterator[Any]
    ) -> AsyncIterator[pb.ReconcileDetailsResponse]:
        """The rows that differ, each as soon as it is known. MalformedField,
        InstitutionNotFound."""
        header = await _header(messages)
        institution, span = (
            header.institution_code,
            _period(header, MOST_DAYS, "header."),
        )
        await self._refuse_unknown(institution, "header.")
        comparison = Comparison()
        async for booked in self._booked(institution, span):
            comparison.expect(booked)
        async for theirs in _rows(messages):
            if (found := comparison.judge(theirs)) is not None:
                yield _difference_to(await self._looked_up(found, institution))
        for found in comparison.rest():
            yield _difference_to(found)

    async def _looked_up(self, found: Difference, institution: str) -> Difference:
        """A reverse row we lack may be of a settlement from before the period; another
        institution's stays hidden."""
        theirs = found.theirs
        if (
            found.kind is not DifferenceKind.MISSING_HERE
            or theirs is None
            or not theirs.refund
        ):
            return found
        settlement = await self._store.get(Settlement, theirs.settlement_id)
        if settlement is None or settlement.bill.institution_code != institution:
            return found
        return settled_before(found, settlement)

    async def _booked(self, institution: str, span: Span) -> AsyncIterator[Booked]:
        """Our rows of a period: forward rows by instant of settlement, then reverse
        rows by instant of reversal."""
        for order, row_of in (("settled_at", forward), ("reversed_at", reverse)):
            listing = Listing(
                kind=Settlement,
                equals={"institution": institution},
                at_least=span.at_least(order),
                below=span.below(order),
                order=order,
                limit=_PAGE,
            )
            async for settlement in _listed(self._store, listing):
                yield row_of(settlement)

    async def _refuse_unknown(self, code: str, path: str = "") -> None:
        if await self._store.get(Institution, code) is None:
            raise InstitutionNotFound(
                f"没有编号为 {code} 的定点医药机构", field=f"{path}institution_code"
            )


async def _listed(store: Store, listing: Listing[T]) -> AsyncIterator[T]:
    """Every record of a listing; other calls have their turn between pages."""
    while found := await store.page(listing):
        for record in found:
            yield record
        if len(found) < listing.limit:
            return
        listing = replace(listing, after=store.place(found[-1], listing.order))
        await asyncio.sleep(0)


def _period(
    request: pb.ReconcileTotalsRequest | pb.ReconcileHeader, most: int, path: str = ""
) -> Span:
    """The days compared, both ends included. MalformedField where they are too many, or
    the end comes first."""
    first, last = day_from(request.from_day), day_from(request.to_day)
    if last < first:
        raise MalformedField(
            f"{path}to_day: 结束日 {last} 早于起始日 {first}", field=f"{path}to_day"
        )
    if (days := (last - first).days + 1) > most:
        raise MalformedField(
            f"{path}to_day: 一次至多对 {most} 天的账, 收到 {days} 天",
            field=f"{path}to_day",
        )
    return Span(first, last)


def _their_totals(totals: Iterable[pb.Total], span: Span) -> dict[Heading, Sums]:
    """Their totals by heading. MalformedField where one lies outside the period, or is
    given twice."""
    theirs: dict[Heading, Sums] = {}
    for position, total in enumerate(totals):
        heading = Heading(
            day_from(total.day), Scheme(total.scheme), VisitKind(total.visit_kind)
        )
        path = f"totals[{position}]"
        if not _within(heading.day, span):
            raise MalformedField(
                f"{path}.day: {heading.day} 不在对账期间之内", field=f"{path}.day"
            )
        if heading in theirs:
            raise MalformedField(
                f"{path}: 同一日、险种与医疗类别的总额给出了两次", field=path
            )
        theirs[heading] = Sums(
            total.count, total.total_fen, total.fund_fen, total.account_fen
        )
    return theirs


def _within(day: date, span: Span) -> bool:
    return (span.first or date.min) <= day <= (span.last or date.max)


async def _header(messages: AsyncIterator[Any]) -> pb.ReconcileHeader:
    """The first message of a stream. MalformedField where it is no header."""
    async for message in messages:
        if message.WhichOneof("message") != "header":
            break
        enforce(message)
        header: pb.ReconcileHeader = message.header
        return header
    raise MalformedField("header: 首条消息须为 header", field="header")


async def _rows(messages: AsyncIterator[Any]) -> AsyncIterator[DetailRow]:
    """The rows after the header. MalformedField names the first that is none, or is malformed."""
    number = 0
    async for message in messages:
        number += 1
        if message.WhichOneof("message") != "row":
            raise MalformedField(
                f"第 {number} 行: 首条消息之后, 每条消息须恰好是一个 row", field="row"
            )
        try:
            enforce(message)
        except MalformedField as fault:
            raise MalformedField(
                f"第 {number} 行: {fault.message}", field=fault.field
            ) from None
        row = message.row
        yield DetailRow(
            row.settlement_id,
            row.patient,
            row.total_fen,
            row.fund_fen,
            row.account_fen,
            row.refund,
        )


def _total_difference_to(found: TotalDifference) -> pb.TotalDifference:
    return pb.TotalDifference(
        ours=_total_to(found.heading, found.ours),
        theirs=_total_to(found.heading, found.theirs),
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


def _difference_to(found: Difference) -> pb.ReconcileDetailsResponse:
    row = found.theirs or found.ours
    return pb.ReconcileDetailsResponse(
        kind=pb.DifferenceKind.ValueType(found.kind),
        settlement_id=row.settlement_id if row else "",
        ours=_row_to(found.ours),
        theirs=_row_to(found.theirs),
        settle_request_id=found.origin.request_id,
        msgid=found.origin.msgid,
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
