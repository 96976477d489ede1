"""Laws of a backup: all of one instant, whole or not at all, and back only where nothing is."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from gongji.model.account import Account
from gongji.model.commands import Listing, RequestRecord
from gongji.store import Store, open_store
from gongji.store.backup import (
    MANIFEST,
    BackupError,
    CopyCheck,
    Copying,
    Manifest,
    back_up,
    read_manifest,
    restore,
)
from gongji.store.databases import database_at
from gongji.store.keys.suite import STANDARD, default_suite
from gongji.store.migrations import SchemaError
from gongji.store.postgres.programs import address_of
from gongji.store.schema import VERSION
from gongji.store.seal import KeyFileError, Vault
from msgspec.structs import replace

from tests.postgres import Postgres
from tests.store.conftest import MORNING, Clock, MakeMove, engine_at
from tests.store.test_leaves import assert_log_says_all

WRITTEN_BEFORE = 20

SAID = CopyCheck("said")


@dataclass(frozen=True)
class Origin:
    """A database that is backed up into a folder; `moves` are what is written there."""

    url: str
    key: Path
    folder: Path
    clock: Clock
    moves: MakeMove

    @property
    def copying(self) -> Copying:
        """Return how it is copied."""
        return database_at(self.url).copying()

    @property
    def vault(self) -> Vault:
        """Return its key."""
        return Vault.open(self.key, create=False)

    async def written(self) -> Store:
        """Open it, something having been written."""
        store = open_store(self.url, self.clock, self.key)
        for number in range(WRITTEN_BEFORE):
            await store.commit(self.moves(f"before-{number}"))
        return store

    async def closed(self) -> None:
        """Write something, and close it."""
        await (await self.written()).close()


@pytest.fixture
def origin(engine_url: str, clock: Clock, move: MakeMove, tmp_path: Path) -> Origin:
    """Return a database in which nothing is yet."""
    folder = tmp_path / "backups" / "backup"
    return Origin(engine_url, tmp_path / "gongji.key", folder, clock, move)


@pytest.fixture
def elsewhere(
    request: pytest.FixtureRequest, engine_kind: str, engine_url: str, tmp_path: Path
) -> str:
    """Return the address of another database, in which nothing is yet."""
    if engine_kind == "sqlite":
        return f"sqlite:///{tmp_path / 'elsewhere' / 'gongji.sqlite3'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.empty(like=engine_url)


def take(copying: Copying, folder: Path, check: Any = None) -> Manifest:
    """Back up; what is checked and how is the test's."""
    return back_up(
        copying,
        folder,
        check or (lambda address, _: CopyCheck(f"opened {bool(address)}")),
        program="1",
        now=MORNING,
    )


async def moved(store: Store) -> tuple[int, int]:
    """Return how many moves are on record, by the purse and by the requests."""
    purse = await store.get(Account, "P1")
    rows = await store.page(Listing(kind=RequestRecord, limit=100_000))
    return purse.version if purse else 0, len(rows)


async def test_a_backup_under_load_is_all_of_one_instant(
    origin: Origin, elsewhere: str
) -> None:
    """Whatever was answered before it began is in it, and of what came meanwhile a
    whole beginning; writers go on, and what is restored can be written on."""
    store = await origin.written()
    async with writing(origin, store) as answered:
        manifest = await asyncio.to_thread(take, origin.copying, origin.folder)
    await store.close()
    assert answered
    assert VERSION == manifest.snapshot.schema
    assert origin.clock.now == manifest.snapshot.last_at
    target = database_at(elsewhere).copying()
    restored = restore(target, origin.folder, origin.vault, lambda *_: SAID)
    assert (manifest, SAID) == restored
    leaves = manifest.snapshot.leaves
    assert WRITTEN_BEFORE <= leaves <= WRITTEN_BEFORE + len(answered)
    await assert_whole(origin, elsewhere, leaves)


async def assert_whole(origin: Origin, url: str, moves: int) -> None:
    """A database holds so many moves in purse, requests and log, and takes another."""
    store = open_store(url, origin.clock, origin.key)
    assert (moves, moves) == await moved(store)
    await store.commit(origin.moves("after"))
    assert (moves + 1, moves + 1) == await moved(store)
    await store.close()
    engine = engine_at(url, store.schema)
    assert_log_says_all(engine, store.schema)
    engine.close()


@asynccontextmanager
async def writing(origin: Origin, store: Store) -> AsyncIterator[list[object]]:
    """Have one write after the other meanwhile; give what was answered."""
    answered: list[object] = []

    async def write() -> None:
        while True:
            answered.append(await store.commit(origin.moves(f"during-{len(answered)}")))

    task = asyncio.create_task(write())
    try:
        yield answered
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_backup_is_private_and_described(origin: Origin) -> None:
    """Only its owner reads it, no key is in it, and its manifest says what it is."""
    store = await origin.written()
    folder = origin.folder
    manifest = await asyncio.to_thread(take, origin.copying, folder)
    await store.close()
    assert manifest == read_manifest(folder)
    assert {MANIFEST, origin.copying.file} == {path.name for path in folder.iterdir()}
    assert {0o600} == {stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()}
    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)
    assert CopyCheck("opened True") == manifest.checked
    secret = origin.key.read_bytes()
    assert not any(secret in path.read_bytes() for path in folder.iterdir())
    assert [folder] == list(folder.parent.iterdir())


