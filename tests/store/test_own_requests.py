"""A request id counts within its caller: another's takes, blocks and reveals nothing.

Rows of before callers were known have the bare id for a key; they are found by whoever
has the name they bear among his former ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from gongji.access.callers import ALL
from gongji.model.account import Account, Entry
from gongji.model.binding import Binding
from gongji.model.commands import (
    Answer,
    Command,
    Decision,
    Listing,
    Request,
    RequestRecord,
)
from gongji.model.facts import Facts, Need, RecordExistsError
from gongji.store.committer import Committer
from gongji.store.engine import ConstraintViolated, Engine, Job, Outcome
from msgspec.structs import replace

from tests.scaffold.service import new_binding
from tests.store.conftest import AnyEngine, Clock, fetched, job, posted
from tests.store.pages import page_records

Run = Callable[..., list[Outcome]]
MakeMove = Callable[..., Command[int]]


class Moved(Command[int], frozen=True):
    """Answers 7 and writes nothing else."""

    answer_type = int

    fen: int = 100

    def needs(self, facts: Facts) -> Iterable[Need]:
        del facts
        return ()

    def decide(self, facts: Facts) -> Decision[int]:
        del facts
        return Decision(7)


@pytest.fixture
def run(engine: AnyEngine, over: Callable[[Engine], Committer]) -> Run:
    """Executes commands in one batch."""
    committer = over(engine)
    return lambda *commands: committer.run([job(command) for command in commands])


def told(outcome: Outcome) -> object:
    """An answer as value and whether it is a replay, anything else by its class."""
    if isinstance(outcome, Answer):
        return outcome.value, outcome.replayed
    return type(outcome).__name__


def moved(caller: str, fen: int = 100, **more: Any) -> Moved:
    return Moved(Request("r1", caller, "Move", **more), fen)


@pytest.mark.parametrize("together", [True, False])
def test_callers_do_not_meet(
    run: Run, engine: AnyEngine, move: MakeMove, *, together: bool
) -> None:
    """Two callers' requests of one id are two requests, in one batch or in two; each is
    answered its own again."""
    commands = [
        move("r1", "P1", 100, caller="clinic-1"),
        move("r1", "P2", 700, caller="clinic-2"),
    ]
    first = run(*commands) if together else [*run(commands[0]), *run(commands[1])]
    assert [(100, False), (700, False)] == [told(o) for o in first]
    assert [(100, True), (700, True)] == [told(o) for o in run(*commands)]
    keys = [row.key for row in page_records(engine, Listing(kind=RequestRecord))]
    assert ["r1/clinic-1", "r1/clinic-2"] == keys


def test_anothers_tombstone_buries_nothing(run: Run, engine: AnyEngine) -> None:
    """What another caller has reversed before it came is nobody else's."""
    tombstone = RequestRecord(
        "r1/clinic-2", "clinic-2", "Move", {}, Clock().now, tombstone=True
    )
    engine.upsert(RequestRecord, [tombstone])
    assert [(7, False)] == [told(o) for o in run(moved("clinic-1"))]
    assert ["OriginalReversed"] == [told(o) for o in run(moved("clinic-2"))]


HEIRS = {
    "who has the name now": (moved("wanshitong", former={"wst-backend"}), (7, True)),
    "who has every former name": (moved("local", former=ALL), (7, True)),
    "who has another former name": (moved("clinic-1", former={"clinic"}), (7, False)),
    "who had none": (moved("clinic-1"), (7, False)),
    "who took the name since": (moved("wst-backend"), (7, False)),
}


@pytest.mark.parametrize(("command", "expected"), HEIRS.values(), ids=HEIRS)
def test_a_row_of_before_is_its_heirs(
    run: Run, engine: AnyEngine, vault: Any, command: Moved, expected: object
) -> None:
    """It is replayed, as it was answered, to the caller that stated its name then; to
    others it neither takes the id nor refuses other content under it."""
    row = RequestRecord(
        "r1", "wst-backend", "Move", {"fen": vault.digest(100)}, Clock().now, b"7"
    )
    engine.upsert(RequestRecord, [row])
    assert expected == told(run(command)[0])
    other = told(run(replace(command, fen=999))[0])
    # Its own first request was of 100 fen, whether now or then.
    assert "RequestIdReused" == other
    assert [row] == fetched(engine, RequestRecord, "", ["r1"])


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (moved("wanshitong", former={"wst"}), (7, True)),
        (moved("wanshitong", former={"other"}), (7, False)),
        (moved("local", former=ALL), (7, False)),
    ],
    ids=["renamed", "another", "the heir of all who stated their names"],
)
def test_a_caller_renamed_keeps_its_requests(
    run: Run, command: Moved, expected: object
) -> None:
    """What a caller asked for under its name in an earlier policy is its own."""
    assert [(7, False)] == [told(o) for o in run(moved("wst"))]
    assert expected == told(run(command)[0])


