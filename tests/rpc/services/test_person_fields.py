"""What of a person each kind of caller is shown, over the wire."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import pytest
from gongji.model.people import BaseSince, Kin, Mark, Person, PlaceSince
from gongji.v1 import access_pb2, registry_pb2, types_pb2
from msgspec.structs import replace

from tests.rpc.services.acting import outcome, subject
from tests.scaffold.service import Service

NAMED: Final = {
    "insured_places": "insured_place",
    "contribution_base_fen": "contribution_base",
    "contribution_bases": "contribution_base",
}
"""To which of the fields that may be withheld others belong."""

EVERYTHING: Final = {
    "certificate",
    "name",
    "phone",
    "insured_place",
    "enrolments",
    "contribution_base",
    "kin",
    "died_on",
    "marks",
}

SEEN: Final = {
    "app": {"certificate", "name", "insured_place", "enrolments", "died_on", "marks"},
    "counter": {
        "certificate",
        "name",
        "insured_place",
        "enrolments",
        "died_on",
        "marks",
    },
    "bank": {"certificate", "name", "insured_place", "enrolments", "died_on"},
    "hospital": {"name", "insured_place", "enrolments", "died_on"},
    "pharmacy": {"name", "insured_place", "enrolments", "died_on"},
    "operator": {
        "certificate",
        "name",
        "insured_place",
        "enrolments",
        "died_on",
        "marks",
    },
    "auditor": {
        "certificate",
        "name",
        "insured_place",
        "enrolments",
        "died_on",
        "marks",
    },
    # The policy gives it what is nobody's.
    "full_app": EVERYTHING,
}
"""What each caller of the policy sees of a person who has all of it."""

DAY: Final = date(2024, 1, 1)


async def whole(service: Service) -> None:
    """Let the registry say everything of H."""
    plain = await service.stored(Person, "H")
    ahead = date(2030, 1, 1)
    await service.write(
        replace(
            plain,
            first_base_fen=500_000,
            bases=(BaseSince(600_000, DAY),),
            moves=(PlaceSince("340800", ahead),),
            marks=(Mark("signed", "1", DAY),),
            # Registered beforehand: who has died acts for nobody.
            died_on=ahead,
            kin=(Kin("W", "12", "t"),),
        )
    )


async def asked(service: Service, caller: str) -> registry_pb2.GetPersonResponse:
    packed = subject("H", purpose=access_pb2.ACCESS_PURPOSE_OWN_REQUEST)
    request = registry_pb2.GetPersonRequest(person=service.ref("H"))
    reply: Any = await outcome(service.registry.GetPerson, request, caller, packed)
    assert isinstance(reply, registry_pb2.GetPersonResponse)
    return reply


@pytest.mark.parametrize("caller", SEEN)
async def test_fields_by_kind(guarded: Service, caller: str) -> None:
    """A caller sees the fields its kind needs, and is told which others there are."""
    await whole(guarded)
    reply = await asked(guarded, caller)
    shown = {
        NAMED.get(field.name, field.name) for field, _ in reply.person.ListFields()
    }
    assert SEEN[caller] == shown - {"person_no"}
    assert EVERYTHING - SEEN[caller] == set(reply.withheld)


async def test_withheld_says_nothing_of_the_person(guarded: Service) -> None:
    """The same fields are withheld of a person who has them and of one who has none."""
    without = (await asked(guarded, "app")).withheld
    await whole(guarded)
    assert without == (await asked(guarded, "app")).withheld


async def test_the_contribution_base_by_certificate(guarded: Service) -> None:
    """Whoever knows a certificate's number does not learn the contribution base by it."""
    await whole(guarded)
    card = (await guarded.stored(Person, "H")).certificate
    ref = types_pb2.PersonRef(
        certificate=types_pb2.Certificate(type=card.type, number=card.number)
    )
    request = registry_pb2.GetPersonRequest(person=ref)
    packed = subject("", purpose=access_pb2.ACCESS_PURPOSE_CARE)
    for caller in ("hospital", "operator", "auditor"):
        reply: Any = await outcome(guarded.registry.GetPerson, request, caller, packed)
        assert "H" == reply.person.person_no
        assert 0 == reply.person.contribution_base_fen
        assert [] == list(reply.person.contribution_bases)
        assert "contribution_base" in reply.withheld
