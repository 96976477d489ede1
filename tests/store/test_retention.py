"""What expires goes through the log, what carries a duty stays, and nothing is executed twice."""

from __future__ import annotations

import json
import stat
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gongji.model.access import LostAccesses, PersonAccess
from gongji.model.commands import Listing, RequestRecord, Write
from gongji.model.refusals import OriginalReversed, Refused, RequestExpired
from gongji.store import Store, open_store
from gongji.store.retention import (
    EXPIRING,
    KEPT,
    DueRows,
    Retention,
    RetentionFault,
    RetentionPolicy,
    policy_of,
)
from gongji.store.schema import Schema
from gongji.store.seal import Vault

from tests.store.conftest import MORNING, Clock, MakeMove, engine_at
from tests.store.test_leaves import assert_log_says_all, leaves

DAYS = 180
OLD = MORNING - timedelta(days=DAYS + 1)
YOUNG = MORNING - timedelta(days=DAYS - 1)
TABLES = {table.name: kind for kind, table in Schema(Vault.ephemeral()).tables.items()}


def test_of_every_kind_it_is_known_whether_it_may_go() -> None:
    """A table that is added has to say how long it is kept, and on what ground."""
    assert set(TABLES.values()) == {*KEPT, *(rule.kind for rule in EXPIRING.values())}
    assert all(KEPT.values())
    assert all(rule.ground for rule in EXPIRING.values())


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"version": 1, "access": {"after_days": 179}}, "180 至 36500.*六个月"),
        ({"version": 1, "access": {"after_days": True}}, "180 至 36500"),
        ({"version": 1, "access": {"after_days": "180"}}, "180 至 36500"),
        ({"version": 1, "access": 180}, "只写 after_days"),
        ({"version": 1, "access": {"days": 180}}, "只写 after_days"),
        ({"version": 1, "settlement": {"after_days": 9999}}, "不可设期限.*30 年"),
        ({"version": 1, "leaf": {"after_days": 9999}}, "不可设期限.*证明"),
        ({"version": 1, "request": {"after_days": 9999}}, "没有 .request. 这一节"),
        ({"version": 1, "acces": {"after_days": 180}}, "可写的有 access"),
        ({"access": {"after_days": 180}}, "version = 1"),
        ({"version": 2}, "version = 1"),
        ({"version": 1, "export": 5}, "export 须为"),
    ],
)
def test_a_policy_that_cannot_be_kept_is_refused(
    document: dict[str, Any], problem: str
) -> None:
    """The sentence names the key and the ground."""
    with pytest.raises(RetentionFault, match=problem):
        policy_of(document, TABLES)


def test_a_policy_says_days_by_kind() -> None:
    """What is not named stays."""
    document = {"version": 1, "access": {"after_days": 365}, "export": "gone"}
    assert RetentionPolicy({"access": 365}, Path("gone")) == policy_of(document, TABLES)


def access(number: int, at: datetime) -> PersonAccess:
    """Return an access of an instant; keys ascend with time."""
    fields = ("local", "operator", "", "", 0, 0, "GetPerson", "name", "")
    return PersonAccess(f"{at:%Y%m%d}-{number:05d}", "P1", at, *fields)


@dataclass(frozen=True)
class Aged:
    """A store in which some of each kind is old."""

    store: Store
    url: str
    moves: MakeMove
    clock: Clock

    def retention(self, **more: Any) -> Retention:
        """Return a policy over all of it."""
        policy = RetentionPolicy(dict.fromkeys(EXPIRING, DAYS), **more)
        return Retention(self.store, policy, self.clock.now)

    async def left(self, kind: type) -> list[Any]:
        """Return all records of a kind."""
        return await self.store.page(Listing(kind=kind, limit=10_000))


