"""The store from outside: opening, twins, reads, a full or locked disk, adoption, reset."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator, Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from gongji.model.account import Account
from gongji.model.commands import Adopted, Decision, Listing, Request, RequestRecord
from gongji.model.people import Certificate, Person
from gongji.model.refusals import NoAccount, StoreUnavailable
from gongji.model.settlement import SettledDay
from gongji.store import MEMORY, KeyFileError, SchemaError, Store, open_store
from gongji.store.databases import database_at
from gongji.store.migrations import Migration
from gongji.store.numbering import numbers_are_identities
from gongji.store.schema import VERSION
from gongji.store.sqlite.store import SqliteStore
from msgspec.structs import replace

MakeMove = Callable[..., Any]
Clock = Callable[[], datetime]


@pytest.fixture
async def store(
    engine_url: str,
    clock: Clock,
    tmp_path: Path,
) -> AsyncIterator[Store]:
    store = open_store(engine_url, clock, tmp_path / "gongji.key")
    yield store
    await store.close()


@pytest.fixture
async def in_file(clock: Clock, tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """A store over SQLite, for what only a file can suffer."""
    store = open_store(tmp_path / "gongji.db", clock)
    assert isinstance(store, SqliteStore)
    yield store
    await store.close()


class Put:
    """Writes what it is given."""

    def __init__(self, *records: object) -> None:
        self._records = records

    def needs(self, facts: object) -> tuple[()]:
        del facts
        return ()

    def decide(self, facts: object) -> Decision[int]:
        del facts
        return Decision(len(self._records), self._records)


async def test_twins_execute_once(store: Store, move: MakeMove) -> None:
    """Of fifty equal requests at once one executes; all get its answer."""
    answers = await asyncio.gather(*(store.commit(move("r1")) for _ in range(50)))
    assert {100} == {a.value for a in answers}
    assert 1 == sum(not a.replayed for a in answers)
    assert Account("P1", 100, 1) == await store.get(Account, "P1")


async def test_what_is_answered_is_read_at_once(store: Store, move: MakeMove) -> None:
    """Whoever has an answer reads its effect."""
    for i in range(20):
        answer = await store.commit(move(f"r{i}"))
        account = await store.get(Account, "P1")
        assert account is not None
        assert answer.value == account.balance_fen


async def test_refusals_and_defects_reach_their_caller(
    store: Store, move: MakeMove
) -> None:
    """Each caller hears of its own command, as raised."""
    with pytest.raises(NoAccount):
        await store.commit(move("r1", refusal=NoAccount("没有个人账户")))
    with pytest.raises(ZeroDivisionError):
        await store.commit(move("r2", crash=ZeroDivisionError()))


async def test_asking_writes_nothing(store: Store, move: MakeMove) -> None:
    """The same decision asked for instead of committed leaves no record and does not
    use its request id up."""
    assert 100 == await store.ask(move("r1"))
    assert (None, None) == (
        await store.get(Account, "P1"),
        await store.recall(move("r1").request),
    )
    assert not (await store.commit(move("r1"))).replayed
    with pytest.raises(ZeroDivisionError):
        await store.ask(move("r2", crash=ZeroDivisionError()))
    assert 200 == await store.ask(move("r3"))


def modes(folder: Path) -> dict[str, int]:
    """The files of a folder and who may read them."""
    return {p.name: stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()}


async def test_it_is_all_there_after_a_restart(
    engine_url: str,
    clock: Clock,
    tmp_path: Path,
    move: MakeMove,
    person: Person,
) -> None:
    """A closed store opened again answers the same, sealed people included."""
    first = open_store(engine_url, clock, tmp_path / "x.key")
    await first.commit(move("r1"))
    await first.apply(Put(person))
    await first.close()
    second = open_store(engine_url, clock, tmp_path / "x.key")
    assert (await second.commit(move("r1"))).replayed
    assert person == await second.get(Person, "P1")
    await second.close()


async def test_only_two_files_stay_behind(
    clock: Clock,
    tmp_path: Path,
    move: MakeMove,
) -> None:
    """A closed store over SQLite is its file and its key, readable by their owner only."""
    store = open_store("sqlite:///" + str(tmp_path / "x.db"), clock)
    await store.commit(move("r1"))
    await store.close()
    assert {"x.db": 0o600, "x.key": 0o600} == modes(tmp_path)


async def test_a_database_without_its_key_is_refused(
    engine_url: str,
    clock: Clock,
    tmp_path: Path,
    person: Person,
) -> None:
    """A lost or foreign key file is noticed when the store is opened, and no new key is
    made beside old data."""
    key = tmp_path / "x.key"
    store = open_store(engine_url, clock, key)
    await store.apply(Put(person))
    await store.close()
    good = key.read_bytes()
    key.write_bytes(good[::-1])
    with pytest.raises(SchemaError, match="密钥文件与该数据库不符"):
        open_store(engine_url, clock, key)
    key.unlink()
    with pytest.raises(KeyFileError, match="找不到密钥文件"):
        open_store(engine_url, clock, key)
    assert not key.exists()


async def test_nothing_is_migrated_that_is_of_this_version(
    engine_url: str,
    clock: Clock,
    tmp_path: Path,
    move: MakeMove,
) -> None:
    """A migration of an empty place is refused; of a database of this version it
    changes nothing."""
    key = tmp_path / "x.key"
    key.write_bytes(bytes(32))
    key.chmod(0o600)
    with pytest.raises(SchemaError, match="首次启动"):
        database_at(engine_url).migrate(key)
    # The key of this test's own counts as one that was used.
    store = open_store(engine_url, clock, key, new=True)
    await store.commit(move("r1"))
    await store.close()
    assert Migration(VERSION, VERSION) == database_at(engine_url).migrate(key)
    store = open_store(engine_url, clock, key)
    assert (await store.commit(move("r1"))).replayed
    await store.close()


def test_postgres_needs_its_key_named(clock: Clock) -> None:
    """There is no file beside a database over the network."""
    with pytest.raises(ValueError, match="密钥文件"):
        open_store("postgresql://x/y", clock)


def test_a_server_that_does_not_answer_is_an_error_of_the_start(
    clock: Clock, tmp_path: Path
) -> None:
    """A database that cannot be reached when the service starts is said so, and no key is made."""
    with pytest.raises(ConnectionError, match="无法连接 PostgreSQL"):
        open_store(f"postgresql:///x?host={tmp_path}", clock, tmp_path / "x.key")
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://x.db", "sqlite:///"])
def test_an_unknown_database_is_refused(clock: Clock, url: str) -> None:
    """An address that names no file is refused, saying what would do."""
    with pytest.raises(ValueError, match="sqlite:///"):
        open_store(url, clock)


def test_a_file_that_is_no_database_is_refused(clock: Clock, tmp_path: Path) -> None:
    """A file of something else is refused and left as it is."""
    (tmp_path / "x.db").write_bytes(b"something else" * 100)
    (tmp_path / "x.key").write_bytes(bytes(32))
    (tmp_path / "x.key").chmod(0o600)
    with pytest.raises(SchemaError, match="无法作为"):
        open_store(tmp_path / "x.db", clock)
    assert b"something else" * 100 == (tmp_path / "x.db").read_bytes()


async def test_a_fleeting_store_leaves_nothing(clock: Clock, move: MakeMove) -> None:
    """A store in memory works like any other and is gone when it is closed."""
    store = open_store(MEMORY, clock)
    assert isinstance(store, SqliteStore)
    assert 100 == (await store.commit(move("r1"))).value
    folder = Path(
        store._writing.connection.execute("PRAGMA database_list").fetchone()[2]
    ).parent
    assert folder.exists()
    await store.close()
    assert not folder.exists()


async def test_a_full_disk_writes_nothing_and_is_survived(
    in_file: SqliteStore,
    move: MakeMove,
    person: Person,
) -> None:
    """While the disk is full the callers are told to try again; with room again the
    same requests execute."""
    writing = in_file._writing.connection
    (pages,) = writing.execute("PRAGMA page_count").fetchone()
    writing.execute(f"PRAGMA max_page_count = {pages}")
    many = Put(*(replace(person, person_no=f"P{i}") for i in range(500)))
    with pytest.raises(StoreUnavailable):
        await in_file.apply(many)
    assert await in_file.get(Person, "P0") is None
    writing.execute("PRAGMA max_page_count = 1073741823")
    assert 500 == await in_file.apply(many)
    assert 100 == (await in_file.commit(move("r1"))).value


async def test_a_locked_database_writes_nothing_and_is_survived(
    in_file: SqliteStore, move: MakeMove
) -> None:
    """While another process holds the database commands are refused and reads still answer."""
    writing = in_file._writing.connection
    writing.execute("PRAGMA busy_timeout = 0")
    (_, _, file) = writing.execute("PRAGMA database_list").fetchone()
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable):
        await in_file.commit(move("r1"))
    assert await in_file.recall(move("r1").request) is None
    holder.execute("ROLLBACK")
    holder.close()
    assert not (await in_file.commit(move("r1"))).replayed


async def test_a_read_only_database_writes_nothing_and_is_survived(
    in_file: SqliteStore, move: MakeMove
) -> None:
    """A database that may only be read refuses commands and still answers reads."""
    in_file._writing.connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreUnavailable):
        await in_file.commit(move("r1"))
    in_file._writing.connection.execute("PRAGMA query_only = OFF")
    assert not (await in_file.commit(move("r1"))).replayed


async def test_two_stores_on_one_database_execute_once(
    engine_url: str,
    clock: Clock,
    tmp_path: Path,
    move: MakeMove,
) -> None:
    """Two servers over one database never execute one request twice, nor lose each
    other's writes."""
    stores = [open_store(engine_url, clock, tmp_path / "x.key") for _ in range(2)]
    await asyncio.gather(
        *(store.commit(move(f"r{i}", fen=1)) for i in range(50) for store in stores)
    )
    assert Account("P1", 50, 50) == await stores[0].get(Account, "P1")
    for store in stores:
        await store.close()


