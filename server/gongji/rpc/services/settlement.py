"""SettlementService: bills quoted, settled, reversed and looked up (结算)."""

# ruff: noqa: N802 - methods bear the names the protos give them

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Final

from gongji.account.ledger import purse_account
from gongji.cities.city import Cities
from gongji.model.account import Entry
from gongji.model.commands import Listing
from gongji.model.evidence import NotConfigured, ShownEvidence, TokenVerifier
from gongji.model.evidence_refusals import EvidenceOfAnother
from gongji.model.people import Institution
from gongji.model.settlement import Accumulator, Settlement
from gongji.rpc.calls import command_request, current_call, current_permit
from gongji.rpc.convert.benefit_year import benefit_year_to
from gongji.rpc.convert.evidence import evidence_from
from gongji.rpc.convert.settlement import (
    affected_to,
    bill_from,
    holder_row_to,
    movements_to,
    patient_row_to,
    recomputation_to,
    settlement_to,
    write_settlement,
)
from gongji.rpc.convert.spans import Span, span_of
from gongji.rpc.convert.values import (
    Sources,
    day_from,
    optional_day_from,
    write_receipt,
)
from gongji.rpc.services.balances import hide_balances, may_look_up_balance
from gongji.rpc.services.guessing import pauses_told
from gongji.rpc.services.paging import page
from gongji.rpc.services.people import People
from gongji.rpc.services.permitted import permitted, require_permitted
from gongji.rpc.services.reconcile import Reconciliation
from gongji.rules.codes import EntryKind, EvidenceType
from gongji.settlement import reverse
from gongji.settlement.benefit_year import ShowBenefitYear
from gongji.settlement.preview import PreviewReversal
from gongji.settlement.recompute import Recompute
from gongji.settlement.settle import QuoteOnce, Settle
from gongji.settlement.trial import TrialQuote
from gongji.store import Store
from gongji.v1 import settlement_pb2 as pb
from gongji.v1 import types_pb2
from gongji.v1.settlement_pb2_grpc import SettlementServiceServicer

_ORDERS: Final = ("settled_at", "reversed_at")
"""The instants at which a settlement stands in its patient's list: settled, taken back."""


_OF_BILLS: Final = (EntryKind.AID_CHARGE, EntryKind.REFUND)
"""The entries of a holder's purse that stand for others' bills, taken back or not."""


