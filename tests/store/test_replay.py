"""The idempotency matrix: one id, one execution, one answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from gongji.model.account import Account
from gongji.model.commands import (
    Answer,
    Command,
    Decision,
    Listing,
    RecallingCommand,
    Request,
    RequestRecord,
)
from gongji.model.conditions import (
    Condition,
    ConditionCode,
    FieldRef,
    StepAction,
    WayStep,
)
from gongji.model.facts import Facts, Need, by_key
from gongji.model.refusals import (
    NoAccount,
    NotEligible,
    Refusal,
    SettlementNotFound,
)
from gongji.rules.clauses import Clause
from gongji.store.committer import Committer
from gongji.store.content import differing
from gongji.store.engine import Engine, Job, Outcome
from gongji.store.replay import request_row
from gongji.store.schema import Schema
from gongji.store.seal import Vault
from msgspec import Struct
from msgspec.structs import replace

from tests.store.conftest import MORNING, AnyEngine, OpenEngine, fetched
from tests.store.pages import page_records

Run = Callable[[Command[Any]], Outcome]
MakeMove = Callable[..., Command[int]]


@pytest.fixture
def run(engine: AnyEngine, over: Callable[[Engine], Committer]) -> Run:
    """Executes one command in a batch of its own."""
    committer = over(engine)
    return lambda command: committer.run([Job(command, command.request)])[0]


def balance(engine: AnyEngine) -> int | None:
    return next((a.balance_fen for a in fetched(engine, Account, "", ["P1"])), None)


def test_the_same_request_gets_the_first_answer_again(
    run: Run,
    engine: AnyEngine,
    move: MakeMove,
    clock: Any,
) -> None:
    """Same id, same content: the first answer, marked replayed, with the first time;
    nothing is executed."""
    first = run(move("r1"))
    clock.tick(hours=3)
    run(move("r2"))
    repeated = run(move("r1"))
    assert isinstance(first, Answer)
    assert Answer(first.value, replayed=True, at=first.at) == repeated
    assert not first.replayed
    assert balance(engine) == 200


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "another amount": ({"content": {"purse": "P1", "fen": 999}}, "fen"),
    "another amount and purse": ({"content": {"purse": "P7", "fen": 999}}, "fen,purse"),
    "a field more": ({"content": {"purse": "P1", "fen": 100, "why": "x"}}, "why"),
    "a field less": ({"content": {"purse": "P1"}}, "fen"),
    "another method": ({"method": "Credit"}, "method"),
    "everything else": ({"method": "Credit", "content": {}}, "method"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_request_id_stands_for_one_content(
    run: Run,
    engine: AnyEngine,
    move: MakeMove,
    change: str,
) -> None:
    """Same id, other content: refused naming what differs, showing nothing of the other request."""
    more, differing = CHANGES[change]
    run(move("r1"))
    refused = run(move("r1", **more))
    assert isinstance(refused, Refusal)
    assert (refused.reason(), refused.field) == ("REQUEST_ID_REUSED", "request_id")
    assert {"differing": differing} == refused.metadata
    assert differing.replace(",", "、") in refused.message
    assert not any(
        secret in refused.message for secret in ("clinic-1", "Move", "P1", "100")
    )
    assert balance(engine) == 100


class Slip(Struct, frozen=True):
    """A record inside a request."""

    number: str
    copies: int = 1
    parts: tuple[Slip, ...] = ()


SLIP = Slip("S1", 1, (Slip("A"), Slip("B")))

INSIDE: dict[str, tuple[object, str]] = {
    "a field of it": (replace(SLIP, copies=2), "slip.copies"),
    "two fields of it": (
        replace(SLIP, number="S2", copies=2),
        "slip.number,slip.copies",
    ),
    "a field of an item": (
        replace(SLIP, parts=(Slip("A"), Slip("C"))),
        "slip.parts[1].number",
    ),
    "an item less": (replace(SLIP, parts=(Slip("A"),)), "slip.parts[1]"),
    "an item more": (replace(SLIP, parts=(*SLIP.parts, Slip("C"))), "slip.parts[2]"),
    "no item at all": (replace(SLIP, parts=()), "slip.parts"),
    "nothing at all": (None, "slip"),
    "every field": (Slip("S2", 2, (Slip("C", 3), Slip("D", 4), Slip("E", 5))), "slip"),
}


@pytest.mark.parametrize("kept", ["answered", "refused"])
@pytest.mark.parametrize(("other", "differing"), INSIDE.values(), ids=INSIDE)
def test_what_differs_inside_a_record_is_named(
    run: Run, move: MakeMove, other: object, differing: str, kept: str
) -> None:
    """Of a record that differs the fields that differ are named, by their paths, whether
    the first request was executed or refused."""
    more = {"refusal": NoAccount("")} if kept == "refused" else {}
    run(move("r1", content={"slip": SLIP}, **more))
    refused = run(move("r1", content={"slip": other}))
    assert isinstance(refused, Refusal)
    assert {"differing": differing} == refused.metadata


def test_a_row_of_before_names_the_field(vault: Vault) -> None:
    """Of a request stored before anything was kept of the inside of its records, the
    record that differs is named."""
    request = Request("r1", "clinic-1", "Move")
    row = request_row(request, {"slip": SLIP}, MORNING, vault.digest)
    other = {"slip": replace(SLIP, copies=2)}
    assert ["slip"] == differing(request, other, row, vault.digest)
    assert [] == differing(request, {"slip": SLIP}, row, vault.digest)


def test_equal_content_written_otherwise_is_the_same_request(
    run: Run, move: MakeMove
) -> None:
    """The order of fields and of sets is no content."""
    run(move("r1", content={"a": frozenset({"x", "y", "z"}), "b": 1}))
    repeated = run(move("r1", content={"b": 1, "a": frozenset({"z", "y", "x"})}))
    assert isinstance(repeated, Answer)
    assert repeated.replayed


def test_twins_in_one_batch_execute_once(
    engine: AnyEngine,
    over: Callable[[Engine], Committer],
    move: MakeMove,
) -> None:
    """Of two equal requests that arrive together one executes and the other is
    answered the same."""
    twins = [Job(c, c.request) for c in (move("r1"), move("r1"), move("r1", fen=5))]
    first, twin, third = over(engine).run(twins)
    assert isinstance(first, Answer)
    assert Answer(first.value, replayed=True, at=first.at) == twin
    assert type(third).__name__ == "RequestIdReused"
    assert balance(engine) == 100


def test_a_refusal_that_may_pass_is_not_remembered(
    run: Run,
    engine: AnyEngine,
    move: MakeMove,
    refusal: Callable[[str], Refusal],
) -> None:
    """What time or the registry can mend is decided anew under the same id, and the
    first try wrote nothing."""
    for name in (
        "CounterClosed",
        "PersonNotFound",
        "MalformedField",
        "StoreUnavailable",
    ):
        assert type(run(move("r1", refusal=refusal(name)))).__name__ == name
        assert fetched(engine, RequestRecord, "", ["r1"]) == []
    assert run(move("r1")).value == 100  # type: ignore[union-attr]  # an answer


def test_a_crash_is_not_remembered(run: Run, move: MakeMove) -> None:
    """A defect that is mended lets the same request execute."""
    assert isinstance(run(move("r1", crash=ZeroDivisionError())), ZeroDivisionError)
    assert run(move("r1")).value == 100  # type: ignore[union-attr]  # an answer


def test_a_final_refusal_is_answered_again(
    run: Run,
    engine: AnyEngine,
    move: MakeMove,
) -> None:
    """A final refusal is the same for ever: class, message, field, clauses, conditions,
    ways, figures; no purse moves."""
    clause = Clause("C22", "同一个家庭账户最多能绑定7人", "滁州 L33")
    step = WayStep(StepAction.UNBIND, (FieldRef("holder"),), "先解绑一人", count=1)
    full = Condition(
        "family_limit",
        ("C22",),
        "已满 7 人",
        "先解绑一人",
        ConditionCode.FAMILY_FULL,
        (FieldRef("holder"),),
        ((step,),),
    )
    first = NotEligible(
        "不符合条件",
        field="application.member",
        clauses=[clause],
        conditions=[full],
        ways=[(step,)],
        people="7",
    )
    assert run(move("r1", refusal=first)) is first
    repeated = run(move("r1"))
    assert isinstance(repeated, NotEligible)
    assert repeated is not first
    assert vars(first) == vars(repeated)
    assert balance(engine) is None


FORMER = """{"name": "NotEligible", "message": "不符合条件", "field": "",
"clauses": [{"id": "C22", "text": "最多能绑定7人", "source": "滁州 L33",
"grade": "document", "verified_on": ""}],
"conditions": [{"hook": "family_limit", "clauses": ["C22"], "message": "已满 7 人",
"remedy": "先解绑一人"}], "metadata": {"help": ""}}"""
"""A refusal as it was stored before conditions had codes, fields and ways."""


def test_a_refusal_of_before_is_answered_again(
    run: Run, engine: AnyEngine, move: MakeMove
) -> None:
    """What was refused before conditions had codes is refused again as it was."""
    run(move("r1", refusal=NoAccount("没有个人账户")))
    (row,) = page_records(engine, Listing(kind=RequestRecord))
    engine.begin()
    engine.upsert(RequestRecord, [replace(row, refusal=FORMER.encode())])
    engine.commit()
    repeated = run(move("r1"))
    assert isinstance(repeated, NotEligible)
    assert "不符合条件" == repeated.message
    condition = Condition("family_limit", ("C22",), "已满 7 人", "先解绑一人")
    assert ((condition,), ()) == (repeated.conditions, repeated.ways)


def test_a_remembered_refusal_is_for_its_content_only(run: Run, move: MakeMove) -> None:
    """A corrected request needs a new id."""
    run(move("r1", refusal=NoAccount("没有个人账户")))
    assert type(run(move("r1", fen=7))).__name__ == "RequestIdReused"
    assert run(move("r2", fen=7)).value == 7  # type: ignore[union-attr]  # an answer


def test_a_tombstone_refuses_the_late_original(
    run: Run,
    engine: AnyEngine,
    move: MakeMove,
    clock: Any,
) -> None:
    """Who reverses a request that never arrived is refused, and so is the original when
    it arrives at last; the tombstone is the one row that it costs."""
    tombstone = RequestRecord(
        "r1/clinic-1", "clinic-1", "Move", {}, clock.now, tombstone=True
    )
    refused = SettlementNotFound("没有这笔结算").leaving(tombstone)
    assert run(move("r9", refusal=refused)) is refused
    assert type(run(move("r1"))).__name__ == "OriginalReversed"
    assert run(move("r9", refusal=refused)) is refused
    assert page_records(engine, Listing(kind=RequestRecord)) == [tombstone]
    assert balance(engine) is None


def test_a_kill_before_the_commit_executes_once(
    open_engine: OpenEngine,
    over: Callable[[Engine], Committer],
    move: MakeMove,
) -> None:
    """What was not committed when the process died is executed by the retry."""
    dying = open_engine()
    dying.commit = dying.close  # type: ignore[method-assign]  # the process dies here
    over(dying).run([Job(c, c.request) for c in (move("r1"), move("r2"))])
    retried = over(open_engine()).run(
        [Job(c, c.request) for c in (move("r1"), move("r2"))]
    )
    assert [(o.value, o.replayed) for o in retried if isinstance(o, Answer)] == [
        (100, False),
        (200, False),
    ]


def test_a_kill_after_the_commit_is_found_by_the_retry(
    open_engine: OpenEngine,
    over: Callable[[Engine], Committer],
    move: MakeMove,
) -> None:
    """What was committed but never answered is answered by the retry, from another process."""
    over(dying := open_engine()).run([Job(c, c.request) for c in (move("r1"),)])
    dying.close()
    engine = open_engine()
    (repeated,) = over(engine).run([Job(c, c.request) for c in (move("r1"),)])
    assert isinstance(repeated, Answer)
    assert (repeated.value, repeated.replayed, balance(engine)) == (100, True, 100)


class Recalling(RecallingCommand[Account], frozen=True):
    """Opens a purse with 100 fen; its first answer is rebuilt from the purse, whatever
    happened to it since."""

    answer_type = Account

    def needs(self, facts: Facts) -> Iterable[Need]:
        del facts
        return ()

    def decide(self, facts: Facts) -> Decision[Account]:
        del facts
        return Decision(opened := Account("P1", 100, 1), (opened,))

    def recall_needs(self, remembered: RequestRecord) -> Iterable[Need]:
        del remembered
        yield by_key(Account, "P1")

    def recall(self, remembered: RequestRecord, facts: Facts) -> Account:
        del remembered
        assert facts.get(Account, "P1") is not None
        return Account("P1", 100, 1)


def test_an_answer_that_can_be_recalled_is_not_stored_twice(
    run: Run,
    engine: AnyEngine,
    move: MakeMove,
    schema: Schema,
) -> None:
    """A command that rebuilds its answer keeps none in the row of its request, and
    answers the same again."""
    command = Recalling(Request("r1", "clinic-1", "Open"))
    first = run(command)
    run(move("r2"))
    repeated = run(command)
    assert isinstance(first, Answer)
    assert Answer(first.value, replayed=True, at=first.at) == repeated
    (row,) = fetched(engine, RequestRecord, "", ["r1/clinic-1"])
    assert (row.answer, row.refusal) == (b"", b"")
    assert schema.key_of(row) == "r1/clinic-1"
