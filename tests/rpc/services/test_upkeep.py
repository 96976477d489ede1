"""Laws of what goes on behind imports, whichever process began it and however it ended.

Each holds for two processes over one PostgreSQL and for one in memory.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from gongji.model.commands import Answer, Listing, Request
from gongji.model.people import Person
from gongji.model.staging import (
    AppliedImport,
    StagedPerson,
    StagedSet,
    Unmerged,
)
from gongji.registry.kinds import PERSONS
from gongji.rpc.convert.people import person_row_from
from gongji.rpc.services import stream as streams
from gongji.rpc.services.importing import Summary
from gongji.rpc.services.imports import Imports
from gongji.rpc.services.stream import ImportKind
from gongji.rpc.services.upkeep import Upkeep
from gongji.store import Store, open_store
from gongji.v1 import registry_pb2

from tests.patience import PATIENCE_S
from tests.scaffold.people import NOW
from tests.scaffold.service import Service

SOON_S = 0.02

KIND = ImportKind("person", person_row_from, PERSONS)

Stream: TypeAlias = AsyncIterator[registry_pb2.ImportPersonsRequest]


class IdleUpkeep(Upkeep):
    """One that begins nothing, as if its process had been killed."""

    def merge(self, registry: Any) -> None:
        """Begin nothing."""

    def tidy(self) -> None:
        """Begin nothing."""


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three rows are a large import."""
    monkeypatch.setattr(streams, "BATCH", 2)


@pytest.fixture(params=["memory", "postgres"])
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[list[Store]]:
    """Two processes over one empty database."""
    if request.param == "memory":
        store = open_store(":memory:", lambda: NOW)
        opened = [store, store]
    else:
        address, key_file = request.getfixturevalue("shared_database")
        assert isinstance(key_file, Path)
        opened = [open_store(address, lambda: NOW, key_file) for _ in range(2)]
    await opened[0].reset()
    yield opened
    for store in opened:
        await store.close()


def rows(*numbers: int, **changes: Any) -> list[registry_pb2.ImportPersonsRequest]:
    return [
        registry_pb2.ImportPersonsRequest(person=Service.person(n, **changes))
        for n in numbers
    ]


async def sent(
    messages: Iterable[registry_pb2.ImportPersonsRequest],
    then: Callable[[], Awaitable[object]] | None = None,
) -> Stream:
    for message in messages:
        yield message
    if then is not None:
        await then()


async def run(
    store: Store, messages: Stream, upkeep: Upkeep | None = None, request_id: str = ""
) -> Answer[Summary]:
    """Import rows in a process."""
    request = Request(request_id or str(uuid.uuid4()), "office", "ImportPersons")
    background = upkeep or IdleUpkeep(store)
    imports = Imports(store, lambda: NOW, background)
    return await imports.execute(request, messages, KIND)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():  # noqa: ASYNC110 - the event is in a database
            await asyncio.sleep(SOON_S)


async def staged(store: Store) -> int:
    """Return how many rows and sets are staged."""
    kinds: tuple[type[Any], ...] = StagedPerson, StagedSet
    found = [await store.page(Listing(kind=kind, limit=1000)) for kind in kinds]
    return sum(map(len, found))


@asynccontextmanager
async def watching(store: Store, **options: float) -> AsyncIterator[None]:
    """Have a process look for what is left, many times a second."""
    task = asyncio.create_task(Upkeep(store, **options).watch(SOON_S))
    yield
    task.cancel()
    await asyncio.wait([task])


async def all_merged(store: Store) -> bool:
    unmerged = await store.get(Unmerged, PERSONS.name)
    return unmerged is not None and not unmerged.set_id and not await staged(store)


async def test_another_process_merges_what_one_left(stores: list[Store]) -> None:
    """If a process is killed after it applied an import, all see it; a process that
    watches merges it."""
    first, second = stores
    await run(first, sent(rows(1, 2, 3)))
    assert await second.get(Person, "R3") is not None
    assert 4 == await staged(second)
    async with watching(second):
        await until(lambda: all_merged(second))
    assert ["R1", "R2", "R3"] == [
        person.person_no for person, _ in await second.changed(Person, NOW)
    ]


