"""A text of its own in every text field of every request, in every shape it may have.

The fields are those of the descriptors: a field that is added is planted without more. A
method that is added needs a request that it takes (`tests.doors.requests`).
"""

from __future__ import annotations

import pkgutil
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from itertools import count
from types import SimpleNamespace
from typing import Any, Final, NamedTuple

import gongji.v1
import grpc
from gongji.v1 import access_pb2, account_pb2, constraints_pb2, statement_pb2
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor

from tests.canary.planted import forms
from tests.doors.cells import Cell
from tests.doors.requests import REQUESTS
from tests.doors.served import AREA, HOLDER, MEMBER
from tests.scaffold.people import identity_number
from tests.scaffold.service import Service

MARK: Final = "CANARYMARK"
"""Begins every text; five digits behind it say which."""

NOWHERE: Final = "349977"
"""Begins every certificate number, of an area that is none."""

MARKS: Final = re.compile(f"{MARK}[0-9]{{5}}|{NOWHERE}[0-9]{{11}}[0-9X]".encode())

SHAPES: Final[Mapping[str, Callable[[int], str]]] = {
    "a text": lambda number: f"{MARK}{number:05d} 张",
    "an id": lambda number: f"{MARK}{number:05d}",
    "a certificate": lambda number: identity_number(
        number % 1000, NOWHERE, f"{1910 + number // 1000}0101"
    ),
    "too long": lambda number: f"{MARK}{number:05d} " * 400,
    "not a text": lambda number: f"{MARK}{number:05d}\x00",
}
"""What is written into a field, by the number of its plant."""

UNTOUCHED: Final = {"Reset"}
"""Methods that would take away what the others ask for."""

_TEXTS: Final = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)


class Plant(NamedTuple):
    """A request with one text in one of its fields, alone or among those of a stream."""

    method: MethodDescriptor
    field: str
    shape: str
    text: str
    messages: list[Any]

    @property
    def mark(self) -> str:
        """Return what of it is found in an output."""
        return mark_in(self.text)


def mark_in(text: str) -> str:
    """Return the mark that a planted text holds."""
    found: bytes = MARKS.findall(text.encode())[0]
    return found.decode()


def methods() -> Iterator[MethodDescriptor]:
    """Yield every method of every service."""
    for module in pkgutil.iter_modules(gongji.v1.__path__, "gongji.v1."):
        if module.name.endswith("_pb2"):
            file = import_module(module.name).DESCRIPTOR
            for service in file.services_by_name.values():
                yield from service.methods


def text_fields(
    message: Any, within: tuple[Any, ...] = ()
) -> Iterator[tuple[str, ...]]:
    """Yield the path of every text field of a message's descriptor."""
    for field in message.fields:
        inner = field.message_type
        if field.type in _TEXTS:
            yield (field.name,)
        elif (
            inner and inner not in within and inner.file.package == message.file.package
        ):
            for path in text_fields(inner, (*within, inner)):
                yield (field.name, *path)


def repeatable() -> set[str]:
    """Return each field of which a refusal may repeat what was sent, beside its method.

    It has a form that is told in words, and is not said to be personal.
    """
    messages = [(method.name, method.input_type) for method in methods()]
    return {
        f"{name} {'.'.join(path)}"
        for name, message in [*messages, ("Subject", access_pb2.Subject.DESCRIPTOR)]
        for path in text_fields(message)
        if _repeatable(message, path)
    }


def _repeatable(message: Any, path: tuple[str, ...]) -> bool:
    field = message.fields_by_name[path[0]]
    if path[1:]:
        return _repeatable(field.message_type, path[1:])
    rule = field.GetOptions().Extensions[constraints_pb2.rule]
    return bool(rule.pattern or rule.format) and not rule.personal


def put(message: Any, path: tuple[str, ...], text: str) -> None:
    """Write a text into a field."""
    name, *rest = path
    field, value = message.DESCRIPTOR.fields_by_name[name], getattr(message, name)
    if field.is_repeated and not rest:
        value.append(text)
    elif field.is_repeated:
        put(value[0] if value else value.add(), tuple(rest), text)
    elif rest:
        put(value, tuple(rest), text)
    else:
        is_bytes = field.type == FieldDescriptor.TYPE_BYTES
        setattr(message, name, text.encode() if is_bytes else text)


def plants(settlement_id: str) -> Iterator[Plant]:
    """Yield a request for each field and shape; `settlement_id` is one that there is."""
    numbers = count(1)
    doors = _doors(settlement_id)
    for method in methods():
        if method.name in UNTOUCHED:
            continue
        _, make = REQUESTS[method.name]
        for path in text_fields(method.input_type):
            for shape, written in SHAPES.items():
                text = written(next(numbers))
                messages = _listed(make(doors, Cell(method.name, "operator")))
                put(_holding(messages, path[0]), path, text)
                yield Plant(method, ".".join(path), shape, text, messages)


