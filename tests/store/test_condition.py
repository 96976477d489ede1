"""Laws of a store's condition: told once when it changes, with what each commit took."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from gongji.model.commands import Command
from gongji.model.refusals import StoreUnavailable
from gongji.store.committer import Committer
from gongji.store.condition import READING, WRITING, StoreCondition
from gongji.store.engine import EngineDown, EngineError, Held
from gongji.store.leaves import LeafLog
from gongji.store.reader import Reader
from gongji.store.schema import Schema
from gongji.store.seal import Vault

from tests.store.conftest import MORNING, AnyEngine, OpenEngine, job

MakeMove = Callable[..., Command[int]]


class Heard:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def committed(self, jobs: int, seconds: float) -> None:
        self.told.append(("committed", jobs, seconds >= 0))

    def waited(self, seconds: float, why: str) -> None:
        self.told.append(("waited", seconds, why))

    def lost(self, reason: str) -> None:
        self.told.append(("lost", reason))

    def back(self) -> None:
        self.told.append(("back",))


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def condition(heard: Heard) -> StoreCondition:
    condition = StoreCondition()
    condition.observe(heard)
    return condition


def test_a_loss_is_told_once_and_its_end_once(
    condition: StoreCondition, heard: Heard
) -> None:
    """However many calls fail, on however many connections, there is one loss and one end."""
    for _ in range(3):
        condition.failed(WRITING, EngineDown("full", "disk_full"))
        condition.failed(READING, EngineDown("gone", "connection_lost"))
    assert (False, "disk_full") == (condition.available, condition.reason)
    condition.well(READING)
    assert not condition.available
    condition.well(WRITING)
    condition.well(WRITING)
    assert (True, "") == (condition.available, condition.reason)
    assert [("lost", "disk_full"), ("back",)] == heard.told


def test_who_waits_for_somebody_has_not_lost_the_database(
    condition: StoreCondition, heard: Heard
) -> None:
    """A lock that somebody else holds leaves the database available."""
    condition.failed(WRITING, Held("locked"))
    assert condition.available
    assert [] == heard.told


def test_an_observer_that_fails_harms_nobody(
    condition: StoreCondition, heard: Heard
) -> None:
    """Observers after it are told all the same, and nothing is raised."""

    class Failing(Heard):
        def lost(self, reason: str) -> None:
            raise OSError(reason)

    last = Heard()
    condition.observe(Failing())
    condition.observe(last)
    condition.failed(WRITING, EngineDown("x", "io_error"))
    condition.committed(1, 0.0)
    assert [("lost", "io_error"), ("committed", 1, True)] == heard.told == last.told


@pytest.fixture
def committer(
    engine: AnyEngine, schema: Schema, vault: Vault, condition: StoreCondition
) -> Committer:
    log = LeafLog(schema, vault.hasher)
    return Committer(engine, schema, now, vault.digest, log, condition=condition)


@pytest.fixture
def reader(engine: AnyEngine, schema: Schema, condition: StoreCondition) -> Reader:
    return Reader(engine, schema, now, condition=condition)


def now() -> datetime:
    return MORNING


def gone() -> None:
    raise EngineDown("gone", "connection_lost")


def test_a_commit_is_told_with_its_jobs(
    committer: Committer, heard: Heard, move: MakeMove
) -> None:
    """What is made durable together is told together."""
    committer.run([job(move("r1")), job(move("r2"))])
    assert [("committed", 2, True)] == heard.told


def test_what_writes_nothing_says_nothing_of_writing(
    committer: Committer, condition: StoreCondition, move: MakeMove
) -> None:
    """A batch of passing refusals does not bring back a database that takes nothing."""
    condition.failed(WRITING, EngineDown("read only", "read_only"))
    committer.run([job(move("r1", refusal=StoreUnavailable("稍后")))])
    assert not condition.available
    committer.run([job(move("r2"))])
    assert condition.available


def test_a_database_is_back_when_all_that_lost_it_have_it(
    *,
    engine: AnyEngine,
    committer: Committer,
    reader: Reader,
    condition: StoreCondition,
    heard: Heard,
    move: MakeMove,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A failed begin is a loss, until both the committer and the reader have succeeded."""
    with monkeypatch.context() as patched:
        patched.setattr(engine, "begin", gone)
        committer.run([job(move("r3"))])
        reader.run([job(move("r4"))])
    reader.run([job(move("r4"))])
    assert not condition.available
    committer.run([job(move("r3"))])
    assert condition.available
    lost, back = ("lost", "connection_lost"), ("back",)
    assert [lost, ("committed", 1, True), back] == heard.told


def test_the_last_commit_is_remembered(condition: StoreCondition) -> None:
    """The condition says how many jobs the last commit had and how long it took."""
    condition.committed(3, 0.25)
    assert (3, 0.25) == (condition.last_jobs, condition.last_commit_s)
    assert condition.committed_at >= condition.changed_at


def test_a_touch_tells_whether_it_can_be_written(
    open_engine: OpenEngine, engine_kind: str
) -> None:
    """It commits where that is possible, and fails over a database that is only read."""
    engine = open_engine()
    engine.touch()
    read_only = {
        "sqlite": "PRAGMA query_only = on",
        "postgres": "SET default_transaction_read_only = on",
    }
    engine.connection.execute(read_only[engine_kind])
    with pytest.raises(EngineError):
        engine.touch()
    engine.rollback()
