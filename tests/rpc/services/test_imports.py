"""An import writes what is right, reports what is wrong, and is executed once under its
request id."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import pytest
from gongji.model.people import Institution, Person
from gongji.rpc.services.importing import ERRORS_SHOWN, Import
from gongji.rpc.services.imports import Imports
from gongji.rpc.services.stream import BATCH
from gongji.v1 import registry_pb2, settlement_pb2, types_pb2
from structlog.testing import capture_logs

from tests.scaffold.people import NOW
from tests.scaffold.service import (
    RefusedCall,
    Service,
    import_header,
    import_rows,
    replayed,
)

WRONG_CHECK_DIGIT = "341199198001010010"

Reply: TypeAlias = (
    registry_pb2.ImportPersonsResponse | registry_pb2.ImportInstitutionsResponse
)


def summary(reply: Reply) -> tuple[int, int, int, int]:
    counts = reply.summary
    return counts.received, counts.written, counts.unchanged, counts.refused


async def stream(
    service: Service, *messages: registry_pb2.ImportPersonsRequest
) -> RefusedCall:
    """Return how a stream is refused."""
    return await service.refused(service.registry.ImportPersons, iter(messages))


async def test_rows_are_written_once_and_counted(service: Service) -> None:
    """New rows are written, the same rows again under another id are unchanged, a
    changed one is written."""
    rows = [service.person(n) for n in range(3)]
    assert (3, 3, 0, 0) == summary(await service.import_persons(rows))
    rows[1].insured_place = "340899"
    assert (3, 1, 2, 0) == summary(await service.import_persons(rows))
    assert "340899" == (await service.stored(Person, "R1")).place_on(NOW.date())


async def test_rows_with_errors_are_reported_and_the_others_written(
    service: Service,
) -> None:
    """A row that breaks a constraint or a rule of the registry is left out and named by
    row, field and reason."""
    rows = [service.person(number) for number in range(1, 7)]
    rows[1].insured_place = "3411"
    rows[2].certificate.type = "01"
    rows[2].certificate.number = WRONG_CHECK_DIGIT
    rows[3].name = ""
    rows[4].certificate.CopyFrom(rows[0].certificate)
    reply = await service.import_persons(rows)
    assert (6, 1, 0, 5) == summary(reply)
    expected = [
        (1, "certificate", "CERTIFICATE_TAKEN"),
        (2, "insured_place", "MALFORMED_FIELD"),
        (3, "certificate.number", "CERTIFICATE_CHECKSUM"),
        (4, "name", "MALFORMED_FIELD"),
        (5, "certificate", "CERTIFICATE_TAKEN"),
    ]
    errors = reply.summary.errors
    assert expected == [(e.row, e.field, e.reason) for e in errors]
    assert await service.store.get(Person, "R6") is not None
    assert await service.store.get(Person, "R3") is None


async def test_no_error_quotes_a_number(service: Service) -> None:
    """What is wrong with a certificate is told without its number."""
    first, second, third = [service.person(number) for number in (1, 2, 3)]
    second.certificate.CopyFrom(first.certificate)
    third.certificate.type = "01"
    third.certificate.number = WRONG_CHECK_DIGIT
    reply = await service.import_persons([first, second, third])
    _, taken, wrong = [error.message for error in reply.summary.errors]
    assert "X0000" not in taken
    assert "341199" not in wrong


async def test_many_rows_keep_their_numbers(service: Service) -> None:
    """Across batches rows keep their numbers, and no more than 100 errors are shown."""
    rows = [service.person(n, name="" if n % 4 == 3 else "赵某某") for n in range(1203)]
    reply = await service.import_persons(rows)
    assert (1203, 903, 0, 300) == summary(reply)
    assert [4 * (n + 1) for n in range(100)] == [e.row for e in reply.summary.errors]


async def test_an_import_holds_one_batch(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many rows come, those not yet written are at most one batch, and the
    errors kept are bounded."""
    held: list[int] = []
    stage = Import._stage

    async def noted(self: Import, rowset: Any, batch: Any) -> None:
        held.append(len(batch.rows) + len(batch.malformed))
        await stage(self, rowset, batch)

    monkeypatch.setattr(Import, "_stage", noted)
    rows = [service.person(n, name="" if n % 2 else "赵某某") for n in range(5 * BATCH)]
    reply = await service.import_persons(rows)
    assert [*[BATCH] * 5, 0] == held
    assert (5 * BATCH, 5 * BATCH // 2) == (
        reply.summary.received,
        reply.summary.written,
    )
    assert ERRORS_SHOWN == len(reply.summary.errors)


async def test_the_same_import_again_is_answered_as_the_first_time(
    service: Service,
) -> None:
    """The same rows under the same id, in whatever case it is written: the first
    summary, marked replayed."""
    request_id = service.new_id()
    rows = [service.person(1), service.person(2, name="")]
    first = await service.import_persons(rows, request_id)
    await service.import_persons([service.person(1, insured_place="340899")])
    again = await service.import_persons(rows, request_id.upper())
    assert [False, True] == replayed(first, again)
    assert first.summary == again.summary
    assert first.receipt.at == again.receipt.at
    assert "340899" == (await service.stored(Person, "R1")).place_on(NOW.date())


async def test_other_rows_under_a_known_id_are_refused(service: Service) -> None:
    """Other content or another order under a known id is REQUEST_ID_REUSED."""
    request_id = service.new_id()
    rows = [service.person(1), service.person(2)]
    await service.import_persons(rows, request_id)
    header = import_header(request_id)
    reordered = await stream(service, header, *import_rows(*reversed(rows)))
    assert "REQUEST_ID_REUSED" == reordered.reason
    fewer = await stream(service, header)
    assert "REQUEST_ID_REUSED" == fewer.reason


