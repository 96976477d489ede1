"""PostgreSQL from inside: what is locked when, lost connections, reads of one snapshot,
its errors in our words."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from gongji.model.account import Account
from gongji.model.commands import Answer, Listing
from gongji.model.facts import Need, by_key
from gongji.model.people import Person
from gongji.model.refusals import NoAccount, StoreUnavailable
from gongji.model.settlement import Settlement
from gongji.store import Store
from gongji.store.committer import Committer
from gongji.store.engine import CommitUncertain, Engine, EngineDown, Held
from gongji.store.postgres.engine import PostgresEngine
from gongji.store.postgres.store import PostgresStore
from gongji.store.schema import Schema
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus

from tests.postgres import Postgres
from tests.store.conftest import SERVERS, fetched, job, outcomes

MakeMove = Callable[..., Any]


def test_a_settlement_is_held_while_it_is_reversed(
    two: tuple[PostgresEngine, PostgresEngine],
) -> None:
    """Needs of rows to lock wait for those that say which, lists of them come last."""
    engine = two[0]
    needs = [
        by_key(Person, "P1"),
        by_key(Settlement, "S1"),
        by_key(Account, "P1"),
        Need(Settlement, "patient", ""),
    ]
    assert [0, 1, 2, 3] == [engine.stage(need) for need in needs]


def test_waiting_for_a_lock_ends(
    two: tuple[PostgresEngine, PostgresEngine],
    over: Callable[[Engine], Committer],
    move: MakeMove,
) -> None:
    """A server that stands still while it holds a purse holds nobody up: a job that needs
    it is handed back, not executed, and may wait elsewhere."""
    one, other = two
    one.upsert(Account, [Account("P1", 5, 1)])
    one.begin()
    fetched(one, Account, "", ["P1"])
    other.connection.execute("SET lock_timeout = '50ms'")
    (outcome,) = over(other).run([job(move("r1"))])
    assert isinstance(outcome, Held)
    assert {(Account, "P1")} == outcome.rows
    one.rollback()
    (outcome,) = over(other).run([job(move("r1"))])
    assert isinstance(outcome, Answer)


def killed(postgres: Postgres) -> None:
    """Ends every server's connections, as a restart of the database would."""
    postgres.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'gongji'"
    )


async def test_an_idle_server_does_not_notice_a_restart(
    stores: list[Store],
    postgres: Postgres,
    move: MakeMove,
) -> None:
    """Connections that were lost while nobody asked are made again before the next
    command or read."""
    await stores[0].commit(move("r1"))
    assert Account("P1", 100, 1) == await stores[0].get(Account, "P1")
    assert 1 == len(await stores[0].page(Listing(kind=Account)))
    killed(postgres)
    assert 200 == (await stores[0].commit(move("r2"))).value
    killed(postgres)
    assert Account("P1", 200, 2) == await stores[0].get(Account, "P1")
    assert 1 == len(await stores[0].page(Listing(kind=Account)))


class Load:
    """Commands to several servers, sent again until each is answered."""

    SIZE = 300
    PURSES = 7

    def __init__(self, stores: list[Store], move: MakeMove) -> None:
        self.values: dict[int, int] = {}
        self._calls = [
            (stores[i % SERVERS], move(f"r{i}", f"P{i % self.PURSES}", 1))
            for i in range(self.SIZE)
        ]

    def unanswered(self) -> list[int]:
        return [i for i in range(self.SIZE) if i not in self.values]

    async def send(self, numbers: Iterable[int]) -> list[Any]:
        """Outcomes of these; answers are kept."""
        calls = [self._calls[number] for number in numbers]
        return await outcomes(store.commit(command) for store, command in calls)

    async def retry(self, most: int) -> None:
        numbers = self.unanswered()[:most]
        for number, outcome in zip(numbers, await self.send(numbers), strict=True):
            assert isinstance(outcome, Answer | StoreUnavailable)
            if isinstance(outcome, Answer):
                self.values[number] = outcome.value


