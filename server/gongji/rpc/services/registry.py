"""RegistryService: persons and institutions imported and looked up (登记)."""

# ruff: noqa: N802 - methods bear the names the protos give them

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime

from gongji.cities.city import Cities
from gongji.registry.imports import ImportPersons, UpsertInstitutions, UpsertPersons
from gongji.rpc.convert.people import (
    institution_row_from,
    person_row_from,
    person_to,
)
from gongji.rpc.convert.values import receipt_to
from gongji.rpc.services.imports import ImportKind, Imports, Summary
from gongji.rpc.services.people import People
from gongji.rules.codes import SHANGHAI
from gongji.store import Store
from gongji.v1 import registry_pb2 as pb
from gongji.v1.registry_pb2_grpc import RegistryServiceServicer


class RegistryService(RegistryServiceServicer):
    """Converts each request, runs its import or query, converts the answer."""

    def __init__(
        self, store: Store, cities: Cities, clock: Callable[[], datetime]
    ) -> None:
        self._people = People(store)
        self._clock = clock
        self._imports = Imports(store, clock)
        self._persons = ImportKind(
            "person",
            person_row_from,
            lambda rows: ImportPersons(UpsertPersons(rows, store.lookup), cities),
        )
        self._institutions = ImportKind(
            "institution", institution_row_from, UpsertInstitutions
        )

    async def ImportPersons(
        self, request_iterator: AsyncIterator[pb.ImportPersonsRequest], context: object
    ) -> pb.ImportPersonsResponse:
        """Upsert persons; rows with errors are left out and reported."""
        request, answer = await self._imports.run(request_iterator, self._persons)
        return pb.ImportPersonsResponse(
            summary=_summary_to(answer.value), receipt=receipt_to(request, answer)
        )

    async def ImportInstitutions(
        self,
        request_iterator: AsyncIterator[pb.ImportInstitutionsRequest],
        context: object,
    ) -> pb.ImportInstitutionsResponse:
        """Upsert institutions; rows with errors are left out and reported."""
        request, answer = await self._imports.run(request_iterator, self._institutions)
        return pb.ImportInstitutionsResponse(
            summary=_summary_to(answer.value), receipt=receipt_to(request, answer)
        )

    async def GetPerson(
        self, request: pb.GetPersonRequest, context: object
    ) -> pb.GetPersonResponse:
        """Return one person, masked. PersonNotFound."""
        person = await self._people.known(request.person, "person")
        day = self._clock().astimezone(SHANGHAI).date()
        return pb.GetPersonResponse(person=person_to(person, day))


def _summary_to(summary: Summary) -> pb.ImportSummary:
    return pb.ImportSummary(
        received=summary.received,
        written=summary.written,
        unchanged=summary.unchanged,
        refused=summary.refused,
        errors=[
            pb.RowError(row=e.row, field=e.field, reason=e.reason, message=e.message)
            for e in summary.errors
        ],
    )
