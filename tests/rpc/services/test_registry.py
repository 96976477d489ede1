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


async def test_a_certificate_is_found_however_it_is_typed(service: Service) -> None:
    """An identity number is found with x or X, in full width, and with blanks in it."""
    numbers = map(identity_number, range(900, 1000))
    number = next(number for number in numbers if number.endswith("X"))
    card = types_pb2.Certificate(type="01", number=number)
    await service.import_persons([service.person(1, certificate=card)])
    wide = number.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)})
    for typed in (number.lower(), wide, f" {number[:6]}\u3000{number[6:]}\u00a0"):
        other = types_pb2.Certificate(type="01", number=typed)
        stored = await person(service, types_pb2.PersonRef(certificate=other))
        assert "R1" == stored.person_no
