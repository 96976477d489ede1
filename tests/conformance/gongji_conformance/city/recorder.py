"""Records the calls of one test, and shows them without personal data."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import grpc
from gongji.v1 import types_pb2
from google.protobuf import json_format
from google.protobuf.message import Message

from gongji_conformance.city.access import CallDetails

HIDDEN: Final = "***"
MAX_CALLS: Final = 400
"""Calls recorded of one test; a test that makes more keeps its last."""

_PERSONAL: Final = frozenset(
    {
        "gongji.v1.Certificate.number",
        "gongji.v1.Person.name",
        "gongji.v1.Statement.name",
        "gongji.v1.StatementParty.name",
        "gongji.v1.MemberDetails.name",
        "gongji.v1.ExportedRecord.content",
        "gongji.v1.Material.reference",
        "gongji.v1.Consent.reference",
        "gongji.v1.Subject.evidence",
        "gongji.v1.VisitEvidence.number",
        "gongji.v1.VisitEvidence.card_sn",
        "gongji.v1.IssueVoucherResponse.token",
        "gongji.v1.BindingEvent.why",
        "gongji.v1.ClaimEvent.why",
        "gongji.v1.ClaimChange.why",
        "gongji.v1.CorrectCreditRequest.why",
        "gongji.v1.RefundPremiumRequest.why",
        "gongji.v1.ResettleRequest.why",
        "gongji.v1.ReverseRequest.why",
        "gongji.v1.TakeBackCreditRequest.why",
        "gongji.v1.Settlement.reversed_why",
    }
)
"""Fields that tell who somebody is, or what was written about somebody."""
_PERSONAL_NAMES: Final = frozenset(
    {"phone", "certificate_number", "filing_no", "remark"}
)
"""Names that say so, whatever message the field is of."""
_NUMBER: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9]{17}[0-9X]|1[0-9]{10})(?![0-9A-Za-z])"
)
"""An identity number or a phone number in the middle of a text."""


@dataclass(slots=True)
class RecordedCall:
    """One call: method, requests, and the reply or the error."""

    method: str
    requests: list[Message]
    reply: Message | None = None
    error: grpc.RpcError | None = None

    @property
    def name(self) -> str:
        """`SettlementService/Settle`."""
        return self.method.removeprefix("/gongji.v1.")


class Recorder(grpc.UnaryUnaryClientInterceptor, grpc.StreamUnaryClientInterceptor):
    """Records the calls of a channel."""

    def __init__(self) -> None:
        self.calls: list[RecordedCall] = []

    def begin(self) -> None:
        """Forget the calls before."""
        self.calls.clear()

    def intercept_unary_unary(
        self,
        continuation: Any,
        client_call_details: Any,
        request: Any,
    ) -> Any:
        """Record one request and its reply."""
        call = self._record(client_call_details, [_copy(request)])
        return _ended(call, continuation(client_call_details, request))

    def intercept_stream_unary(
        self,
        continuation: Any,
        client_call_details: Any,
        request_iterator: Any,
    ) -> Any:
        """Record a stream of requests and its reply."""
        call = self._record(client_call_details, [])
        requests = _recorded(request_iterator, call.requests)
        return _ended(call, continuation(client_call_details, requests))

    def _record(self, details: Any, requests: list[Message]) -> RecordedCall:
        """Begin the record of a call."""
        method = CallDetails.of(details).method
        call = RecordedCall(method, requests)
        self.calls.append(call)
        # A whole run of one long test must not fill the memory.
        del self.calls[:-MAX_CALLS]
        return call


def _ended(call: RecordedCall, outcome: Any) -> Any:
    """Record how a call ended and hand its outcome on."""
    # A refusal is an outcome that raises when its result is asked for.
    try:
        call.reply = _copy(outcome.result())
    except grpc.RpcError as error:
        call.error = error
    return outcome


def _recorded(
    requests: Iterable[Message], recorded: list[Message]
) -> Iterator[Message]:
    for request in requests:
        recorded.append(_copy(request))
        yield request


def _copy(message: Message) -> Message:
    # A test may change its own message later.
    copied = type(message)()
    copied.CopyFrom(message)
    return copied


def is_personal(field: str) -> bool:
    """Say whether a field of this full name is hidden."""
    return field in _PERSONAL or field.rpartition(".")[2] in _PERSONAL_NAMES


def shown(message: Message) -> Any:
    """Return a message as JSON of names and values, personal data hidden."""
    copied = _copy(message)
    for part in parts(copied):
        for field, value in part.ListFields():
            if is_personal(field.full_name) and value:
                setattr(part, field.name, HIDDEN)
    return json_format.MessageToDict(copied, preserving_proto_field_name=True)


def redacted(text: str) -> str:
    """Hide identity and phone numbers in a text."""
    return _NUMBER.sub(HIDDEN, text)


def parts(message: Message) -> Iterator[Message]:
    """Yield a message and every message within it."""
    yield message
    for field, value in message.ListFields():
        # An entry of a map is no message of the protos.
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        for part in value if field.is_repeated else [value]:
            yield from parts(part)


def _parts_of_replies(calls: Iterable[RecordedCall]) -> Iterator[Message]:
    for call in calls:
        if call.reply is not None:
            yield from parts(call.reply)


def hooks_in(calls: Iterable[RecordedCall]) -> set[str]:
    """Return the hooks that replies name as having taken part in a decision."""
    replies = _parts_of_replies(calls)
    rules = [part for part in replies if isinstance(part, types_pb2.RuleRef)]
    return {rule.hook for rule in rules if rule.hook}


def core_version_in(calls: Iterable[RecordedCall]) -> str:
    """Return the version of the core that decided, "" if no reply names it."""
    for part in _parts_of_replies(calls):
        if isinstance(part, types_pb2.DecidedBy) and part.core_version:
            return part.core_version
    return ""
