"""BindingService: applications, reviews and bindings (绑定)."""

# ruff: noqa: N802 - methods bear the names the protos give them

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final, cast

from msgspec import Struct

from gongji.access.callers import ALL
from gongji.binding.form import admit, form_of
from gongji.binding.formsteps import FormScope
from gongji.binding.review import RecordConsent, Review, Unbind
from gongji.binding.status import ShowBindings
from gongji.binding.submit import Submit, TrialApplication
from gongji.binding.workdays import Workdays
from gongji.cities.city import Cities
from gongji.model.binding import Binding
from gongji.model.commands import Listing
from gongji.model.refusals import (
    BindingNotFound,
    CounterClosed,
    MalformedField,
    NotEligible,
    Refusal,
)
from gongji.rpc.calls import command_request, current_call, current_permit
from gongji.rpc.convert.binding import (
    application_from,
    binding_to,
    consent_from,
)
from gongji.rpc.convert.form import admitted_to, form_query_from, form_to
from gongji.rpc.convert.refusals import explanation_to
from gongji.rpc.convert.values import Sources, instant_from, receipt_to
from gongji.rpc.outcome import note_unmet
from gongji.rpc.services.explaining import explained
from gongji.rpc.services.guessing import pauses_told
from gongji.rpc.services.paging import PAGES_READ, page
from gongji.rpc.services.parties import show_party
from gongji.rpc.services.people import People
from gongji.rpc.services.permitted import show_city
from gongji.rules.codes import BindingState, pooling_area
from gongji.store import Store
from gongji.v1 import binding_pb2 as pb
from gongji.v1 import types_pb2
from gongji.v1.binding_pb2_grpc import BindingServiceServicer

_SIDES: Final = ("holder", "member")

# States that end by themselves when nobody decides in time.
_EXPIRING: Final = (BindingState.AWAITING_CONSENT, BindingState.UNDER_REVIEW)

# A suspension follows from the facts and is stored nowhere.
_STORED_AS: Final = {BindingState.SUSPENDED: BindingState.ACTIVE}

# The instant of expiry is still in time: bounds of a listing are exclusive.
_MOMENT: Final = timedelta(microseconds=1)


class _Search(Struct, frozen=True):
    """What to read for a list of bindings that stand in a state, in some pooling areas."""

    listings: tuple[Listing[Binding], ...]
    filters: Mapping[str, object]
    state: BindingState | None
    cities: Container[str]

    def covers(self, binding: Binding) -> bool:
        """Return whether a binding was decided in one of the pooling areas."""
        return any(pooling_area(area) in self.cities for area in binding.areas)


