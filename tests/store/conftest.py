"""Invented people and a small command over purses, shared by the store's tests."""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
from gongji.model import refusals
from gongji.model.account import Account, Entry
from gongji.model.commands import Command, Decision, Listing, Request
from gongji.model.decided import DecidedBy
from gongji.model.facts import Facts, Need, by_key
from gongji.model.people import Certificate, Enrolment, Kin, Person
from gongji.model.refusals import Refusal
from gongji.model.settlement import Bill, Settlement
from gongji.rules.codes import (
    SHANGHAI,
    AccountUse,
    EnrolmentStatus,
    EntryKind,
    Scheme,
    VisitKind,
)
from gongji.store import Store, open_store
from gongji.store.committer import Committer
from gongji.store.engine import Engine, Job, StoreEngine
from gongji.store.found import path_of
from gongji.store.leaves import LeafLog
from gongji.store.migrations import Catalog, make_file, make_or_check
from gongji.store.postgres.catalog import PostgresCatalog
from gongji.store.postgres.engine import PostgresEngine
from gongji.store.schema import VERSION, Schema
from gongji.store.seal import Vault
from gongji.store.sqlite.catalog import SqliteCatalog
from gongji.store.sqlite.engine import SqliteEngine
from msgspec.structs import replace

from tests.postgres import Postgres

MORNING = datetime(2025, 9, 30, 9, 0, tzinfo=SHANGHAI)


class Move(Command[int], frozen=True):
    """Moves fen in a purse and answers the new balance; the test says what goes wrong."""

    answer_type = int

    content: Mapping[str, object]
    purse: str
    fen: int
    refusal: Refusal | None = None
    crash: BaseException | None = None
    crash_in_needs: Exception | None = None
    also: tuple[Need, ...] = ()
    writes: tuple[object, ...] = ()

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
        after = replace(
            before,
            balance_fen=before.balance_fen + self.fen,
            version=before.version + 1,
        )
        return Decision(after.balance_fen, (after, *self.writes))


class MakeMove(Protocol):
    """Makes a `Move`; its content are purse and fen."""

    def __call__(
        self, request_id: str, purse: str = "P1", fen: int = 100, **more: object
    ) -> Command[int]: ...


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
    def make(
        request_id: str, purse: str = "P1", fen: int = 100, **more: object
    ) -> Command[int]:
        caller, method = (
            str(more.pop("caller", "clinic-1")),
            str(more.pop("method", "Move")),
        )
        content = more.pop("content", {"purse": purse, "fen": fen})
        request = Request(request_id, caller, method)
        return Move(request, content, purse, fen, **more)  # type: ignore[arg-type]  # a test's own

    return make


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vault() -> Vault:
    """A vault of its own for each test: it learns the keys of the database it opens."""
    return Vault(bytes(range(32)))


@pytest.fixture
def schema(vault: Vault) -> Schema:
    return Schema(vault)


@pytest.fixture(params=["sqlite", "postgres"])
def engine_kind(request: pytest.FixtureRequest) -> str:
    """Every law holds on each engine."""
    return str(request.param)


@pytest.fixture
def engine_url(
    request: pytest.FixtureRequest,
    engine_kind: str,
    tmp_path: Path,
) -> str:
    """The address of a database in which nothing is yet."""
    if engine_kind == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        return server.fresh()
    return f"sqlite:///{tmp_path / 'var' / 'gongji.db'}"


@pytest.fixture(scope="session")
def used() -> list[str]:
    """Addresses of databases whose test is over: emptied they serve the next, which is
    quicker than making one."""
    return []


class AnyEngine(StoreEngine, Protocol):
    """What both engines offer to a test."""

    @property
    def connection(self) -> Any: ...

    def page(self, listing: Listing[Any]) -> list[Any]: ...


OpenEngine = Callable[[], AnyEngine]


@pytest.fixture
def open_engine(
    request: pytest.FixtureRequest,
    engine_kind: str,
    schema: Schema,
    vault: Vault,
    used: list[str],
) -> Iterator[OpenEngine]:
    """Opens connections to one database; closing one without commit is a kill."""
    opened: list[AnyEngine] = []
    url = (
        used.pop()
        if used and engine_kind == "postgres"
        else str(request.getfixturevalue("engine_url"))
    )

    def make() -> AnyEngine:
        engine = engine_at(url, schema)
        make_or_check(home_of(engine, schema), schema)
        opened.append(engine)
        return engine

    yield make
    for engine in opened:
        engine.close()
    if engine_kind == "postgres" and opened:
        _empty(url, schema, vault)
        used.append(url)


def engine_at(url: str, schema: Schema) -> AnyEngine:
    """An engine over the database at an address."""
    if not url.startswith("sqlite"):
        return PostgresEngine(url, schema)
    make_file(path_of(url))
    return SqliteEngine(path_of(url), schema, durable=False)


