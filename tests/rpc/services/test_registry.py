"""Persons looked up over the wire."""

from __future__ import annotations

from typing import Any

from gongji.v1 import registry_pb2, types_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from tests.scaffold.people import identity_number
from tests.scaffold.service import HOSPITAL, Service, import_header


async def person(service: Service, ref: types_pb2.PersonRef) -> types_pb2.Person:
    request = registry_pb2.GetPersonRequest(person=ref)
    return (await service.registry.GetPerson(request)).person


async def test_a_person_comes_back_masked(service: Service) -> None:
    """GetPerson finds a person by number or certificate and shows certificate, name and
    phone masked only, and no birth day."""
    card = types_pb2.Certificate(type="01", number="341199198001019997")
    row = service.person(1, certificate=card)
    row.born_on = "1980-01-01"
    await service.import_persons([row])
    by_number = await person(service, service.ref("R1"))
    assert by_number == await person(service, types_pb2.PersonRef(certificate=card))
    expected = types_pb2.Person()
    expected.CopyFrom(row)
    expected.certificate.number = "3****************7"
    expected.name = "赵**"
    expected.phone = "*********34"
    expected.born_on = ""
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


async def told(service: Service, moment: str, *rows: types_pb2.Person) -> Timestamp:
    """Import rows at a moment and return it."""
    service.set_clock(moment)
    response = await service.import_persons(rows)
    return response.receipt.at


async def shown(service: Service, **asked: Any) -> registry_pb2.GetPersonResponse:
    request = registry_pb2.GetPersonRequest(person=service.ref("R1"), **asked)
    return await service.registry.GetPerson(request)


async def test_a_person_as_known_then(service: Service) -> None:
    """GetPerson shows the values of a day (as_of) as they were known at an instant
    (known_at), and which import made them known."""
    march = await told(service, "2025-03-10 10:00:00", service.person(1))
    june = await told(
        service, "2025-06-20 10:00:00", service.person(1, insured_place="340802")
    )
    places = {
        (moment, day): (
            await shown(service, known_at=at, as_of=day)
        ).person.insured_place
        for moment, at in (("march", march), ("june", june), ("now", None))
        for day in ("", "2025-03-05", "2025-06-20")
    }
    assert places == {
        ("march", ""): "341199",
        ("march", "2025-03-05"): "341199",
        ("march", "2025-06-20"): "341199",
        ("june", ""): "340802",
        ("june", "2025-03-05"): "341199",
        ("june", "2025-06-20"): "340802",
        ("now", ""): "340802",
        ("now", "2025-03-05"): "341199",
        ("now", "2025-06-20"): "340802",
    }


async def test_a_revision_names_its_import(service: Service) -> None:
    """GetPerson says which revision it shows, since when that is known, and by which import."""
    march = await told(service, "2025-03-10 10:00:00", service.person(1))
    june = await told(service, "2025-06-20 10:00:00", service.person(1, name="李某"))
    present = (await shown(service)).revision
    assert (2, june) == (present.number, present.known_from)
    former = (await shown(service, known_at=march)).revision
    assert (1, march) == (former.number, former.known_from)
    assert former.import_id != present.import_id


async def test_nothing_was_known_before(service: Service) -> None:
    """Before the first import a person or an institution is not found, by that instant."""
    march = await told(service, "2025-03-10 10:00:00", service.person(1))
    before = Timestamp(seconds=march.seconds - 1)
    asked = registry_pb2.GetPersonRequest(person=service.ref("R1"), known_at=before)
    refusal = await service.refused(service.registry.GetPerson, asked)
    assert "NOT_FOUND PERSON_NOT_FOUND" == refusal.outcome
    assert "在 2025-03-10 09:59:59 时" in refusal.localized.message
    nowhere = registry_pb2.GetInstitutionRequest(code="H34110000099")
    refusal = await service.refused(service.registry.GetInstitution, nowhere)
    assert "NOT_FOUND INSTITUTION_NOT_FOUND" == refusal.outcome


async def test_an_institution_as_known_then(service: Service) -> None:
    """GetInstitution shows the grade of a day as it was known at an instant."""
    service.set_clock("2025-07-05 10:00:00")
    stored = registry_pb2.GetInstitutionRequest(code=HOSPITAL)
    row = (await service.registry.GetInstitution(stored)).institution
    row.hosp_lv = 6
    header = import_header(service.new_id()).header
    messages = [
        registry_pb2.ImportInstitutionsRequest(header=header),
        registry_pb2.ImportInstitutionsRequest(institution=row),
    ]
    summary = (await service.registry.ImportInstitutions(iter(messages))).summary
    assert (1, 0) == (summary.written, summary.refused)
    grades = []
    for asked in (
        {},
        {"as_of": "2025-07-04"},
        {"known_at": Timestamp(seconds=1751000000)},
    ):
        request = registry_pb2.GetInstitutionRequest(code=HOSPITAL, **asked)
        grades.append(
            (await service.registry.GetInstitution(request)).institution.hosp_lv
        )
    assert [6, 2, 2] == grades


async def listed(service: Service, size: int) -> list[registry_pb2.AppliedImport]:
    """Return the imports of persons, listed page by page."""
    request = registry_pb2.ListImportsRequest(registry=registry_pb2.REGISTRY_PERSONS)
    request.page.size = size
    imports: list[registry_pb2.AppliedImport] = []
    while True:
        reply = await service.registry.ListImports(request)
        imports += reply.imports
        if not reply.next_page_token:
            return imports
        request.page.token = reply.next_page_token


async def test_imports_are_listed_the_last_one_first(service: Service) -> None:
    """Every import is listed once, page by page, whatever the page."""
    done = [await service.import_persons([service.person(n)]) for n in range(3)]
    ids = [reply.summary.import_id for reply in done]
    for size in (1, 2, 3):
        found = [done.import_id for done in await listed(service, size)]
        assert ids[::-1] == found


async def test_an_import_is_found_by_its_id(service: Service) -> None:
    """GetImport says what an import did; one that was never applied is not found."""
    reply = await service.import_persons([service.person(1)])
    asked = registry_pb2.GetImportRequest(import_id=reply.summary.import_id)
    found = getattr(await service.registry.GetImport(asked), "import")
    assert (1, 1, False) == (found.received, found.written, found.merging)
    unknown = registry_pb2.GetImportRequest(import_id=service.new_id())
    refusal = await service.refused(service.registry.GetImport, unknown)
    assert "NOT_FOUND IMPORT_NOT_FOUND import_id" == refusal.summary
