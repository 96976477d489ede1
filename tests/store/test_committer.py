"""Laws of the committer: prefetch, decide, append; one commit for all; nobody takes a
neighbour down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from gongji.model.account import Account
from gongji.model.commands import Answer, Command, Decision, Query, RequestRecord
from gongji.model.facts import Facts, Need, by_key
from gongji.model.refusals import Refusal, StoreUnavailable
from gongji.store.committer import Committer
from gongji.store.engine import (
    ConstraintViolated,
    Engine,
    EngineDown,
    Job,
    Lookup,
    Outcome,
    Rows,
)

from tests.store.conftest import AnyEngine, fetched

Over = Callable[[Engine], Committer]
MakeMove = Callable[..., Command[int]]


class Watched:
    """An engine that counts its steps and fails at those the test names."""

    def __init__(self, engine: AnyEngine) -> None:
        self._engine = engine
        self.steps: Counter[str] = Counter()
        self.fails: dict[str, Exception] = {}

    def _note(self, step: str) -> None:
        self.steps[step] += 1
        if (error := self.fails.get(step)) is not None:
            raise error

    def begin(self) -> None:
        self._note("begin")
        self._engine.begin()

    def stage(self, need: Need) -> int:
        return self._engine.stage(need)

    def fetch(self, lookups: Sequence[Lookup]) -> Sequence[Iterable[Any]]:
        self._note("fetch")
        return self._engine.fetch(lookups)

    def latest(self) -> int:
        return self._engine.latest()

    def latest_is_current(self) -> bool:
        return self._engine.latest_is_current()

    def upsert(
        self, kind: type, records: Sequence[Any], rows: Rows | None = None
    ) -> None:
        self._engine.upsert(kind, records, rows)
        self._note("upsert")

    def insert(
        self, kind: type, records: Sequence[Any], rows: Rows | None = None
    ) -> None:
        self._engine.insert(kind, records, rows)
        self._note("insert")

    def delete(self, kind: type, keys: Sequence[str]) -> None:
        self._engine.delete(kind, keys)

    def commit(self) -> None:
        self._note("commit")
        self._engine.commit()

    def rollback(self) -> None:
        self._note("rollback")
        self._engine.rollback()


@pytest.fixture
def watched(engine: AnyEngine) -> Watched:
    return Watched(engine)


def jobs(*commands: Command[Any]) -> list[Job]:
    return [Job(command, command.request) for command in commands]


def values(outcomes: Iterable[Outcome]) -> list[object]:
    """Answers by value, everything else by the name of its class."""
    return [o.value if isinstance(o, Answer) else type(o).__name__ for o in outcomes]


def balance(engine: AnyEngine, purse: str = "P1") -> int | None:
    return next((a.balance_fen for a in fetched(engine, Account, "", [purse])), None)


def rows(engine: AnyEngine) -> set[str]:
    """The keys of the requests remembered."""
    return {i for (i,) in engine.connection.execute("SELECT request_id FROM request")}


def test_one_commit_and_as_many_statements_for_one_as_for_many(
    watched: Watched,
    over: Over,
    move: MakeMove,
) -> None:
    """A batch of 200 costs one commit and the same number of statements as a batch of one."""
    committer = over(watched)
    committer.run(jobs(move("r0", "Q0")))
    alone, watched.steps = watched.steps, Counter()
    committer.run(jobs(*(move(f"r{i}", f"P{i}") for i in range(1, 201))))
    assert alone == watched.steps
    assert watched.steps["commit"] == 1


def test_a_batch_is_decided_in_order_of_arrival(
    engine: AnyEngine,
    over: Over,
    move: MakeMove,
) -> None:
    """Each command sees what those before it in the batch wrote."""
    outcomes = over(engine).run(
        jobs(move("r1", fen=100), move("r2", fen=50), move("r3", fen=-30))
    )
    assert values(outcomes) == [100, 150, 120]
    assert balance(engine) == 120


def test_more_values_than_one_statement_takes(
    engine: AnyEngine,
    over: Over,
    move: MakeMove,
) -> None:
    """A batch that needs thousands of records is fetched in chunks."""
    needs = tuple(by_key(Account, f"Q{i}") for i in range(5000))
    engine.upsert(Account, [Account("Q4999", 7)])

    @dataclass(frozen=True)
    class Sum:
        def needs(self, facts: Facts) -> Iterable[Need]:
            del facts
            return needs

        def decide(self, facts: Facts) -> Decision[int]:
            accounts = [facts.get(Account, need.value) for need in needs]
            return Decision(sum(a.balance_fen for a in accounts if a is not None))

    outcomes = over(engine).run([Job(Sum()), *jobs(move("r1", "Q4999", 5))])
    assert values(outcomes) == [7, 12]


def test_a_need_may_appear_through_an_earlier_write(
    engine: AnyEngine,
    over: Over,
    move: MakeMove,
) -> None:
    """What a command turns out to need only after its neighbour's write is fetched in its turn."""
    engine.upsert(Account, [Account("P9", 900)])

    @dataclass(frozen=True)
    class Follow:
        """Reads P9 only if P1 exists."""

        def needs(self, facts: Facts) -> Iterable[Need]:
            yield (first := by_key(Account, "P1"))
            if facts.has(first) and facts.get(Account, "P1") is not None:
                yield by_key(Account, "P9")

        def decide(self, facts: Facts) -> Decision[int]:
            if facts.get(Account, "P1") is None:
                return Decision(-1)
            return Decision((facts.get(Account, "P9") or Account("P9")).balance_fen)

    follow: Query[int] = Follow()
    outcomes = over(engine).run([Job(follow), *jobs(move("r1")), Job(follow)])
    assert values(outcomes) == [-1, 100, 900]


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "refused for good": ({"refusal": "NoAccount"}, "NoAccount"),
    "refused for now": ({"refusal": "CounterClosed"}, "CounterClosed"),
    "crashes while deciding": ({"crash": ZeroDivisionError()}, "ZeroDivisionError"),
    "wants to end the process": ({"crash": SystemExit(1)}, "RuntimeError"),
    "runs an iterator dry": ({"crash": StopIteration()}, "RuntimeError"),
    "crashes while saying what it needs": (
        {"crash_in_needs": KeyError("x")},
        "KeyError",
    ),
    "asks for an index there is none of": (
        {"also": (Need(Account, "balance_fen", "0"),)},
        "ValueError",
    ),
    "asks for a kind nobody remembers": ({"also": (by_key(int, "0"),)}, "KeyError"),
    "writes a kind nobody remembers": ({"writes": (object(),)}, "KeyError"),
    "takes a purse below zero": ({"fen": -1}, "ConstraintViolated"),
    "writes a number no column holds": ({"fen": 2**63}, "OverflowError"),
    "has content that cannot be compared": ({"content": {"x": object()}}, "TypeError"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_no_command_takes_its_neighbours_down(
    engine: AnyEngine,
    over: Over,
    move: MakeMove,
    refusal: Callable[[str], Refusal],
    fault: str,
) -> None:
    """Whatever goes wrong with one command, it alone hears of it and leaves no trace in a purse."""
    options, outcome = dict(FAULTS[fault][0]), FAULTS[fault][1]
    if "refusal" in options:
        options["refusal"] = refusal(options["refusal"])
    guilty = move("r2", "P2", **options)
    outcomes = over(engine).run(jobs(move("r1", "P1"), guilty, move("r3", "P1")))
    assert values(outcomes) == [100, outcome, 200]
    assert (balance(engine, "P1"), balance(engine, "P2")) == (200, None)


def test_needs_that_never_end_are_an_error(
    engine: AnyEngine,
    over: Over,
    move: MakeMove,
) -> None:
    """A query that asks for one more thing each time is stopped, alone."""

    @dataclass(frozen=True)
    class Endless:
        requested: list[Need] = field(default_factory=list)

        def needs(self, facts: Facts) -> Iterable[Need]:
            del facts
            self.requested.append(by_key(Account, f"P{len(self.requested)}"))
            return self.requested

        def decide(self, facts: Facts) -> Decision[int]:
            facts.get(Account, f"P{len(self.requested)}")
            raise AssertionError

    outcomes = over(engine).run([Job(Endless()), *jobs(move("r1"))])
    assert values(outcomes) == ["RuntimeError", 100]


def test_what_is_never_asked_for_is_a_defect(
    engine: AnyEngine,
    over: Over,
    move: MakeMove,
) -> None:
    """A decision that reads what its query never says it needs fails, alone."""

    @dataclass(frozen=True)
    class Silent:
        def needs(self, facts: Facts) -> Iterable[Need]:
            del facts
            return ()

        def decide(self, facts: Facts) -> Decision[int]:
            facts.get(Account, "P9")
            raise AssertionError

    outcomes = over(engine).run([Job(Silent()), *jobs(move("r1"))])
    assert values(outcomes) == ["NotLoaded", 100]


@pytest.mark.parametrize("step", ["begin", "fetch", "upsert", "commit"])
def test_a_database_that_cannot_serve_writes_nothing_and_is_asked_again(
    watched: Watched,
    engine: AnyEngine,
    over: Over,
    move: MakeMove,
    step: str,
) -> None:
    """Locked, full or gone at any step: every caller is told to try again, nothing
    stands, the next batch executes."""
    committer, batch = over(watched), jobs(move("r1"), move("r2"))
    watched.fails[step] = EngineDown("disk full")
    outcomes = committer.run(batch)
    assert values(outcomes) == ["StoreUnavailable"] * 2
    assert outcomes[0] is not outcomes[1]
    assert isinstance(outcomes[0], StoreUnavailable)
    assert "disk full" not in outcomes[0].message
    assert (balance(engine), rows(engine)) == (None, set())
    watched.fails.clear()
    assert values(committer.run(batch)) == [100, 200]


def test_a_database_that_cannot_serve_is_not_asked_once_a_command(
    watched: Watched,
    over: Over,
    move: MakeMove,
) -> None:
    """A locked database keeps a batch waiting once, not once for each of its commands."""
    watched.fails["commit"] = EngineDown("locked")
    over(watched).run(jobs(*(move(f"r{i}") for i in range(50))))
    assert watched.steps["begin"] == 1


def test_a_batch_refused_as_a_whole_is_run_one_by_one(
    watched: Watched,
    engine: AnyEngine,
    over: Over,
    move: MakeMove,
) -> None:
    """After one command breaks a law of the schema the others still execute, each in a
    transaction of its own."""
    outcomes = over(watched).run(jobs(move("r1"), move("r2", "P2", -1), move("r3")))
    assert values(outcomes) == [100, "ConstraintViolated", 200]
    assert isinstance(outcomes[1], ConstraintViolated)
    assert watched.steps["begin"] == 4
    assert rows(engine) == {"r1/clinic-1", "r3/clinic-1"}


def test_a_query_without_request_writes_and_is_not_remembered(
    engine: AnyEngine,
    over: Over,
    move: MakeMove,
) -> None:
    """An import is executed as often as it is asked for and leaves no row of a request."""
    committer = over(engine)
    assert values(committer.run([Job(move("r1")), Job(move("r1"))])) == [100, 200]
    assert rows(engine) == set()


def test_remembered_rows_show_no_content(
    engine: AnyEngine,
    over: Over,
    move: MakeMove,
) -> None:
    """A request's fields are kept as keyed hashes only."""
    over(engine).run(jobs(move("r1", content={"certno": "34119919500101001X"})))
    (row,) = fetched(engine, RequestRecord, "", ["r1/clinic-1"])
    assert row.digests.keys() == {"certno"}
    assert "34119919" not in repr(row)
