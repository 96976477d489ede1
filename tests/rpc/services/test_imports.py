"""An import writes what is right, reports what is wrong, and is executed once under its
request id."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from gongji.model.commands import Request
from gongji.model.people import Institution, Person
from gongji.registry.imports import UpsertPersons
from gongji.rpc.convert.people import person_from
from gongji.rpc.services.imports import BATCH, ERRORS_SHOWN, ImportKind, Imports
from gongji.v1 import registry_pb2, settlement_pb2, types_pb2


def summary(reply: Any) -> tuple[int, int, int, int]:
    s = reply.summary
    return s.received, s.written, s.unchanged, s.refused


async def stream(
    service: Any, *messages: registry_pb2.ImportPersonsRequest
) -> tuple[grpc.StatusCode, str, str]:
    """How a stream that must be refused ends."""
    told = await service.refused(service.registry.ImportPersons, iter(messages))
    return told.code, told.info.reason, told.info.metadata["field"]


async def test_rows_are_written_once_and_counted(service: Any) -> None:
    """New rows are written, the same rows again under another id are unchanged, a
    changed one is written."""
    rows = [service.person(n) for n in range(3)]
    assert (3, 3, 0, 0) == summary(await service.import_persons(rows, service.new_id()))
    rows[1].insured_place = "340899"
    assert (3, 1, 2, 0) == summary(await service.import_persons(rows, service.new_id()))
    assert "340899" == (await service.store.get(Person, "R1")).insured_place


async def test_rows_with_errors_are_reported_and_the_others_written(
    service: Any,
) -> None:
    """A row that breaks a constraint or a rule of the registry is left out and named by
    row, field and reason."""
    card = types_pb2.Certificate(type="01", number="341199198001010010")
    rows = [
        service.person(1),
        service.person(2, insured_place="3411"),
        service.person(3, certificate=card),
        service.person(4, name=""),
        service.person(5, certificate=service.person(1).certificate),
        service.person(6),
    ]
    reply = await service.import_persons(rows, service.new_id())
    assert (6, 2, 0, 4) == summary(reply)
    expected = [
        (2, "insured_place", "MALFORMED_FIELD"),
        (3, "certificate.number", "CERTIFICATE_CHECKSUM"),
        (4, "name", "MALFORMED_FIELD"),
        (5, "certificate", "CERTIFICATE_TAKEN"),
    ]
    assert expected == [(e.row, e.field, e.reason) for e in reply.summary.errors]
    assert not any(
        "341199" in e.message or "X0000" in e.message for e in reply.summary.errors
    )
    assert await service.store.get(Person, "R6") is not None
    assert await service.store.get(Person, "R3") is None


async def test_many_rows_keep_their_numbers(service: Any) -> None:
    """Across batches rows keep their numbers, and no more than 100 errors are told."""
    rows = [service.person(n, name="" if n % 4 == 3 else "赵某某") for n in range(1203)]
    reply = await service.import_persons(rows, service.new_id())
    assert (1203, 903, 0, 300) == summary(reply)
    assert [4 * (n + 1) for n in range(100)] == [e.row for e in reply.summary.errors]


async def test_an_import_holds_one_batch(service: Any) -> None:
    """However many rows come, those not yet written are at most one batch, and the
    errors kept are bounded."""
    sent, ahead = 0, []
    imports = Imports(service.store, service.clock)

    async def messages() -> AsyncIterator[registry_pb2.ImportPersonsRequest]:
        nonlocal sent
        for sent in range(1, 2_501):
            yield registry_pb2.ImportPersonsRequest(
                person=service.person(sent, name="" if sent % 2 else "赵某某")
            )

    def upsert(rows: tuple[Person, ...]) -> UpsertPersons:
        ahead.append((len(rows), sent))
        return UpsertPersons(rows, service.store.lookup)

    request = Request(service.new_id(), "test", "ImportPersons")
    answer = await imports.execute(
        request, messages(), ImportKind("person", person_from, upsert)
    )
    assert [(BATCH, 1_000), (BATCH, 2_000), (250, 2_500)] == ahead
    assert (2_500, 1_250, 1_250, ERRORS_SHOWN) == (
        answer.value.received,
        answer.value.written,
        answer.value.refused,
        len(answer.value.errors),
    )


async def test_the_same_import_again_is_answered_as_the_first_time(
    service: Any,
) -> None:
    """The same rows under the same id, in whatever case it is written: the first
    summary, marked replayed."""
    request_id = service.new_id()
    rows = [service.person(1), service.person(2, name="")]
    first = await service.import_persons(rows, request_id)
    await service.import_persons(
        [service.person(1, insured_place="340899")], service.new_id()
    )
    again = await service.import_persons(rows, request_id.upper())
    assert (False, True) == (first.receipt.replayed, again.receipt.replayed)
    assert first.summary == again.summary
    assert first.receipt.at == again.receipt.at
    assert "340899" == (await service.store.get(Person, "R1")).insured_place


async def test_other_rows_under_a_known_id_are_refused(service: Any) -> None:
    """Other content, another order, another caller or another method under a known id
    is REQUEST_ID_REUSED."""
    request_id = service.new_id()
    rows = [service.person(1), service.person(2)]
    await service.import_persons(rows, request_id)
    header = registry_pb2.ImportPersonsRequest(
        header=registry_pb2.ImportHeader(request_id=request_id)
    )
    reordered = [
        registry_pb2.ImportPersonsRequest(person=row) for row in reversed(rows)
    ]
    assert "REQUEST_ID_REUSED" == (await stream(service, header, *reordered))[1]
    assert "REQUEST_ID_REUSED" == (await stream(service, header))[1]
    same = iter(
        [header, *(registry_pb2.ImportPersonsRequest(person=row) for row in rows)]
    )
    told = await service.refused(
        service.registry.ImportPersons, same, metadata=(("x-gongji-caller", "other"),)
    )
    assert "caller" == told.info.metadata["differing"]
    place = registry_pb2.ImportInstitutionsRequest(
        header=registry_pb2.ImportHeader(request_id=request_id)
    )
    told = await service.refused(service.registry.ImportInstitutions, iter([place]))
    assert "method,rows" == told.info.metadata["differing"]


async def test_an_import_that_broke_off_can_be_sent_again(service: Any) -> None:
    """A stream that ends in nonsense leaves whole batches; the same id sent again whole
    finds them unchanged."""
    request_id = service.new_id()
    header = registry_pb2.ImportPersonsRequest(
        header=registry_pb2.ImportHeader(request_id=request_id)
    )
    rows = [service.person(n) for n in range(600)]
    messages = [registry_pb2.ImportPersonsRequest(person=row) for row in rows]
    expected = (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_FIELD", "person")
    assert expected == await stream(service, header, *messages, header)
    assert (600, 100, 500, 0) == summary(await service.import_persons(rows, request_id))


async def test_a_caller_who_goes_away_has_not_ended_his_stream(service: Any) -> None:
    """Rows cut off by a caller's end are no import of their own: the same id sent again
    whole is executed."""
    header, rows = service.new_id(), [service.person(n) for n in range(4)]
    taken = asyncio.Event()

    async def cut_off() -> AsyncIterator[registry_pb2.ImportPersonsRequest]:
        yield registry_pb2.ImportPersonsRequest(
            header=registry_pb2.ImportHeader(request_id=header)
        )
        yield registry_pb2.ImportPersonsRequest(person=rows[0])
        taken.set()
        await asyncio.sleep(60)

    call = service.registry.ImportPersons(cut_off())
    await taken.wait()
    await asyncio.sleep(0.05)
    call.cancel()
    await asyncio.sleep(0.05)
    assert (4, 4, 0, 0) == summary(await service.import_persons(rows, header))


async def until_claimed(service: Any, request_id: str) -> None:
    async with asyncio.timeout(10):
        row = None
        while row is None:
            await asyncio.sleep(0.01)
            row = await service.store.recall(request_id)


async def test_the_id_of_a_running_import_is_taken(service: Any) -> None:
    """While an import is under way its id stands for no other request; the import goes on."""
    request_id, go_on = service.new_id(), asyncio.Event()
    header = registry_pb2.ImportHeader(request_id=request_id)

    async def slow() -> AsyncIterator[registry_pb2.ImportPersonsRequest]:
        yield registry_pb2.ImportPersonsRequest(header=header)
        for number in range(BATCH):
            yield registry_pb2.ImportPersonsRequest(person=service.person(number))
        await go_on.wait()

    running = service.registry.ImportPersons(slow())
    await until_claimed(service, request_id)
    settle = settlement_pb2.SettleRequest(request_id=request_id, bill=service.bill())
    refusal = await service.refused(service.settlements.Settle, settle)
    assert "REQUEST_ID_REUSED" == refusal.info.reason
    assert "method" == refusal.info.metadata["differing"]
    go_on.set()
    assert (BATCH, BATCH, 0, 0) == summary(await running)


async def test_a_stream_begins_with_its_header(service: Any) -> None:
    """Without a header, or with one that has no request id, nothing is read."""
    row = registry_pb2.ImportPersonsRequest(person=service.person(1))
    blank = registry_pb2.ImportPersonsRequest(header=registry_pb2.ImportHeader())
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    assert (invalid, "MALFORMED_FIELD", "header") == await stream(service, row)
    assert (invalid, "MALFORMED_FIELD", "header") == await stream(service)
    assert (invalid, "MALFORMED_FIELD", "header.request_id") == await stream(
        service, blank, row
    )
    assert await service.store.get(Person, "R1") is None


async def test_an_import_of_nothing_is_an_import(service: Any) -> None:
    """A header alone is answered with counts of 0."""
    assert (0, 0, 0, 0) == summary(await service.import_persons([], service.new_id()))


async def test_institutions(service: Any) -> None:
    """Institutions are imported the same way."""
    header = registry_pb2.ImportInstitutionsRequest(
        header=registry_pb2.ImportHeader(request_id=service.new_id())
    )
    place = types_pb2.Institution(
        code="P34110000001",
        name="某药店",
        kind=types_pb2.INSTITUTION_KIND_PHARMACY,
        designated_from="2020-01-01",
    )
    wrong = types_pb2.Institution(
        code="P34110000002",
        name="某药店",
        kind=types_pb2.INSTITUTION_KIND_PHARMACY,
        hosp_lv=3,
        designated_from="2020-01-01",
    )
    rows = [
        registry_pb2.ImportInstitutionsRequest(institution=row)
        for row in (place, wrong)
    ]
    reply = await service.registry.ImportInstitutions(iter([header, *rows]))
    assert (2, 1, 0, 1) == summary(reply)
    assert [(2, "hosp_lv")] == [(e.row, e.field) for e in reply.summary.errors]
    assert "某药店" == (await service.store.get(Institution, "P34110000001")).name
