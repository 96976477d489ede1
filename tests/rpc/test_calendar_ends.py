"""No day, month, year or instant of a request is our fault, to the calendar's ends."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

import grpc
import pytest
from gongji.rules.days import EARLIEST, LATEST
from gongji.v1 import (
    account_pb2,
    binding_pb2,
    city_pb2,
    claim_pb2,
    constraints_pb2,
    filing_pb2,
    registry_pb2,
    sandbox_pb2,
    settlement_pb2,
    wallet_pb2,
)
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import ParseDict
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp

from tests.scaffold.service import HOSPITAL, Service

MODULES = (
    account_pb2,
    binding_pb2,
    city_pb2,
    claim_pb2,
    filing_pb2,
    registry_pb2,
    sandbox_pb2,
    settlement_pb2,
    wallet_pb2,
)

NOT_OURS = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}

Path: TypeAlias = tuple[FieldDescriptor, ...]

INSTANTS: Final = tuple(
    Timestamp(seconds=seconds, nanos=nanos)
    for seconds, nanos in (
        # The ends of the type, of what the protos allow, and of int64.
        (-62_135_596_800, 0),
        (253_402_300_799, 999_999_999),
        (-2_208_988_800, 0),
        (7_258_118_399, 999_999_999),
        (-(1 << 63), 0),
        ((1 << 63) - 1, -1),
    )
)

EXTREMES: Final = {
    constraints_pb2.FORMAT_DAY: (
        "0001-01-01",
        "0001-12-31",
        "9999-01-01",
        "9999-12-31",
        "2024-02-29",
    ),
    constraints_pb2.FORMAT_MONTH: ("0001-01", "0001-12", "9999-01", "9999-12"),
}

YEARS: Final = ("0000", "0001", "9999")

# What a request says beside the field that is tried, so that it comes as far as it can.
PLAUSIBLE: Final[dict[str, Any]] = {
    "person_no": "P1",
    "institution_code": HOSPITAL,
    "city": "341100",
    "area_code": "341100",
    "areas": "310000",
    "holder_city": "341100",
    "member_city": "341100",
    "channel": "window",
    "relation": "10",
    "settlement_id": "S1",
    "binding_id": "B1",
    "code": "H34110000009",
    "number": "X00000001",
    "insured_place": "341199",
    "total_fen": 100,
    "in_scope_fen": 100,
    "psn_type": "11",
    "year": "2026",
    "fen": 100,
    "visit_kind": settlement_pb2.VISIT_KIND_OUTPATIENT,
    "holder": {"person_no": "P1"},
    "member": {"person_no": "P2"},
}


def methods() -> list[Any]:
    services = [
        service
        for module in MODULES
        for service in module.DESCRIPTOR.services_by_name.values()
    ]
    return [method for service in services for method in service.methods]


def dated(message: Descriptor, above: Path = ()) -> Iterator[Path]:
    """Yield the path of every day, month, year and instant of a message."""
    for field in message.fields:
        path = (*above, field)
        if extremes(field):
            yield path
        elif field.message_type is not None:
            yield from dated(field.message_type, path)


def extremes(field: FieldDescriptor) -> tuple[Any, ...]:
    """Return what to try in a field; nothing if it is of no time."""
    if field.message_type is not None:
        instant = field.message_type.full_name == "google.protobuf.Timestamp"
        return INSTANTS if instant else ()
    if field.name == "year":
        return YEARS
    rule = field.GetOptions().Extensions[constraints_pb2.rule]
    return EXTREMES.get(rule.format, ())


def filled(message: Any, *paths: Path, value: Any = None) -> Any:
    """Fill what a message must say, and each field at a path with a value."""
    tried = {path[0]: path[1:] for path in paths}
    for field in message.DESCRIPTOR.fields:
        if field in tried:
            _put(message, field, tried[field], value)
        elif _must_be_said(field, set(tried)):
            _fill(message, field)
    return message


def _must_be_said(field: FieldDescriptor, tried: set[FieldDescriptor]) -> bool:
    oneof = field.containing_oneof
    if oneof is not None:
        return oneof.fields[0] == field and not tried & set(oneof.fields)
    rule = field.GetOptions().Extensions[constraints_pb2.rule]
    # A year goes with what is said only if it must be there.
    return rule.required or (field.name in PLAUSIBLE and field.name != "year")


def _put(message: Any, field: FieldDescriptor, rest: Path, value: Any) -> None:
    held = getattr(message, field.name)
    if rest:
        filled(held.add() if field.is_repeated else held, rest, value=value)
    elif field.message_type is not None:
        held.CopyFrom(value)
    else:
        setattr(message, field.name, value)


def _fill(message: Any, field: FieldDescriptor) -> None:
    held = getattr(message, field.name)
    if field.message_type is not None:
        if field.message_type.full_name == "google.protobuf.Timestamp":
            held.FromJsonString("2025-09-29T10:00:00Z")
        else:
            part = filled(held.add() if field.is_repeated else held)
            ParseDict(PLAUSIBLE.get(field.name, {}), part)
        return
    value = _plausible(field)
    if field.is_repeated:
        held.append(value)
    else:
        setattr(message, field.name, value)


def _plausible(field: FieldDescriptor) -> Any:
    if field.name in PLAUSIBLE:
        return PLAUSIBLE[field.name]
    if field.enum_type is not None:
        # The first that is not the one for what is unsaid.
        return field.enum_type.values[1].number
    if field.cpp_type != FieldDescriptor.CPPTYPE_STRING:
        return 1
    rule = field.GetOptions().Extensions[constraints_pb2.rule]
    by_format = {
        constraints_pb2.FORMAT_UUID: str(uuid.uuid4()),
        constraints_pb2.FORMAT_DAY: "2025-09-30",
        constraints_pb2.FORMAT_MONTH: "2025-09",
    }
    return by_format.get(rule.format, "11")


async def outcome(service: Service, method: Any, *messages: Any) -> grpc.StatusCode:
    """Return how a call of a method ends."""
    name = f"/{method.containing_service.full_name}/{method.name}"
    raw = [message.SerializeToString() for message in messages]
    channel: Any = service.channel
    try:
        if method.server_streaming:
            async for _ in channel.stream_stream(name)(iter(raw)):
                pass
        elif method.client_streaming:
            await channel.stream_unary(name)(iter(raw))
        else:
            await channel.unary_unary(name)(*raw)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def requests(method: Any, *paths: Path, value: Any = None) -> list[Any]:
    """Return the messages of a call, in the last of which the paths hold the value."""
    kind = GetMessageClass(method.input_type)
    tried = filled(kind(), *paths, value=value)
    # A stream begins with its header, the first member of its oneof.
    begun = method.client_streaming and paths and paths[0][0].name != "header"
    return [filled(kind()), tried] if begun else [tried]


DATED: Final = [
    pytest.param(method, path, id=f"{method.name}-{'.'.join(f.name for f in path)}")
    for method in methods()
    for path in dated(method.input_type)
]


@pytest.mark.sampled(20)
@pytest.mark.parametrize(("method", "path"), DATED)
async def test_no_time_is_our_fault(service: Service, method: Any, path: Path) -> None:
    """At the ends of the calendar and of its type a time is answered or named as wrong."""
    outcomes = {
        str(value): await outcome(service, method, *requests(method, path, value=value))
        for value in extremes(path[-1])
    }
    assert {} == {value: code for value, code in outcomes.items() if code in NOT_OURS}


@pytest.mark.parametrize(
    "method",
    [method for method in methods() if list(dated(method.input_type))],
    ids=lambda method: method.name,
)
async def test_what_is_tried_comes_as_far_as_the_rules(
    service: Service, method: Any
) -> None:
    """What stands beside a time is well formed: otherwise nothing would be tried."""
    code = await outcome(service, method, *requests(method))
    assert grpc.StatusCode.INVALID_ARGUMENT != code


@pytest.mark.parametrize("now", [EARLIEST, LATEST - timedelta(microseconds=1)])
async def test_no_clock_is_our_fault(service: Service, now: datetime) -> None:
    """At both ends of what a clock may show every method is answered or refused."""
    service.clock.set(now)
    outcomes = {
        method.name: await outcome(service, method, *requests(method))
        for method in methods()
        if method.name not in {"SetClock", "Reset", "OrderFault"}
    }
    assert {} == {name: code for name, code in outcomes.items() if code in NOT_OURS}


PERSON: Final = registry_pb2.DESCRIPTOR.services_by_name[
    "RegistryService"
].methods_by_name["ImportPersons"]

OF_PERSONS: Final = [
    path for path in dated(PERSON.input_type) if path[0].name == "person"
]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "path", OF_PERSONS, ids=lambda path: ".".join(field.name for field in path)
)
async def test_no_registered_time_is_our_fault(service: Service, path: Path) -> None:
    """Whatever day the registry holds, every call about the person ends by name."""
    outcomes = {}
    for value in extremes(path[-1]):
        assert grpc.StatusCode.OK == await outcome(
            service, PERSON, *requests(PERSON, path, value=value)
        )
        for method in methods():
            if not (method.client_streaming or method.name in {"Reset", "OrderFault"}):
                outcomes[method.name, value] = await outcome(
                    service, method, *requests(method)
                )
    assert {} == {call: code for call, code in outcomes.items() if code in NOT_OURS}
