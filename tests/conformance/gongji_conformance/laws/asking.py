"""One call of a caller, and for whom it is made."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, NamedTuple

from gongji.v1 import access_pb2
from google.protobuf.message import Message

from gongji_conformance.city.callers import CallerUnderTest
from gongji_conformance.city.city import NOW
from gongji_conformance.city.population import InventedPerson
from gongji_conformance.city.stubs import CallRefused, stamp
from gongji_conformance.city.stubs import person as ref
from gongji_conformance.laws.rights import PATHS

SUBJECT_KEY: Final = "x-gongji-subject-bin"


class AskedFor(NamedTuple):
    """The messages of one call, and the person for whom it is made, if for any."""

    messages: tuple[Message, ...]
    subject: InventedPerson | None = None


def asked(*messages: Message, subject: InventedPerson | None = None) -> AskedFor:
    """Return a call."""
    return AskedFor(messages, subject)


def ask_as(caller: CallerUnderTest, method: str, call: AskedFor) -> CallRefused | None:
    """Return how a call of a caller is refused; None if it is answered."""
    metadata = [] if call.subject is None else [(SUBJECT_KEY, subject(call.subject))]
    packed = [message.SerializeToString() for message in call.messages]
    return caller.stubs.ask_anything(PATHS[method], packed, metadata)


def subject(person: InventedPerson) -> bytes:
    """Return a person as the one who was identified a minute ago and asks."""
    return access_pb2.Subject(
        person=ref(person.person_no),
        identification=access_pb2.IDENTIFICATION_FACE,
        identified_at=stamp(NOW - timedelta(minutes=1)),
        evidence="conformance-1",
        purpose=access_pb2.ACCESS_PURPOSE_OWN_REQUEST,
    ).SerializeToString()
