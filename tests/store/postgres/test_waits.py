"""Laws of locks over PostgreSQL: who waits is who needs that row; a table's lock is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
import pytest
from gongji.model.account import Account
from gongji.model.commands import Write
from gongji.model.people import Person
from gongji.model.refusals import StoreUnavailable
from gongji.store import Store, open_store, queues
from gongji.store.base import Clock
from gongji.store.postgres import store as postgres_store
from gongji.store.postgres.store import LOCK_WAIT_S

from tests.patience import PATIENCE_S
from tests.store.conftest import outcomes
from tests.store.test_condition import Heard

MakeMove = Callable[..., Any]

_OPERATOR = "operator"

_A_PURSE = "SELECT FROM account WHERE person_no = 'P1' FOR UPDATE"


@pytest.fixture
def heard(store: Store) -> Heard:
    heard = Heard()
    store.condition.observe(heard)
    return heard


@contextmanager
def taken(url: str, statement: str) -> Iterator[int]:
    """An operator's session that holds what a statement locks; yield its process."""
    with psycopg.connect(url, application_name=_OPERATOR) as operator:
        operator.execute(statement)
        yield operator.info.backend_pid
        operator.rollback()


async def test_a_locked_purse_stops_only_those_that_need_it(
    store: Store, url: str, move: MakeMove
) -> None:
    """Its commands wait and are executed when it is free; others' and reads go on."""
    await store.commit(move("r0"))
    waiting = []
    with taken(url, _A_PURSE):
        for number in range(5):
            waiting.append(asyncio.ensure_future(store.commit(move(f"a{number}"))))
            others = [store.commit(move(f"b{number}{i}", f"Q{i}")) for i in range(3)]
            await asyncio.wait_for(asyncio.gather(*others), PATIENCE_S)
            assert await store.get(Account, "P1")
        assert not any(task.done() for task in waiting)
    answers = await asyncio.wait_for(asyncio.gather(*waiting), PATIENCE_S)
    balances = sorted(answer.value for answer in answers)
    assert [200, 300, 400, 500, 600] == balances


async def test_what_is_known_to_be_held_is_not_waited_for_again(
    store: Store, url: str, move: MakeMove
) -> None:
    """After the first wait a batch that holds such a command costs the others none."""
    await store.commit(move("r0"))
    with taken(url, _A_PURSE):
        held = asyncio.ensure_future(store.commit(move("a")))
        await asyncio.sleep(2 * LOCK_WAIT_S)
        began, rounds = monotonic(), 20
        for number in range(rounds):
            more = asyncio.ensure_future(store.commit(move(f"c{number}")))
            await store.commit(move(f"b{number}", "Q"))
        assert monotonic() - began < rounds * LOCK_WAIT_S / 2
        assert not held.done()
    await asyncio.wait_for(asyncio.gather(held, more), PATIENCE_S)


async def test_nobody_waits_for_ever(
    *,
    store: Store,
    url: str,
    heard: Heard,
    move: MakeMove,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A command is refused in time; who holds the row is told once, and the database is
    not lost."""
    monkeypatch.setattr(queues, "HELD_S", 3 * LOCK_WAIT_S)
    await store.commit(move("r0"))
    heard.told.clear()
    with taken(url, _A_PURSE) as pid:
        refused = await outcomes(store.commit(move(f"a{i}")) for i in range(3))
    assert [StoreUnavailable] * 3 == [type(one) for one in refused]
    ((event, _, why),) = heard.told
    assert "waited" == event
    assert f"进程 {pid}（{_OPERATOR}）" in str(why)
    assert store.available
    assert 200 == (await store.commit(move("a0"))).value


async def test_those_that_wait_are_bounded(
    *,
    url: str,
    clock: Clock,
    tmp_path: Path,
    move: MakeMove,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beyond the bound a command that meets a lock is refused at once."""
    monkeypatch.setattr(postgres_store, "APART_LIMIT", 1)
    store = open_store(url, clock, tmp_path / "x.key")
    await store.commit(move("r0"))
    with taken(url, _A_PURSE):
        calls = [asyncio.ensure_future(store.commit(move(f"a{i}"))) for i in range(8)]
        done, waiting = await asyncio.wait(calls, timeout=4 * LOCK_WAIT_S)
        refused = [task.exception() for task in done]
        assert {StoreUnavailable} == {type(one) for one in refused}
        assert 0 < len(waiting) <= 3
    await asyncio.wait_for(asyncio.gather(*waiting), PATIENCE_S)
    await store.close()


@pytest.mark.parametrize("mode", ["ACCESS EXCLUSIVE", "EXCLUSIVE", "SHARE"])
async def test_a_locked_table_is_told(
    *, store: Store, url: str, heard: Heard, move: MakeMove, mode: str, person: Person
) -> None:
    """Whoever needs it is refused soon, for it is known who has it; others are served."""
    await store.commit(move("r0"))
    heard.told.clear()
    with taken(url, f"LOCK TABLE account IN {mode} MODE") as pid:
        refused = await outcomes(store.commit(move(f"a{i}")) for i in range(3))
        assert [StoreUnavailable] * 3 == [type(one) for one in refused]
        await store.apply(Write((person,)))
        assert await store.get(Person, person.person_no)
        waits = [told for told in heard.told if told[0] == "waited"]
        assert 1 == len(waits)
        assert f"进程 {pid}（{_OPERATOR}）" in str(waits[0][2])
        assert store.available
    await asyncio.sleep(3 * LOCK_WAIT_S)
    assert 200 == (await store.commit(move("a0"))).value


async def test_reads_behind_a_locked_table_hold_up_no_other(
    store: Store, url: str, move: MakeMove, person: Person
) -> None:
    """Whoever reads a table that nobody may read is refused; reads of others are answered."""
    await store.commit(move("r0"))
    await store.apply(Write((person,)))
    with taken(url, "LOCK TABLE account IN ACCESS EXCLUSIVE MODE"):
        for _ in range(3):
            account, found = await outcomes(
                (store.get(Account, "P1"), store.get(Person, person.person_no))
            )
            assert isinstance(account, StoreUnavailable)
            assert person == found


async def test_a_row_that_is_only_written_holds_up_no_other(
    store: Store, url: str, move: MakeMove, person: Person
) -> None:
    """A job that writes a locked row waits; those of its batch that do not are executed."""
    await store.commit(move("r0"))
    await store.apply(Write((person,)))
    with taken(url, "SELECT FROM person FOR UPDATE"):
        writes = asyncio.ensure_future(store.apply(Write((person,))))
        moves = [store.commit(move(f"a{i}")) for i in range(3)]
        await asyncio.wait_for(asyncio.gather(*moves), PATIENCE_S)
        assert not writes.done()
    await asyncio.wait_for(writes, PATIENCE_S)