async def test_another_method_under_a_known_id_is_refused(service: Service) -> None:
    """Another method under a known id is named as what differs, and nothing else."""
    request_id, row = service.new_id(), service.person(1)
    await service.import_persons([row], request_id)
    header = registry_pb2.ImportHeader(request_id=request_id)
    place = registry_pb2.ImportInstitutionsRequest(header=header)
    refusal = await service.refused(service.registry.ImportInstitutions, iter([place]))
    assert "method" == refusal.differing


async def test_an_import_that_broke_off_leaves_nothing(service: Service) -> None:
    """Of a stream that ends in nonsense no row is visible; the same id sent again whole
    is executed as if for the first time."""
    request_id = service.new_id()
    header = import_header(request_id)
    rows = [service.person(n) for n in range(600)]
    refusal = await stream(service, header, *import_rows(*rows), header)
    assert "INVALID_ARGUMENT MALFORMED_FIELD person" == refusal.summary
    assert await service.store.get(Person, "R1") is None
    assert (600, 600, 0, 0) == summary(await service.import_persons(rows, request_id))
    assert await service.store.get(Person, "R1") is not None


def header_read(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Return the event of the service's having read an import's header."""
    begun, execute = asyncio.Event(), Imports.execute

    async def noted(*arguments: Any) -> Any:
        begun.set()
        return await execute(*arguments)

    monkeypatch.setattr(Imports, "execute", noted)
    return begun


async def test_a_caller_who_goes_away_has_not_ended_his_stream(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows cut off by a caller's end are no import of their own: the same id sent again
    whole is executed."""
    request_id, rows = service.new_id(), [service.person(n) for n in range(4)]
    begun = header_read(monkeypatch)

    async def cut_off() -> AsyncIterator[registry_pb2.ImportPersonsRequest]:
        yield import_header(request_id)
        yield registry_pb2.ImportPersonsRequest(person=rows[0])
        await asyncio.Event().wait()

    with capture_logs() as lines:
        call = service.registry.ImportPersons(cut_off())
        await begun.wait()
        call.cancel()
        while not lines:  # noqa: ASYNC110 - the event is in the log
            await asyncio.sleep(0.001)
    assert ["CANCELLED"] == [line["code"] for line in lines]
    assert (4, 4, 0, 0) == summary(await service.import_persons(rows, request_id))


async def until_claimed(service: Service, request_id: str) -> None:
    async with asyncio.timeout(10):
        row = None
        while row is None:
            await asyncio.sleep(0.01)
            row = await service.row(request_id)


async def test_the_id_of_a_running_import_is_taken(service: Service) -> None:
    """While an import is under way its id stands for no other request; the import goes on."""
    request_id, go_on = service.new_id(), asyncio.Event()

    async def slow() -> AsyncIterator[registry_pb2.ImportPersonsRequest]:
        yield import_header(request_id)
        for number in range(BATCH):
            yield registry_pb2.ImportPersonsRequest(person=service.person(number))
        await go_on.wait()

    running = service.registry.ImportPersons(slow())
    await until_claimed(service, request_id)
    settle = settlement_pb2.SettleRequest(request_id=request_id, bill=service.bill())
    refusal = await service.refused(service.settlements.Settle, settle)
    assert "REQUEST_ID_REUSED" == refusal.reason
    assert "method" == refusal.differing
    go_on.set()
    assert (BATCH, BATCH, 0, 0) == summary(await running)


async def test_a_stream_begins_with_its_header(service: Service) -> None:
    """Without a header, or with one that has no request id, nothing is read."""
    (row,) = import_rows(service.person(1))
    malformed = "INVALID_ARGUMENT MALFORMED_FIELD header"
    for messages in ([row], []):
        refusal = await stream(service, *messages)
        assert malformed == refusal.summary
    refusal = await stream(service, import_header(""), row)
    assert f"{malformed}.request_id" == refusal.summary
    assert await service.store.get(Person, "R1") is None


async def test_an_import_of_nothing_is_an_import(service: Service) -> None:
    """A header alone is answered with counts of 0."""
    assert (0, 0, 0, 0) == summary(await service.import_persons([]))


async def test_institutions(service: Service) -> None:
    """Institutions are imported the same way; a grade may not stand without a kind."""
    place = types_pb2.Institution(
        code="P34110000001",
        name="某药店",
        kind=types_pb2.INSTITUTION_KIND_PHARMACY,
        designated_from="2020-01-01",
    )
    graded = types_pb2.Institution(hosp_lv=3)
    graded.MergeFrom(place)
    graded.code = "P34110000002"
    bare = types_pb2.Institution(code="P34110000003", name="某药店", hosp_lv=3)
    bare.designated_from = "2020-01-01"
    header = registry_pb2.ImportHeader(request_id=service.new_id())
    message = registry_pb2.ImportInstitutionsRequest
    rows = [message(institution=row) for row in (place, graded, bare)]
    messages = [message(header=header), *rows]
    reply = await service.registry.ImportInstitutions(iter(messages))
    assert (3, 1, 0, 2) == summary(reply)
    assert [(2, "hosp_lv"), (3, "kind")] == [
        (e.row, e.field) for e in reply.summary.errors
    ]
    assert "某药店" == (await service.stored(Institution, "P34110000001")).name
