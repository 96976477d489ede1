from __future__ import annotations

from typing import Any

from gongji.v1 import registry_pb2, types_pb2


async def test_a_person_comes_back_masked(service: Any) -> None:
    """GetPerson finds a person by number or certificate and shows certificate, name and
    phone masked only."""
    card = types_pb2.Certificate(type="01", number="341199198001019997")
    row = service.person(1, certificate=card)
    await service.import_persons([row], service.new_id())
    by_number = await service.registry.GetPerson(
        registry_pb2.GetPersonRequest(person=service.ref("R1"))
    )
    named = types_pb2.PersonRef(certificate=card)
    by_certificate = await service.registry.GetPerson(
        registry_pb2.GetPersonRequest(person=named)
    )
    assert by_number == by_certificate
    expected = types_pb2.Person()
    expected.CopyFrom(row)
    expected.certificate.number = "3411**********9997"
    expected.name = "赵**"
    expected.phone = "138****1234"
    assert expected == by_number.person


async def test_a_small_x_is_a_capital_one(service: Any) -> None:
    """An identity number is found whether its check digit is written x or X."""
    number = next(
        n
        for serial in range(900, 1000)
        if (n := service.identity_number(serial)).endswith("X")
    )
    card = types_pb2.Certificate(type="01", number=number)
    await service.import_persons(
        [service.person(1, certificate=card)], service.new_id()
    )
    small = types_pb2.Certificate(type="01", number=number.lower())
    reply = await service.registry.GetPerson(
        registry_pb2.GetPersonRequest(person=types_pb2.PersonRef(certificate=small))
    )
    assert "R1" == reply.person.person_no