@asynccontextmanager
async def kept_killing(postgres: Postgres) -> AsyncIterator[None]:
    """Ends all connections every 30 ms while this lasts."""
    stop = threading.Event()

    def kill() -> None:
        while not stop.wait(0.03):
            killed(postgres)

    killing = asyncio.create_task(asyncio.to_thread(kill))
    try:
        yield
    finally:
        stop.set()
        await killing


async def test_connections_killed_under_load_lose_nothing_acknowledged(
    stores: list[Store],
    postgres: Postgres,
    move: MakeMove,
) -> None:
    """Whatever was answered stands, whatever was not is executed once by its retry,
    every caller is answered."""
    load = Load(stores, move)
    async with kept_killing(postgres):
        for _ in range(12):
            await load.retry(40)
    for _ in range(3):
        await load.retry(load.SIZE)
    assert [] == load.unanswered()
    accounts = await stores[0].page(Listing(kind=Account))
    purses = Counter(f"P{i % load.PURSES}" for i in range(load.SIZE))
    assert purses == {a.person_no: a.balance_fen for a in accounts}
    numbers = range(load.SIZE)
    answers = await load.send(numbers)
    assert all(answer.replayed for answer in answers)
    assert [load.values[i] for i in numbers] == [answer.value for answer in answers]


def test_a_connection_lost_while_it_commits_leaves_it_open(
    two: tuple[PostgresEngine, PostgresEngine],
) -> None:
    """Who is cut off between commit and answer is told that it is uncertain, not that
    nothing was written."""
    one, other = two
    pid = one.connection.info.backend_pid
    one.begin()
    fetched(one, Account, "", ["P1"])
    one.upsert(Account, [Account("P1", 5, 1)])
    other.connection.execute("SELECT pg_terminate_backend(%s)", [pid])
    with pytest.raises(CommitUncertain):
        one.commit()
    one.rollback()


def test_a_transaction_begins_with_what_is_fetched_first(
    two: tuple[PostgresEngine, PostgresEngine],
) -> None:
    """No round trip only to begin; over a new connection if the old one was lost, but
    never in the middle."""
    one, other = two
    one.begin()
    other.connection.execute(
        "SELECT pg_terminate_backend(%s)", [one.connection.info.backend_pid]
    )
    assert [] == fetched(one, Account, "", ["P1"])
    assert TransactionStatus.INTRANS == one.connection.info.transaction_status
    other.connection.execute(
        "SELECT pg_terminate_backend(%s)", [one.connection.info.backend_pid]
    )
    with pytest.raises(EngineDown):
        fetched(one, Account, "", ["P2"])
    one.rollback()


