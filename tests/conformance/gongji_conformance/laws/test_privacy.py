"""Personal data: shown masked, named in no refusal."""

from __future__ import annotations

import pytest
from gongji.v1 import registry_pb2, types_pb2

from gongji_conformance.city.city import CityUnderTest
from gongji_conformance.city.population import InventedPerson
from gongji_conformance.city.stubs import CallRefused, ask
from gongji_conformance.city.stubs import person as ref
from gongji_conformance.laws.law import law


@law("CORE-PRIVACY-001")
@pytest.mark.parametrize("named_by", ["person_no", "certificate"])
def test_people_come_back_masked(gongji_city: CityUnderTest, named_by: str) -> None:
    """Of a person one sees two ends of a number, two digits of a phone, the family name."""
    invented = gongji_city.people.one()
    request = registry_pb2.GetPersonRequest(person=_ref(invented, named_by))
    person = gongji_city.stubs.registry.GetPerson(request).person
    number = _masked(invented.certificate_number, 1, 1)
    assert invented.person_no == person.person_no
    assert number == person.certificate.number
    # How long a name is says who of few it is.
    assert invented.name[0] + "**" == person.name
    assert _masked(invented.phone, 0, 2) == person.phone


def _masked(text: str, first: int, last: int) -> str:
    """Return a text of which only so many characters at its ends are shown."""
    hidden = len(text) - first - last
    end = first + hidden
    return text[:first] + "*" * hidden + text[end:]


@law("CORE-PRIVACY-002")
def test_bindings_name_nobody(gongji_city: CityUnderTest) -> None:
    """A binding shows neither number nor phone of holder and member."""
    holder, member = gongji_city.people.couple()
    shown = str(gongji_city.bind(holder, member))
    assert [] == _leaked(shown, holder, member)


@law("CORE-PRIVACY-003")
def test_refusals_name_nobody(gongji_city: CityUnderTest) -> None:
    """A refused application names nobody, even if what was typed is wrong."""
    holder, member = gongji_city.people.couple()
    request = gongji_city.application(holder, member)
    request.member_details.certificate_number = holder.certificate_number
    request.member_details.phone = holder.phone
    refused = ask(gongji_city.stubs.bindings.SubmitBinding, request)
    assert isinstance(refused, CallRefused)
    assert "NOT_ELIGIBLE" == refused.reason
    assert [] == _leaked(str(refused), holder, member)


def _ref(person: InventedPerson, named_by: str) -> types_pb2.PersonRef:
    """Refer to a person by number or certificate."""
    if named_by == "person_no":
        return ref(person.person_no)
    number = person.certificate_number
    certificate = types_pb2.Certificate(
        type="01",
        number=number,
    )
    return types_pb2.PersonRef(certificate=certificate)


def _leaked(text: str, *people: InventedPerson) -> list[str]:
    """Return the numbers and phones that stand in a text."""
    secrets = [person.certificate_number for person in people]
    secrets += [person.phone for person in people]
    return [secret for secret in secrets if secret in text]
