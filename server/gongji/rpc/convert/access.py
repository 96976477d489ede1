"""Accesses to a person's data as messages."""

from __future__ import annotations

from gongji.model.access import PersonAccess
from gongji.rpc.convert.values import instant_to
from gongji.v1 import access_pb2 as pb


def access_to(access: PersonAccess) -> pb.Access:
    """Return who looked, when, and at what."""
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
        request_id=access.request_id,
    )
