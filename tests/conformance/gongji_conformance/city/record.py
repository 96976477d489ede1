"""Keeps what was said over the wire while one test ran; shown without what tells who somebody is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import grpc
from gongji.v1 import types_pb2
from google.protobuf import json_format
from google.protobuf.message import Message

from gongji_conformance.city.access import Details

HIDDEN: Final = "***"
KEPT: Final = 400
"""Calls kept of one test; a test that makes more keeps its last."""

_PERSONAL: Final = frozenset(
    {
        "gongji.v1.Certificate.number",
        "gongji.v1.Person.name",
        "gongji.v1.Person.phone",
        "gongji.v1.MemberDetails.name",
        "gongji.v1.MemberDetails.certificate_number",
        "gongji.v1.MemberDetails.phone",
    }
)
"""Fields that tell who somebody is."""
_TELLING: Final = re.compile(r"(?<![0-9A-Za-z])(?:[0-9]{17}[0-9X]|1[0-9]{10})(?![0-9A-Za-z])")
"""An identity number or a phone number in the middle of a text."""


@dataclass(slots=True)
class Said:
    """One call: method, requests and what came back, a message or a refusal."""

    method: str
    requests: list[Message]
    reply: Message | None = None
    error: grpc.RpcError | None = None

    @property
    def name(self) -> str:
        """`SettlementService/Settle`."""
        return self.method.removeprefix("/gongji.v1.")


class Recorder(grpc.UnaryUnaryClientInterceptor, grpc.StreamUnaryClientInterceptor):
    """Listens to a channel; messages are copied, because a test may change its own."""

    def __init__(self) -> None:
        self.said: list[Said] = []

    def begin(self) -> None:
        """Forgets what was said before."""
        self.said.clear()

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """One request, one reply."""
        said = self._say(client_call_details, [_copy(request)])
        return _heard(said, continuation(client_call_details, request))

    def intercept_stream_unary(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        """A stream of requests, one reply."""
        said = self._say(client_call_details, [])
        return _heard(said, continuation(client_call_details, _listening(request_iterator, said.requests)))

    def _say(self, call: Any, requests: list[Message]) -> Said:
        said = Said(Details.of(call).method, requests)
        self.said.append(said)
        del self.said[:-KEPT]
        return said


def _heard(said: Said, outcome: Any) -> Any:
    """The outcome itself, noted: a refusal is an outcome that raises when its result is asked for."""
    try:
        said.reply = _copy(outcome.result())
    except grpc.RpcError as error:
        said.error = error
    return outcome


def _listening(requests: Iterable[Message], heard: list[Message]) -> Iterator[Message]:
    for request in requests:
        heard.append(_copy(request))
        yield request


def _copy(message: Message) -> Message:
    copied = type(message)()
    copied.CopyFrom(message)
    return copied


def shown(message: Message) -> Any:
    """A message as JSON of names and values, personal data hidden."""
    copied = _copy(message)
    for part in parts(copied):
        for field, value in part.ListFields():
            if field.full_name in _PERSONAL and value:
                setattr(part, field.name, HIDDEN)
    return json_format.MessageToDict(copied, preserving_proto_field_name=True)


def redacted(text: str) -> str:
    """A text in which identity and phone numbers are hidden."""
    return _TELLING.sub(HIDDEN, text)


def parts(message: Message) -> Iterator[Message]:
    """A message and every message within it."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        for part in value if field.is_repeated else [value]:
            yield from parts(part)


def hooks_in(said: Iterable[Said]) -> set[str]:
    """The hooks that replies name as having taken part in a decision."""
    return {
        part.hook
        for one in said
        if one.reply is not None
        for part in parts(one.reply)
        if isinstance(part, types_pb2.RuleRef) and part.hook
    }


def core_version_in(said: Iterable[Said]) -> str:
    """The version of the core that decided, where a reply names it."""
    for one in said:
        for part in parts(one.reply) if one.reply is not None else ():
            if isinstance(part, types_pb2.DecidedBy) and part.core_version:
                return part.core_version
    return ""
