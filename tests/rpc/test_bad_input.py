"""Whatever arrives, the answer names what is wrong: never INTERNAL, never UNKNOWN,
nothing written."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import grpc
import pytest
from gongji.model.commands import Listing
from gongji.model.refusals import Refusal
from gongji.model.settlement import Settlement
from gongji.v1 import (
    account_pb2,
    binding_pb2,
    city_pb2,
    claim_pb2,
    filing_pb2,
    registry_pb2,
    sandbox_pb2,
    settlement_pb2,
    types_pb2,
    wallet_pb2,
)
from google.protobuf.timestamp_pb2 import Timestamp

from tests.scaffold.service import Service

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
INVALID = grpc.StatusCode.INVALID_ARGUMENT

Call: TypeAlias = tuple[Callable[..., Any], Any]
"""A method and its request."""

MakeCall: TypeAlias = Callable[[Service], Call]


def certified(number: str) -> types_pb2.PersonRef:
    return types_pb2.PersonRef(
        certificate=types_pb2.Certificate(type="01", number=number)
    )


def settle(**changes: Any) -> MakeCall:
    def call(s: Service) -> Call:
        bill = s.bill(**changes)
        request = settlement_pb2.SettleRequest(request_id=s.new_id(), bill=bill)
        return s.settlements.Settle, request

    return call


def quote(**changes: Any) -> MakeCall:
    return lambda s: (
        s.settlements.Quote,
        settlement_pb2.QuoteRequest(bill=s.bill(**changes)),
    )


def submit(**changes: Any) -> MakeCall:
    def call(s: Service) -> Call:
        fields: dict[str, Any] = {
            "request_id": s.new_id(),
            "holder": s.ref("P1"),
            "member": s.ref("P2"),
            "relation": "10",
            "purposes": [types_pb2.PURPOSE_VISIT],
            "channel": "window",
            **changes,
        }
        return s.bindings.SubmitBinding, binding_pb2.SubmitBindingRequest(**fields)

    return call


def entries(**changes: Any) -> MakeCall:
    return lambda s: (
        s.accounts.ListEntries,
        account_pb2.ListEntriesRequest(person=s.ref("P1"), **changes),
    )


def city(**fields: Any) -> MakeCall:
    return lambda s: (s.city.GetCity, city_pb2.GetCityRequest(**fields))


def malformed(field: str) -> str:
    return f"INVALID_ARGUMENT MALFORMED_FIELD {field}"


CASES: dict[str, tuple[MakeCall, str]] = {
    "no request id": (
        lambda s: (s.settlements.Settle, settlement_pb2.SettleRequest(bill=s.bill())),
        malformed("request_id"),
    ),
    "no bill": (
        lambda s: (
            s.settlements.Settle,
            settlement_pb2.SettleRequest(request_id=s.new_id()),
        ),
        malformed("bill"),
    ),
    "a negative amount": (
        settle(in_scope_fen=-1),
        malformed("bill.in_scope_fen"),
    ),
    "an overflowing amount": (
        settle(total_fen=(1 << 63) - 1),
        malformed("bill.total_fen"),
    ),
    "parts that do not sum": (
        settle(total_fen=7),
        "INVALID_ARGUMENT PARTS_DO_NOT_SUM bill.total_fen",
    ),
    "parts that do not sum, quoted": (
        quote(total_fen=7),
        "INVALID_ARGUMENT PARTS_DO_NOT_SUM bill.total_fen",
    ),
    "a day that does not exist": (
        settle(service_day="2025-09-31"),
        malformed("bill.service_day"),
    ),
    "a day to come": (
        settle(service_day="2025-10-01"),
        "FAILED_PRECONDITION FUTURE_SERVICE_DAY bill.service_day",
    ),
    "the last day of the calendar": (
        settle(service_day="9999-12-31"),
        "FAILED_PRECONDITION FUTURE_SERVICE_DAY bill.service_day",
    ),
    "a day before the first rule": (
        settle(service_day="2022-06-30"),
        "FAILED_PRECONDITION NOT_IN_FORCE",
    ),
    "an unknown enum number": (
        settle(visit_kind=4711),
        malformed("bill.visit_kind"),
    ),
    "a kind of visit not settled here": (
        settle(visit_kind=settlement_pb2.VISIT_KIND_INPATIENT),
        "INVALID_ARGUMENT UNSUPPORTED_VISIT_KIND bill.visit_kind",
    ),
    "an unknown institution": (
        settle(institution_code="H34110099999"),
        "NOT_FOUND INSTITUTION_NOT_FOUND bill.institution_code",
    ),
    "an unknown patient": (
        settle(patient=types_pb2.PersonRef(person_no="P404")),
        "NOT_FOUND PERSON_NOT_FOUND bill.patient",
    ),
    "a malformed identity number": (
        settle(patient=certified("34119919800101001")),
        malformed("bill.patient.certificate.number"),
    ),
    "an identity number with a wrong check digit": (
        settle(patient=certified("341199198001010010")),
        "INVALID_ARGUMENT CERTIFICATE_CHECKSUM bill.patient.certificate.number",
    ),
    "a right identity number nobody has": (
        settle(patient=certified("341199198001019997")),
        "NOT_FOUND PERSON_NOT_FOUND bill.patient",
    ),
    "a giver who is not bound": (
        settle(givers=["P2"]),
        "FAILED_PRECONDITION GIVER_NOT_BOUND bill.givers",
    ),
    "an unknown city": (
        city(area_code="110000"),
        "NOT_FOUND CITY_NOT_SERVED",
    ),
    "a city that is no code": (
        city(area_code="滁州"),
        malformed("area_code"),
    ),
    "a city before its first rule": (
        city(area_code="341100", day="2001-01-01"),
        "FAILED_PRECONDITION NOT_IN_FORCE",
    ),
    "an unknown channel": (
        submit(channel="carrier_pigeon"),
        "INVALID_ARGUMENT UNKNOWN_CHANNEL channel",
    ),
    "an unknown holder": (
        submit(holder=types_pb2.PersonRef(person_no="P404")),
        "NOT_FOUND PERSON_NOT_FOUND holder",
    ),
    "an unknown binding": (
        lambda s: (
            s.bindings.GetBinding,
            binding_pb2.GetBindingRequest(binding_id="B404"),
        ),
        "NOT_FOUND BINDING_NOT_FOUND binding_id",
    ),
    "a list of bindings without a filter": (
        lambda s: (s.bindings.ListBindings, binding_pb2.ListBindingsRequest()),
        malformed("holder"),
    ),
    "a refusal without a reason code": (
        lambda s: (
            s.bindings.ReviewBinding,
            binding_pb2.ReviewBindingRequest(
                request_id=s.new_id(),
                binding_id="B1",
                reviewer="1",
                verdict=binding_pb2.REVIEW_VERDICT_REFUSE,
            ),
        ),
        malformed("reason_code"),
    ),
    "an unknown settlement": (
        lambda s: (
            s.settlements.GetSettlement,
            settlement_pb2.GetSettlementRequest(settlement_id="S404"),
        ),
        "NOT_FOUND SETTLEMENT_NOT_FOUND settlement_id",
    ),
    "a list of settlements of nobody": (
        lambda s: (
            s.settlements.ListSettlements,
            settlement_pb2.ListSettlementsRequest(patient=s.ref("P404")),
        ),
        "NOT_FOUND PERSON_NOT_FOUND patient",
    ),
    "days and a month": (
        lambda s: (
            s.settlements.ListSettlements,
            settlement_pb2.ListSettlementsRequest(
                patient=s.ref("P1"), month="2025-09", to_day="2025-09-30"
            ),
        ),
        malformed("month"),
    ),
    "a span that ends before it begins": (
        entries(from_day="2025-09-30", to_day="2025-09-01"),
        malformed("to_day"),
    ),
    "a page of negative size": (
        entries(page={"size": -1}),
        malformed("page.size"),
    ),
    "a page token made up": (
        entries(page={"token": "WzEsIngiXQ==.00"}),
        "INVALID_ARGUMENT PAGE_TOKEN_INVALID page.token",
    ),
    "a credit of nothing": (
        lambda s: (
            s.accounts.Credit,
            account_pb2.CreditRequest(request_id=s.new_id(), person=s.ref("P1")),
        ),
        malformed("what"),
    ),
    "a sandbox clock at the end of time": (
        lambda s: (
            s.sandbox.SetClock,
            sandbox_pb2.SetClockRequest(
                request_id=s.new_id(), now=Timestamp(seconds=253_402_300_799)
            ),
        ),
        malformed("now"),
    ),
    "a sample where there is none": (
        lambda s: (
            s.sandbox.Reset,
            sandbox_pb2.ResetRequest(request_id=s.new_id(), load_sample=True),
        ),
        malformed("load_sample"),
    ),
}


@pytest.mark.parametrize(("call", "expected"), CASES.values(), ids=CASES)
async def test_bad_input_is_named(
    service: Service, call: MakeCall, expected: str
) -> None:
    """Bad input is refused by its name and the field's path, in Chinese; nothing is settled."""
    method, request = call(service)
    refusal = await service.refused(method, request)
    assert expected == refusal.summary
    assert refusal.localized.message == refusal.message
    assert [] == await service.store.page(Listing(kind=Settlement))


