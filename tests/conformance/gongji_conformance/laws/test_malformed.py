"""Bad input: refused at the edge by reason and field, and nothing written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from gongji.v1 import account_pb2, registry_pb2, settlement_pb2, types_pb2

from gongji_conformance.city.city import CityUnderTest
from gongji_conformance.city.population import certificate_number
from gongji_conformance.city.stubs import CallRefused, ask, new_id
from gongji_conformance.city.stubs import person as ref
from gongji_conformance.laws.law import law

MALFORMED, SUM, CHECKSUM = (
    "MALFORMED_FIELD",
    "PARTS_DO_NOT_SUM",
    "CERTIFICATE_CHECKSUM",
)
HUGE = 9_000_000_000_000_000_000


class Spoilt(NamedTuple):
    """One mistake in a faultless request, and the refusal it must bring."""

    spoil: Callable[[Any], object]
    field: str
    reason: str = MALFORMED

    def copy(self, request: Any) -> Any:
        """Return the request with the mistake; the request itself stays as it is."""
        bad = type(request)()
        bad.CopyFrom(request)
        self.spoil(bad)
        return bad


def _set(
    path: str,
    value: Any,
    *,
    field: str = "",
    reason: str = MALFORMED,
) -> Spoilt:
    """A wrong value in the field of that path; refused there unless `field` is given."""

    def spoil(request: Any) -> None:
        *parents, name = path.split(".")
        for parent in parents:
            request = getattr(request, parent)
        setattr(request, name, value)

    return Spoilt(spoil, field or path, reason)


def _clear(name: str, *, field: str = "") -> Spoilt:
    """A field left out."""
    return Spoilt(lambda request: request.ClearField(name), field or name)


BILLS = {
    "no-request-id": _set("request_id", ""),
    "request-id-no-uuid": _set("request_id", "20250930-1"),
    "no-bill": _clear("bill"),
    "no-patient": _set("bill.patient.person_no", "", field="bill.patient"),
    "negative-part": _set("bill.first_selfpay_fen", -1),
    "total-zero": _set("bill.total_fen", 0),
    "total-overflows": _set("bill.total_fen", HUGE),
    "parts-do-not-sum": _set("bill.total_fen", 1, reason=SUM),
    "no-visit-kind": _set("bill.visit_kind", 0),
    "unknown-visit-kind": _set("bill.visit_kind", 77),
    "unknown-scheme": _set("bill.scheme", 311),
    "no-account-use": _set("bill.account_use", 0),
    "impossible-day": _set("bill.service_day", "2025-02-29"),
    "day-otherwise-written": _set("bill.service_day", "2025/9/30"),
    "institution-code-too-short": _set("bill.institution_code", "H1"),
}

APPLICATIONS = {
    "no-request-id": _set("request_id", ""),
    "no-holder": _clear("holder"),
    "no-member": _clear("member"),
    "no-relation": _set("relation", ""),
    "relation-no-code": _set("relation", "配偶"),
    "no-purpose": _clear("purposes"),
    "unknown-purpose": Spoilt(lambda request: request.purposes.append(9), "purposes"),
    "no-channel": _set("channel", ""),
    "place-not-six-digits": _set("member_details.insured_place", "3411"),
    "agreement-without-version": _set("agreement.version", ""),
    "consent-without-method": _set("consent.method", 0),
}


def _year_alone(request: Any) -> None:
    request.brought_forward_fen, request.year = 1, "2025"


CREDITS = {
    "no-request-id": _set("request_id", ""),
    "no-person": _clear("person"),
    "neither-month-nor-amount": _clear("month", field="what"),
    "impossible-month": _set("month", "2025-13"),
    "no-amount": _set("brought_forward_fen", 0),
    "year-without-batch": Spoilt(_year_alone, "year"),
}


@law("CORE-INPUT-001")
@pytest.mark.parametrize("fault", BILLS)
def test_bill(gongji_city: CityUnderTest, fault: str) -> None:
    """A malformed bill is refused by reason and field, and its id stays free."""
    patient = gongji_city.people.one(balance=300)
    good = gongji_city.settling(patient)
    settle = gongji_city.stubs.settlements.Settle
    _refused_for(settle, good, BILLS[fault])
    assert [] == gongji_city.settlements(patient)
    assert 300_00 == gongji_city.balance(patient)
    assert not settle(good).receipt.replayed


@law("CORE-INPUT-002")
@pytest.mark.parametrize("fault", APPLICATIONS)
def test_application(gongji_city: CityUnderTest, fault: str) -> None:
    """A malformed application is refused by reason and field, and its id stays free."""
    holder, member = gongji_city.people.couple()
    good = gongji_city.application(holder, member)
    submit = gongji_city.stubs.bindings.SubmitBinding
    _refused_for(submit, good, APPLICATIONS[fault])
    assert [] == gongji_city.bindings(holder)
    assert not submit(good).receipt.replayed


@law("CORE-INPUT-003")
@pytest.mark.parametrize("fault", CREDITS)
def test_credit(gongji_city: CityUnderTest, fault: str) -> None:
    """A malformed credit is refused by reason and field, and the balance stays."""
    person = gongji_city.people.one(balance=300)
    good = account_pb2.CreditRequest(
        request_id=new_id(),
        person=ref(person.person_no),
        month="2025-08",
    )
    _refused_for(gongji_city.stubs.accounts.Credit, good, CREDITS[fault])
    assert 300_00 == gongji_city.balance(person)


@law("CORE-INPUT-004")
def test_wrong_check_digit_names_nobody(gongji_city: CityUnderTest) -> None:
    """Whoever is named by a number with a wrong check digit is not looked for."""
    certificate = types_pb2.Certificate(
        type="01",
        number=_wrong_number(),
    )
    request = registry_pb2.GetPersonRequest(
        person=types_pb2.PersonRef(certificate=certificate)
    )
    refused = _refused(gongji_city.stubs.registry.GetPerson, request)
    assert "INVALID_ARGUMENT" == refused.code
    assert CHECKSUM == refused.reason
    assert refused.field.startswith("person.certificate.number")


@law("CORE-INPUT-005")
def test_wrong_check_digit_is_not_imported(gongji_city: CityUnderTest) -> None:
    """A row with a wrong check digit is left out and reported; the others are in."""
    good = _person(gongji_city, certificate_number())
    bad = _person(gongji_city, _wrong_number())
    summary = _import(gongji_city, good, bad)
    errors = [(error.row, error.field, error.reason) for error in summary.errors]
    assert [(2, "certificate.number", CHECKSUM)] == errors
    assert 2 == summary.received
    assert 1 == summary.refused
    request = registry_pb2.GetPersonRequest(person=ref(bad.person_no))
    refused = _refused(gongji_city.stubs.registry.GetPerson, request)
    assert "PERSON_NOT_FOUND" == refused.reason


def _import(
    city: CityUnderTest, *people: types_pb2.Person
) -> registry_pb2.ImportSummary:
    """Import people and return the summary."""
    header = registry_pb2.ImportPersonsRequest(
        header=registry_pb2.ImportHeader(request_id=new_id())
    )
    rows = [registry_pb2.ImportPersonsRequest(person=person) for person in people]
    return city.stubs.registry.ImportPersons(iter([header, *rows])).summary


@law("CORE-INPUT-006")
def test_unknown_people_and_places(gongji_city: CityUnderTest) -> None:
    """Whoever or whatever nobody has registered is NOT_FOUND by reason and field."""
    patient = gongji_city.people.one()
    stranger, nowhere = (
        gongji_city.settling(patient),
        gongji_city.settling(patient),
    )
    stranger.bill.patient.person_no = "GC-NOBODY"
    nowhere.bill.institution_code = "H34990099999"
    unserved = gongji_city.get_city()
    unserved.area_code = "990000"
    settle = gongji_city.stubs.settlements.Settle
    get_city = gongji_city.stubs.cities.GetCity
    _not_found(settle, stranger, "PERSON_NOT_FOUND", "bill.patient")
    _not_found(settle, nowhere, "INSTITUTION_NOT_FOUND", "bill.institution_code")
    _not_found(get_city, unserved, "CITY_NOT_SERVED", "")


@law("CORE-INPUT-007")
def test_request_ids_are_checked_everywhere(
    gongji_city: CityUnderTest,
) -> None:
    """Reverse without a request id is refused like any other change."""
    reversal = settlement_pb2.ReverseRequest(settlement_id="S" + "A" * 26)
    no_id = _clear("request_id")
    _refused_for(gongji_city.stubs.settlements.Reverse, reversal, no_id)


def _refused_for(
    call: Callable[[Any], Any],
    request: Any,
    spoilt: Spoilt,
) -> None:
    """Assert that a request with that mistake is refused for it."""
    refused = _refused(call, spoilt.copy(request))
    assert ("INVALID_ARGUMENT", spoilt.reason) == (
        refused.code,
        refused.reason,
    )
    assert refused.field.startswith(spoilt.field)


def _not_found(
    call: Callable[[Any], Any],
    request: Any,
    reason: str,
    field: str,
) -> None:
    """Assert that a request is refused as NOT_FOUND."""
    refused = _refused(call, request)
    assert "NOT_FOUND" == refused.code
    assert reason == refused.reason
    assert refused.field.startswith(field)


def _refused(call: Callable[[Any], Any], request: Any) -> CallRefused:
    """Return the refusal of a request, which has a sentence."""
    answer = ask(call, request)
    assert isinstance(answer, CallRefused)
    assert answer.message
    return answer


def _wrong_number() -> str:
    """Return an identity number with a wrong check digit."""
    number = certificate_number()
    other = "1" if number.endswith("0") else "0"
    return number[:-1] + other


def _person(city: CityUnderTest, number: str) -> types_pb2.Person:
    """Return a person with that identity number."""
    return types_pb2.Person(
        person_no="GC" + new_id()[:13].replace("-", ""),
        certificate=types_pb2.Certificate(
            type="01",
            number=number,
        ),
        name="测试",
        insured_place=city.area_code,
    )
