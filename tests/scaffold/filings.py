"""Calls of the filing service, as tests of every noun make them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from gongji.v1 import filing_pb2

from tests.scaffold.service import Service


def filing_of(person_no: str) -> filing_pb2.FileRequest:
    """Return the request to file that somebody lives in Shanghai from tomorrow on."""
    return filing_pb2.FileRequest(
        request_id=Service.new_id(),
        person=Service.ref(person_no),
        kind=filing_pb2.FILING_KIND_LONG_TERM,
        areas=["310000"],
        since="2025-10-01",
    )


def ending_of(filing_no: str) -> filing_pb2.EndFilingRequest:
    """Return the request to end a filing from December on."""
    return filing_pb2.EndFilingRequest(
        request_id=Service.new_id(), filing_no=filing_no, from_day="2025-12-01"
    )


async def file(s: Service) -> str:
    """File for P1, and return the number."""
    return (await s.filings.File(filing_of("P1"))).filing.filing_no


async def file_and_end(s: Service) -> None:
    """File for P1, and end it."""
    await s.filings.EndFiling(ending_of(await file(s)))


async def file_and_get(s: Service) -> None:
    """File for P1, and look at it."""
    await s.filings.GetFiling(filing_pb2.GetFilingRequest(filing_no=await file(s)))


async def list_filings(s: Service) -> None:
    """Ask for the filings of P1."""
    await s.filings.ListFilings(filing_pb2.ListFilingsRequest(person=s.ref("P1")))


CALLS: Final[Mapping[str, tuple[Callable[[Service], Awaitable[Any]], set[str]]]] = {
    "File": (file, {"P1"}),
    "EndFiling": (file_and_end, {"P1"}),
    "GetFiling": (file_and_get, {"P1"}),
    "ListFilings": (list_filings, {"P1"}),
}
"""A call of each method, and whose data it reads or changes."""


async def file_in(life: Any) -> None:
    """File for P2 in a life that goes on from step to step (`tests.audit`)."""
    reply = await life.call(life.service.filings.File, filing_of("P2"), "P2")
    life.ids["filing"] = reply.filing.filing_no


async def end_in(life: Any) -> None:
    """End that filing."""
    request = ending_of(life.ids["filing"])
    await life.call(life.service.filings.EndFiling, request, "P2")
