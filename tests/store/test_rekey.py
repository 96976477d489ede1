"""Laws of a change of keys: at any point of it everything is found and opened."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from gongji.model.commands import Write
from gongji.model.people import Certificate, Person
from gongji.model.refusals import StoreUnavailable
from gongji.store import KeyFileError, SchemaError, Store, open_store
from gongji.store.administration import Administration
from gongji.store.databases import database_at
from gongji.store.keys import counting
from gongji.store.keys.ring import DataKey, KeyRing, first_ring, new_keys
from gongji.store.keys.source import FileSource
from gongji.store.keys.suite import default_suite
from gongji.store.rekey import PAGE
from gongji.store.seal import Vault
from msgspec.structs import replace

from tests.store.conftest import Clock, MakeMove
from tests.store.personal_records import SECRETS

SUITE = default_suite()

PEOPLE = 3 * PAGE + 7


def certificate(number: int) -> Certificate:
    """The certificate of a person of that number."""
    return Certificate("99", f"C{number}")


def people(person: Person) -> list[Person]:
    """Invented people, more than a page of them."""
    return [
        replace(person, person_no=f"P{n}", certificate=certificate(n))
        for n in range(PEOPLE)
    ]


async def filled(store: Store, person: Person) -> None:
    """Lay down people and a record of each kind that is sealed in part."""
    await store.apply(Write(tuple(people(person))))
    others = [record for record, _ in SECRETS.values() if type(record) is not Person]
    await store.apply(Write(tuple(others)))


async def assert_found(store: Store, numbers: range | list[int]) -> None:
    """Each of these is found by certificate, and opens."""
    for number in numbers:
        assert f"P{number}" == await store.person_no_of(certificate(number))
        known = await store.known(Person, f"P{number}")
        assert known is not None
        assert certificate(number) == known.certificate


async def assert_all_there(store: Store) -> None:
    """All that was laid down is read as it was."""
    await assert_found(store, range(PEOPLE))
    for record, _ in SECRETS.values():
        if type(record) is not Person:
            assert record == await store.get(type(record), store.key_of(record))


def sealed_by(administration: Administration) -> set[bytes]:
    """How the seals in a database begin."""
    schema = administration.schema
    headers: set[bytes] = set()
    for table in schema.tables.values():
        if any(column.name == "sealed" for column in table.columns):
            statement = f"SELECT DISTINCT substr(sealed, 1, 5) FROM {table.name}"  # noqa: S608 - the schema's names
            rows = administration.catalog.rows(f"{statement} WHERE sealed IS NOT NULL")
            headers |= {bytes(header) for (header,) in rows}
    return headers


def put(path: Path, content: bytes) -> None:
    """Write a key file."""
    path.write_bytes(content)
    path.chmod(0o600)


def got(path: Path) -> bytes:
    """Read one."""
    return path.read_bytes()


def formers(path: Path) -> list[Path]:
    """Return the masters that were in its place."""
    return list(path.parent.glob(f"{path.name}.former-*"))


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return tmp_path / "x.key"


class Killed(Exception):  # noqa: N818 - what a test does
    """The process ends here."""


def killed_after(pages: int) -> Callable[[int], None]:
    """What is told of a page: after so many of them the process ends."""
    left = iter(range(pages))

    def told(_: int) -> None:
        if next(left, None) is None:
            raise Killed

    return told


@pytest.fixture(autouse=True)
def _one_time(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change keys at the time of the servers: a store far behind it would not write."""
    at = SimpleNamespace(
        time_ns=lambda: int(clock().timestamp()) * 1_000_000_000, sleep=time.sleep
    )
    monkeypatch.setattr("gongji.store.rekey.time", at)


def rekey(url: str, key: Path, told: Callable[[int], None] = lambda _: None) -> bool:
    """Change the keys as the command does; return whether it was begun now."""
    with database_at(url).administered(key) as administration:
        rekeying = administration.rekeying
        begun = rekeying.begin(FileSource(key).next_master)
        rekeying.run(told)
        rekeying.finish()
    return begun


async def test_all_is_there_after_a_change_and_nothing_of_the_old_keys(
    engine_url: str, clock: Clock, person: Person, key: Path
) -> None:
    """A server that goes on, and one that starts afterwards, find and open everything;
    nothing is left that an old key has sealed or hashed, and the old master opens nothing."""
    store = open_store(engine_url, clock, key)
    await filled(store, person)
    old = got(key)
    with database_at(engine_url).administered(key) as administration:
        before = sealed_by(administration)
    assert rekey(engine_url, key)
    await assert_all_there(store)
    await store.close()
    assert old != got(key)
    other = open_store(engine_url, clock, key)
    await assert_all_there(other)
    await other.close()
    assert_changed(engine_url, key, before)
    (kept,) = formers(key)
    assert old == got(kept)
    with pytest.raises(SchemaError, match="密钥文件与该数据库不符"):
        open_store(engine_url, clock, kept)