@pytest.mark.parametrize(
    ("former", "expected"),
    [
        ({"x"}, "OriginalReversed"),
        (ALL, "OriginalReversed"),
        (frozenset(), (7, False)),
    ],
    ids=["an heir", "the heir of all", "none"],
)
def test_a_tombstone_of_before_names_nobody(
    run: Run, engine: AnyEngine, former: Any, expected: object
) -> None:
    """It stands for whoever called then, and for nobody who did not."""
    tombstone = RequestRecord("r1", "", "Move", {}, Clock().now, tombstone=True)
    engine.upsert(RequestRecord, [tombstone])
    assert expected == told(run(moved("clinic-1", former=former))[0])


def test_a_request_is_bound_to_its_subject(run: Run) -> None:
    """The same request for another person, or for nobody, is another one."""
    command = moved("app", subject="P1")
    assert [(7, False), (7, True)] == [told(o) for o in run(command, command)]
    for subject in ("P2", ""):
        (refused,) = run(moved("app", subject=subject))
        assert "RequestIdReused" == told(refused)
        assert "subject" == refused.metadata["differing"]  # type: ignore[union-attr]  # a refusal


def test_a_row_of_before_says_no_subject(
    run: Run, engine: AnyEngine, vault: Any
) -> None:
    """A retry across the upgrade says for whom, which its first did not."""
    row = RequestRecord(
        "r1", "wst", "Move", {"fen": vault.digest(100)}, Clock().now, b"7"
    )
    engine.upsert(RequestRecord, [row])
    retried = moved("app", former={"wst"}, subject="P1")
    assert [(7, True)] == [told(o) for o in run(retried)]


def test_former_names_cost_no_second_fetch(
    engine: AnyEngine, over: Callable[[Engine], Committer], monkeypatch: Any
) -> None:
    """Both keys are fetched together with what the command needs first."""
    counts: list[int] = []
    fetch = engine.fetch
    for former in (frozenset(), ALL):
        fetches = Counter[str]()

        def counted(lookups: Any, fetches: Counter[str] = fetches) -> Any:
            fetches["fetch"] += 1
            return fetch(lookups)

        monkeypatch.setattr(engine, "fetch", counted)
        command = moved(f"clinic-{len(counts)}", former=former)
        over(engine).run([job(command)])
        counts.append(fetches["fetch"])
    assert [1, 1] == counts


class Create(Command[str], frozen=True):
    """Creates records without having read what is stored under their keys."""

    answer_type = str

    records: tuple[Any, ...]
    writes: tuple[Any, ...] = ()

    def needs(self, facts: Facts) -> Iterable[Need]:
        del facts
        return ()

    def decide(self, facts: Facts) -> Decision[str]:
        del facts
        return Decision("created", self.writes, creates=self.records)


def creating(number: int, *records: Any, writes: tuple[Any, ...] = ()) -> Create:
    return Create(Request(f"r{number}", "clinic-1", "Create"), records, writes)


FIRST, SECOND = new_binding(), new_binding(channel="another")
PURSE = Account("P1", 5, 1)


@pytest.mark.parametrize("together", [True, False])
def test_a_record_that_exists_is_not_written_over(
    run: Run, engine: AnyEngine, *, together: bool
) -> None:
    """Of two requests that would make one id the second is a defect and writes nothing,
    its row and its other records included; its neighbours go on."""
    commands = [
        creating(1, FIRST),
        creating(2, SECOND, writes=(PURSE,)),
        creating(3, new_binding(binding_id="B2")),
    ]
    outcomes = run(*commands) if together else [o for c in commands for o in run(c)]
    assert isinstance(outcomes[1], RecordExistsError | ConstraintViolated)
    assert ["created"] * 2 == [o.value for o in outcomes if isinstance(o, Answer)]
    assert [FIRST] == fetched(engine, Binding, "", ["B1"])
    assert [] == fetched(engine, Account, "", ["P1"])
    keys = [row.key for row in page_records(engine, Listing(kind=RequestRecord))]
    assert ["r1/clinic-1", "r3/clinic-1"] == keys


@pytest.mark.parametrize("together", [True, False])
def test_an_entry_is_not_written_over(
    run: Run, engine: AnyEngine, clock: Clock, *, together: bool
) -> None:
    """What is only ever added is new without its decision's saying so."""
    first = posted(1, clock.now)
    other = replace(first, fen=2)
    commands = [creating(1, writes=(first,)), creating(2, writes=(other, PURSE))]
    outcomes = run(*commands) if together else [o for c in commands for o in run(c)]
    assert isinstance(outcomes[1], RecordExistsError | ConstraintViolated)
    assert [first] == page_records(engine, Listing(kind=Entry))
    assert [] == fetched(engine, Account, "", ["P1"])


def test_what_a_batch_created_may_change_in_it(run: Run, engine: AnyEngine) -> None:
    """A later command of the batch that has read it writes it over."""
    assert isinstance(run(creating(1, FIRST), creating(2, writes=(SECOND,)))[1], Answer)
    assert [SECOND] == fetched(engine, Binding, "", ["B1"])


def test_a_query_without_request_creates_as_well(
    engine: AnyEngine, over: Callable[[Engine], Committer]
) -> None:
    """The law is that of the decision, not of the request."""
    committer = over(engine)
    outcomes = [committer.run([Job(creating(n, FIRST))])[0] for n in (1, 2)]
    assert ["Answer", "ConstraintViolated"] == [type(o).__name__ for o in outcomes]