@pytest.mark.parametrize("name", ["", "%E8%B5%B5", "a b", "x" * 61])
async def test_a_caller_must_have_a_plain_name(service: Service, name: str) -> None:
    """A caller's name is 1 to 60 letters, digits, dots, underscores or hyphens."""
    metadata = (("x-gongji-caller", name),)
    refusal = await service.refused(
        service.city.ListCities, city_pb2.ListCitiesRequest(), metadata=metadata
    )
    assert (INVALID, "x-gongji-caller") == (refusal.code, refusal.field)


def methods() -> Iterator[Any]:
    for module in MODULES:
        for service in module.DESCRIPTOR.services_by_name.values():
            yield from service.methods


@pytest.mark.sampled(20)
@pytest.mark.parametrize("method", list(methods()), ids=lambda m: m.full_name)
async def test_no_bytes_are_our_fault(service: Service, method: Any) -> None:
    """Random bytes, texts that are not UTF-8, truncated and mutated messages are never
    INTERNAL or UNKNOWN."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    request = settlement_pb2.SettleRequest(
        request_id=service.new_id(), bill=service.bill()
    )
    outcomes = {
        payload: await service.code_of(path, payload, stream=method.client_streaming)
        for payload in payloads(request.SerializeToString(), seed=path)
    }
    assert {} == {p: code for p, code in outcomes.items() if code in NOT_OURS}


def payloads(whole: bytes, seed: str) -> Iterator[bytes]:
    """Yield bytes that are no message, or are one mutated."""
    chance = random.Random(seed)  # noqa: S311 - seeded cases
    yield from (b"\x0a\x02\xff\xfe", b"\x0a", whole, whole[:-1], b"\x00", b"\xff" * 20)
    for _ in range(12):
        yield chance.randbytes(chance.randrange(1, 60))
        yield bytes(b ^ (chance.random() < 0.1) for b in whole)


async def test_a_message_too_large_is_refused(service: Service) -> None:
    """A message above 4 MiB is RESOURCE_EXHAUSTED before anybody reads it."""
    code = await service.code_of(
        "/gongji.v1.CityService/ListCities", b"\x7a" * (4 * 1024 * 1024 + 1)
    )
    assert grpc.StatusCode.RESOURCE_EXHAUSTED == code


def test_the_table_knows_its_reasons() -> None:
    """Every reason expected above is one of model/refusals.py."""

    def reasons(kind: type[Refusal]) -> Iterator[str]:
        yield kind.reason()
        for child in kind.__subclasses__():
            yield from reasons(child)

    named = {expected.split()[1] for _, expected in CASES.values()}
    assert named <= set(reasons(Refusal))