def assert_changed(url: str, key: Path, before: set[bytes]) -> None:
    """Nothing is sealed as before, and of the old keys the requests' alone is there:
    contents are not kept, so that their hashes stay with their key."""
    with database_at(url).administered(key) as administration:
        assert not sealed_by(administration) & before
        stored = administration.catalog.keys()
    assert ["digest"] == [k.purpose for k in stored.keys if not k.current]


async def test_a_change_leaves_leaves(
    engine_url: str, clock: Clock, person: Person, key: Path
) -> None:
    """The log says when new keys came into use and when the old ones were gone, with the
    master's fingerprint and the names of the keys: each after all that was there."""
    store = open_store(engine_url, clock, key)
    await store.apply(Write((person,)))
    await store.close()
    rekey(engine_url, key)
    with database_at(engine_url).administered(key) as administration:
        rows = administration.catalog.rows("SELECT body FROM leaf ORDER BY leaf_id")
        bodies = [msgspec.json.decode(bytes(body)) for (body,) in rows]
        fingerprint = administration.catalog.fingerprint()
    about = {"master": fingerprint, "keys": "digest/2 lookup/2 match/1 seal/2"}
    told = [(body["what"], body["about"]) for body in bodies[-2:]]
    assert [("BeginRekey", about), ("FinishRekey", about)] == told
    instants = [body["at"] for body in bodies]
    assert sorted(instants) == instants


def seals(url: str, key: Path) -> dict[int, int]:
    """What each sealing key is said to have sealed."""
    with database_at(url).administered(key) as administration:
        return dict(administration.stored_keys()[1])


async def test_seals_are_counted(
    engine_url: str, clock: Clock, person: Person, key: Path, counted: int
) -> None:
    """What a key has sealed is counted beside it, all but the last few of a process; a
    new key begins anew, and has sealed what was sealed again."""
    store = open_store(engine_url, clock, key)
    some = people(person)
    said = []
    for first, after in ((0, 150), (150, 180), (180, 260)):
        await store.apply(Write(tuple(some[first:after])))
        said.append(seals(engine_url, key))
    assert [{1: 150}, {1: 150}, {1: 260}] == said
    rekey(engine_url, key)
    assert {1: 260, 2: 260} == seals(engine_url, key)
    await store.apply(Write(tuple(some[260 : 260 + counted])))
    await store.close()
    assert {1: 260, 2: 260 + counted} == seals(engine_url, key)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> int:
    """After how many seals they are counted: a few instead of thousands."""
    monkeypatch.setattr(counting, "COUNTED_SEALS", 40)
    return 40


def committed(url: str, key: Path) -> list[Any]:
    """What the log commits to, but for what was counted."""
    with database_at(url).administered(key) as administration:
        rows: list[Any] = []
        forms = dict(administration.schema.forms)
        del forms[counting.SealCount]
        for kind, form in forms.items():
            names = [name for _, name in (*form.clear, *form.hidden)]
            table = administration.schema.table(kind).name
            statement = f"SELECT {', '.join(names)} FROM {table}"  # noqa: S608 - the schema's names
            found = administration.catalog.rows(statement)
            rows.append(sorted(map(repr, map(list, found))))
        return rows


async def test_commitments_stay(
    engine_url: str, clock: Clock, person: Person, key: Path
) -> None:
    """What the log commits to is the same before and after."""
    store = open_store(engine_url, clock, key)
    await filled(store, person)
    await store.close()
    before = committed(engine_url, key)
    rekey(engine_url, key)
    assert before == committed(engine_url, key)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("pages", [0, 1, 2, 4, 6])
async def test_killed_at_any_page_it_is_resumed(
    engine_url: str, clock: Clock, person: Person, key: Path, pages: int
) -> None:
    """A change that ends after any page leaves everything found and open, for servers of
    before and new ones, what they write meanwhile too; the next run ends it."""
    store = open_store(engine_url, clock, key)
    await filled(store, person)
    with pytest.raises(Killed):
        rekey(engine_url, key, killed_after(pages))
    written = replace(person, person_no="P9999", certificate=certificate(9999))
    await store.apply(Write((written,)))
    await assert_all_there(store)
    later = open_store(engine_url, clock, key) if "postgres" in engine_url else store
    await assert_found(later, [0, PEOPLE - 1, 9999])
    assert not rekey(engine_url, key)
    await assert_all_there(store)
    await assert_found(later, [0, PEOPLE - 1, 9999])
    for opened in {store, later}:
        await opened.close()


