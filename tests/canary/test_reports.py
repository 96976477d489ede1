"""Nothing personal in a report of the conformance suite: what a call said is hidden there."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from gongji_conformance.city import recorder
from gongji_conformance.city.recorder import RecordedCall
from gongji_conformance.verdicts import failures
from gongji_conformance.verdicts.failures import Failure
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from tests.canary.walked import MARK, methods

OF_A_PERSON = {
    *("name", "phone", "certificate_number", "number"),
    *("reference", "evidence", "remark", "why", "reversed_why", "filing_no"),
}
"""Names of the fields that say something of a person, whatever message they are of."""

OF_OTHERS = {
    "gongji.v1.BindingChange.why",
    "gongji.v1.BindingConsequence.why",
    "gongji.v1.CandidateRevision.name",
    "gongji.v1.CitySummary.name",
    "gongji.v1.Entry.reference",
    "gongji.v1.Institution.name",
    "gongji.v1.RuleValue.why",
}
"""Fields of the same names that are of places, of rules, and of what was booked."""

TEXT_OF_A_COPY = "gongji.v1.ExportedRecord.content"


def planted(message: Message, within: tuple[Any, ...] = ()) -> set[str]:
    """Fill each text that says something of a person with a mark; return their names."""
    filled = set()
    for field in message.DESCRIPTOR.fields:
        inner = field.message_type
        personal = field.name in OF_A_PERSON and field.full_name not in OF_OTHERS
        if field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated:
            if personal or field.full_name == TEXT_OF_A_COPY:
                setattr(message, field.name, MARK)
                filled.add(field.full_name)
        elif inner and inner not in within and not inner.GetOptions().map_entry:
            value = getattr(message, field.name)
            part = value.add() if field.is_repeated else value
            filled |= planted(part, (*within, inner))
    return filled


def reported() -> tuple[str, set[str]]:
    """Return all that a report says of planted calls of every method, and the fields."""
    said, filled = [], set()
    for method in methods():
        for kind in (method.input_type, method.output_type):
            message = GetMessageClass(kind)()
            filled |= planted(message)
            call = RecordedCall(f"/gongji.v1.X/{method.name}", [message], message)
            said.append(msgspec.json.encode(failures.calls([call])).decode())
            error = AssertionError("so")
            failure = Failure(
                head="", basis="", error=error, values=None, calls=[call], repeat=""
            )
            said.append(failure.text())
    return "\n".join(said), filled


def test_nothing_personal_is_in_a_report() -> None:
    """Whatever field of whatever call says something of a person, a report hides it."""
    text, filled = reported()
    assert {"gongji.v1.Person.phone", TEXT_OF_A_COPY} <= filled
    assert MARK not in text


def test_the_mask_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the report says what was planted."""
    monkeypatch.setattr(recorder, "is_personal", lambda _: False)
    text, _ = reported()
    assert MARK in text
