"""Of the runs of one import one writes, in however many processes they are.

Each test holds for two stores over one PostgreSQL and for one in memory.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from gongji.model.commands import Answer, Request
from gongji.model.people import Institution
from gongji.model.refusals import RequestIdReused, StoreUnavailable
from gongji.registry.imports import Stage
from gongji.registry.kinds import INSTITUTIONS
from gongji.rpc.convert.people import institution_row_from
from gongji.rpc.services.importing import Summary
from gongji.rpc.services.imports import Imports
from gongji.rpc.services.runs import Run
from gongji.rpc.services.stream import BATCH, ImportKind
from gongji.rpc.services.upkeep import Upkeep
from gongji.rules.codes import SHANGHAI
from gongji.store import Store, open_store
from gongji.store.claims import FREE, Part, run_of
from gongji.v1 import registry_pb2, types_pb2

NOW = datetime(2025, 9, 30, 10, 0, tzinfo=SHANGHAI)
ROWS = BATCH + 100
SOON_S = 0.05

# Longer than any test.
LONG_S = 3600.0


Stream: TypeAlias = AsyncIterator[registry_pb2.ImportInstitutionsRequest]


@dataclass
class Office:
    """One process that imports institutions."""

    store: Store
    batches: list[int] = field(default_factory=list)
    """Rows of each batch it wrote."""

    async def run(
        self, request_: Request, rows: Stream, **waits: float
    ) -> Answer[Summary]:
        kind = ImportKind("institution", institution_row_from, INSTITUTIONS)
        store: Any = WatchedStore(self)
        imports = Imports(
            store,
            lambda: NOW,
            Upkeep(self.store),
            **{"quiet_s": LONG_S, **waits},
        )
        return await imports.execute(request_, rows, kind)

    async def name_of(self, number: int) -> str:
        institution = await self.store.get(Institution, code(number))
        return institution.name if institution else ""


class WatchedStore:
    """The store of an office, which notes what is staged in it."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def __getattr__(self, name: str) -> Any:
        return getattr(self._office.store, name)

    async def apply(self, query: Any) -> Any:
        answer = await self._office.store.apply(query)
        if isinstance(query, Part) and isinstance(query.query, Stage):
            self._office.batches.append(len(query.query.numbers))
        return answer


def code(number: int) -> str:
    return f"P341100{number:05d}"


def messages(
    numbers: Iterable[int], name: str = "某药店"
) -> list[registry_pb2.ImportInstitutionsRequest]:
    places = (
        types_pb2.Institution(
            code=code(number),
            name=name,
            kind=types_pb2.INSTITUTION_KIND_PHARMACY,
            designated_from="2020-01-01",
        )
        for number in numbers
    )
    return [registry_pb2.ImportInstitutionsRequest(institution=p) for p in places]


async def stream(
    *parts: Iterable[registry_pb2.ImportInstitutionsRequest], gate: asyncio.Event
) -> Stream:
    """Send the first part, and the others once the gate is open."""
    first, *others = parts
    for message in first:
        yield message
    await gate.wait()
    for part in others:
        for message in part:
            yield message


def whole() -> Stream:
    """Send all rows at once."""
    gate = asyncio.Event()
    gate.set()
    return stream(messages(range(ROWS)), gate=gate)


@pytest.fixture
def request_() -> Request:
    return Request(str(uuid.uuid4()), "office", "ImportInstitutions")


@pytest.fixture(params=["memory", "postgres"])
async def offices(request: pytest.FixtureRequest) -> AsyncIterator[list[Office]]:
    """Two processes over one empty database."""
    if request.param == "memory":
        store = open_store(":memory:", lambda: NOW)
        stores = [store, store]
    else:
        address, key_file = request.getfixturevalue("shared_database")
        assert isinstance(key_file, Path)
        stores = [open_store(address, lambda: NOW, key_file) for _ in range(2)]
    await stores[0].reset()
    yield [Office(store) for store in stores]
    for store in stores:
        await store.close()


async def counts(office: Office, request_: Request) -> tuple[int, int]:
    """Return how many rows a run received and wrote."""
    summary = (await office.run(request_, whole())).value
    return summary.received, summary.written


async def begun(
    office: Office,
    request_: Request,
    gate: asyncio.Event,
    name: str = "某药店",
    **waits: float,
) -> asyncio.Task[Answer[Summary]]:
    """Begin a run that has written its first batch and sends the rest past the gate."""
    rows = stream(messages(range(BATCH)), messages(range(BATCH, ROWS), name), gate=gate)
    task = asyncio.create_task(office.run(request_, rows, **waits))
    async with asyncio.timeout(10):
        row = None
        while row is None or row.digests["received"] == "0":
            await asyncio.sleep(0.01)
            row = await office.store.recall(request_)
    return task


def polls(store: Store, monkeypatch: pytest.MonkeyPatch) -> asyncio.Semaphore:
    """Count how often a store looks for the row of a request."""
    counted, recall = asyncio.Semaphore(0), store.recall

    async def recalled(request: Request) -> object:
        counted.release()
        return await recall(request)

    monkeypatch.setattr(store, "recall", recalled)
    return counted


async def test_of_twins_one_is_executed(
    offices: list[Office], request_: Request
) -> None:
    """Runs that begin together write the rows once and give one answer."""
    answers = await asyncio.gather(
        *(office.run(request_, whole()) for office in offices)
    )
    assert [False, True] == sorted(answer.replayed for answer in answers)
    assert answers[0].value == answers[1].value
    assert (ROWS, 0) == (answers[0].value.written, answers[0].value.unchanged)
    assert [BATCH, ROWS - BATCH] == offices[0].batches + offices[1].batches


