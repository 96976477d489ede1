"""The subject of a call (代谁办理): metadata to message, checked, and to a record."""

from __future__ import annotations

from typing import Final

from google.protobuf.message import DecodeError

from gongji.access.identity import SUBJECT_KEY
from gongji.model.refusals import MalformedField
from gongji.model.subject import AccessPurpose, Identification, Subject
from gongji.rpc.constraints import enforce
from gongji.rpc.convert.values import instant_from, write_instant
from gongji.v1 import access_pb2 as pb

MAX_BYTES: Final = 4096
"""Most bytes of a packed subject."""

_WITH_A_PERSON: Final = ("identification", "identified_at", "evidence")
"""What must be said of the person who was identified."""


def subject_message(packed: bytes) -> pb.Subject:
    """Return the message under `x-gongji-subject-bin`, its constraints kept.

    MalformedField with a path below that key.
    """
    if len(packed) > MAX_BYTES:
        raise MalformedField(
            f"元数据 {SUBJECT_KEY} 最多 {MAX_BYTES} 字节", field=SUBJECT_KEY
        )
    message = pb.Subject()
    try:
        message.ParseFromString(packed)
    except DecodeError:
        raise MalformedField(
            f"元数据 {SUBJECT_KEY} 不是有效的 gongji.v1.Subject 报文",
            field=SUBJECT_KEY,
        ) from None
    enforce(message, under=SUBJECT_KEY)
    for name in _WITH_A_PERSON if message.HasField("person") else ():
        if not _said(message, name):
            path = f"{SUBJECT_KEY}.{name}"
            raise MalformedField(f"{path}：写明 person 时必填", field=path)
    return message


def _said(message: pb.Subject, name: str) -> bool:
    if name == "identified_at":
        return message.HasField("identified_at")
    return bool(getattr(message, name))


def subject_from(message: pb.Subject, person_no: str) -> Subject:
    """Return the subject of a person given by number; of nobody if that is empty."""
    purpose = AccessPurpose(message.purpose)
    if not person_no:
        return Subject(purpose=purpose)
    return Subject(
        person_no=person_no,
        identification=Identification(message.identification),
        identified_at=instant_from(message.identified_at),
        evidence=message.evidence,
        purpose=purpose,
    )


def subject_to(subject: Subject) -> pb.Subject:
    """Return the subject as it is answered."""
    message = pb.Subject(
        identification=pb.Identification.ValueType(subject.identification or 0),
        evidence=subject.evidence,
        purpose=pb.AccessPurpose.ValueType(subject.purpose or 0),
    )
    if subject.person_no:
        message.person.person_no = subject.person_no
    if subject.identified_at is not None:
        write_instant(subject.identified_at, message.identified_at)
    return message
