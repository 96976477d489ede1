"""Accesses of reads: kept within a second, or before the answer, or the answer is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import pytest
from gongji.model.access import Accesses, PersonAccess
from gongji.model.commands import Listing
from gongji.model.refusals import (
    CreditNotFound,
    MalformedField,
    NotEligible,
    NotPermitted,
    Overloaded,
    PersonNotFound,
    Refusal,
    StoreUnavailable,
)
from gongji.rpc import recording
from gongji.rpc.recording import AccessRecorder
from gongji.store import Store, open_store

from tests.patience import PATIENCE_S
from tests.scaffold.people import NOW

NUMBERS = count()


class Counts:
    """Counts what is answered and kept."""

    def __init__(self) -> None:
        self.totals = [0, 0]

    def answered(self, rows: int) -> None:
        """Count answered rows."""
        self.totals[0] += rows

    def kept(self, rows: int) -> None:
        """Count kept rows."""
        self.totals[1] += rows


def of(*people: str) -> Accesses:
    """Return the accesses of one read."""
    look = ("wst", "app", "", "", 0, 0, "GetAccount", "balance", "")
    accesses = Accesses(look, lambda: f"-{next(NUMBERS)}")
    accesses.note(*people)
    return accesses


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    """Return an empty store."""
    store = open_store(":memory:", lambda: NOW)
    yield store
    await store.close()


async def kept(store: Store) -> list[str]:
    """Return whose accesses are stored."""
    rows = await store.page(Listing(kind=PersonAccess, limit=1000))
    return [row.person_no for row in rows]


async def until_kept(store: Store, rows: int) -> None:
    """Wait for so many rows."""
    for _ in range(int(PATIENCE_S / 0.01)):
        if len(await kept(store)) >= rows:
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"fewer than {rows} rows were kept")


def test_the_wait_leaves_time_to_write() -> None:
    """A row waits for less than half of the second in which it must be durable."""
    assert recording.WAIT_S < 0.5


async def test_reads_are_kept_together_soon(store: Store) -> None:
    """Rows of several reads are counted as answered at once, and written by themselves."""
    counts = Counts()
    recorder = AccessRecorder(store, lambda: NOW, counts)
    await recorder.keep(of("P1"))
    await recorder.keep(of("P2", "P3"))
    assert ([], [3, 0]) == (await kept(store), counts.totals)
    await until_kept(store, 3)
    assert (["P1", "P2", "P3"], [3, 3]) == (sorted(await kept(store)), counts.totals)
    await recorder.keep(of("P4"))
    await until_kept(store, 4)


async def test_before_the_answer(store: Store) -> None:
    """If the operator chooses so, a row is stored when `keep` returns, and never counted."""
    counts = Counts()
    recorder = AccessRecorder(store, lambda: NOW, counts, before_answer=True)
    await recorder.keep(of("P1"))
    assert (["P1"], [0, 0]) == (await kept(store), counts.totals)


async def test_an_orderly_end_keeps_everything(store: Store) -> None:
    """Whatever waits is stored when the recorder is closed."""
    counts = Counts()
    recorder = AccessRecorder(store, lambda: NOW, counts)
    for number in range(600):
        await recorder.keep(of(f"P{number}"))
    await recorder.close()
    assert (600, [600, 600]) == (len(await kept(store)), counts.totals)


async def test_nothing_is_answered_unrecorded(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the database cannot be reached reads go on up to a bound and are refused
    beyond it; when it can be again, all that was answered is stored."""
    monkeypatch.setattr(recording, "MOST_PENDING", 5)
    monkeypatch.setattr(recording, "WAIT_S", 0.01)
    counts = Counts()
    recorder = AccessRecorder(store, lambda: NOW, counts)
    down = Outage(store, StoreUnavailable("下线"))
    monkeypatch.setattr(store, "apply", down.apply)
    for number in range(5):
        await recorder.keep(of(f"P{number}"))
    with pytest.raises(StoreUnavailable):
        await recorder.keep(of("P5"))
    await down.tried()
    await down.tried()
    assert ([], [5, 0]) == (await kept(store), counts.totals)
    down.over = True
    await until_kept(store, 5)
    await recorder.keep(of("P6"))
    await until_kept(store, 6)
    assert [6, 6] == counts.totals


async def test_a_write_that_may_stand_is_repeated_without_harm(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows whose writing was not confirmed are written again, and stand once."""
    monkeypatch.setattr(recording, "WAIT_S", 0.01)
    recorder = AccessRecorder(store, lambda: NOW)
    apply, unsure = store.apply, [True]

    async def uncertain(query: Any) -> Any:
        answer = await apply(query)
        if unsure.pop() if unsure else False:
            raise StoreUnavailable("连接中断")
        return answer

    monkeypatch.setattr(store, "apply", uncertain)
    await recorder.keep(of("P1"))
    await recorder.close()
    assert ["P1"] == await kept(store)


class Outage:
    """A store whose writes fail until it is over."""

    def __init__(self, store: Store, refusal: Refusal) -> None:
        self._apply = store.apply
        self._refusal = refusal
        self.over = False
        self._try = asyncio.Event()

    async def tried(self) -> None:
        """Wait until somebody writes, or tries to, once more."""
        self._try.clear()
        await asyncio.wait_for(self._try.wait(), PATIENCE_S)

    async def apply(self, query: Any) -> Any:
        """Write, or refuse."""
        self._try.set()
        if not self.over:
            raise self._refusal
        return await self._apply(query)


@pytest.mark.parametrize("refusal", [Overloaded("满"), ValueError("defect")])
async def test_a_write_that_fails_is_tried_again(
    store: Store, monkeypatch: pytest.MonkeyPatch, refusal: Any
) -> None:
    """Whatever keeps rows from being written, they wait and are tried again."""
    monkeypatch.setattr(recording, "WAIT_S", 0.01)
    recorder = AccessRecorder(store, lambda: NOW)
    down = Outage(store, refusal)
    monkeypatch.setattr(store, "apply", down.apply)
    await recorder.keep(of("P1"))
    await down.tried()
    assert [] == await kept(store)
    down.over = True
    await until_kept(store, 1)
    assert 1 == len(await kept(store))


async def test_what_was_emptied_is_not_written_again(store: Store) -> None:
    """After a sandbox is emptied, reads from before are forgotten, and not counted as lost."""
    counts = Counts()
    recorder = AccessRecorder(store, lambda: NOW, counts)
    await recorder.keep(of("P1"))
    recorder.forget()
    await recorder.close()
    assert ([], [1, 1]) == (await kept(store), counts.totals)


TELLING = {
    NotEligible("姓名不符"): True,
    CreditNotFound("该月没有划入"): True,
    PersonNotFound("没有此人"): False,
    MalformedField("缺失"): False,
    NotPermitted("不得"): False,
    StoreUnavailable("下线"): False,
}


@pytest.mark.parametrize("refusal", TELLING, ids=lambda r: type(r).__name__)
async def test_a_refusal_that_tells_of_a_person_is_an_access(
    store: Store, refusal: Refusal
) -> None:
    """A refusal by a person's own data is recorded; one that says nothing of him is not."""
    recorder = AccessRecorder(store, lambda: NOW, before_answer=True)
    await recorder.keep_of_refused(of("P1"), refusal)
    assert (["P1"] if TELLING[refusal] else []) == await kept(store)
