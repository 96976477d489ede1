"""Care elsewhere: filed, settled under the filing, the filing ended."""

from __future__ import annotations

from gongji.v1 import filing_pb2

from tests.scaffold.service import Service
from tests.verify.families import HOLDERS, PLACES
from tests.verify.transfers import tick


async def file_and_settle(service: Service) -> None:
    """File that a holder is treated in the next city; settle there; end the filing."""
    patient = service.ref(HOLDERS[0])
    today = f"{service.clock():%Y-%m-%d}"
    filed = await service.filings.File(
        filing_pb2.FileRequest(
            request_id=service.new_id(),
            person=patient,
            kind=filing_pb2.FILING_KIND_TEMPORARY,
            areas=["340000"],
            since=today,
        )
    )
    tick(service)
    filing_no = filed.filing.filing_no
    await service.settle(
        fen=1_200_00,
        patient=patient,
        institution_code=f"H{PLACES[1]}00021",
        service_day=today,
        filing_no=filing_no,
    )
    tick(service)
    await service.filings.EndFiling(
        filing_pb2.EndFilingRequest(
            request_id=service.new_id(), filing_no=filing_no, from_day=today
        )
    )
    tick(service)
