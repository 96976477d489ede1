"""RegistryService: persons and institutions imported and looked up (登记)."""

# ruff: noqa: N802 - methods bear the names the protos give them

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date, datetime
from typing import Final

from gongji.access.fields import PersonField, shown_to
from gongji.model.commands import Listing
from gongji.model.people import Institution, Person, area_of_institution
from gongji.model.refusals import ImportNotFound, InstitutionNotFound, PersonNotFound
from gongji.model.staging import AppliedImport, Unmerged
from gongji.registry.kinds import INSTITUTIONS, PERSONS, Registry
from gongji.rpc.calls import current_call, current_permit
from gongji.rpc.convert.people import (
    import_to,
    institution_row_from,
    institution_to,
    person_row_from,
    person_to,
    revision_to,
)
from gongji.rpc.convert.values import instant_from, optional_day_from, receipt_to
from gongji.rpc.services.importing import Summary
from gongji.rpc.services.imports import Imports
from gongji.rpc.services.paging import page
from gongji.rpc.services.people import People
from gongji.rpc.services.permitted import covered
from gongji.rpc.services.stream import ImportKind
from gongji.rpc.services.upkeep import Upkeep
from gongji.rules.codes import SHANGHAI
from gongji.store import Store
from gongji.v1 import registry_pb2 as pb
from gongji.v1.registry_pb2_grpc import RegistryServiceServicer


class RegistryService(RegistryServiceServicer):
    """Converts each request, runs its import or query, converts the answer."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._people = People(store)
        self._clock = clock
        self._imports = Imports(store, clock, Upkeep(store))
        self._persons = ImportKind("person", person_row_from, PERSONS)
        self._institutions = ImportKind(
            "institution", institution_row_from, INSTITUTIONS
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
        """Return one person, masked, as known at an instant.

        Only the fields the caller's kind needs. PersonNotFound; Denied.
        """
        number = await self._people.own(request.person, "person")
        person = await self._store.known(Person, number, _known_at(request))
        if person is None:
            raise PersonNotFound(
                f"person：{_of_then(request)}登记库中没有编号为 {number} 的人",
                field="person",
            )
        fields = shown_to(current_permit().caller)
        shown = [field for field in PersonField if field in fields]
        current_call().accesses.show(",".join(shown))
        return pb.GetPersonResponse(
            person=person_to(person, self._day(request), fields),
            revision=revision_to(person),
            withheld=[field for field in PersonField if field not in fields],
        )

    async def GetInstitution(
        self, request: pb.GetInstitutionRequest, context: object
    ) -> pb.GetInstitutionResponse:
        """Return one institution as known at an instant. InstitutionNotFound."""
        code = request.code
        permit = current_permit()
        permit.institution(code)
        permit.city(area_of_institution(code))
        institution = await self._store.known(Institution, code, _known_at(request))
        if institution is None:
            raise InstitutionNotFound(
                f"code：{_of_then(request)}登记库中没有编号为 {code} 的机构",
                field="code",
            )
        return pb.GetInstitutionResponse(
            institution=institution_to(institution, self._day(request)),
            revision=revision_to(institution),
        )

    async def GetImport(
        self, request: pb.GetImportRequest, context: object
    ) -> pb.GetImportResponse:
        """Return one import that was applied. ImportNotFound."""
        import_id = request.import_id
        applied = await self._store.get(AppliedImport, import_id)
        if applied is None or not covered(applied):
            raise ImportNotFound(
                f"import_id：没有编号为 {import_id} 的已完成的导入", field="import_id"
            )
        current_permit().narrowed()
        (found,) = await self._imports_to([applied])
        reply = pb.GetImportResponse()
        getattr(reply, "import").CopyFrom(found)  # a keyword of Python
        return reply

    async def ListImports(
        self, request: pb.ListImportsRequest, context: object
    ) -> pb.ListImportsResponse:
        """Return one page of imports, the last one first. PageTokenInvalid."""
        name = _REGISTRIES[request.registry].name
        listing: Listing[AppliedImport] = Listing(
            kind=AppliedImport,
            equals={"registry": name},
            order="number",
            descending=True,
        )
        current_permit().narrowed()
        found = await page(
            self._store, request.page, {"registry": name}, listing, keep=covered
        )
        imports = await self._imports_to(found.rows)
        return pb.ListImportsResponse(imports=imports, next_page_token=found.next_token)

    async def _imports_to(
        self, imports: Sequence[AppliedImport]
    ) -> list[pb.AppliedImport]:
        """Return imports as messages, with which of them are being merged."""
        merging = set()
        for registry in _REGISTRIES.values():
            unmerged = await self._store.get(Unmerged, registry.name)
            if unmerged is not None and unmerged.set_id:
                merging.add(unmerged.import_id)
        return [import_to(done, merging=done.import_id in merging) for done in imports]

    def _day(self, request: pb.GetPersonRequest | pb.GetInstitutionRequest) -> date:
        """Return the day whose values are shown."""
        today = self._clock().astimezone(SHANGHAI).date()
        return optional_day_from(request.as_of) or today


_REGISTRIES: Final[dict[int, Registry]] = {
    pb.REGISTRY_PERSONS: PERSONS,
    pb.REGISTRY_INSTITUTIONS: INSTITUTIONS,
}


def _known_at(
    request: pb.GetPersonRequest | pb.GetInstitutionRequest,
) -> datetime | None:
    return instant_from(request.known_at) if request.HasField("known_at") else None


def _of_then(request: pb.GetPersonRequest | pb.GetInstitutionRequest) -> str:
    """Return of which instant a refusal speaks, in Chinese; "" if of now."""
    at = _known_at(request)
    return "" if at is None else f"在 {at:%Y-%m-%d %H:%M:%S} 时，"


def _summary_to(summary: Summary) -> pb.ImportSummary:
    return pb.ImportSummary(
        received=summary.received,
        written=summary.written,
        unchanged=summary.unchanged,
        refused=summary.refused,
        import_id=summary.import_id,
        errors=[
            pb.RowError(row=e.row, field=e.field, reason=e.reason, message=e.message)
            for e in summary.errors
        ],
    )