def _holding(messages: list[Any], field: str) -> Any:
    """Return the message of a stream that has a field of its oneof; the only one else."""
    if len(messages) == 1:
        return messages[0]
    return next(message for message in messages if message.HasField(field))


def _listed(request: Any) -> list[Any]:
    return request if isinstance(request, list) else [request]


def said(channel: grpc.Channel, plant: Plant) -> bytes:
    """Make the call of a plant; return all that is said if it is refused."""
    method = plant.method
    path = f"/{method.containing_service.full_name}/{method.name}"
    streams = method.client_streaming or method.server_streaming
    return _called(channel, path, plant.messages, (), streams=streams)


def where(
    outputs: Mapping[str, bytes], plants: Mapping[str, str]
) -> dict[str, set[str]]:
    """Return in which fields was planted what each output holds of it.

    A mark that is there in another form than as it was written is named by that alone.
    """
    found = {}
    for name, content in outputs.items():
        marks = {mark.decode() for mark in MARKS.findall(content)}
        fields = {plants.get(mark, mark) for mark in marks}
        coded = [f for f in forms(MARK) if f != MARK.encode() and f in content]
        found[name] = fields | {f"coded {form!r}" for form in coded}
    return found


def strange(channel: grpc.Channel) -> Iterator[bytes]:
    """Make calls with marks in the path, in metadata and in bytes that are no request.

    Yield what is said of each.
    """
    number = count(90_001)
    path = "/gongji.v1.AccountService/GetAccount"
    for strange_path in (
        f"{path}{MARK}{next(number):05d}",
        f"/{MARK}{next(number):05d}/x",
    ):
        yield _called(channel, strange_path, [b""], ())
    yield _called(
        channel, path, [f"\xff{MARK}{next(number):05d}".encode("latin-1")], ()
    )
    for key in METADATA:
        value: Any = f"{MARK}{next(number):05d}"
        sent = value.encode() if key.endswith("-bin") else value
        yield _called(channel, path, [_of_holder()], ((key, sent),))


def subjects(channel: grpc.Channel) -> Iterator[tuple[str, str, bytes]]:
    """Make calls for somebody stated with a mark in one field.

    Yield each field, its mark, and what is said of the call.
    """
    number = count(91_001)
    path = "/gongji.v1.AccountService/GetAccount"
    for field in text_fields(access_pb2.Subject.DESCRIPTOR):
        for written in SHAPES.values():
            text = written(next(number))
            stated = access_pb2.Subject(
                identification=access_pb2.IDENTIFICATION_FACE,
                purpose=access_pb2.ACCESS_PURPOSE_OWN_REQUEST,
            )
            stated.person.person_no = HOLDER["own"]
            stated.identified_at.GetCurrentTime()
            put(stated, field, text)
            metadata = (("x-gongji-subject-bin", stated.SerializeToString()),)
            refusal = _called(channel, path, [_of_holder()], metadata)
            yield f"Subject {'.'.join(field)}", mark_in(text), refusal


METADATA: Final = (
    "authorization",
    "traceparent",
    "tracestate",
    "x-forwarded-for",
    "x-gongji-client-address",
    "x-gongji-client-cert",
    "x-gongji-client-verify",
    "x-gongji-subject-bin",
    "x-gongji-unknown",
    "x-unknown-bin",
)
"""Names of metadata; `x-gongji-caller` is what a sandbox's caller calls itself."""


def _of_holder() -> Any:
    return account_pb2.GetAccountRequest(person=Service.ref(HOLDER["own"]))


def people() -> Iterator[Any]:
    """Yield the rows of the people whom the requests name."""
    for place, number in enumerate((HOLDER["own"], MEMBER["own"]), 900):
        yield Service.person(place, person_no=number, insured_place=AREA["own"])


def _called(
    channel: grpc.Channel,
    path: str,
    messages: list[Any],
    sent: Any,
    *,
    streams: bool = False,
) -> bytes:
    make: Any = channel.stream_stream if streams else channel.unary_unary
    call = make(path, request_serializer=_packed, response_deserializer=None)
    try:
        replies = call(iter(messages) if streams else messages[0], metadata=sent)
        # Of the rows of an import it is told in the reply.
        return b"\0".join(replies) if streams else b""
    except grpc.RpcError as error:
        trailers: Any = error.trailing_metadata() or ()
        values = [v if isinstance(v, bytes) else v.encode() for _, v in trailers]
        return b"\0".join([*values, str(error.details()).encode()])


def _packed(message: Any) -> bytes:
    packed: bytes = (
        message if isinstance(message, bytes) else message.SerializeToString()
    )
    return packed


def _doors(settlement_id: str) -> Any:
    """Return what requests are made from: the people and records of this run."""
    service = SimpleNamespace(
        ref=Service.ref, bill=Service.bill, new_id=Service.new_id, person=Service.person
    )
    return SimpleNamespace(
        service=service,
        settlements=defaultdict(lambda: settlement_id),
        imports=defaultdict(lambda: "01890000-0000-7000-8000-000000000000"),
        serial=count(100),
        statement=statement_pb2.IssueStatementResponse(),
    )
