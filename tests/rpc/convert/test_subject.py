"""The packed subject of a call: whatever bytes come, a subject or a refusal."""

from __future__ import annotations

from gongji.model.refusals import Malformed
from gongji.model.subject import AccessPurpose, Identification, Subject
from gongji.rpc.convert.subject import subject_from, subject_message, subject_to
from gongji.v1 import access_pb2
from hypothesis import given
from hypothesis import strategies as st

from tests.rpc.services.acting import subject
from tests.scaffold.people import NOW

WHOLE = Subject(
    person_no="P1",
    identification=Identification.FACE,
    identified_at=NOW,
    evidence="face-0001",
    purpose=AccessPurpose.OWN_REQUEST,
)


def test_there_and_back() -> None:
    """A subject is answered as it was stated."""
    assert WHOLE == subject_from(subject_message(subject("P1")), "P1")
    assert subject("P1") == subject_to(WHOLE).SerializeToString()
    assert (
        subject("")
        == subject_to(Subject(purpose=AccessPurpose.OWN_REQUEST)).SerializeToString()
    )


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return a packed subject with some bytes changed, left out or put in."""
    packed = bytearray(subject("P1"))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(packed) - 1, 0)))
        cut = draw(st.integers(0, 3))
        packed[at : at + cut] = draw(st.binary(max_size=3))
    return bytes(packed)


def read(packed: bytes) -> access_pb2.Subject | Malformed:
    """Return the message, or how it is refused."""
    try:
        return subject_message(packed)
    except Malformed as refused:
        return refused


@given(st.one_of(damaged(), st.binary(max_size=60)))
def test_any_bytes(packed: bytes) -> None:
    """Of damaged bytes comes a subject with all that is required, or a named refusal."""
    message = read(packed)
    if isinstance(message, Malformed):
        assert message.field.startswith("x-gongji-subject-bin")
        return
    stated = subject_from(message, "P1" if message.HasField("person") else "")
    assert stated.purpose is not None
    if stated.person_no:
        assert None not in {stated.identification, stated.identified_at}
        assert stated.evidence