async def test_a_person_is_found_by_certificate(store: Store, person: Person) -> None:
    """A certificate resolves to its person's number, a changed one no longer; the
    lowest number if two share one."""
    await store.apply(Put(person, replace(person, person_no="P0")))
    lower = Certificate("01", person.certificate.number.lower())
    assert "P0" == await store.person_no_of(lower)
    renewed = Certificate("01", "other")
    await store.apply(Put(replace(person, person_no="P0", certificate=renewed)))
    assert "P1" == await store.person_no_of(person.certificate)
    assert await store.person_no_of(Certificate("01", "nobody")) is None
    assert store.lookup(person.certificate) == store.lookup(lower)


async def test_many_keys_are_read_together(store: Store, person: Person) -> None:
    """Records come in the order of the keys as asked; a key without a record is left out."""
    numbers = [f"P{number:04}" for number in range(2000)]
    await store.apply(Put(*[replace(person, person_no=no) for no in numbers[::100]]))
    found = await store.found(Person, reversed(numbers))
    assert numbers[::-1][99::100] == [one.person_no for one in found]
    assert [] == await store.found(Person, ())


async def test_the_row_of_an_import_is_kept(store: Store, clock: Clock) -> None:
    """The row of what was executed in several parts is recalled as it was written."""
    request = Request("r1", "office", "ImportPersons")
    digests = {"rows": store.digest([1, 2])}
    row = RequestRecord(request.key, "office", request.method, digests, clock(), b"{}")
    await store.apply(Put(row))
    assert row == await store.recall(request)


