"""Invented people and a small command over purses, shared by the store's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest
from gongji import errors
from gongji.codes import SHANGHAI, EnrolmentStatus, Scheme
from gongji.errors import Refusal
from gongji.facts import Command, Decision, Facts, Need, Request, by_key
from gongji.model import Account, Certificate, Enrolment, Kin, Person
from gongji.store.committer import Committer, Engine
from gongji.store.migrations import make_file, migrate
from gongji.store.schema import Schema
from gongji.store.seal import Vault
from gongji.store.sqlite import SqliteEngine

MORNING = datetime(2025, 9, 30, 9, 0, tzinfo=SHANGHAI)


@dataclass(frozen=True, slots=True)
class Move:
    """Moves fen in a purse and answers the new balance; the test says what goes wrong."""

    request: Request
    purse: str
    fen: int
    refusal: Refusal | None = None
    crash: BaseException | None = None
    crash_in_needs: Exception | None = None
    also: tuple[Need, ...] = ()
    writes: tuple[object, ...] = ()
    answers: type[int] = field(default=int, init=False)

    def needs(self, facts: Facts) -> Iterable[Need]:
        """The purse."""
        del facts
        if self.crash_in_needs:
            raise self.crash_in_needs
        return (by_key(Account, self.purse), *self.also)

    def decide(self, facts: Facts) -> Decision[int]:
        """The new balance."""
        if self.crash:
            raise self.crash
        if self.refusal:
            raise self.refusal
        before = facts.get(Account, self.purse) or Account(self.purse)
        after = replace(before, balance_fen=before.balance_fen + self.fen, version=before.version + 1)
        return Decision(after.balance_fen, (after, *self.writes))


class MakeMove(Protocol):
    """Makes a `Move`; its content are purse and fen."""

    def __call__(self, request_id: str, purse: str = "P1", fen: int = 100, **more: object) -> Command[int]: ...


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = MORNING

    def __call__(self) -> datetime:
        return self.now

    def tick(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def move() -> MakeMove:
    def make(request_id: str, purse: str = "P1", fen: int = 100, **more: object) -> Command[int]:
        caller, method = str(more.pop("caller", "clinic-1")), str(more.pop("method", "Move"))
        content = more.pop("content", {"purse": purse, "fen": fen})
        request = Request(request_id, caller, method, content)  # type: ignore[arg-type]  # a test's own mapping
        return Move(request, purse, fen, **more)  # type: ignore[arg-type]  # passed through

    return make


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def vault() -> Vault:
    return Vault(bytes(range(32)))


@pytest.fixture
def schema(vault: Vault) -> Schema:
    return Schema(vault)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "gongji.db"
    make_file(path)
    return path


@pytest.fixture
def open_engine(database: Path, schema: Schema, vault: Vault) -> Iterator[Callable[[], SqliteEngine]]:
    """Opens connections to one file; closing one without commit is a kill."""
    opened: list[SqliteEngine] = []

    def make() -> SqliteEngine:
        engine = SqliteEngine(database, schema, durable=False)
        migrate(engine.connection, schema, vault.fingerprint)
        opened.append(engine)
        return engine

    yield make
    for engine in opened:
        engine.close()


@pytest.fixture
def engine(open_engine: Callable[[], SqliteEngine]) -> SqliteEngine:
    return open_engine()


@pytest.fixture
def over(schema: Schema, clock: Clock, vault: Vault) -> Callable[[Engine], Committer]:
    """A committer over an engine."""
    return lambda engine: Committer(engine, schema, clock, vault.digest)


@pytest.fixture
def person() -> Person:
    """A retired employee of an area no city has, with one child."""
    return Person(
        person_no="P1",
        certificate=Certificate("01", "34119919500101001X"),
        name="试验甲",
        phone="10000000001",
        insured_place="341199",
        enrolments=(Enrolment(Scheme.EMPLOYEE, "1201", EnrolmentStatus.NORMAL, date(2010, 1, 1)),),
        contribution_base_fen=500_000,
        kin=(Kin("P2", "20", "household"),),
    )


@pytest.fixture
def refusal() -> Callable[[str], Refusal]:
    """A refusal by the name of its class."""

    def make(name: str) -> Refusal:
        kind: type[Refusal] = getattr(errors, name)
        return kind("不行")

    return make