async def test_ended_between_the_database_and_the_file(
    engine_url: str, clock: Clock, person: Person, key: Path
) -> None:
    """If the new master has not taken its place in the file yet, whoever opens the
    database gives it its place."""
    store = open_store(engine_url, clock, key)
    await filled(store, person)
    await store.close()
    old = got(key)
    rekey(engine_url, key)
    new = got(key)
    # As it was between the two.
    put(FileSource(key).successor, new)
    put(key, old)
    store = open_store(engine_url, clock, key)
    await assert_found(store, [0])
    await store.close()
    assert new == got(key)
    with pytest.raises(FileNotFoundError):
        got(FileSource(key).successor)


async def test_a_request_of_before_is_replayed(
    engine_url: str, clock: Clock, move: MakeMove, key: Path
) -> None:
    """Contents of requests are not kept: their hashes keep their key, and a request that
    comes again is the same one, or another, as before; so after a second change."""
    store = open_store(engine_url, clock, key)
    await store.commit(move("r1"))
    for number in (2, 3):
        rekey(engine_url, key)
        for earlier in range(1, number):
            assert (await store.commit(move(f"r{earlier}"))).replayed
        with pytest.raises(Exception, match="请求编号已用于另一笔请求"):
            await store.commit(move("r1", fen=101))
        assert not (await store.commit(move(f"r{number}"))).replayed
    await store.close()


async def test_a_server_that_has_no_new_master_waits_for_it(
    engine_url: str, clock: Clock, person: Person, key: Path, tmp_path: Path
) -> None:
    """A server on another machine, to which the new master was not brought, refuses what
    it can no longer do, and goes on once it is there."""
    elsewhere = tmp_path / "elsewhere.key"
    store = open_store(engine_url, clock, key)
    await filled(store, person)
    await store.close()
    put(elsewhere, got(key))
    store = open_store(engine_url, clock, elsewhere)
    rekey(engine_url, key)
    with pytest.raises(StoreUnavailable):
        await store.person_no_of(certificate(1))
    put(FileSource(elsewhere).successor, got(key))
    await assert_found(store, [1])
    await store.close()


async def test_another_master_unwraps_nothing(
    engine_url: str, clock: Clock, key: Path
) -> None:
    """A wrapped key does not open by another master, whatever the database says."""
    store = open_store(engine_url, clock, key)
    await store.close()
    with database_at(engine_url).administered(key) as administration:
        stored = administration.catalog.keys()
    vault = Vault.ephemeral()
    with pytest.raises(KeyFileError, match="密钥与该数据库不符"):
        vault.load(stored)
    with pytest.raises(KeyFileError, match="无法打开"):
        vault.load(stored._replace(fingerprint=vault.fingerprint))


def test_a_ring_that_learnt_newer_keys_reads_what_older_ones_made() -> None:
    """Two rings of one database together open both's seals and look for both's hashes,
    and make what the newer one makes, whichever learns of the other."""
    first = new_keys(SUITE)
    before = first_ring(SUITE, first)
    fresh = new_keys(SUITE)
    keys = [
        DataKey(purpose, 2, fresh[purpose]) for purpose in ("seal", "lookup", "digest")
    ]
    after = KeyRing(SUITE, 2, [*keys, DataKey("match", 1, first["match"])])
    sealed, match = before.seal("P1", b"clear"), before.match(b"certificate")
    forms = [*after.stored_lookups(match), *before.stored_lookups(match)]
    for merged in (before.merged(after), after.merged(before)):
        assert b"clear" == merged.unseal("P1", sealed)
        assert b"clear" == after.unseal("P1", merged.seal("P1", b"clear"))
        assert match == merged.match(b"certificate") == after.match(b"certificate")
        assert forms == merged.stored_lookups(match)


def test_a_digest_is_made_again_by_its_own_key() -> None:
    """A hash says by which key it was made; without that key nothing is equal to it."""
    before = first_ring(SUITE, new_keys(SUITE))
    keys = [
        key._replace(current=False) for key in before.keys if key.purpose != "match"
    ]
    fresh = new_keys(SUITE)
    keys += [DataKey(purpose, 2, fresh[purpose]) for purpose in fresh]
    after = KeyRing(
        SUITE, 2, [key for key in keys if (key.purpose, key.number) != ("match", 1)]
    )
    digest = before.digest(b"x")
    assert digest == after.digest(b"x", digest)
    assert after.digest(b"x").startswith("2:")
    assert "" == before.digest(b"x", after.digest(b"x"))