def _empty(
    url: str,
    schema: Schema,
    vault: Vault,
) -> None:
    engine = PostgresEngine(url, schema)
    engine.reset()
    PostgresCatalog(engine.connection, schema).record(VERSION, vault.fingerprint)
    engine.close()


def home_of(engine: AnyEngine, schema: Schema) -> Catalog:
    """Where an engine's tables live."""
    if isinstance(engine, SqliteEngine):
        return SqliteCatalog(engine.connection)
    return PostgresCatalog(engine.connection, schema)


@pytest.fixture
def engine(open_engine: OpenEngine) -> AnyEngine:
    return open_engine()


@pytest.fixture
def over(
    schema: Schema,
    clock: Clock,
    vault: Vault,
) -> Callable[[Engine], Committer]:
    """A committer over an engine."""

    def make(engine: Engine) -> Committer:
        log = LeafLog(schema, vault.hasher)
        return Committer(engine, schema, clock, vault.digest, log)

    return make


@pytest.fixture
def person() -> Person:
    """A retired employee of an area no city has, with one child."""
    return Person(
        person_no="P1",
        certificate=Certificate("01", "34119919500101001X"),
        name="试验甲",
        phone="10000000001",
        first_place="341199",
        enrolments=(
            Enrolment(
                Scheme.EMPLOYEE, "1201", EnrolmentStatus.NORMAL, date(2010, 1, 1)
            ),
        ),
        first_base_fen=500_000,
        kin=(Kin("P2", "20", "household"),),
    )


@pytest.fixture
def refusal() -> Callable[[str], Refusal]:
    """A refusal by the name of its class."""

    def make(name: str) -> Refusal:
        kind: type[Refusal] = getattr(refusals, name)
        return kind("不行")

    return make


SERVERS = 3


@pytest.fixture
async def stores(
    postgres: Postgres,
    clock: Callable[[], datetime],
    tmp_path: Path,
) -> AsyncIterator[list[Store]]:
    """Servers over one database."""
    url = postgres.fresh()
    opened = [open_store(url, clock, tmp_path / "x.key") for _ in range(SERVERS)]
    yield opened
    for store in opened:
        await store.close()


@pytest.fixture
def two(
    postgres: Postgres,
    schema: Schema,
) -> Iterable[tuple[PostgresEngine, PostgresEngine]]:
    """Two connections to one database, each driven by the test."""
    url = postgres.fresh()
    engines = PostgresEngine(url, schema), PostgresEngine(url, schema)
    catalog = PostgresCatalog(engines[0].connection, schema)
    make_or_check(catalog, schema)
    yield engines
    for engine in engines:
        engine.close()


def fetched(engine: Engine, kind: type, index: str, values: Sequence[str]) -> list[Any]:
    """The records of a kind whose index ("" the key) has one of these values."""
    (records,) = engine.fetch([(kind, index, values)])
    return list(records)


def job(command: Command[Any]) -> Job:
    """A job that remembers its request."""
    return Job(command, command.request)


async def outcomes(calls: Iterable[Any]) -> list[Any]:
    """What becomes of calls made at once: answers, refusals, errors."""
    return await asyncio.gather(*calls, return_exceptions=True)


def settled(
    number: int,
    at: datetime,
    back: datetime | None = None,
) -> Settlement:
    """The settlement of a request of that number."""
    bill = Bill(
        patient="P1",
        institution_code="H34119900001",
        service_day=date(2025, 9, 29),
        visit_kind=VisitKind.OUTPATIENT,
        total_fen=100,
        in_scope_fen=100,
        account_use=AccountUse.NONE,
    )
    return Settlement(
        settlement_id=f"S{number}",
        settled_at=at,
        request_key=f"r{number}",
        bill=bill,
        scheme=Scheme.EMPLOYEE,
        area_code="341199",
        level=1,
        deductible_fen=100,
        ratio_bp=6000,
        fund_fen=0,
        own_fen=0,
        aid_fen=0,
        cash_fen=100,
        lines=(),
        movements=(),
        deductible_used_after_fen=100,
        fund_paid_after_fen=0,
        decided_by=DecidedBy("341199", "gongji-x", "1", "1"),
        reversed_at=back,
    )


def posted(number: int, at: datetime) -> Entry:
    """The first entry of a settlement of that number."""
    return Entry(
        transaction_id=f"S{number}",
        position=0,
        ledger_account="purse:P1",
        fen=1,
        at=at,
        kind=EntryKind.CREDIT,
        version_after=number + 1,
    )


def load_dump(engine: AnyEngine, name: str) -> None:
    """Fill an empty database with what an earlier program made: one statement a line."""
    kind = "sqlite" if isinstance(engine, SqliteEngine) else "postgres"
    file = Path(__file__).with_name(f"{name}.{kind}.sql")
    for line in file.read_text("utf-8").splitlines():
        if line.startswith("--"):
            continue
        engine.connection.execute(line.removesuffix(";"))
