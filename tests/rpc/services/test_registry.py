"""Persons looked up over the wire."""

from __future__ import annotations

from gongji.v1 import registry_pb2, types_pb2

from tests.scaffold.people import identity_number
from tests.scaffold.service import Service


async def person(service: Service, ref: types_pb2.PersonRef) -> types_pb2.Person:
    request = registry_pb2.GetPersonRequest(person=ref)
    return (await service.registry.GetPerson(request)).person


async def test_a_person_comes_back_masked(service: Service) -> None:
    """GetPerson finds a person by number or certificate and shows certificate, name and
    phone masked only."""
    card = types_pb2.Certificate(type="01", number="341199198001019997")
    row = service.person(1, certificate=card)
    await service.import_persons([row])
    by_number = await person(service, service.ref("R1"))
    assert by_number == await person(service, types_pb2.PersonRef(certificate=card))
    expected = types_pb2.Person()
    expected.CopyFrom(row)
    expected.certificate.number = "3411**********9997"
    expected.name = "赵**"
    expected.phone = "138****1234"
    assert expected == by_number


async def test_a_small_x_is_a_capital_one(service: Service) -> None:
    """An identity number is found whether its check digit is written x or X."""
    numbers = map(identity_number, range(900, 1000))
    number = next(number for number in numbers if number.endswith("X"))
    card = types_pb2.Certificate(type="01", number=number)
    await service.import_persons([service.person(1, certificate=card)])
    small = types_pb2.Certificate(type="01", number=number.lower())
    stored = await person(service, types_pb2.PersonRef(certificate=small))
    assert "R1" == stored.person_no
