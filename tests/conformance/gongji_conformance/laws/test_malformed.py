"""Bad input: refused at the edge by reason and field, and nothing written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from gongji.v1 import account_pb2, registry_pb2, settlement_pb2, types_pb2

from gongji_conformance.city.judged import Judged
from gongji_conformance.city.wire import Refused, ask, new_id
from gongji_conformance.city.wire import person as ref
from gongji_conformance.city.world import certificate_number
from gongji_conformance.laws.law import law

MALFORMED, SUM, CHECKSUM = "MALFORMED_FIELD", "PARTS_DO_NOT_SUM", "CERTIFICATE_CHECKSUM"
HUGE = 9_000_000_000_000_000_000

Spoil = Callable[[Any], None]
"""Makes one thing wrong in a request that would otherwise be taken."""


def _set(path: str, value: Any) -> Spoil:
    """Sets the field of that path."""

    def spoil(request: Any) -> None:
        *parents, name = path.split(".")
        for parent in parents:
            request = getattr(request, parent)
        setattr(request, name, value)

    return spoil


def _clear(name: str) -> Spoil:
    return lambda request: request.ClearField(name)


BILLS: dict[str, tuple[Spoil, str, str]] = {
    "no-request-id": (_set("request_id", ""), MALFORMED, "request_id"),
    "request-id-no-uuid": (_set("request_id", "20250930-1"), MALFORMED, "request_id"),
    "no-bill": (_clear("bill"), MALFORMED, "bill"),
    "no-patient": (_set("bill.patient.person_no", ""), MALFORMED, "bill.patient"),
    "negative-part": (_set("bill.first_selfpay_fen", -1), MALFORMED, "bill.first_selfpay_fen"),
    "total-zero": (_set("bill.total_fen", 0), MALFORMED, "bill.total_fen"),
    "total-overflows": (_set("bill.total_fen", HUGE), MALFORMED, "bill.total_fen"),
    "parts-do-not-sum": (_set("bill.total_fen", 1), SUM, "bill.total_fen"),
    "no-visit-kind": (_set("bill.visit_kind", 0), MALFORMED, "bill.visit_kind"),
    "unknown-visit-kind": (_set("bill.visit_kind", 77), MALFORMED, "bill.visit_kind"),
    "unknown-scheme": (_set("bill.scheme", 311), MALFORMED, "bill.scheme"),
    "no-account-use": (_set("bill.account_use", 0), MALFORMED, "bill.account_use"),
    "impossible-day": (_set("bill.service_day", "2025-02-29"), MALFORMED, "bill.service_day"),
    "day-otherwise-written": (_set("bill.service_day", "2025/9/30"), MALFORMED, "bill.service_day"),
    "institution-code-too-short": (_set("bill.institution_code", "H1"), MALFORMED, "bill.institution_code"),
}

APPLICATIONS: dict[str, tuple[Spoil, str, str]] = {
    "no-request-id": (_set("request_id", ""), MALFORMED, "request_id"),
    "no-holder": (_clear("holder"), MALFORMED, "holder"),
    "no-member": (_clear("member"), MALFORMED, "member"),
    "no-relation": (_set("relation", ""), MALFORMED, "relation"),
    "relation-no-code": (_set("relation", "配偶"), MALFORMED, "relation"),
    "no-purpose": (_clear("purposes"), MALFORMED, "purposes"),
    "unknown-purpose": (lambda request: request.purposes.append(9), MALFORMED, "purposes"),
    "no-channel": (_set("channel", ""), MALFORMED, "channel"),
    "place-not-six-digits": (_set("member_details.insured_place", "3411"), MALFORMED, "member_details.insured_place"),
    "agreement-without-version": (_set("agreement.version", ""), MALFORMED, "agreement.version"),
    "consent-without-method": (_set("consent.method", 0), MALFORMED, "consent.method"),
}

CREDITS: dict[str, tuple[Spoil, str, str]] = {
    "no-request-id": (_set("request_id", ""), MALFORMED, "request_id"),
    "no-person": (_clear("person"), MALFORMED, "person"),
    "neither-month-nor-amount": (_clear("month"), MALFORMED, "what"),
    "impossible-month": (_set("month", "2025-13"), MALFORMED, "month"),
    "negative-amount": (_set("brought_forward_fen", -1), MALFORMED, "brought_forward_fen"),
}


@law("CORE-INPUT-001")
@pytest.mark.parametrize("fault", BILLS)
def test_bill(gongji_city: Judged, fault: str) -> None:
    """A malformed bill is refused with reason and field; nothing is settled, and its request id is still free."""
    spoil, reason, field = BILLS[fault]
    patient = gongji_city.world.one(balance=300)
    good = gongji_city.settling(patient)
    _refused(gongji_city.wire.settlements.Settle, _spoilt(good, spoil), reason, field)
    assert [] == gongji_city.settlements(patient)
    assert 300_00 == gongji_city.balance(patient)
    assert not gongji_city.wire.settlements.Settle(good).receipt.replayed


@law("CORE-INPUT-002")
@pytest.mark.parametrize("fault", APPLICATIONS)
def test_application(gongji_city: Judged, fault: str) -> None:
    """A malformed application is refused with reason and field; nothing is kept, and its request id is still free."""
    spoil, reason, field = APPLICATIONS[fault]
    holder, member = gongji_city.world.couple()
    good = gongji_city.application(holder, member)
    _refused(gongji_city.wire.bindings.SubmitBinding, _spoilt(good, spoil), reason, field)
    assert [] == gongji_city.bindings(holder)
    assert not gongji_city.wire.bindings.SubmitBinding(good).receipt.replayed


@law("CORE-INPUT-003")
@pytest.mark.parametrize("fault", CREDITS)
def test_credit(gongji_city: Judged, fault: str) -> None:
    """A malformed credit is refused with reason and field, and the balance stays."""
    spoil, reason, field = CREDITS[fault]
    person = gongji_city.world.one(balance=300)
    good = account_pb2.CreditRequest(request_id=new_id(), person=ref(person.person_no), month="2025-08")
    _refused(gongji_city.wire.accounts.Credit, _spoilt(good, spoil), reason, field)
    assert 300_00 == gongji_city.balance(person)


@law("CORE-INPUT-004")
def test_wrong_check_digit_names_nobody(gongji_city: Judged) -> None:
    """A person named by an identity number with a wrong check digit is refused for that, not looked for."""
    request = registry_pb2.GetPersonRequest(
        person=types_pb2.PersonRef(certificate=types_pb2.Certificate(type="01", number=_wrong_number()))
    )
    _refused(gongji_city.wire.registry.GetPerson, request, CHECKSUM, "person.certificate.number")


@law("CORE-INPUT-005")
def test_wrong_check_digit_is_not_imported(gongji_city: Judged) -> None:
    """A row with a wrong check digit is left out and reported with its number, field and reason; the others are in."""
    good, bad = _row(gongji_city, certificate_number()), _row(gongji_city, _wrong_number())
    header = registry_pb2.ImportPersonsRequest(header=registry_pb2.ImportHeader(request_id=new_id()))
    rows = [registry_pb2.ImportPersonsRequest(person=person) for person in (good, bad)]
    summary = gongji_city.wire.registry.ImportPersons(iter([header, *rows])).summary
    assert [(2, "certificate.number", CHECKSUM)] == [(e.row, e.field, e.reason) for e in summary.errors]
    assert (2, 1) == (summary.received, summary.refused)
    missing = ask(gongji_city.wire.registry.GetPerson, registry_pb2.GetPersonRequest(person=ref(bad.person_no)))
    assert isinstance(missing, Refused)
    assert "PERSON_NOT_FOUND" == missing.reason


@law("CORE-INPUT-006")
def test_unknown_people_and_places(gongji_city: Judged) -> None:
    """Whoever or whatever nobody has registered is NOT_FOUND by its own reason and field."""
    patient = gongji_city.world.one()
    stranger, nowhere = gongji_city.settling(patient), gongji_city.settling(patient)
    stranger.bill.patient.person_no = "GC-NOBODY"
    nowhere.bill.institution_code = "H34990099999"
    settle = gongji_city.wire.settlements.Settle
    _refused(settle, stranger, "PERSON_NOT_FOUND", "bill.patient", code="NOT_FOUND")
    _refused(settle, nowhere, "INSTITUTION_NOT_FOUND", "bill.institution_code", code="NOT_FOUND")
    unserved = gongji_city.asking()
    unserved.area_code = "990000"
    _refused(gongji_city.wire.cities.GetCity, unserved, "CITY_NOT_SERVED", "", code="NOT_FOUND")


@law("CORE-INPUT-007")
def test_request_ids_are_checked_everywhere(gongji_city: Judged) -> None:
    """Quote needs no request id; Reverse without one is refused like any other change."""
    request = settlement_pb2.ReverseRequest(settlement_id="S" + "A" * 26)
    _refused(gongji_city.wire.settlements.Reverse, request, MALFORMED, "request_id")


def _spoilt(good: Any, spoil: Spoil) -> Any:
    bad = type(good)()
    bad.CopyFrom(good)
    spoil(bad)
    return bad


def _refused(call: Callable[[Any], Any], request: Any, reason: str, field: str, code: str = "INVALID_ARGUMENT") -> None:
    answer = ask(call, request)
    assert isinstance(answer, Refused)
    assert (code, reason) == (answer.code, answer.reason)
    assert answer.field.startswith(field)
    assert answer.message


def _wrong_number() -> str:
    right = certificate_number()
    return right[:-1] + ("1" if right[-1] == "0" else "0")


def _row(city: Judged, number: str) -> types_pb2.Person:
    person_no = "GC" + new_id()[:13].replace("-", "")
    return types_pb2.Person(
        person_no=person_no,
        certificate=types_pb2.Certificate(type="01", number=number),
        name="测试",
        insured_place=city.area_code,
    )
