"""Leaves: each job that writes leaves one, which says exactly what must stand there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from gongji.audit.commitment import Commitments
from gongji.audit.hashing import base64, default_hasher
from gongji.audit.leaf import Leaf, LogWriter, body_of, hashes_of, private_of
from gongji.model.account import Account
from gongji.model.commands import Decision, Write
from gongji.model.facts import Facts, Need, by_key
from gongji.model.refusals import Refused, StoreUnavailable
from gongji.store.committer import Committer
from gongji.store.engine import Engine, Job
from gongji.store.genesis import begin_log, note, stored_rows
from gongji.store.leaves import LeafLog, LeafOrigin
from gongji.store.schema import Schema
from gongji.store.seal import Vault
from msgspec import Struct

from tests.store.conftest import AnyEngine, Clock, MakeMove, job

HASH = default_hasher()

Over = Callable[[Engine], Committer]


def leaves(engine: AnyEngine, schema: Schema) -> list[Leaf]:
    """Every leaf, in order."""
    table = schema.table(Leaf)
    pages = stored_rows(engine.connection, engine.dialect, table)
    return [table.record(row) for page in pages for row in page]


def last_texts(engine: AnyEngine, schema: Schema) -> dict[tuple[str, str], Any]:
    """What the last leaf that names a row says must stand there, None if it is gone."""
    expected: dict[tuple[str, str], Any] = {}
    for leaf in leaves(engine, schema):
        private = private_of(leaf)
        salted = Commitments(HASH, private.salt)
        for key, digest in zip(private.keys, hashes_of(leaf), strict=True):
            table, name, *removed = key
            if removed:
                assert salted.removed(table, removed[0]) == digest
                expected[table, removed[0]] = None
            else:
                expected[table, name] = salted, digest
    return expected


def assert_log_says_all(engine: AnyEngine, schema: Schema) -> None:
    """Every row stored is what the log says of it last, and every other is gone."""
    expected = last_texts(engine, schema)
    for kind, form in schema.forms.items():
        for page in stored_rows(engine.connection, engine.dialect, schema.table(kind)):
            for row in page:
                salted, digest = expected.pop((form.table, row[0]))
                assert digest == salted.hash(form, row)
    assert {None} >= set(expected.values())


class Remove(Struct, frozen=True):
    """Removes a purse."""

    purse: str

    def needs(self, _: Facts) -> Iterable[Need]:
        """Nothing."""
        return ()

    def decide(self, _: Facts) -> Decision[None]:
        """Nothing but the removal."""
        return Decision(None, deletes=(by_key(Account, self.purse),))


def test_every_row_is_what_its_last_leaf_says(
    engine: AnyEngine, over: Over, schema: Schema, move: MakeMove
) -> None:
    """Whatever jobs of one batch write over one another, or fail, or remove."""
    committer = over(engine)
    moves = [move(f"r{i}", f"P{i % 3}") for i in range(20)]
    refused = move("x1", refusal=Refused("不行"))
    crashing = move("x2", crash=RuntimeError("坏了"))
    committer.run([job(one) for one in (*moves, refused, crashing)])
    committer.run([job(moves[0]), Job(Write((Account("P9", 7),))), Job(Remove("P1"))])
    assert_log_says_all(engine, schema)
    said = [
        (body_of(leaf).what, body_of(leaf).caller) for leaf in leaves(engine, schema)
    ]
    assert [*[("Move", "clinic-1")] * 21, ("Write", ""), ("Remove", "")] == said


def assert_body_agrees(leaf: Leaf) -> None:
    """A leaf's columns are what its body says."""
    body = body_of(leaf)
    assert (leaf.writer, leaf.number) == (body.writer, body.number)
    assert base64(HASH(leaf.hashes)) == body.records


def test_numbers_have_no_gap_and_bodies_agree_with_columns(
    engine: AnyEngine, over: Over, schema: Schema, move: MakeMove
) -> None:
    """Each writer counts its leaves, over batches that stand and batches that do not."""
    committer = over(engine)
    for batch in range(3):
        committer.run([job(move(f"r{batch}-{i}")) for i in range(3)])
        committer.run([job(move(f"x{batch}", crash=RuntimeError("坏了")))])
    found = leaves(engine, schema)
    assert list(range(1, 10)) == [leaf.number for leaf in found]
    assert sorted(found, key=lambda leaf: leaf.leaf_id) == found
    for leaf in found:
        assert_body_agrees(leaf)
    table = schema.table(LogWriter)
    ((row,),) = stored_rows(engine.connection, engine.dialect, table)
    assert (found[-1].writer, 9) == tuple(row[:2])


