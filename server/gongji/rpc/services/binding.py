"""BindingService on the wire: convert, run, convert."""

# ruff: noqa: N802 - methods bear the names the protos give them

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from gongji.binding.life import as_of
from gongji.binding.review import RecordConsent, Review, Unbind
from gongji.binding.submit import Submit
from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities
from gongji.model.binding import Binding
from gongji.model.commands import Listing
from gongji.model.refusals import BindingNotFound, MalformedField
from gongji.rpc.calls import command_request
from gongji.rpc.convert.binding import (
    application_from,
    binding_to,
    consent_from,
)
from gongji.rpc.convert.values import Sources, instant_from, receipt
from gongji.rpc.services.paging import page
from gongji.rpc.services.people import People
from gongji.rules.codes import BindingState
from gongji.store import Store
from gongji.v1 import binding_pb2 as pb
from gongji.v1.binding_pb2_grpc import BindingServiceServicer

_WAITING = (BindingState.AWAITING_CONSENT, BindingState.UNDER_REVIEW)

_MOMENT = timedelta(microseconds=1)


class BindingService(BindingServiceServicer):
    """The life of a binding, over the wire."""

    def __init__(
        self,
        store: Store,
        cities: Cities,
        workdays: Workdays,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._cities = cities
        self._workdays = workdays
        self._clock = clock
        self._people = People(store)
        self._sources = Sources(cities)

    async def SubmitBinding(
        self, request: pb.SubmitBindingRequest, context: Any
    ) -> pb.SubmitBindingResponse:
        """Applies for a binding, or says what would come of it."""
        holder = await self._people.number(request.holder, "holder")
        application = application_from(
            request, holder, await self._people.number(request.member, "member")
        )
        command = Submit(
            request=command_request(request.request_id),
            application=application,
            cities=self._cities,
            workdays=self._workdays,
        )
        if request.validate_only:
            return pb.SubmitBindingResponse(
                binding=self._shown(await self._store.ask(command))
            )
        answer = await self._store.commit(command)
        return pb.SubmitBindingResponse(
            binding=self._shown(answer.value),
            receipt=receipt(command.request.request_id, answer),
        )

    async def RecordConsent(
        self, request: pb.RecordConsentRequest, context: Any
    ) -> pb.RecordConsentResponse:
        """Records the member's consent."""
        command = RecordConsent(
            request=command_request(request.request_id),
            binding_id=request.binding_id,
            consent=consent_from(request.consent),
            cities=self._cities,
            workdays=self._workdays,
        )
        answer = await self._store.commit(command)
        return pb.RecordConsentResponse(
            binding=self._shown(answer.value),
            receipt=receipt(command.request.request_id, answer),
        )

    async def ReviewBinding(
        self, request: pb.ReviewBindingRequest, context: Any
    ) -> pb.ReviewBindingResponse:
        """Records a reviewer's decision."""
        command = Review(
            request=command_request(request.request_id),
            binding_id=request.binding_id,
            reviewer=request.reviewer,
            approve=request.verdict == pb.REVIEW_VERDICT_APPROVE,
            reason_code=request.reason_code,
            remark=request.remark,
        )
        answer = await self._store.commit(command)
        return pb.ReviewBindingResponse(
            binding=self._shown(answer.value),
            receipt=receipt(command.request.request_id, answer),
        )

    async def Unbind(
        self, request: pb.UnbindRequest, context: Any
    ) -> pb.UnbindResponse:
        """Ends a binding."""
        command = Unbind(
            request=command_request(request.request_id),
            binding_id=request.binding_id,
            channel=request.channel,
            cities=self._cities,
        )
        answer = await self._store.commit(command)
        return pb.UnbindResponse(
            binding=self._shown(answer.value),
            receipt=receipt(command.request.request_id, answer),
        )

    async def GetBinding(
        self, request: pb.GetBindingRequest, context: Any
    ) -> pb.GetBindingResponse:
        """One binding. BindingNotFound."""
        binding = await self._store.get(Binding, request.binding_id)
        if binding is None:
            raise BindingNotFound(
                f"没有编号为 {request.binding_id} 的绑定", field="binding_id"
            )
        return pb.GetBindingResponse(binding=self._shown(binding))

    async def ListBindings(
        self, request: pb.ListBindingsRequest, context: Any
    ) -> pb.ListBindingsResponse:
        """Bindings by holder, member, state or due time, oldest first. MalformedField
        without any filter."""
        narrowed: dict[str, str | int] = {}
        if request.HasField("holder"):
            narrowed["holder"] = await self._people.number(request.holder, "holder")
        if request.HasField("member"):
            narrowed["member"] = await self._people.number(request.member, "member")
        due_before = (
            instant_from(request.due_before) if request.HasField("due_before") else None
        )
        state = _state_of(request)
        if not narrowed and state is None:
            raise MalformedField(
                "须至少给出 holder、member、state、due_before 之一", field="holder"
            )
        given = {**narrowed, "state": state, "due_before": due_before}
        found = await page(
            self._store,
            request.page,
            given,
            *_listings(narrowed, state, due_before, self._clock()),
        )
        return pb.ListBindingsResponse(
            bindings=[self._shown(b) for b in found.rows],
            next_page_token=found.next_token,
        )

    def _shown(self, binding: Binding) -> pb.Binding:
        """The binding as it stands now: one nobody answered in time has expired."""
        return binding_to(as_of(binding, self._clock()), self._sources)


def _state_of(request: pb.ListBindingsRequest) -> BindingState | None:
    """The state asked for; a due time asks for those under review. MalformedField where
    the two contradict."""
    if not request.HasField("due_before"):
        return BindingState(request.state) if request.state else None
    if request.state not in {
        pb.BINDING_STATE_UNSPECIFIED,
        pb.BINDING_STATE_UNDER_REVIEW,
    }:
        raise MalformedField(
            "state: 给出 due_before 时只能是审核中(UNDER_REVIEW)", field="state"
        )
    return BindingState.UNDER_REVIEW


def _listings(
    narrowed: dict[str, str | int],
    state: BindingState | None,
    due_before: datetime | None,
    now: datetime,
) -> Iterator[Listing[Binding]]:
    """What to read for a filter by the state as of now: an expired application still
    lies there as waiting."""
    order, below = (
        ("due_at", {"due_at": due_before}) if due_before else ("submitted_at", {})
    )
    if state is None:
        yield Listing(kind=Binding, equals=narrowed, order=order)
        return
    past = now + _MOMENT
    waiting = {"expires_at": past} if state in _WAITING else {}
    yield Listing(
        kind=Binding,
        equals={**narrowed, "state": int(state)},
        at_least=waiting,
        below=below,
        order=order,
    )
    if state is BindingState.EXPIRED:
        for lapsed in _WAITING:
            yield Listing(
                kind=Binding,
                equals={**narrowed, "state": int(lapsed)},
                below={"expires_at": past},
                order=order,
            )
