"""ListAccesses: who looked at a person's data, newest first, imports among them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from gongji.model.access import PersonAccess
from gongji.model.commands import Listing
from gongji.rpc import recording
from gongji.rpc.accessed import FIELDS
from gongji.v1 import access_pb2 as pb
from gongji.v1 import registry_pb2

from tests.scaffold.people import NOW
from tests.scaffold.service import Service

pytestmark = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)


def access(number: int, person_no: str = "P1", **changes: Any) -> PersonAccess:
    """Return the n-th access to a person; each third is of one instant with the two after it."""
    at = NOW - timedelta(days=1) + timedelta(minutes=number - number % 3)
    fields: dict[str, Any] = {
        "access_id": f"{number:014x}-0-0",
        "person_no": person_no,
        "at": at,
        "caller": f"C{number}",
        "caller_kind": "hospital",
        "credential": "CN=his",
        "subject": "",
        "identification": 0,
        "purpose": 0,
        "method": "GetPerson",
        "fields": "name,phone",
        "request_id": "",
        **changes,
    }
    return PersonAccess(**fields)


async def listed(service: Service, size: int = 100, **narrowed: Any) -> list[pb.Access]:
    """Return all accesses to a person, page by page."""
    rows: list[pb.Access] = []
    request = pb.ListAccessesRequest(**{"person": service.ref("P1"), **narrowed})
    request.page.size = size
    while True:
        reply = await service.access.ListAccesses(request)
        assert len(reply.accesses) <= size
        rows += [row for row in reply.accesses if row.method != "ListAccesses"]
        request.page.token = reply.next_page_token
        if not reply.next_page_token:
            return rows


async def test_what_a_settlement_leaves(service: Service) -> None:
    """A settlement is an access to the patient and to the holder whose purse it charges."""
    await service.bind("P2")
    await service.give("P2", 100_000)
    settlement = (await service.settle()).settlement
    for person_no in ("P1", "P2"):
        row = (await listed(service, person=service.ref(person_no)))[0]
        assert (row.method, row.caller, row.caller_kind) == (
            "Settle",
            "anonymous",
            "tester",
        )
        assert FIELDS["Settle"] == ",".join(row.fields)
        assert settlement.settled_at == row.at
        assert settlement.request_id == row.request_id


async def test_a_replay_is_an_access_too(service: Service) -> None:
    """The first answer again shows the data again."""
    request_id = service.new_id()
    for _ in range(2):
        await service.settle(request_id)
    rows = [row for row in await waited(service) if row.method == "Settle"]
    assert [request_id] * 2 == [row.request_id for row in rows]


async def waited(service: Service) -> list[pb.Access]:
    """Return the accesses once those of reads are written."""
    await asyncio.sleep(recording.WAIT_S + 0.2)
    return await listed(service)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 100])
async def test_pages_put_together_are_the_list(service: Service, size: int) -> None:
    """Whatever the page size each access comes once, newest first, imports among them."""
    await service.write(*(access(n) for n in range(7)), access(7, "P2"))
    rows = await listed(service, size)
    assert [f"C{n}" for n in reversed(range(7))] == [r.caller for r in rows]


async def test_imports_stand_where_they_became_known(service: Service) -> None:
    """Each import that changed a person is an access by who sent it, though no row of its
    own is written; one that says nothing new is none."""
    ids = []
    for phone in ("13800001234", "13800001234", "13900001234"):
        row = service.person(1, phone=phone)
        ids.append((await service.import_persons([row])).summary.import_id)
        service.clock.set(service.clock() + timedelta(hours=1))
    rows = await listed(service, 1, person=service.ref("R1"))
    assert [ids[2], ids[0]] == [row.request_id for row in rows]
    assert {("ImportPersons", "anonymous", "tester")} == {
        (row.method, row.caller, row.caller_kind) for row in rows
    }
    assert FIELDS["ImportPersons"].split(",") == list(rows[0].fields)


async def test_days(service: Service) -> None:
    """A list is narrowed to days of Shanghai, both included."""
    days = [timedelta(days=n) for n in range(3)]
    await service.write(
        *(access(n, at=NOW.replace(hour=0) - d) for n, d in enumerate(days))
    )
    await service.import_persons([service.person(1)])
    rows = await listed(service, from_day="2025-09-28", to_day="2025-09-29")
    assert ["C1", "C2"] == [row.caller for row in rows]
    request = pb.ListAccessesRequest(person=service.ref("R1"), to_day="2025-09-29")
    assert not (await service.access.ListAccesses(request)).accesses


async def test_nobody(service: Service) -> None:
    """A person the registry does not know is refused by name, and no row is left."""
    request = pb.ListAccessesRequest(person=service.ref("P9"))
    refusal = await service.refused(service.access.ListAccesses, request)
    assert "NOT_FOUND PERSON_NOT_FOUND person" == refusal.summary


async def test_a_guess_that_fails_leaves_nothing(service: Service) -> None:
    """Asking for somebody who does not exist writes no row: strangers cannot fill the table."""
    get = registry_pb2.GetPersonRequest(person=service.ref("P9"))
    await service.refused(service.registry.GetPerson, get)
    await service.write(access(0, "P9"))
    await waited(service)
    of_nobody = Listing(kind=PersonAccess, equals={"person_no": "P9"}, order="at")
    assert 1 == len(await service.store.page(of_nobody))
