"""Messages of more fields than their rules allow are refused before they are built."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest
from gongji.model.refusals import MalformedField
from gongji.rpc import size
from gongji.rpc.size import check_fields, most_items
from gongji.v1 import (
    account_pb2,
    binding_pb2,
    city_pb2,
    claim_pb2,
    consequence_pb2,
    event_pb2,
    filing_pb2,
    registry_pb2,
    sandbox_pb2,
    settlement_pb2,
    wallet_pb2,
)
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from tests.scaffold.service import Service

FILES = (
    account_pb2,
    binding_pb2,
    city_pb2,
    claim_pb2,
    consequence_pb2,
    event_pb2,
    filing_pb2,
    registry_pb2,
    sandbox_pb2,
    settlement_pb2,
    wallet_pb2,
)

REQUESTS: list[Any] = [
    method.input_type
    for file in FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]

TOTALS: Any = settlement_pb2.ReconcileTotalsRequest
PERSONS: Any = registry_pb2.ImportPersonsRequest

EMPTY_TOTAL = b"\x22\x00"


def unbounded(descriptor: Descriptor) -> list[str]:
    """Return the repeated fields of a type, at all levels, that no rule bounds."""
    inside = [f.message_type for f in descriptor.fields if f.message_type is not None]
    own = [f.full_name for f in descriptor.fields if not most_items(f)]
    return [*own, *chain.from_iterable(unbounded(d) for d in inside)]


@pytest.mark.parametrize("request_type", REQUESTS, ids=lambda d: d.name)
def test_every_list_of_a_request_is_bounded(request_type: Descriptor) -> None:
    """Whatever repeats in a request says how often at most: else nothing is counted."""
    assert [] == unbounded(request_type)


def test_the_largest_of_each_kind_passes() -> None:
    """As many rows as the rules allow are let through, each of them full."""
    totals = TOTALS(institution_code="H34110000001")
    for _ in range(10_000):
        totals.totals.add(day="2025-01-01", count=5, total_fen=100, fund_fen=100)
    check_fields(totals.SerializeToString(), TOTALS.DESCRIPTOR)
    person = PERSONS()
    for field in person.person.DESCRIPTOR.fields:
        if field.is_repeated:
            for _ in range(most_items(field)):
                getattr(person.person, field.name).add()
    person.person.name = "长" * 10_000
    check_fields(person.SerializeToString(), PERSONS.DESCRIPTOR)


TOO_MANY: list[tuple[str, Any, bytes]] = [
    ("empty rows", TOTALS, EMPTY_TOTAL * 2_000_000),
    ("one row more", TOTALS, EMPTY_TOTAL * (10_000 + 4 + size.UNKNOWN_FIELDS + 1)),
    ("unknown fields", TOTALS, b"\x98\x06\x01" * 1_000_000),
    ("one field again and again", TOTALS, b"\x0a\x01x" * 1_000_000),
    ("rows inside a row", PERSONS, b"\x12\xc0\x84\x3d" + b"\x32\x00" * 500_000),
    ("a row merged from many", PERSONS, b"\x12\x04\x32\x00\x32\x00" * 600_000),
]


@pytest.mark.parametrize(
    ("request_type", "raw"), [c[1:] for c in TOO_MANY], ids=[c[0] for c in TOO_MANY]
)
def test_too_many_fields_are_refused_unbuilt(request_type: Any, raw: bytes) -> None:
    """Too many rows at any level, unknown or repeated fields end the count and the call."""
    with pytest.raises(MalformedField) as refused:
        check_fields(raw, request_type.DESCRIPTOR)
    assert "request" == refused.value.field


async def test_it_is_refused_over_the_wire(service: Service) -> None:
    """Four megabytes of empty rows are INVALID_ARGUMENT, unary or in a stream."""
    channel: Any = service.channel
    refused = await service.refused(
        channel.unary_unary("/gongji.v1.SettlementService/ReconcileTotals"),
        EMPTY_TOTAL * 2_000_000,
    )
    assert "INVALID_ARGUMENT MALFORMED_FIELD request" == refused.summary
    refused = await service.refused(
        channel.stream_unary("/gongji.v1.RegistryService/ImportPersons"),
        iter([b"\x12\x04\x32\x00\x32\x00" * 600_000]),
    )
    assert "INVALID_ARGUMENT MALFORMED_FIELD request" == refused.summary


@given(st.binary(min_size=1, max_size=200))
def test_counting_is_of_any_bytes(piece: bytes) -> None:
    """Whatever the bytes are, they are counted or left to the parser, without a fault."""
    raw = piece * (size.SMALL_BYTES // len(piece) + 1)
    try:
        check_fields(raw, PERSONS.DESCRIPTOR)
    except MalformedField:
        return
    try:
        PERSONS.FromString(raw)
    except DecodeError:
        return