class BindingService(BindingServiceServicer):
    """Converts each request, runs its command or query, converts the answer."""

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
        self, request: pb.SubmitBindingRequest, context: object
    ) -> pb.SubmitBindingResponse:
        """Apply for a binding, or return what would come of it."""
        command = await self._application(request)
        if request.validate_only:
            return await self._previewed(command, explain=request.explain)
        if request.explain:
            raise MalformedField(
                "explain：须与 validate_only 一起给出", field="explain"
            )
        with pauses_told():
            answer = await self._store.commit(command)
        return pb.SubmitBindingResponse(
            binding=await self._shown(answer.value),
            receipt=receipt_to(command.request, answer),
        )

    async def _application(self, request: pb.SubmitBindingRequest) -> Submit:
        """Return the command of an application that its caller may make.

        Denied unless it acts for the holder, and if a consent comes with it for the
        member too, as a guardian.
        """
        permit = current_permit()
        permit.channel(request.channel)
        holder = await self._people.own(request.holder, "holder")
        member = await self._people.number(request.member, "member")
        if request.HasField("consent"):
            # The holder consents for a child only; whoever else is asked himself.
            await show_party(self._store, member)
        return Submit(
            request=command_request(request.request_id),
            application=application_from(request, holder, member),
            cities=self._cities,
            workdays=self._workdays,
            subject=permit.identified,
            guessing=permit.guessing,
        )

    async def _previewed(
        self, command: Submit, *, explain: bool
    ) -> pb.SubmitBindingResponse:
        """Return what would come of an application, or why it would be refused."""
        try:
            preview = await self._tried(command)
        except Refusal as refusal:
            if not explain or not refusal.conditions:
                raise
            note_unmet(current_call(), refusal)
            return pb.SubmitBindingResponse(unmet=explanation_to(refusal))
        return pb.SubmitBindingResponse(binding=await self._shown(preview))

    async def ExplainRefusal(
        self, request: pb.ExplainRefusalRequest, context: object
    ) -> pb.ExplainRefusalResponse:
        """Return all that a remembered refusal told. RefusalNotFound."""
        return await explained(self._store, request.request_id.lower())

    async def _tried(self, command: Submit) -> Binding:
        """Return what would come of an application; refusals as of the application."""
        if command.guessing is None:
            return await self._store.ask(command)
        # What is stated wrong counts although nothing else is written.
        with pauses_told():
            tried = await self._store.apply(TrialApplication(command))
            if isinstance(tried, (NotEligible, CounterClosed)):
                raise tried
        return tried

    async def RecordConsent(
        self, request: pb.RecordConsentRequest, context: object
    ) -> pb.RecordConsentResponse:
        """Record the member's consent (同意)."""
        await self._require_permitted(request.binding_id, "member")
        command = RecordConsent(
            request=command_request(request.request_id),
            binding_id=request.binding_id,
            consent=consent_from(request.consent),
            cities=self._cities,
            workdays=self._workdays,
            subject=current_permit().identified,
        )
        answer = await self._store.commit(command)
        return pb.RecordConsentResponse(
            binding=await self._shown(answer.value),
            receipt=receipt_to(command.request, answer),
        )

    async def ReviewBinding(
        self, request: pb.ReviewBindingRequest, context: object
    ) -> pb.ReviewBindingResponse:
        """Record a reviewer's decision (审核)."""
        await self._require_permitted(request.binding_id)
        command = Review(
            request=command_request(request.request_id),
            binding_id=request.binding_id,
            reviewer=request.reviewer,
            approve=request.verdict == pb.REVIEW_VERDICT_APPROVE,
            reason_code=request.reason_code,
            remark=request.remark,
            cities=self._cities,
        )
        answer = await self._store.commit(command)
        return pb.ReviewBindingResponse(
            binding=await self._shown(answer.value),
            receipt=receipt_to(command.request, answer),
        )

    async def Unbind(
        self, request: pb.UnbindRequest, context: object
    ) -> pb.UnbindResponse:
        """End a binding (解绑)."""
        # Through its own channel, through whichever it was applied for.
        current_permit().channel(request.channel)
        await self._require_permitted(request.binding_id, *_SIDES)
        command = Unbind(
            request=command_request(request.request_id),
            binding_id=request.binding_id,
            channel=request.channel,
            cities=self._cities,
            workdays=self._workdays,
            subject=current_permit().identified,
        )
        answer = await self._store.commit(command)
        return pb.UnbindResponse(
            binding=await self._shown(answer.value),
            receipt=receipt_to(command.request, answer),
        )

    async def GetBinding(
        self, request: pb.GetBindingRequest, context: object
    ) -> pb.GetBindingResponse:
        """Return one binding. BindingNotFound; Denied."""
        binding = await self._permitted(request.binding_id, *_SIDES)
        return pb.GetBindingResponse(binding=await self._shown(binding))

    async def ListBindings(
        self, request: pb.ListBindingsRequest, context: object
    ) -> pb.ListBindingsResponse:
        """Return bindings by holder, member, state or due time, oldest first.

        MalformedField without any filter; SubjectNotParty.
        """
        people = await self._people_of(request)
        due_before = None
        if request.HasField("due_before"):
            due_before = instant_from(request.due_before)
        state = _state_of(request)
        if not people and state is None:
            raise MalformedField(
                "须至少给出 holder、member、state、due_before 之一", field="holder"
            )
        filters = {**people, "state": state, "due_before": due_before}
        listings = _listings(people, state, due_before, self._clock())
        # Of the people named it was shown; without any, by where each was decided.
        cities = ALL if people else current_permit().narrowed()
        search = _Search(tuple(listings), filters, state, cities)
        rows, token = await self._page_of(request.page, search)
        return pb.ListBindingsResponse(bindings=rows, next_page_token=token)

    async def _permitted(self, binding_id: str, *sides: str) -> Binding:
        """Return a binding that the caller may ask for. BindingNotFound; Denied.

        If it acts for a person, for one of these sides.
        """
        binding = await self._store.get(Binding, binding_id)
        if binding is None:
            raise BindingNotFound(f"没有编号为 {binding_id} 的绑定", field="binding_id")
        # Noted here, since what refuses the call later may tell of them too.
        current_call().accesses.note(binding.holder, binding.member)
        await show_party(self._store, *[getattr(binding, side) for side in sides])
        current_permit().stored_channel(binding.channel)
        await show_city(self._store, *binding.areas)
        return binding

    async def _require_permitted(self, binding_id: str, *sides: str) -> None:
        """Stop whoever may not ask for a binding. Denied."""
        try:
            await self._permitted(binding_id, *sides)
        except BindingNotFound:
            # To whom nothing is denied the command says itself that there is none.
            if current_permit().pending:
                raise

    async def DescribeForm(
        self, request: pb.DescribeFormRequest, context: object
    ) -> pb.DescribeFormResponse:
        """Return what to ask for an application; refusals as of the application."""
        query = form_query_from(request)
        admitted = admit(query, self._cities, self._workdays, self._clock())
        # Messages packed one behind the other are one message with the fields of both.
        packed = _packed_form(admitted.scope), admitted_to(admitted).SerializeToString()
        return cast("pb.DescribeFormResponse", b"".join(packed))

    async def _people_of(self, request: pb.ListBindingsRequest) -> dict[str, str | int]:
        """Return whose bindings are asked for, shown to be the caller's own. Denied."""
        people = {
            side: await self._people.number_or_nobody(getattr(request, side), side)
            for side in _SIDES
            if request.HasField(side)
        }
        if people:
            await self._people.require_own(*people.values())
        else:
            # Whoever acts for a person must name one.
            await show_party(self._store)
        return dict(people)

    async def _page_of(
        self,
        request: types_pb2.PageRequest,
        search: _Search,
    ) -> tuple[list[pb.Binding], str]:
        """Return a page of bindings that stand in a state now, and the next one's token."""
        rows: dict[int, Binding] = {}
        # Pages that hold too little of the caller's cities have been read on already.
        for _ in range(PAGES_READ if search.cities is ALL else 1):
            stored = await page(
                self._store,
                request,
                search.filters,
                *search.listings,
                keep=search.covers,
            )
            shown = await self._store.ask(ShowBindings(stored.rows, self._cities))
            rows = {
                place: binding
                for place, binding in enumerate(shown)
                if search.state in {None, binding.state}
            }
            if rows or not stored.next_token:
                break
            # Of those stored so, none stands so by the facts: nobody asks for nothing.
            request = types_pb2.PageRequest(size=request.size, token=stored.next_token)
        messages = (binding_to(binding, self._sources) for binding in rows.values())
        return stored.fitting(messages, tuple(rows))

    async def _shown(self, binding: Binding) -> pb.Binding:
        """Return the binding as it stands now, by the calendar and by the facts."""
        # Neither is written: an application nobody decided in time has expired, and a
        # binding whose holder's premiums stopped is suspended.
        (shown,) = await self._store.ask(ShowBindings((binding,), self._cities))
        return binding_to(shown, self._sources)


