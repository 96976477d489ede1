"""Accesses to a person's data, what is held of him and what stays, as messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from gongji.model.access import PersonAccess
from gongji.registry.erasure import Erased
from gongji.rpc.convert.values import instant_to
from gongji.v1 import access_pb2 as pb

_ENOUGH: Final = 256 * 1024
"""Bytes after which a reply of an export is sent; one record is far below the limit."""


def access_to(access: PersonAccess, *, with_request: bool) -> pb.Access:
    """Return who looked, when, and at what; and in which request, if that may be told."""
    return pb.Access(
        at=instant_to(access.at),
        caller=access.caller,
        caller_kind=access.caller_kind,
        credential=access.credential,
        subject=access.subject,
        identification=pb.Identification.ValueType(access.identification),
        purpose=pb.AccessPurpose.ValueType(access.purpose),
        method=access.method,
        fields=access.fields.split(",") if access.fields else [],
        request_id=access.request_id if with_request else "",
    )


def exported_to(
    records: Iterable[tuple[str, str]],
) -> Iterator[pb.ExportPersonResponse]:
    """Yield replies with records, given by kind and content; none is empty."""
    reply, size = pb.ExportPersonResponse(), 0
    for kind, content in records:
        reply.records.add(kind=kind, content=content)
        size += len(content)
        if size >= _ENOUGH:
            yield reply
            reply, size = pb.ExportPersonResponse(), 0
    if reply.records:
        yield reply


def erased_to(done: Erased) -> pb.ErasePersonResponse:
    """Return what was erased and what stays."""
    return pb.ErasePersonResponse(
        erased=done.erased,
        kept=[
            pb.KeptForDuty(what=kept.what, count=kept.count, ground=kept.ground)
            for kept in done.kept
        ],
    )
