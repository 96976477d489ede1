"""ClaimService: claims on paper (手工结算)."""

# ruff: noqa: N802 - methods bear the names the protos give them

from __future__ import annotations

from typing import Any

from gongji.access.callers import ALL
from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities
from gongji.claim.decide import DecideClaim, ReviewClaim, WithdrawClaim
from gongji.claim.life import claim_not_found
from gongji.claim.submit import SubmitClaim
from gongji.model.claim import Claim
from gongji.model.claim_refusals import ClaimNotFound
from gongji.model.commands import Command, Listing
from gongji.model.refusals import MalformedField
from gongji.rpc.calls import command_request, current_call, current_permit
from gongji.rpc.convert.claim import claim_form_from, claim_to
from gongji.rpc.convert.values import Sources, day_from, receipt_to
from gongji.rpc.services.paging import page
from gongji.rpc.services.parties import show_party
from gongji.rpc.services.people import People
from gongji.rpc.services.permitted import show_city
from gongji.rules.codes import pooling_area
from gongji.store import Store
from gongji.v1 import claim_pb2 as pb
from gongji.v1.claim_pb2_grpc import ClaimServiceServicer


class ClaimService(ClaimServiceServicer):
    """Converts each request, runs its command or query, converts the answer."""

    def __init__(self, store: Store, cities: Cities, workdays: Workdays) -> None:
        self._store = store
        self._cities = cities
        self._workdays = workdays
        self._people = People(store)
        self._sources = Sources(cities)

    async def SubmitClaim(
        self, request: pb.SubmitClaimRequest, context: object
    ) -> pb.SubmitClaimResponse:
        """Hand a claim in. Denied unless the patient is the caller's own."""
        day = day_from(request.bill.service_day)
        patient = await self._people.own(request.bill.patient, "bill.patient", day)
        command = SubmitClaim(
            request=command_request(request.request_id),
            form=claim_form_from(request, patient),
            cities=self._cities,
            workdays=self._workdays,
        )
        return pb.SubmitClaimResponse(**await self._done(command))

    async def ReviewClaim(
        self, request: pb.ReviewClaimRequest, context: object
    ) -> pb.ReviewClaimResponse:
        """Pass a claim on, or return it (初审)."""
        await self._require_permitted(request.claim_id)
        command = ReviewClaim(
            request=command_request(request.request_id),
            claim_id=request.claim_id,
            reviewer=request.reviewer,
            passes=request.verdict == pb.CLAIM_REVIEW_VERDICT_PASS,
            remark=request.remark,
        )
        return pb.ReviewClaimResponse(**await self._done(command))

    async def DecideClaim(
        self, request: pb.DecideClaimRequest, context: object
    ) -> pb.DecideClaimResponse:
        """Pay a claim, or refuse it (复核)."""
        await self._require_permitted(request.claim_id)
        command = DecideClaim(
            request=command_request(request.request_id),
            claim_id=request.claim_id,
            decider=request.decider,
            pays=request.decision == pb.CLAIM_DECISION_PAY,
            remark=request.remark,
            similar_checked=request.similar_checked,
            cities=self._cities,
        )
        return pb.DecideClaimResponse(**await self._done(command))

    async def WithdrawClaim(
        self, request: pb.WithdrawClaimRequest, context: object
    ) -> pb.WithdrawClaimResponse:
        """Take a claim back (撤回)."""
        await self._require_permitted(request.claim_id)
        command = WithdrawClaim(
            request=command_request(request.request_id), claim_id=request.claim_id
        )
        return pb.WithdrawClaimResponse(**await self._done(command))

    async def _done(self, command: Command[Claim]) -> dict[str, Any]:
        """Return the claim after a command, and the receipt, as fields of the reply."""
        answer = await self._store.commit(command)
        return {
            "claim": claim_to(answer.value, self._sources),
            "receipt": receipt_to(command.request, answer),
        }

    async def GetClaim(
        self, request: pb.GetClaimRequest, context: object
    ) -> pb.GetClaimResponse:
        """Return one claim. ClaimNotFound; Denied."""
        claim = await self._permitted(request.claim_id)
        return pb.GetClaimResponse(claim=claim_to(claim, self._sources))

    async def ListClaims(
        self, request: pb.ListClaimsRequest, context: object
    ) -> pb.ListClaimsResponse:
        """Return claims by patient or state, oldest first. MalformedField; Denied."""
        equals = await self._filters(request)
        # Of the patient named it was shown; without one, by where each was decided.
        cities = ALL if "patient" in equals else current_permit().narrowed()
        found = await page(
            self._store,
            request.page,
            {"equals": sorted(equals.items())},
            Listing(kind=Claim, equals=equals, order="submitted_at"),
            keep=lambda claim: pooling_area(claim.decided_by.area_code) in cities,
        )
        rows = [claim_to(claim, self._sources) for claim in found.rows]
        fitting, next_token = found.fitting(rows)
        return pb.ListClaimsResponse(claims=fitting, next_page_token=next_token)

    async def _filters(self, request: pb.ListClaimsRequest) -> dict[str, str | int]:
        """Return what to list by. MalformedField without any filter; Denied."""
        equals: dict[str, str | int] = {}
        if request.HasField("patient"):
            patient = await self._people.known(request.patient, "patient")
            equals["patient"] = patient.person_no
        elif not request.state:
            raise MalformedField("须至少给出 patient、state 之一", field="patient")
        else:
            # Whoever acts for a person must name one.
            await show_party(self._store)
        if request.state:
            equals["state"] = int(request.state)
        return equals

    async def _permitted(self, claim_id: str) -> Claim:
        """Return a claim that the caller may ask for. ClaimNotFound; Denied."""
        claim = await self._store.get(Claim, claim_id)
        if claim is None:
            raise claim_not_found(claim_id)
        # Noted here, since what refuses the call later may tell of it too.
        current_call().accesses.note(claim.bill.patient)
        await show_party(self._store, claim.bill.patient)
        await show_city(self._store, claim.decided_by.area_code)
        return claim

    async def _require_permitted(self, claim_id: str) -> None:
        """Stop whoever may not ask for a claim. Denied."""
        try:
            await self._permitted(claim_id)
        except ClaimNotFound:
            # To whom nothing is denied the command says itself that there is none.
            if current_permit().pending:
                raise
