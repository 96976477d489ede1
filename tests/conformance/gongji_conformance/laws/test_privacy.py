"""Personal data: shown masked, named in no refusal."""

from __future__ import annotations

import pytest
from gongji.v1 import registry_pb2, types_pb2

from gongji_conformance.city.judged import Judged
from gongji_conformance.city.wire import Refused, ask
from gongji_conformance.city.wire import person as ref
from gongji_conformance.city.world import Someone
from gongji_conformance.laws.law import law


@law("CORE-PRIVACY-001")
@pytest.mark.parametrize("named_by", ["person_no", "certificate"])
def test_people_come_back_masked(gongji_city: Judged, named_by: str) -> None:
    """A person comes back with certificate, name and phone masked: the first and last four digits, the family name."""
    someone = gongji_city.world.one()
    person = gongji_city.wire.registry.GetPerson(registry_pb2.GetPersonRequest(person=_ref(someone, named_by))).person
    number = someone.certificate_number
    assert someone.person_no == person.person_no
    assert f"{number[:4]}{'*' * 10}{number[-4:]}" == person.certificate.number
    assert someone.name[0] + "*" * (len(someone.name) - 1) == person.name
    assert f"{someone.phone[:3]}****{someone.phone[-4:]}" == person.phone


@law("CORE-PRIVACY-002")
def test_bindings_name_nobody(gongji_city: Judged) -> None:
    """A binding shows neither the certificate, the phone nor the name of holder and member."""
    holder, member = gongji_city.world.couple()
    shown = str(gongji_city.bind(holder, member))
    assert [] == _leaked(shown, holder, member)


@law("CORE-PRIVACY-003")
def test_refusals_name_nobody(gongji_city: Judged) -> None:
    """A refused application names nobody, although what was typed did not agree with the registry."""
    holder, member = gongji_city.world.couple()
    request = gongji_city.application(holder, member)
    request.member_details.certificate_number = holder.certificate_number
    request.member_details.phone = holder.phone
    refused = ask(gongji_city.wire.bindings.SubmitBinding, request)
    assert isinstance(refused, Refused)
    assert "NOT_ELIGIBLE" == refused.reason
    assert [] == _leaked(str(refused), holder, member)


def _ref(someone: Someone, named_by: str) -> types_pb2.PersonRef:
    if named_by == "person_no":
        return ref(someone.person_no)
    return types_pb2.PersonRef(certificate=types_pb2.Certificate(type="01", number=someone.certificate_number))


def _leaked(text: str, *people: Someone) -> list[str]:
    return [secret for p in people for secret in (p.certificate_number, p.phone) if secret in text]