@pytest.fixture
async def aged(
    engine_url: str, clock: Clock, move: MakeMove, tmp_path: Path
) -> AsyncIterator[Aged]:
    """Return a store with accesses and requests of then and of now."""
    store = open_store(engine_url, clock, tmp_path / "gongji.key")
    clock.now = OLD
    await store.commit(move("settled"))
    await refused_by(store, move, "refused")
    accesses = [access(n, at) for at in (OLD, YOUNG) for n in range(450)]
    await store.apply(Write((*accesses, LostAccesses("x", OLD, 3))))
    await store.apply(
        Write(
            (
                RequestRecord(
                    "gone/clinic-1", "clinic-1", "Move", {}, OLD, tombstone=True
                ),
            )
        )
    )
    clock.now = MORNING
    await refused_by(store, move, "refused lately")
    yield Aged(store, engine_url, move, clock)
    await store.close()


async def refused_by(store: Store, move: MakeMove, request: str) -> None:
    """Have a request refused for good."""
    with pytest.raises(Refused):
        await store.commit(move(request, refusal=Refused("余额不足")))


async def test_a_plan_writes_nothing(aged: Aged) -> None:
    """It says how much would go, and from when on."""
    plan = await aged.retention().plan()
    rows = {due.name: due.rows for due in plan}
    assert {
        "access": 450,
        "refused_request": 1,
        "lost_accesses": 1,
        "guesses": 0,
    } == rows
    oldest = {due.oldest for due in plan if due.rows}
    assert {OLD} == oldest
    assert 900 == len(await aged.left(PersonAccess))


async def test_what_is_due_goes_and_the_log_says_so(aged: Aged) -> None:
    """The young stay; every removal has its leaf; a second run finds nothing."""
    assert [450, 1, 1, 0] == [due.rows for due in await aged.retention().run()]
    assert {YOUNG} == {one.at for one in await aged.left(PersonAccess)}
    assert [] == await aged.left(LostAccesses)
    assert [0] * 4 == [due.rows for due in await aged.retention().run()]
    schema = aged.store.schema
    with closing(engine_at(aged.url, schema)) as engine:
        assert_log_says_all(engine, schema)
        assert any(b"Expire" in leaf.body for leaf in leaves(engine, schema))


async def test_a_request_stays_used_whatever_goes(aged: Aged) -> None:
    """A refusal loses what it told, never its id; answers and tombstones stay as they
    are."""
    await aged.retention().run()
    move = aged.moves
    with pytest.raises(RequestExpired, match="已过保存期限"):
        await aged.store.commit(move("refused"))
    assert (await aged.store.commit(move("settled"))).replayed
    with pytest.raises(Refused, match="余额不足"):
        await aged.store.commit(move("refused lately"))
    with pytest.raises(OriginalReversed):
        await aged.store.commit(move("gone"))


async def test_a_copy_is_kept_of_what_goes(aged: Aged, tmp_path: Path) -> None:
    """It is written before anything is removed, and private."""
    folder = tmp_path / "gone"
    await aged.retention(export=folder).run()
    copies = {path.name.partition("-")[0]: path for path in folder.iterdir()}
    assert {"access", "refused_request", "lost_accesses"} == set(copies)
    lines = copies["access"].read_text("utf-8").splitlines()
    assert 450 == len({json.loads(line)["access_id"] for line in lines})
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in copies.values()}


async def test_a_run_that_was_ended_is_taken_up(
    aged: Aged, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What went is gone for good; the next run does the rest."""
    whole = Retention._expire

    async def ending(self: Retention, name: str, page: Any) -> int:
        monkeypatch.setattr(Retention, "_expire", stopped)
        return await whole(self, name, page)

    async def stopped(*_: object) -> int:
        raise InterruptedError

    monkeypatch.setattr(Retention, "_expire", ending)
    with pytest.raises(InterruptedError):
        await aged.retention().run()
    monkeypatch.setattr(Retention, "_expire", whole)
    gone: list[DueRows] = await aged.retention().run()
    assert 450 - 200 == gone[0].rows