def test_no_commit_comes_before_the_latest_instant_on_record(
    engine: AnyEngine, over: Over, schema: Schema, move: MakeMove, clock: Clock
) -> None:
    """A clock set back has time stand still, for this writer and for the next."""
    committer = over(engine)
    committer.run([job(move("r1"))])
    first = clock.now
    clock.tick(hours=-20)
    committer.run([job(move("r2"))])
    over(engine).run([job(move("r3"))])
    clock.tick(days=3)
    over(engine).run([job(move("r4"))])
    assert [first, first, first, clock.now] == [
        leaf.at for leaf in leaves(engine, schema)
    ]


def test_nothing_is_committed_over_an_instant_far_ahead(
    engine: AnyEngine, over: Over, schema: Schema, move: MakeMove, clock: Clock
) -> None:
    """What is on record more than a day after the clock takes no other writer along: it
    commits nothing until the clock has caught up."""
    clock.tick(days=30)
    over(engine).run([job(move("r1"))])
    clock.tick(days=-30)
    committer = over(engine)
    (refused,) = committer.run([job(move("r2"))])
    assert isinstance(refused, StoreUnavailable)
    assert "clock" == getattr(refused.__cause__, "reason", "")
    assert 1 == len(leaves(engine, schema))
    clock.tick(days=29, hours=1)
    committer.run([job(move("r2"))])
    assert 2 == len(leaves(engine, schema))


def test_nothing_is_committed_over_a_database_that_went_back(
    engine: AnyEngine, over: Over, schema: Schema, move: MakeMove
) -> None:
    """A writer that does not find what it has committed commits nothing more: the
    database is another one."""
    committer = over(engine)
    committer.run([job(move("r1"))])
    for table in ("log_writer", "leaf", "request", "account"):
        engine.connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
    (refused,) = committer.run([job(move("r2"))])
    assert isinstance(refused, StoreUnavailable)
    assert "rolled_back" == getattr(refused.__cause__, "reason", "")
    assert [] == leaves(engine, schema)


def test_a_batch_that_asks_for_nothing_misses_nothing(
    engine: AnyEngine, over: Over, schema: Schema, clock: Clock
) -> None:
    """Batches that fetch nothing follow one another, each of a later instant."""
    committer = over(engine)
    for number in range(3):
        clock.tick(seconds=1)
        (outcome,) = committer.run([Job(Write((Account(f"P{number}", 7),)))])
        assert not isinstance(outcome, Exception)
    assert 3 == len(leaves(engine, schema))


def test_a_leaf_tells_nobody_who_it_is_about(
    engine: AnyEngine, over: Over, schema: Schema, move: MakeMove
) -> None:
    """Body and hashes hold no number of a person, and not its hash without the salt."""
    over(engine).run([job(move("r1", "PERSON77"))])
    (leaf,) = leaves(engine, schema)
    unsalted = Commitments(HASH, b"").of("PERSON77")
    assert b"PERSON77" not in leaf.body
    assert unsalted.encode() not in leaf.body
    assert b"PERSON77" in leaf.private


def test_the_log_begins_with_what_is_stored_already(
    engine: AnyEngine, schema: Schema, vault: Vault, clock: Clock
) -> None:
    """Rows from before the log have leaves once it begins."""
    engine.upsert(Account, [Account(f"P{i:04d}", i) for i in range(1500)])
    begin_log(engine, schema, LeafLog(schema, vault.hasher), clock.now)
    assert_log_says_all(engine, schema)
    assert [1, 2] == [leaf.number for leaf in leaves(engine, schema)]


def test_what_has_no_rows_has_a_leaf_too(
    engine: AnyEngine, over: Over, schema: Schema, move: MakeMove, clock: Clock
) -> None:
    """Of a writer of its own, and not of before what is on record."""
    over(engine).run([job(move("r1"))])
    origin = LeafOrigin("Migrate", about={"from": "3", "to": "4"})
    note(engine, schema, HASH, clock.now - timedelta(days=2), origin)
    before, noted = leaves(engine, schema)
    assert_body_agrees(noted)
    assert (noted.at, 1) == (before.at, noted.number)
    assert noted.writer != before.writer
    assert {"from": "3", "to": "4"} == body_of(noted).about
    assert_log_says_all(engine, schema)