async def test_what_fails_leaves_nothing(origin: Origin) -> None:
    """A backup that is not found sound, or that would cover another, is not there."""
    await origin.closed()

    def unsound(*_: object) -> CopyCheck:
        raise BackupError("坏了")

    folder = origin.folder
    with pytest.raises(BackupError, match="坏了"):
        take(origin.copying, folder, unsound)
    assert [] == list(folder.parent.iterdir())
    take(origin.copying, folder)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(BackupError, match="已经存在"):
        take(origin.copying, folder)
    assert before == {path: path.read_bytes() for path in folder.iterdir()}


def test_nothing_is_no_backup(origin: Origin) -> None:
    """Where nothing was ever stored there is nothing to back up."""
    with pytest.raises(SchemaError, match="没有可备份的"):
        take(origin.copying, origin.folder)
    assert not origin.folder.exists()


Change = Callable[[bytes], bytes | None]
"""Returns other content of a file, None if there is to be none."""


def turned(content: bytes) -> bytes:
    """Turn one bit in the middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def saying(**said: object) -> Change:
    """Have a manifest say something else; within its snapshot if it has such a field."""

    def change(content: bytes) -> bytes:
        manifest = json.loads(content)
        for name, value in said.items():
            within = manifest["snapshot"] if name in manifest["snapshot"] else manifest
            within[name] = value
        return json.dumps(manifest).encode()

    return change


COPY = "the copy"

# Of the suite that tests run with.
STRANGE = "00" if default_suite() is STANDARD else "gm:00"

DAMAGED: dict[str, tuple[str, Change, type[Exception], str]] = {
    "a bit": (COPY, turned, BackupError, "摘要不符"),
    "the end": (COPY, lambda content: content[:-4096], BackupError, "摘要不符"),
    "a torn manifest": (MANIFEST, lambda c: c[:-40], BackupError, "读不懂"),
    "no manifest": (MANIFEST, lambda _: None, BackupError, "不是备份"),
    "a newer schema": (MANIFEST, saying(schema=VERSION + 1), SchemaError, "只认识到"),
    "a newer form": (MANIFEST, saying(format=99), BackupError, "更新的 gongji"),
    "another place": (MANIFEST, saying(file="../x"), BackupError, "须是一个文件名"),
    "another engine": (MANIFEST, saying(engine="x"), BackupError, "不能恢复成"),
    "another key": (MANIFEST, saying(key=STRANGE), KeyFileError, "密钥文件与备份不符"),
}
"""Which file of a backup is changed and how, and what is said of it."""


@pytest.mark.parametrize("what", DAMAGED)
async def test_a_damaged_or_strange_backup_is_not_restored(
    origin: Origin, elsewhere: str, what: str
) -> None:
    """What is wrong is said, and where it was to go there is still nothing."""
    await origin.closed()
    folder = origin.folder
    take(origin.copying, folder)
    name, change, kind, problem = DAMAGED[what]
    file = folder / (origin.copying.file if name == COPY else name)
    content = change(file.read_bytes())
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    target = database_at(elsewhere).copying()
    with pytest.raises(kind, match=problem):
        restore(target, folder, origin.vault, lambda *_: SAID)
    with pytest.raises(SchemaError, match="没有可备份的"):
        take(target, folder.with_name("again"))


async def test_nothing_is_restored_over_data(origin: Origin) -> None:
    """A database that holds anything is left alone."""
    await origin.closed()
    folder = origin.folder
    take(origin.copying, folder)
    with pytest.raises(BackupError, match=r"已经存在|不是空的"):
        restore(origin.copying, folder, origin.vault, lambda *_: SAID)
    store = open_store(origin.url, origin.clock, origin.key)
    assert (WRITTEN_BEFORE, WRITTEN_BEFORE) == await moved(store)
    await store.close()


async def test_a_copy_that_does_not_hold_what_it_says_is_refused(
    clock: Clock, move: MakeMove, tmp_path: Path
) -> None:
    """A file whose pages are damaged, or that is of another instant, is found out when it
    is opened."""
    url = f"sqlite:///{tmp_path / 'gongji.db'}"
    origin = Origin(url, tmp_path / "gongji.key", tmp_path, clock, move)
    await origin.closed()
    target = tmp_path / "copy"
    target.touch()
    copying = origin.copying
    snapshot = copying.copy_out(target)
    other = replace(snapshot, leaves=snapshot.leaves + 1)
    with (
        pytest.raises(BackupError, match="不是同一时刻"),
        copying.opened(target, other),
    ):
        pass
    content = bytearray(target.read_bytes())
    content[4096 * 3 : 4096 * 4] = bytes(4096)
    target.write_bytes(content)
    with (
        pytest.raises(BackupError, match=r"已损坏|无法读取"),
        copying.opened(target, snapshot),
    ):
        pass


async def test_who_may_make_no_database_is_told_what_was_not_checked(
    postgres: Postgres, clock: Clock, move: MakeMove, tmp_path: Path
) -> None:
    """Without the right to make a database the list of contents is read, and no more."""
    url = postgres.fresh()
    origin = Origin(url, tmp_path / "gongji.key", tmp_path / "backup", clock, move)
    await origin.closed()
    role = f"keeper_{id(origin)}"
    postgres.execute(f"CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB")
    try:
        postgres.execute(f"GRANT pg_read_all_data TO {role}")
        limited = database_at(address_of(url, user=role)).copying()
        manifest = await asyncio.to_thread(take, limited, origin.folder)
        assert CopyCheck("opened False") == manifest.checked
    finally:
        postgres.execute(f"REVOKE pg_read_all_data FROM {role}")
        postgres.execute(f"DROP ROLE {role}")