def test_what_is_written_unread_is_in_the_transaction_too(
    two: tuple[PostgresEngine, PostgresEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its guard as well: an advisory lock outside would be gone before anything is written."""
    one, other = two
    statuses: list[int] = []
    monkeypatch.setattr(
        one, "_guard", lambda: statuses.append(one.connection.info.transaction_status)
    )
    one.begin()
    one.upsert(Account, [Account("P1", 5, 1)])
    one.commit()
    assert [TransactionStatus.INTRANS] == statuses
    assert [Account("P1", 5, 1)] == fetched(other, Account, "", ["P1"])


async def test_a_read_only_database_writes_nothing_and_is_survived(
    stores: list[Store], move: MakeMove
) -> None:
    """A standby, or a database set to be read only, refuses commands and still answers reads."""
    store = stores[0]
    assert isinstance(store, PostgresStore)
    await store.commit(move("r0"))
    store._writing.connection.execute("SET default_transaction_read_only = on")
    with pytest.raises(StoreUnavailable):
        await store.commit(move("r1"))
    assert Account("P1", 100, 1) == await store.get(Account, "P1")
    store._writing.connection.execute("SET default_transaction_read_only = off")
    assert not (await store.commit(move("r1"))).replayed


async def test_reads_that_wait_together_fail_alone(
    stores: list[Store], move: MakeMove
) -> None:
    """Of many questions in one snapshot each has its own answer, refusal or defect."""
    store = stores[0]
    await store.commit(move("r1"))
    questions = [
        store.ask(move("r2")),
        store.ask(move("r3", refusal=NoAccount("没有个人账户"))),
        store.ask(move("r4", crash=ZeroDivisionError())),
        store.ask(move("r5", crash_in_needs=KeyError("x"))),
        store.ask(move("r6", also=(Need(Account, "balance_fen", "0"),))),
        store.get(Account, "P\0"),
        store.page(Listing(kind=Account, order="colour")),
    ]
    answers = await outcomes(questions)
    assert 200 == answers[0]
    names = [
        "NoAccount",
        "ZeroDivisionError",
        "KeyError",
        "ValueError",
        "NoneType",
        "ValueError",
    ]
    assert names == [type(outcome).__name__ for outcome in answers[1:]]


def test_errors_keep_to_the_engines_words(
    two: tuple[PostgresEngine, PostgresEngine],
) -> None:
    """What a statement does wrong is a defect; what the database cannot do now is not."""
    engine = two[0]
    with pytest.raises(psycopg.ProgrammingError):
        engine._rows("SELECT nothing", [])
    engine.begin()
    fetched(engine, Account, "", ["P1"])
    engine.close()
    with pytest.raises(EngineDown):
        fetched(engine, Account, "", ["P1"])


def test_documents_are_compressed_by_the_quicker_way(
    two: tuple[PostgresEngine, PostgresEngine],
) -> None:
    """With lz4, if the server knows it."""
    query = (
        "SELECT 'lz4' = ANY(enumvals), setting FROM pg_settings "
        "WHERE name = 'default_toast_compression'"
    )
    ((available, used),) = two[0].connection.execute(query).fetchall()
    assert used == ("lz4" if available else "pglz")


def test_an_operator_may_choose_the_compression(
    postgres: Postgres, schema: Schema
) -> None:
    """What was set for the database, or in its address, stands."""
    url = make_conninfo(postgres.fresh(), options="-c default_toast_compression=pglz")
    engine = PostgresEngine(url, schema)
    assert [("pglz",)] == engine.connection.execute(
        "SHOW default_toast_compression"
    ).fetchall()
    engine.close()


@pytest.mark.parametrize("setting", ["off", "local"])
def test_nobody_sets_it_not_to_wait(
    postgres: Postgres, schema: Schema, setting: str
) -> None:
    """A commit waits for the disk and the synchronous standby, whatever was set."""
    url = make_conninfo(postgres.fresh(), options=f"-csynchronous_commit={setting}")
    engine = PostgresEngine(url, schema)
    assert [("on",)] == engine.connection.execute("SHOW synchronous_commit").fetchall()
    engine.close()


_WRITTEN = "SELECT pg_current_wal_insert_lsn()"
_DURABLE = "SELECT pg_current_wal_flush_lsn() > %s::pg_lsn"


def test_a_touch_is_on_disk(two: tuple[PostgresEngine, PostgresEngine]) -> None:
    """Whoever asks whether it can be written waits for whatever a commit waits for."""
    engine, other = two
    ((written,),) = other.connection.execute(_WRITTEN).fetchall()
    engine.touch()
    assert [(True,)] == other.connection.execute(_DURABLE, [written]).fetchall()


def test_a_replay_is_on_disk(
    two: tuple[PostgresEngine, PostgresEngine],
    over: Callable[[Engine], Committer],
    move: MakeMove,
) -> None:
    """What was committed on one disk only, as a crash may leave it, is answered from the
    record once it is as durable as an answer."""
    engine, other = two
    committer = over(engine)
    committer.run([job(move("r1"))])
    ((written,),) = other.connection.execute(_WRITTEN).fetchall()
    (outcome,) = committer.run([job(move("r1"))])
    assert isinstance(outcome, Answer)
    assert outcome.replayed
    assert [(True,)] == other.connection.execute(_DURABLE, [written]).fetchall()