async def test_a_twin_waits_while_the_first_goes_on(
    offices: list[Office], request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that comes while another is under way waits, and gives its answer."""
    first, second = offices
    gate = asyncio.Event()
    running = await begun(first, request_, gate)
    polled = polls(second.store, monkeypatch)
    twin = asyncio.create_task(second.run(request_, whole()))
    async with asyncio.timeout(10):
        for _ in range(3):
            await polled.acquire()
    gate.set()
    executed, replayed = await running, await twin
    assert (False, True) == (executed.replayed, replayed.replayed)
    assert executed.value == replayed.value
    assert [] == second.batches


async def test_a_later_run_takes_over_from_one_that_stands_still(
    offices: list[Office], request_: Request
) -> None:
    """The earlier run, whose rows do not come, gives the later one's answer if they
    come at last."""
    first, second = offices
    gate = asyncio.Event()
    running = await begun(first, request_, gate)
    executed = await second.run(request_, whole(), quiet_s=SOON_S)
    gate.set()
    followed = await running
    assert (False, True) == (executed.replayed, followed.replayed)
    assert executed.value == followed.value
    assert [BATCH, ROWS - BATCH] == second.batches


async def test_a_run_left_behind_by_one_that_broke_off_is_told_to_retry(
    offices: list[Office], request_: Request
) -> None:
    """If the run that took over ends without an answer there is none to give."""
    first, second = offices
    gate = asyncio.Event()
    running = await begun(first, request_, gate)
    later = Run(second.store, request_, NOW)
    assert await later.claim(SOON_S) is None
    await later.release()
    gate.set()
    with pytest.raises(StoreUnavailable):
        await running
    assert (ROWS, ROWS) == await counts(second, request_)


async def test_a_run_left_behind_by_one_that_died_waits_for_the_lease(
    offices: list[Office], request_: Request
) -> None:
    """A run that took over and leaves its request unchanged is not waited for longer."""
    first, second = offices
    gate = asyncio.Event()
    running = await begun(first, request_, gate, lease_s=SOON_S)
    assert await Run(second.store, request_, NOW).claim(SOON_S) is None
    gate.set()
    with pytest.raises(StoreUnavailable):
        await running


@pytest.mark.parametrize("left_free", [False, True])
async def test_another_method_does_not_take_over(
    offices: list[Office], request_: Request, *, left_free: bool
) -> None:
    """An unfinished import is its method's: another one is refused at once."""
    run = Run(offices[0].store, request_, NOW)
    await run.claim(LONG_S)
    if left_free:
        await run.release()
    other = Request(request_.request_id, "office", "ImportPersons")
    with pytest.raises(RequestIdReused) as refused:
        await offices[1].run(other, whole())
    assert "method" == refused.value.metadata["differing"]


async def test_another_caller_neither_holds_an_id_nor_waits(
    offices: list[Office], request_: Request
) -> None:
    """Under one id each caller has an import of its own; one that stands still holds up
    nobody but its own caller's next attempt, and that takes over."""
    held = await begun(offices[0], request_, asyncio.Event())
    other = Request(request_.request_id, "other", request_.method)
    async with asyncio.timeout(10):
        theirs = await offices[1].run(other, whole())
        again = await offices[1].run(request_, whole(), quiet_s=0)
    assert [False, False] == [theirs.replayed, again.replayed]
    assert (ROWS, 0) == (theirs.value.written, theirs.value.unchanged)
    assert (0, ROWS) == (again.value.written, again.value.unchanged)
    assert theirs.value.import_id != again.value.import_id
    held.cancel()


async def test_a_killed_run_is_taken_over(
    offices: list[Office], request_: Request
) -> None:
    """A run that leaves its request unchanged is taken for dead."""
    dead, alive = offices
    assert await Run(dead.store, request_, NOW).claim(LONG_S) is None
    answer = await alive.run(request_, whole(), quiet_s=SOON_S)
    assert (False, ROWS) == (answer.replayed, answer.value.written)


async def test_of_two_that_find_it_free_one_is_executed(
    offices: list[Office], request_: Request
) -> None:
    """Runs that find a request cut off do not both take it."""
    cut_off = Run(offices[0].store, request_, NOW)
    await cut_off.claim(0)
    await cut_off.release()
    answers = await asyncio.gather(
        *(office.run(request_, whole()) for office in offices)
    )
    assert [False, True] == sorted(answer.replayed for answer in answers)
    assert [BATCH, ROWS - BATCH] == offices[0].batches + offices[1].batches


async def test_a_run_taken_over_writes_no_more(
    offices: list[Office], request_: Request
) -> None:
    """Rows that reach the earlier run later are not written, and other rows than those
    of the run that took over are named as such."""
    slow, quick = offices
    gate = asyncio.Event()
    running = await begun(slow, request_, gate, name="某诊所")
    answer = await quick.run(request_, whole(), quiet_s=SOON_S)
    assert (ROWS, 0) == (answer.value.written, answer.value.unchanged)
    gate.set()
    with pytest.raises(RequestIdReused):
        await running
    assert "某药店" == await slow.name_of(BATCH)
    again = await slow.run(request_, whole())
    assert (True, answer.value) == (again.replayed, again.value)


async def test_a_run_cut_off_leaves_its_request_free(
    offices: list[Office], request_: Request
) -> None:
    """A run whose caller went away need not be waited for."""
    first, second = offices
    running = await begun(first, request_, asyncio.Event())
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert FREE == run_of(await second.store.recall(request_))
    answer = await second.run(request_, whole())
    assert (ROWS, 0) == (answer.value.written, answer.value.unchanged)
