"""What a leaf tells of its rows to everybody: texts that hash to what it committed to."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from gongji.audit.leaf import Leaf, hashes_of
from gongji.model.account import Account, Entry
from gongji.model.commands import Listing, Write
from gongji.store import Store, open_store
from gongji.store.schema import Schema
from gongji.store.told import ToldText, texts_of

from tests.store.conftest import Clock, MakeMove, engine_at
from tests.store.personal_records import SECRETS
from tests.store.test_leaves import Remove


@pytest.fixture
async def store(engine_url: str, clock: Clock, tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_store(engine_url, clock, tmp_path / "gongji.key")
    yield opened
    await opened.close()


async def told(store: Store) -> list[tuple[Leaf, list[ToldText]]]:
    """Every leaf with the texts it tells."""
    leaves = await store.page(Listing(kind=Leaf, limit=10_000))
    return list(zip(leaves, await texts_of(store, leaves), strict=True))


def content(text: ToldText) -> Mapping[str, Any]:
    said: dict[str, Any] = json.loads(text.text)
    return said


async def agreeing(store: Store) -> list[list[str]]:
    """The tables each leaf tells, every text being what it committed to."""
    tables = []
    for leaf, texts in await told(store):
        hashes = list(hashes_of(leaf))
        for one in texts:
            assert hashes[one.position] == store.hasher(one.text)
        tables.append([content(one)["table"] for one in texts])
    return tables


async def test_each_row_is_told_by_the_last_leaf_that_wrote_it(
    store: Store, move: MakeMove
) -> None:
    """And by no other; a removed row by the leaf that removed it."""
    await store.commit(move("r1", "P1"))
    await store.commit(move("r2", "P1"))
    assert [["request"], ["account", "request"]] == await agreeing(store)
    await store.apply(Remove("P1"))
    assert [["request"], ["request"], ["account"]] == await agreeing(store)


async def test_nothing_of_a_person_is_told(store: Store) -> None:
    """Of every kind of record that says something of one, only commitments."""
    records = [record for record, _ in SECRETS.values()]
    await store.apply(Write(tuple(records)))
    ((_, texts),) = await told(store)
    for (_, secrets), one in zip(SECRETS.values(), texts, strict=True):
        for secret in {*secrets, "P1"}:
            assert not re.search(rf"\b{secret}\b", _plain(one))
    assert any(content(one).get("hidden") for one in texts)


def _plain(one: ToldText) -> str:
    """A text without its commitments, which may look like anything."""
    said = dict(content(one))
    said.pop("hidden", None)
    row = dict(said.get("row", {}))
    row.pop("commitments", None)
    return json.dumps({**said, "row": row}, ensure_ascii=False)


async def test_a_row_that_never_changes_is_told_also_if_it_was_changed(
    store: Store, engine_url: str, clock: Clock
) -> None:
    """Whoever hashes it finds that; one that may change is told by no leaf then."""
    entry = Entry(
        transaction_id="T1",
        position=1,
        ledger_account="purse:P1",
        fen=100,
        at=clock.now,
        kind=None,
    )
    await store.apply(Write((entry, Account("P1", 100))))
    assert [["account", "entry"]] == [sorted(one) for one in await agreeing(store)]
    engine = engine_at(engine_url, Schema(store.schema.vault))
    for table in ("entry", "account"):
        amount = "fen" if table == "entry" else "balance_fen"
        engine.connection.execute(f"UPDATE {table} SET {amount} = 7")  # noqa: S608 - ours
    engine.close()
    ((leaf, texts),) = await told(store)
    (text,) = texts
    assert "entry" == content(text)["table"]
    assert list(hashes_of(leaf))[text.position] != store.hasher(text.text)
