"""A service signs its log while it runs and at its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from gongji.audit.checkpoint import ED25519, SM2, KeyKind, SignedNote
from gongji.model.account import Account
from gongji.model.commands import Write
from gongji.serve.checkpointing import Checkpointing, checkpointed
from gongji.serve.clock import SandboxClock
from gongji.serve.settings import SIGNING_KEY, Settings
from gongji.store import Store, open_store
from gongji.store.signing_key import SigningKeyError, signing_key
from structlog.testing import capture_logs

from tests.scaffold.people import NOW


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_store(tmp_path / "x.sqlite3", SandboxClock(NOW))
    yield opened
    await opened.close()


def settings_in(folder: Path, **more: object) -> Settings:
    """Settings of a service in a folder."""
    return Settings(address="127.0.0.1:0", data=folder, **more)  # type: ignore[arg-type]


async def wrote(store: Store, *numbers: int) -> None:
    """Leave a leaf for each number."""
    for number in numbers:
        await store.apply(Write((Account(f"P{number}", number),)))


async def test_the_end_signs_what_came_last(store: Store, tmp_path: Path) -> None:
    """Whatever was written during the block, once it has ended."""
    settings = settings_in(tmp_path)
    async with checkpointed(settings, store, SandboxClock(NOW)) as key:
        await wrote(store, 1, 2, 3)
    last = await store.checkpoints.last()
    assert last
    assert 3 == last.size
    origin = last.note.split("\n")[0]
    assert SignedNote.parse(last.note).signed_by(key.named(origin))


async def test_it_signs_while_it_runs(store: Store, tmp_path: Path) -> None:
    """Whenever the time has come, and the last one is old."""
    clock = SandboxClock(NOW)
    key = signing_key(tmp_path / SIGNING_KEY, store.signature)
    watching = asyncio.create_task(
        Checkpointing(store, key, clock, every_s=0.0).watch()
    )
    await wrote(store, 1)
    async with asyncio.timeout(20):
        while await store.checkpoints.last() is None:  # noqa: ASYNC110 - bounded
            await asyncio.sleep(0.01)
    watching.cancel()
    await asyncio.wait([watching])


async def test_a_contradiction_is_told_and_nothing_signed(
    store: Store, tmp_path: Path
) -> None:
    """A leaf that was removed is named in the log of events."""
    await wrote(store, 1, 2, 3)
    store._writing.connection.execute("DELETE FROM leaf WHERE number = 2")
    key = signing_key(tmp_path / SIGNING_KEY, store.signature)
    signing = Checkpointing(store, key, SandboxClock(NOW))
    with capture_logs() as lines:
        assert await signing.sign() is None
    assert ["log_fault"] == [line["event"] for line in lines]
    assert "第 2 号叶" in lines[0]["told"]
    assert await store.checkpoints.last() is None


@pytest.mark.parametrize("kind", [ED25519, SM2], ids=lambda kind: kind.name)
def test_the_key_is_made_once_and_readable_by_nobody_else(
    tmp_path: Path, kind: KeyKind
) -> None:
    """Another start has the same; one that others can read, or that is none, is refused."""
    path = tmp_path / SIGNING_KEY
    public = signing_key(path, kind).named("log").public
    assert public == signing_key(path, kind).named("log").public
    assert 0o600 == path.stat().st_mode & 0o777
    path.chmod(0o644)
    with pytest.raises(SigningKeyError, match="0644"):
        signing_key(path, kind)
    path.chmod(0o600)
    path.write_bytes(b"no key")
    with pytest.raises(SigningKeyError, match="PEM"):
        signing_key(path, kind)


@pytest.mark.parametrize(("made", "asked"), [(ED25519, SM2), (SM2, ED25519)])
def test_a_key_of_another_kind_is_refused(
    tmp_path: Path, made: KeyKind, asked: KeyKind
) -> None:
    """A database of SM3 has its checkpoints signed with SM2, and no other way."""
    path = tmp_path / SIGNING_KEY
    signing_key(path, made)
    with pytest.raises(SigningKeyError, match=f"不是 {asked.name} 的"):
        signing_key(path, asked)