async def test_what_a_cut_off_import_staged_is_removed(stores: list[Store]) -> None:
    """An import whose stream breaks off leaves its rows to be removed, unseen."""
    first, second = stores

    async def broken() -> None:
        assert 3 == await staged(second)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await run(first, sent(rows(1, 2), broken))
    async with watching(second):
        await until(lambda: _none_staged(second))
    assert await second.get(Person, "R1") is None


async def _none_staged(store: Store) -> bool:
    return not await staged(store)


async def test_what_a_killed_import_staged_is_removed(stores: list[Store]) -> None:
    """The rows of a run that has long changed nothing are removed, and its request is
    free; the run itself, if it lives after all, writes nothing more."""
    first, second = stores
    request_id, gate = str(uuid.uuid4()), asyncio.Event()
    running = asyncio.create_task(
        run(first, sent(rows(1, 2), gate.wait), request_id=request_id)
    )
    await until(lambda: _some_staged(second))
    async with watching(second, stale_s=SOON_S):
        await until(lambda: _none_staged(second))
    again = await run(second, sent(rows(1, 2, 3)), request_id=request_id)
    assert (False, 3) == (again.replayed, again.value.written)
    gate.set()
    with pytest.raises(Exception, match="不同之处"):
        await running


async def _some_staged(store: Store) -> bool:
    return bool(await staged(store))


FREED, TAKEN, NEW = (Service.person(n).certificate for n in (1, 9, 7))


async def told_of(store: Store, number: int) -> tuple[str, str, int]:
    """Return somebody's certificate, name and revision."""
    person = await store.get(Person, f"R{number}")
    assert person is not None
    return person.certificate.number, person.name, person.revision


async def beside(
    stores: list[Store], *other: list[registry_pb2.ImportPersonsRequest]
) -> Summary:
    """Import R2, R3, R4 and R6 while another process imports, of R1 and R2."""
    first, second = stores
    for number in (1, 2):
        await run(first, sent(rows(number)))

    async def meanwhile() -> None:
        for messages in other:
            await run(second, sent(messages))

    claimants = [*rows(3, certificate=FREED), *rows(4, certificate=TAKEN)]
    large = [*claimants, *rows(2, name="李某"), *rows(6)]
    return (await run(first, sent(large, meanwhile))).value


async def test_an_import_is_judged_by_when_it_is_applied(stores: list[Store]) -> None:
    """A certificate given away before a large import's end lets its claimant pass, one
    taken stops him."""
    freed, taken = rows(1, certificate=NEW), rows(5, certificate=TAKEN)
    summary = await beside(stores, freed, taken)
    assert (3, 0, 1) == (summary.written, summary.unchanged, summary.refused)
    assert [(2, "certificate")] == [(e.row, e.field) for e in summary.errors]
    assert (FREED.number, "赵某某", 1) == await told_of(stores[1], 3)


async def test_a_row_another_import_has_said_is_unchanged(stores: list[Store]) -> None:
    """A row that said something new, and by a large import's end does not, is counted as
    unchanged, and makes no revision of its own."""
    summary = await beside(stores, rows(2, name="李某"), rows(1, certificate=NEW))
    assert (3, 1, 0) == (summary.written, summary.unchanged, summary.refused)
    assert ("李某", 2) == (await told_of(stores[1], 2))[1:]


async def test_large_imports_follow_each_other(stores: list[Store]) -> None:
    """Of two large imports at once each is applied whole, the later one when the first
    is merged."""
    first, second = stores
    async with watching(first):
        answers = await asyncio.gather(
            run(first, sent(rows(1, 2, 3, name="甲某"))),
            run(second, sent(rows(2, 3, 4, name="乙某"))),
        )
        await until(lambda: all_merged(first))
    assert [3, 3] == [answer.value.written for answer in answers]
    name = await _name_of_last(first, answers[0].value.import_id)
    assert [(name, 2)] * 2 == [(await told_of(first, n))[1:] for n in (2, 3)]


async def _name_of_last(store: Store, first_id: str) -> str:
    """Return what the import applied last calls everybody."""
    imports: Listing[AppliedImport] = Listing(
        kind=AppliedImport, equals={"registry": "person"}, order="number"
    )
    last = (await store.page(imports))[-1]
    return "甲某" if last.import_id == first_id else "乙某"
