"""AccessService: who looked at a person's data, what is held of him, and erased (访问查询)."""

# ruff: noqa: N802 - methods bear the names the protos give them

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import datetime
from operator import itemgetter
from typing import Any, Final

from gongji.access.rights import AccessScope
from gongji.model.access import PersonAccess
from gongji.model.commands import Listing, Placed
from gongji.model.facts import Need
from gongji.model.people import Person
from gongji.model.revisions import OWNER, PersonRevision
from gongji.model.staging import AppliedImport, StagedSet
from gongji.registry.erasure import Erase
from gongji.rpc.accessed import FIELDS
from gongji.rpc.calls import command_request, current_permit
from gongji.rpc.convert.access import access_to, erased_to, exported_to
from gongji.rpc.convert.spans import Span, span_of
from gongji.rpc.convert.values import receipt_to
from gongji.rpc.services.exporting import PersonExport
from gongji.rpc.services.paging import page
from gongji.rpc.services.people import People
from gongji.rules.codes import SHANGHAI
from gongji.store import Store
from gongji.store.reader import Find
from gongji.v1 import access_pb2 as pb
from gongji.v1.access_pb2_grpc import AccessServiceServicer

_IMPORT: Final = "ImportPersons"


class _WithImports:
    """The store's listing of accesses, newest first, with imports that lie there otherwise."""

    def __init__(self, store: Store, imported: Sequence[PersonAccess]) -> None:
        self._store = store
        self._imported = imported

    async def placed(self, listing: Listing[Any]) -> list[Placed[Any]]:
        """Return one page of both, each access with its place."""
        rows = await self._store.placed(listing)
        for access in self._imported:
            place = self._store.place(access, listing.order)
            if listing.after is None or place < listing.after:
                rows.append((access, place))
        rows.sort(key=itemgetter(1), reverse=True)
        return rows[: listing.limit]

    def tag(self, value: object) -> str:
        """Return the keyed hash of a value."""
        return self._store.tag(value)


class AccessService(AccessServiceServicer):
    """Converts each request, runs its command or query, converts the answer."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._people = People(store)

    async def ListAccesses(
        self, request: pb.ListAccessesRequest, context: object
    ) -> pb.ListAccessesResponse:
        """Return who looked at a person's data or changed them, newest first."""
        person = await self._people.known(request.person, "person")
        span = span_of(request.from_day, request.to_day)
        listing = Listing(
            kind=PersonAccess,
            equals={"person_no": person.person_no},
            at_least=span.at_least("at"),
            below=span.below("at"),
            order="at",
            descending=True,
        )
        filters = {"person_no": person.person_no, "span": span}
        imported = [a for a in await self._imported(person) if _within(a, span)]
        merged = _WithImports(self._store, imported)
        found = await page(merged, request.page, filters, listing)
        rows, token = found.fitting(map(_access_to, found.rows))
        return pb.ListAccessesResponse(accesses=rows, next_page_token=token)

    async def ExportPerson(
        self, request: pb.ExportPersonRequest, context: object
    ) -> AsyncIterator[pb.ExportPersonResponse]:
        """Yield everything held about a person, in bounded replies."""
        person = await self._people.known(request.person, "person")
        async with aclosing(PersonExport(self._store, person).parts()) as parts:
            async for records in parts:
                for reply in exported_to(records):
                    yield reply

    async def ErasePerson(
        self, request: pb.ErasePersonRequest, context: object
    ) -> pb.ErasePersonResponse:
        """Erase what no duty keeps, or return what that would be."""
        number = await self._people.own(request.person, "person")
        sets = await self._store.page(Listing(kind=StagedSet, limit=1000))
        command = Erase(
            request=command_request(request.request_id),
            person_no=number,
            lift=request.lift,
            staged_sets=tuple([staged.set_id for staged in sets]),
        )
        if request.validate_only:
            return erased_to(await self._store.ask(command))
        answer = await self._store.commit(command)
        reply = erased_to(answer.value)
        reply.receipt.CopyFrom(receipt_to(command.request, answer))
        return reply

    async def _imported(self, person: Person) -> list[PersonAccess]:
        """Return the imports that changed a person as accesses.

        A million rows of an import would be a million accesses that say the same: each
        revision names its import, and that who sent it.
        """
        need = Need(PersonRevision, OWNER, person.person_no)
        former = await self._store.ask(Find[PersonRevision]((need,)))
        accesses = []
        for record in (*[revision.record for revision in former], person):
            # Of what was stored before revisions were kept nobody knows the import.
            if (at := record.known_from) is not None:
                applied = await self._store.get(AppliedImport, record.import_id)
                accesses.append(_as_access(record, at, applied))
        return accesses


def _access_to(access: PersonAccess) -> pb.Access:
    """Return an access as a message, with the id of a request only of the caller's own.

    Whoever acts for a person is told nothing of other callers' requests.
    """
    permit = current_permit()
    own = access.caller == permit.caller.name
    return access_to(
        access, with_request=own or not permit.bound_by(AccessScope.SUBJECT)
    )


def _as_access(
    person: Person, at: datetime, applied: AppliedImport | None
) -> PersonAccess:
    """Return the import of one revision of a person as an access."""
    return PersonAccess(
        # Before all other accesses of its instant: those may rest on what it brought.
        access_id=f"-{person.revision:09d}",
        person_no=person.person_no,
        at=at,
        caller=applied.caller if applied else "",
        caller_kind=applied.caller_kind if applied else "",
        credential=applied.credential if applied else "",
        subject="",
        identification=0,
        purpose=0,
        method=_IMPORT,
        fields=FIELDS[_IMPORT],
        request_id=person.import_id,
    )


def _within(access: PersonAccess, span: Span) -> bool:
    day = access.at.astimezone(SHANGHAI).date()
    return (span.first is None or span.first <= day) and (
        span.last is None or day <= span.last
    )