class SettlementService(SettlementServiceServicer):
    """Converts each request, runs its command or query, converts the answer."""

    def __init__(
        self, store: Store, cities: Cities, verifier: TokenVerifier | None = None
    ) -> None:
        self._store = store
        self._cities = cities
        self._verifier = verifier or NotConfigured()
        self._people = People(store)
        self._sources = Sources(cities)
        self._reconciliation = Reconciliation(store)

    async def Quote(
        self, request: pb.QuoteRequest, context: object
    ) -> pb.QuoteResponse:
        """Return what Settle would answer now."""
        patient = await self._patient(request.bill)
        shown = await self._evidence(request.bill)
        query = QuoteOnce(bill_from(request.bill, patient), self._cities, shown)
        quote = await self._quoted(query)
        reply = pb.QuoteResponse()
        write_settlement(quote, self._sources, reply.settlement)
        return reply

    async def _quoted(self, query: QuoteOnce) -> Settlement:
        """Return a quote. Refusals as of `Settle`."""
        # hot path: most bills show no number.
        if query.shown is None or query.shown.bound is None:
            return await self._store.ask(query)
        # A number that is not the patient's counts although nothing else is written.
        with pauses_told():
            trial = TrialQuote(command_request(""), query)
            tried = await self._store.apply(trial)
            if isinstance(tried, EvidenceOfAnother):
                raise tried
        return tried

    async def Settle(
        self, request: pb.SettleRequest, context: object
    ) -> pb.SettleResponse:
        """Settle a bill."""
        patient = await self._patient(request.bill)
        command = Settle(
            command_request(request.request_id),
            bill_from(request.bill, patient),
            self._cities,
            await self._evidence(request.bill),
        )
        with pauses_told():
            answer = await self._store.commit(command)
        reply = pb.SettleResponse()
        write_receipt(command.request, answer, reply.receipt)
        write_settlement(answer.value, self._sources, reply.settlement)
        hide_balances(reply.settlement.movements, patient)
        return reply

    async def Reverse(
        self, request: pb.ReverseRequest, context: object
    ) -> pb.ReverseResponse:
        """Take a settlement back (冲正), or return what that would do."""
        command = await self._reversal(request)
        if request.validate_only:
            preview = await self._store.ask(PreviewReversal(command))
            reply = self._reversed_to(preview.reversed)
            permit = current_permit()
            reply.affected.extend(
                affected_to(affected)
                for affected in preview.affected
                if permit.owns_institution(
                    affected.settlement.bill.settled_at_institution
                )
            )
            return reply
        answer = await self._store.commit(command)
        reply = self._reversed_to(answer.value)
        write_receipt(command.request, answer, reply.receipt)
        return reply

    def _reversed_to(self, done: reverse.Reversed) -> pb.ReverseResponse:
        reply = pb.ReverseResponse(
            settlement=self._shown(done.settlement), refunds=movements_to(done.refunds)
        )
        hide_balances(reply.refunds, done.settlement.bill.patient)
        return reply

    def _shown(self, settlement: Settlement) -> pb.Settlement:
        """Return a settlement as the caller may see it."""
        message = settlement_to(settlement, self._sources)
        hide_balances(message.movements, settlement.bill.patient)
        return message

    async def _reversal(self, request: pb.ReverseRequest) -> reverse.Reverse:
        """Return the command. Denied; as `People.number`."""
        if request.settle_request_id:
            current_permit().own_request()
        else:
            await require_permitted(self._store, request.settlement_id)
        patient = ""
        if request.HasField("patient"):
            patient = await self._people.number(request.patient, "patient")
        command = reverse.Reverse(
            request=command_request(request.request_id),
            settlement_id=request.settlement_id,
            settle_request_id=request.settle_request_id.lower(),
            why=request.why,
            cities=self._cities,
            patient=patient,
        )
        if request.settle_request_id:
            whose = await self._store.ask(reverse.PatientOfOriginal(command))
            current_call().accesses.note(whose)
        return command

    async def GetSettlement(
        self, request: pb.GetSettlementRequest, context: object
    ) -> pb.GetSettlementResponse:
        """Return one settlement. SettlementNotFound; Denied."""
        settlement = await permitted(self._store, request.settlement_id)
        return pb.GetSettlementResponse(settlement=self._shown(settlement))

    async def Recompute(
        self, request: pb.RecomputeRequest, context: object
    ) -> pb.RecomputeResponse:
        """Return a settlement decided once more, as then and as now. SettlementNotFound."""
        await require_permitted(self._store, request.settlement_id)
        query = Recompute(request.settlement_id, self._cities)
        recomputed = await self._store.ask(query)
        # The sentences of then first: a clause of that number may read otherwise today.
        former = (*recomputed.as_then.cities.all, *self._cities.all)
        then = Sources(Cities(former))
        return pb.RecomputeResponse(
            stored=settlement_to(recomputed.stored, then),
            as_then=recomputation_to(recomputed.as_then, then),
            as_now=recomputation_to(recomputed.as_now, self._sources),
        )

    async def ReconcileTotals(
        self, request: pb.ReconcileTotalsRequest, context: object
    ) -> pb.ReconcileTotalsResponse:
        """Return where an institution's totals of a period differ from ours (对总账)."""
        return await self._reconciliation.totals(request)

    async def ReconcileDetails(
        self,
        request_iterator: AsyncIterator[pb.ReconcileDetailsRequest],
        context: object,
    ) -> AsyncIterator[pb.ReconcileDetailsResponse]:
        """Yield where an institution's rows of a period differ from ours (对明细账)."""
        async for difference in self._reconciliation.details(request_iterator):
            yield difference

    async def ListSettlements(
        self, request: pb.ListSettlementsRequest, context: object
    ) -> pb.ListSettlementsResponse:
        """Return a patient's settlements, or charges to a holder's purse for others.

        Each on its day, and each reversal on the day it was made; oldest first.
        """
        span = span_of(request.from_day, request.to_day, request.month)
        if request.HasField("patient"):
            patient = await self._people.known(request.patient, "patient")
            return await self._of_patient(patient.person_no, span, request.page)
        holder = await self._people.known(request.holder, "holder")
        return await self._of_holder(holder.person_no, span, request.page)

    async def GetBenefitYear(
        self, request: pb.GetBenefitYearRequest, context: object
    ) -> pb.GetBenefitYearResponse:
        """Return what a person's year stands at, and what the next bill would get."""
        current_permit().institution(request.institution_code)
        day = optional_day_from(request.day)
        service_day = optional_day_from(request.service_day)
        person_no = await self._people.own(request.person, "person", service_day or day)
        query = ShowBenefitYear(
            person_no=person_no,
            institution_code=request.institution_code,
            day=day,
            service_day=service_day,
            counted=await self._counted(person_no),
            cities=self._cities,
        )
        year = await self._store.ask(query)
        return benefit_year_to(year, self._sources, may_look_up_balance)

    async def _counted(self, person_no: str) -> tuple[str, ...]:
        """Return the keys of a person's accumulators."""
        # "0" follows "/", which ends the number in a key.
        accumulators = Listing(
            kind=Accumulator,
            at_least={"accumulator_id": f"{person_no}/"},
            below={"accumulator_id": f"{person_no}0"},
            limit=1000,
        )
        return tuple([one.key for one in await self._store.page(accumulators)])

    async def _patient(self, bill: pb.Bill) -> str:
        """Return the number of a bill's patient. Denied; as `People.number`."""
        current_permit().institution(bill.institution_code)
        # The city that pays is the patient's on the day of the visit.
        day = day_from(bill.service_day)
        return await self._people.own(bill.patient, "bill.patient", day)

    async def _evidence(self, bill: pb.Bill) -> ShownEvidence | None:
        """Return what was shown with a bill, and what the issuer of a token says of it."""
        # hot path: most bills say nothing of it.
        if not bill.HasField("evidence"):
            return None
        evidence = evidence_from(bill.evidence)
        if evidence.type is not EvidenceType.E_VOUCHER:
            return ShownEvidence(
                evidence,
                caller=current_call().caller,
                guessing=current_permit().guessing,
            )
        # Refused, if at all, when it is decided: a retry is answered as before.
        answer = await self._verifier.verify(evidence.number, bill.institution_code)
        return ShownEvidence(evidence, answer)

    async def _of_patient(
        self, patient: str, span: Span, requested: types_pb2.PageRequest
    ) -> pb.ListSettlementsResponse:
        listings = [
            Listing(
                kind=Settlement,
                equals={"patient": patient},
                at_least=span.at_least(order),
                below=span.below(order),
                order=order,
            )
            for order in _ORDERS
        ]
        filters = {"patient": patient, "span": span}
        settlements = await page(self._store, requested, filters, *listings)
        names = await self._institution_names(settlements.rows)
        rows = [
            patient_row_to(
                settlement,
                names[settlement.bill.institution_code],
                refund=_ORDERS[position] == "reversed_at",
            )
            for settlement, position in zip(
                settlements.rows, settlements.listings, strict=True
            )
        ]
        fitting, next_token = settlements.fitting(rows)
        return pb.ListSettlementsResponse(rows=fitting, next_page_token=next_token)

    async def _of_holder(
        self, holder: str, span: Span, requested: types_pb2.PageRequest
    ) -> pb.ListSettlementsResponse:
        # The purse's entries are paged, not settlements: those have no index by giver.
        listings = [_entries(holder, kind, span) for kind in _OF_BILLS]
        filters = {"holder": holder, "span": span}
        entries = await page(self._store, requested, filters, *listings)
        moved = []
        for entry in entries.rows:
            settlement = await self._store.get(Settlement, entry.reference)
            # A refund may be of the holder's own bill, which is no aid.
            if settlement is not None and settlement.bill.patient != holder:
                moved.append((settlement, entry))
        names = await self._institution_names(settlement for settlement, _ in moved)
        rows = [
            holder_row_to(
                settlement,
                names[settlement.bill.institution_code],
                -entry.fen,
                refund=entry.fen > 0,
            )
            for settlement, entry in moved
        ]
        return pb.ListSettlementsResponse(rows=rows, next_page_token=entries.next_token)

    async def _institution_names(
        self, settlements: Iterable[Settlement]
    ) -> dict[str, str]:
        """Return the names of institutions by code; empty if one is no longer known."""
        names = {}
        for code in sorted({s.bill.institution_code for s in settlements}):
            institution = await self._store.get(Institution, code)
            names[code] = institution.name if institution else ""
        return names


def _entries(holder: str, kind: EntryKind, span: Span) -> Listing[Entry]:
    """Return the listing of one kind of a purse's entries, oldest first."""
    return Listing(
        kind=Entry,
        equals={"ledger_account": purse_account(holder), "kind": int(kind)},
        at_least=span.at_least("at"),
        below=span.below("at"),
        order="version",
    )
