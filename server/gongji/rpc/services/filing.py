"""FilingService: care elsewhere is filed, ended, looked up."""

# ruff: noqa: N802 - methods bear the names the protos give them

from __future__ import annotations

from gongji.cities.city import Cities
from gongji.filing.make import EndFiling, File, filing_not_found
from gongji.model.commands import Listing
from gongji.model.filing import Filing
from gongji.model.filing_refusals import FilingNotFound
from gongji.rpc.calls import command_request, current_call, current_permit
from gongji.rpc.convert.filing import filing_to
from gongji.rpc.convert.values import (
    Sources,
    day_from,
    optional_day_from,
    receipt_to,
)
from gongji.rpc.services.paging import page
from gongji.rpc.services.parties import show_party
from gongji.rpc.services.people import People
from gongji.rpc.services.permitted import show_city
from gongji.rules.codes import FilingKind, Scheme
from gongji.store import Store
from gongji.v1 import filing_pb2 as pb
from gongji.v1.filing_pb2_grpc import FilingServiceServicer


class FilingService(FilingServiceServicer):
    """Converts each request, runs its command or query, converts the answer."""

    def __init__(self, store: Store, cities: Cities) -> None:
        self._store = store
        self._cities = cities
        self._people = People(store)
        self._sources = Sources(cities)

    async def File(self, request: pb.FileRequest, context: object) -> pb.FileResponse:
        """File care elsewhere. Denied unless the person is the caller's own."""
        since = day_from(request.since)
        scheme = Scheme(request.scheme) if request.scheme else None
        person_no = await self._people.own(request.person, "person", since, scheme)
        command = File(
            request=command_request(request.request_id),
            person_no=person_no,
            kind=FilingKind(request.kind),
            areas=tuple(request.areas),
            since=since,
            until=optional_day_from(request.until),
            scheme=scheme,
            cities=self._cities,
        )
        answer = await self._store.commit(command)
        return pb.FileResponse(
            filing=filing_to(answer.value, self._sources),
            receipt=receipt_to(command.request, answer),
        )

    async def EndFiling(
        self, request: pb.EndFilingRequest, context: object
    ) -> pb.EndFilingResponse:
        """End a filing from a day on. FilingNotFound; Denied."""
        try:
            await self._permitted(request.filing_no)
        except FilingNotFound:
            # To whom nothing is denied the command says itself that there is none.
            if current_permit().pending:
                raise
        command = EndFiling(
            request=command_request(request.request_id),
            filing_no=request.filing_no,
            from_day=day_from(request.from_day),
        )
        answer = await self._store.commit(command)
        return pb.EndFilingResponse(
            filing=filing_to(answer.value, self._sources),
            receipt=receipt_to(command.request, answer),
        )

    async def GetFiling(
        self, request: pb.GetFilingRequest, context: object
    ) -> pb.GetFilingResponse:
        """Return one filing. FilingNotFound; Denied."""
        filing = await self._permitted(request.filing_no)
        return pb.GetFilingResponse(filing=filing_to(filing, self._sources))

    async def ListFilings(
        self, request: pb.ListFilingsRequest, context: object
    ) -> pb.ListFilingsResponse:
        """Return a person's filings, oldest first. PersonNotFound; Denied."""
        person = await self._people.known(request.person, "person")
        day = optional_day_from(request.day)
        listing = Listing(
            kind=Filing, equals={"person_no": person.person_no}, order="filed_at"
        )
        found = await page(
            self._store,
            request.page,
            {"person_no": person.person_no, "day": request.day},
            listing,
            keep=lambda filing: day is None or filing.covers_day(day),
        )
        return pb.ListFilingsResponse(
            filings=[filing_to(filing, self._sources) for filing in found.rows],
            next_page_token=found.next_token,
        )

    async def _permitted(self, filing_no: str) -> Filing:
        """Return a filing that the caller may ask for. FilingNotFound; Denied."""
        filing = await self._store.get(Filing, filing_no)
        if filing is None:
            raise filing_not_found("filing_no")
        # Noted here, since what refuses the call later may tell of it too.
        current_call().accesses.note(filing.person_no)
        await show_party(self._store, filing.person_no)
        await show_city(self._store, filing.area_code)
        return filing