# A form is made in 3 ms, and asked for by every screen; 20 kB each.
@lru_cache(maxsize=256)
def _packed_form(scope: FormScope) -> bytes:
    return form_to(form_of(scope)).SerializeToString()


def _state_of(request: pb.ListBindingsRequest) -> BindingState | None:
    """Return the state to list; a due time means those under review.

    MalformedField if the two contradict.
    """
    if not request.HasField("due_before"):
        return BindingState(request.state) if request.state else None
    if request.state not in {
        pb.BINDING_STATE_UNSPECIFIED,
        pb.BINDING_STATE_UNDER_REVIEW,
    }:
        raise MalformedField(
            "state：给出 due_before 时只能是审核中（UNDER_REVIEW）", field="state"
        )
    return BindingState.UNDER_REVIEW


def _listings(
    people: dict[str, str | int],
    state: BindingState | None,
    due_before: datetime | None,
    now: datetime,
) -> Iterator[Listing[Binding]]:
    """Yield what to read for a filter by the state as of now."""
    order = "due_at" if due_before else "submitted_at"
    if state is None:
        yield Listing(kind=Binding, equals=people, order=order)
        return
    past = now + _MOMENT
    stored = _STORED_AS.get(state, state)
    yield Listing(
        kind=Binding,
        equals={**people, "state": int(stored)},
        at_least={"expires_at": past} if state in _EXPIRING else {},
        below={"due_at": due_before} if due_before else {},
        order=order,
    )
    if state is BindingState.ENDED:
        # What a fact has ended is stored in force: the fact may be taken back.
        active = {**people, "state": int(BindingState.ACTIVE)}
        yield Listing(kind=Binding, equals=active, order=order)
    if state is BindingState.EXPIRED:
        # An expired application is still stored in the state it expired in.
        for stored in _EXPIRING:
            yield Listing(
                kind=Binding,
                equals={**people, "state": int(stored)},
                below={"expires_at": past},
                order=order,
            )
