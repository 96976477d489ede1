"""Refusals remembered with their requests, told again whole to whom they were told."""

from __future__ import annotations

from gongji.model.access import PersonAccess
from gongji.model.commands import Listing, Request, RequestRecord
from gongji.model.refusals import RefusalNotFound
from gongji.rpc.calls import current_call, current_permit
from gongji.rpc.convert.refusals import explanation_to
from gongji.rpc.convert.values import instant_to
from gongji.store import Store
from gongji.store.content import SUBJECT
from gongji.store.replay import refusal_of
from gongji.v1 import binding_pb2 as pb


async def explained(store: Store, request_id: str) -> pb.ExplainRefusalResponse:
    """Return what one of the caller's own requests was refused for. RefusalNotFound.

    It must have been for the person for whom the caller acts now, or for nobody then and
    now.
    """
    permit = current_permit()
    caller, subject = permit.caller, permit.subject.person_no
    request = Request(request_id, caller.name, "", subject, caller.former)
    row = await store.recall(request)
    refusal = refusal_of(row) if row and _is_for(row, subject, store) else None
    if row is None or refusal is None:
        raise RefusalNotFound(
            f"没有编号为 {request_id} 的、本调用方代同一人收到而被记住的拒绝",
            field="request_id",
        )
    permit.own_request()
    current_call().accesses.note(subject, *await _people_of(store, row, request_id))
    return pb.ExplainRefusalResponse(
        explanation=explanation_to(refusal),
        method=row.method,
        at=instant_to(row.at),
    )


def _is_for(row: RequestRecord, subject: str, store: Store) -> bool:
    """Return whether a request was for a person; "" is nobody."""
    known = row.digests.get(SUBJECT, "")
    if not known or not subject:
        return not known and not subject
    return store.digest(subject, known) == known


async def _people_of(store: Store, row: RequestRecord, request_id: str) -> list[str]:
    """Return the people of whom a refused request told something."""
    # The row does not say; whose data was touched was kept in the same instant, and keys
    # of accesses begin with theirs.
    micros = round(row.at.timestamp() * 1_000_000)
    listing = Listing(
        kind=PersonAccess,
        at_least={"access_id": f"{micros:014x}"},
        below={"access_id": f"{micros + 1:014x}"},
        limit=1000,
    )
    accesses = await store.page(listing)
    return [a.person_no for a in accesses if a.request_id == request_id]
