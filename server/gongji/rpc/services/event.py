"""EventService: what happens, told to whoever may see it (事件)."""

# ruff: noqa: N802 - methods bear the names the protos give them

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Final

from gongji.access.callers import ALL
from gongji.access.rights import AccessScope
from gongji.cities.city import Cities
from gongji.event.cursor import Cursor
from gongji.event.feed import EventFeed
from gongji.event.scope import WatchedScope
from gongji.model.event import (
    OF_BINDINGS,
    OF_CLAIMS,
    OF_FILINGS,
    OF_SETTLEMENTS,
    OF_TRANSFERS,
    EventKind,
)
from gongji.model.refusals import CursorInvalid, NotPermitted
from gongji.rpc.calls import current_call, current_permit
from gongji.rpc.convert.event import told_to
from gongji.rpc.services.few import Few
from gongji.rpc.services.people import People
from gongji.store import Store
from gongji.v1 import event_pb2 as pb
from gongji.v1.event_pb2_grpc import EventServiceServicer

# Half of the streams a port has: who watches leaves places for imports.
_MOST: Final = 512

_MOST_OF_A_CALLER: Final = 128

_READ_BY: Final = (
    dict.fromkeys(EventKind, "ListEntries")
    | dict.fromkeys(OF_BINDINGS, "GetBinding")
    | dict.fromkeys(OF_SETTLEMENTS, "GetSettlement")
    | dict.fromkeys(OF_FILINGS, "GetFiling")
    | dict.fromkeys(OF_CLAIMS, "GetClaim")
    | dict.fromkeys(OF_TRANSFERS, "ListTransfers")
)
"""The method that reads the rest of what an event of a kind tells."""

# Hexadecimal digits of the digest in a cursor: 128 bits.
_SEAL_LENGTH: Final = 32


class EventService(EventServiceServicer):
    """Narrows what is told to what the caller may see."""

    def __init__(
        self, store: Store, cities: Cities, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._people = People(store)
        self._feed = EventFeed(store, cities, clock)
        self._few = Few("订阅", most=_MOST, most_of_a_caller=_MOST_OF_A_CALLER)

    async def Watch(
        self, request: pb.WatchRequest, context: object
    ) -> AsyncIterator[pb.WatchResponse]:
        """Yield events without end. CursorInvalid; WatchBehind; Denied."""
        scope = await self._scope(request)
        cursor = self._opened(request.cursor) if request.cursor else None
        with self._few.place():
            feed = self._feed.watch(scope, cursor, until_now=request.until_now)
            async with aclosing(feed) as told:
                async for one in told:
                    yield told_to(one, self._sealed(one.cursor))

    async def _scope(self, request: pb.WatchRequest) -> WatchedScope:
        """Return what is asked for, shown to be the caller's own. As `People.own`."""
        permit = current_permit()
        kinds = _kinds(request.kinds)
        people: set[str] | None = None
        if request.persons:
            people = set()
            for number, ref in enumerate(request.persons):
                people.add(await self._people.own(ref, f"persons[{number}]"))
        elif permit.bound_by(AccessScope.SUBJECT):
            people = {permit.subject.person_no}
            await self._people.require_own(*people)
        for code in request.institution_codes:
            permit.institution(code)
        institutions = permit.narrowed_institutions()
        if request.institution_codes:
            institutions = frozenset(request.institution_codes)
        return WatchedScope(
            None if people is None else frozenset(people),
            None if institutions is ALL else institutions,
            ALL if people is not None else permit.narrowed(),
            kinds,
        )

    def _sealed(self, packed: str) -> str:
        return f"{packed}.{self._seal(packed, current_permit().caller.name)}"

    def _opened(self, text: str) -> Cursor:
        """Return the cursor of a text. CursorInvalid if it is not the caller's."""
        packed, _, seal = text.partition(".")
        known = self._seal(packed, current_permit().caller.name)
        # In constant time: a seal is not to be guessed digit by digit.
        if hmac.compare_digest(seal.encode(), known.encode()):
            return Cursor.unpacked(packed)
        raise CursorInvalid(
            "cursor：不是签发给本调用方的，请重新列出，再从头订阅", field="cursor"
        )

    def _seal(self, packed: str, caller: str) -> str:
        tag = self._store.tag([current_call().name, caller, packed])
        return tag[:_SEAL_LENGTH]


def _kinds(asked: Sequence[int]) -> frozenset[EventKind]:
    """Return the kinds asked for, all that the caller may see if none are. NotPermitted."""
    permit = current_permit()
    seen = frozenset([kind for kind in EventKind if permit.may(_READ_BY[kind])])
    kinds = [EventKind(number) for number in asked]
    for number, kind in enumerate(kinds):
        if kind not in seen:
            field = f"kinds[{number}]"
            raise NotPermitted(
                f"{field}：{permit.caller.kind} 类调用方看不到这种事件，"
                f"因为不得调用 {_READ_BY[kind]}",
                field=field,
            )
    return frozenset(kinds) or seen