async def test_places_continue_a_listing(store: Store) -> None:
    """The place of the last record seen leads to the next page."""
    await store.apply(Put(*(Account(f"P{i}", i, 1) for i in range(5))))
    first = await store.placed(Listing(kind=Account, limit=3))
    _, place = first[-1]
    second = await store.placed(Listing(kind=Account, limit=3, after=place))
    assert ["P0", "P1", "P2", "P3", "P4"] == [a.person_no for a, _ in first + second]


async def test_adoptions_are_recorded_and_know_what_is_settled(
    store: Store, clock: Clock
) -> None:
    """An adoption stands until it is replaced; a pooling area knows from which day on
    bills of it were settled."""
    adopted = Adopted("341199", "V2", date(2025, 1, 1), clock())
    await store.adopt(adopted)
    await store.adopt(later := replace(adopted, since=date(2025, 2, 1)))
    assert [later] == await store.adopted()
    await store.apply(Put(SettledDay("3411", date(2025, 9, 29))))
    settled = [await store.settled_since(area, day) for area, day in CASES]
    assert [True, True, False, False] == settled


CASES = [
    ("341199", date(2025, 9, 29)),
    ("341100", date(2025, 1, 1)),
    ("341100", date(2025, 9, 30)),
    ("340800", date(2025, 1, 1)),
]


async def test_reset_forgets_everything(
    store: Store,
    move: MakeMove,
    person: Person,
) -> None:
    """After a reset no record and no request id is left, and the store goes on."""
    await store.commit(move("r1"))
    await store.apply(Put(person))
    await store.reset()
    assert (None, None, None) == (
        await store.get(Account, "P1"),
        await store.recall(move("r1").request),
        await store.person_no_of(person.certificate),
    )
    assert not (await store.commit(move("r1"))).replayed


@pytest.mark.parametrize(
    ("number", "like"),
    [
        ("34119919500101001X", True),
        ("341199195001010", False),
        ("34119919509901001X", False),
        ("PC-0000000000000001", False),
    ],
    ids=["as on a card", "of 15 digits", "of no day", "a number"],
)
async def test_numbers_like_those_of_identity_cards_are_noticed(
    engine_url: str,
    clock: Clock,
    person: Person,
    tmp_path: Path,
    number: str,
    *,
    like: bool,
) -> None:
    """A store says whether its people are numbered as their identity cards are, for the
    numbers lie in clear."""
    store = open_store(engine_url, clock, tmp_path / "x.key")
    assert not await numbers_are_identities(store)
    await store.apply(Put(replace(person, person_no=number)))
    assert like is await numbers_are_identities(store)
    await store.close()
