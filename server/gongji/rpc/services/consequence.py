"""ConsequenceService: what late facts change, and settled again (重新结算)."""

# ruff: noqa: N802 - methods bear the names the protos give them

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from gongji.account.correction import CorrectedCredit
from gongji.account.late import (
    LateCredit,
    LatePremium,
    RefundedLate,
    RefundLate,
    ResettleCredit,
)
from gongji.cities.city import Cities
from gongji.model.commands import Command
from gongji.model.refusals import MalformedField
from gongji.rpc.calls import command_request, current_permit
from gongji.rpc.convert.consequence import (
    Consequence,
    conditions_to,
    settled_again_to,
)
from gongji.rpc.convert.settlement import movements_to
from gongji.rpc.convert.values import Sources, instant_from, receipt_to
from gongji.rpc.services.late import ChangesAsked, Late, LateReview, Progress
from gongji.rpc.services.people import People
from gongji.rpc.services.permitted import require_covered, require_permitted
from gongji.rules.codes import pooling_area
from gongji.settlement.late import LateSettlement
from gongji.settlement.resettle import Resettle, Resettled, Returned
from gongji.store import Store
from gongji.v1 import consequence_pb2 as pb
from gongji.v1.consequence_pb2_grpc import ConsequenceServiceServicer


class ConsequenceService(ConsequenceServiceServicer):
    """Converts each request, runs its review or command, converts the answer."""

    def __init__(self, store: Store, cities: Cities) -> None:
        self._store = store
        self._cities = cities
        self._people = People(store)
        self._sources = Sources(cities)
        self._consequence = Consequence(self._sources)

    async def Consequences(
        self, request: pb.ConsequencesRequest, context: object
    ) -> AsyncIterator[pb.ConsequencesResponse]:
        """Yield what is decided otherwise on what is known now."""
        asked = ChangesAsked(import_id=request.import_id)
        if request.HasField("since"):
            asked = ChangesAsked(since=instant_from(request.since))
        else:
            await require_covered(self._store, asked.import_id)
        cities = current_permit().narrowed()
        token = request.resume_token
        review = await LateReview.of(self._store, self._cities, asked, token)
        async with aclosing(review.run()) as told:
            async for one in told:
                if isinstance(one, Progress):
                    yield pb.ConsequencesResponse(progress=_progress_to(one))
                elif pooling_area(_area_of(one)) in cities:
                    yield self._consequence.to(one)

    async def Resettle(
        self, request: pb.ResettleRequest, context: object
    ) -> pb.ResettleResponse:
        """Settle again, or return what that would do."""
        command = await self._command(request)
        if request.validate_only:
            return self._reply(await self._store.ask(command))
        answer = await self._store.commit(command)
        reply = self._reply(answer.value)
        reply.receipt.CopyFrom(receipt_to(command.request, answer))
        return reply

    async def _command(self, request: pb.ResettleRequest) -> Command[Any]:
        """Return what is to be done. MalformedField."""
        what = request.WhichOneof("what")
        if what == "settlement_id":
            return await self._resettle(request)
        _refuse_of_settlements(request)
        if what == "credit":
            person = await self._people.own(request.credit.person, "credit.person")
            return ResettleCredit(
                command_request(request.request_id),
                person,
                request.credit.month,
                request.why,
                self._cities,
            )
        premium = request.premium
        member = await self._people.own(premium.member, "premium.member")
        return RefundLate(
            request=command_request(request.request_id),
            premium_id=premium.premium_id,
            member=member,
            year=int(premium.year),
            why=request.why,
            cities=self._cities,
        )

    async def _resettle(self, request: pb.ResettleRequest) -> Command[Resettled]:
        await require_permitted(self._store, request.settlement_id)
        returned = None
        if request.HasField("returned"):
            returned = _returned_from(request.returned)
        return Resettle(
            request=command_request(request.request_id),
            settlement_id=request.settlement_id,
            later=request.later,
            returned=returned,
            why=request.why,
            cities=self._cities,
        )

    def _reply(
        self, done: Resettled | CorrectedCredit | RefundedLate
    ) -> pb.ResettleResponse:
        if isinstance(done, Resettled):
            again = [settled_again_to(one, self._sources) for one in done.settlements]
            return pb.ResettleResponse(
                settlements=again, next_settlement_id=done.next_settlement_id
            )
        if isinstance(done, CorrectedCredit):
            return pb.ResettleResponse(credit=self._credit_again(done))
        return pb.ResettleResponse(premium=self._premium_again(done))

    def _credit_again(self, corrected: CorrectedCredit) -> pb.CreditAgain:
        (movement,) = movements_to([corrected.movement])
        message = pb.CreditAgain(
            before_fen=corrected.before_fen,
            due_fen=corrected.due_fen,
            movement=movement,
            owed_fen=corrected.owed_fen,
        )
        if corrected.rule is not None and corrected.decided_by is not None:
            area_code = corrected.decided_by.area_code
            message.rule.CopyFrom(self._sources.rule_to(area_code, corrected.rule))
        return message

    def _premium_again(self, done: RefundedLate) -> pb.PremiumAgain:
        refunded = done.refunded
        area_code = refunded.decided_by.area_code
        (movement,) = movements_to([refunded.movement])
        return pb.PremiumAgain(
            premium_id=refunded.premium.premium_id,
            holder=refunded.premium.holder,
            movement=movement,
            conditions=conditions_to(done.conditions, area_code, self._sources),
        )


def _area_of(late: Late) -> str:
    """Return the area code of the city a consequence concerns."""
    if isinstance(late, LateSettlement):
        return late.again.before.area_code
    if isinstance(late, LateCredit):
        return late.home
    decided = late.premium if isinstance(late, LatePremium) else late.binding
    return decided.decided_by.area_code


def _refuse_of_settlements(request: pb.ResettleRequest) -> None:
    """Refuse what only a settlement can have. MalformedField."""
    for name, given in (
        ("later", request.later),
        ("returned", request.HasField("returned")),
    ):
        if given:
            raise MalformedField(f"{name} 只用于结算，不用于划入与代缴", field=name)


def _returned_from(parts: pb.ReturnedParts) -> Returned:
    """Return the parts. MalformedField if nothing is returned."""
    returned = Returned(
        out_of_catalogue_fen=parts.out_of_catalogue_fen,
        above_limit_fen=parts.above_limit_fen,
        first_selfpay_fen=parts.first_selfpay_fen,
        in_scope_fen=parts.in_scope_fen,
    )
    if not returned.total_fen:
        raise MalformedField("退回的金额须大于 0", field="returned")
    return returned


def _progress_to(progress: Progress) -> pb.ConsequenceProgress:
    return pb.ConsequenceProgress(
        records_done=progress.records_done,
        records_total=progress.records_total,
        settlements_seen=progress.settlements_seen,
        resume_token=progress.resume_token,
    )
