"""SettlementService on the wire: convert, run, convert."""

# ruff: noqa: N802 - methods bear the names the protos give them

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

from gongji.account.ledger import purse_account
from gongji.cities.city import Cities
from gongji.model.account import Entry
from gongji.model.commands import Listing
from gongji.model.people import Institution
from gongji.model.refusals import SettlementNotFound
from gongji.model.settlement import Settlement
from gongji.rpc.calls import command_request
from gongji.rpc.convert.settlement import (
    affected_to,
    bill_from,
    holder_row,
    movements_to,
    patient_row,
    settlement_to,
)
from gongji.rpc.convert.spans import Span, span_of
from gongji.rpc.convert.values import Sources, receipt
from gongji.rpc.services.paging import page
from gongji.rpc.services.people import People
from gongji.rpc.services.reconcile import Reconciliation
from gongji.rules.codes import EntryKind
from gongji.settlement.preview import PreviewReversal
from gongji.settlement.reverse import Reverse
from gongji.settlement.settle import Quote, Settle
from gongji.store import Store
from gongji.v1 import settlement_pb2 as pb
from gongji.v1.settlement_pb2_grpc import SettlementServiceServicer


class SettlementService(SettlementServiceServicer):
    """Bills quoted, settled, taken back and looked up, over the wire."""

    def __init__(self, store: Store, cities: Cities) -> None:
        self._store = store
        self._cities = cities
        self._people = People(store)
        self._sources = Sources(cities)
        self._reconciliation = Reconciliation(store)

    async def Quote(self, request: pb.QuoteRequest, context: Any) -> pb.QuoteResponse:
        """What Settle would answer now."""
        bill = bill_from(
            request.bill,
            await self._people.number(request.bill.patient, "bill.patient"),
        )
        quoted = await self._store.ask(Quote(bill, self._cities))
        reply = pb.QuoteResponse()
        settlement_to(quoted, self._sources, reply.settlement)
        return reply

    async def Settle(
        self, request: pb.SettleRequest, context: Any
    ) -> pb.SettleResponse:
        """Settles a bill."""
        bill = bill_from(
            request.bill,
            await self._people.number(request.bill.patient, "bill.patient"),
        )
        command = Settle(command_request(request.request_id), bill, self._cities)
        answer = await self._store.commit(command)
        reply = pb.SettleResponse(receipt=receipt(command.request.request_id, answer))
        settlement_to(answer.value, self._sources, reply.settlement)
        return reply

    async def Reverse(
        self, request: pb.ReverseRequest, context: Any
    ) -> pb.ReverseResponse:
        """Takes a settlement back, or says what that would do."""
        patient = ""
        if request.HasField("patient"):
            patient = await self._people.number(request.patient, "patient")
        command = Reverse(
            request=command_request(request.request_id),
            settlement_id=request.settlement_id,
            settle_request_id=request.settle_request_id.lower(),
            why=request.why,
            cities=self._cities,
            patient=patient,
        )
        if request.validate_only:
            foreseen = await self._store.ask(PreviewReversal(command))
            return pb.ReverseResponse(
                settlement=self._shown(foreseen.reversed.settlement),
                refunds=movements_to(foreseen.reversed.refunds),
                affected=[affected_to(one) for one in foreseen.affected],
            )
        answer = await self._store.commit(command)
        return pb.ReverseResponse(
            settlement=self._shown(answer.value.settlement),
            refunds=movements_to(answer.value.refunds),
            receipt=receipt(command.request.request_id, answer),
        )

    async def GetSettlement(
        self, request: pb.GetSettlementRequest, context: Any
    ) -> pb.GetSettlementResponse:
        """One settlement. SettlementNotFound."""
        settlement = await self._store.get(Settlement, request.settlement_id)
        if settlement is None:
            raise SettlementNotFound(
                f"没有编号为 {request.settlement_id} 的结算", field="settlement_id"
            )
        return pb.GetSettlementResponse(settlement=self._shown(settlement))

    async def ReconcileTotals(
        self, request: pb.ReconcileTotalsRequest, context: Any
    ) -> pb.ReconcileTotalsResponse:
        """Where an institution's totals of a period differ from ours."""
        return await self._reconciliation.totals(request)

    async def ReconcileDetails(
        self, request_iterator: AsyncIterator[pb.ReconcileDetailsRequest], context: Any
    ) -> AsyncIterator[pb.ReconcileDetailsResponse]:
        """Where an institution's rows of a period differ from ours."""
        async for found in self._reconciliation.details(request_iterator):
            yield found

    async def ListSettlements(
        self, request: pb.ListSettlementsRequest, context: Any
    ) -> pb.ListSettlementsResponse:
        """Settlements of a patient, or what was charged to a holder's purse for others,
        oldest first."""
        span = span_of(request.from_day, request.to_day, request.month)
        if request.HasField("patient"):
            return await self._of_patient(
                (await self._people.known(request.patient, "patient")).person_no,
                span,
                request,
            )
        return await self._of_holder(
            (await self._people.known(request.holder, "holder")).person_no,
            span,
            request,
        )

    async def _of_patient(
        self, patient: str, span: Span, request: pb.ListSettlementsRequest
    ) -> pb.ListSettlementsResponse:
        narrowed = {"patient": patient, "span": span}
        listing = Listing(
            kind=Settlement,
            equals={"patient": patient},
            at_least=span.at_least("settled_at"),
            below=span.below("settled_at"),
            order="settled_at",
        )
        found = await page(self._store, request.page, narrowed, listing)
        names = await self._institutions(found.rows)
        rows = [patient_row(s, names[s.bill.institution_code]) for s in found.rows]
        return pb.ListSettlementsResponse(rows=rows, next_page_token=found.next_token)

    async def _of_holder(
        self, holder: str, span: Span, request: pb.ListSettlementsRequest
    ) -> pb.ListSettlementsResponse:
        """Pages the charges to the purse, then looks up what each belongs to."""
        listing = Listing(
            kind=Entry,
            equals={
                "ledger_account": purse_account(holder),
                "kind": int(EntryKind.AID_CHARGE),
            },
            at_least=span.at_least("at"),
            below=span.below("at"),
            order="version",
        )
        found = await page(
            self._store, request.page, {"holder": holder, "span": span}, listing
        )
        charges = [
            (entry, await self._store.get(Settlement, entry.reference))
            for entry in found.rows
        ]
        charged = [
            (entry, settlement)
            for entry, settlement in charges
            if settlement is not None
        ]
        names = await self._institutions(settlement for _, settlement in charged)
        rows = [
            holder_row(s, names[s.bill.institution_code], -entry.fen)
            for entry, s in charged
        ]
        return pb.ListSettlementsResponse(rows=rows, next_page_token=found.next_token)

    async def _institutions(self, settlements: Iterable[Settlement]) -> dict[str, str]:
        """Names of the institutions of some settlements by code."""
        codes = sorted({s.bill.institution_code for s in settlements})
        found = [(code, await self._store.get(Institution, code)) for code in codes]
        return {
            code: institution.name if institution else "" for code, institution in found
        }

    def _shown(self, settlement: Settlement) -> pb.Settlement:
        return settlement_to(settlement, self._sources)
