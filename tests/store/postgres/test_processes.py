"""Laws only several servers over one database can break: twins, purses, lists."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from gongji.model.account import Account
from gongji.model.binding import Binding
from gongji.model.commands import (
    Answer,
    Command,
    Decision,
    Listing,
    Request,
    RequestRecord,
    Write,
)
from gongji.model.decided import DecidedBy
from gongji.model.evidence import (
    ShownEvidence,
    SpentToken,
    TokenAnswer,
    VisitEvidence,
)
from gongji.model.evidence_refusals import EvidenceTokenSpent
from gongji.model.facts import Facts, Need, by_key
from gongji.model.people import Person
from gongji.model.refusals import NoAccount, StoreUnavailable
from gongji.rules.codes import (
    SHANGHAI,
    AccountUse,
    BindingState,
    EvidenceType,
    Purpose,
)
from gongji.settlement.settle import Settle
from gongji.store import Store
from gongji.store.committer import Committer
from gongji.store.engine import Engine, Lookup, WriteConflict
from gongji.store.postgres.engine import PostgresEngine
from msgspec.structs import replace

from tests.binding.applying import cities
from tests.scaffold.world import World
from tests.store.conftest import SERVERS, fetched, job, outcomes

Clock = Callable[[], datetime]
MakeMove = Callable[..., Any]
OpenEngine = Callable[[], PostgresEngine]


class Take(Command[int], frozen=True):
    """Takes fen out of the first purse that holds as much."""

    answer_type = int

    purses: tuple[str, ...]
    fen: int

    def needs(self, facts: Facts) -> Iterable[Need]:
        """The first purse, and then the others: not in the order in which they are to be locked."""
        yield (first := by_key(Account, self.purses[0]))
        if facts.has(first):
            yield from (by_key(Account, purse) for purse in self.purses)

    def decide(self, facts: Facts) -> Decision[int]:
        """The balance after it. NoAccount if none holds as much."""
        for purse in self.purses:
            account = facts.get(Account, purse)
            if account is None or account.balance_fen < self.fen:
                continue
            balance = account.balance_fen - self.fen
            version = account.version + 1
            after = replace(account, balance_fen=balance, version=version)
            return Decision(balance, (after,))
        raise NoAccount("余额不足")


@dataclass(frozen=True)
class Bind:
    """Binds a member where the holder has fewer than the limit."""

    holder: str
    member: str
    limit: int

    def needs(self, facts: Facts) -> Iterable[Need]:
        """The holder's bindings."""
        del facts
        return (by_key(Person, self.holder), Need(Binding, "holder", self.holder))

    def decide(self, facts: Facts) -> Decision[bool]:
        """Whether there was room."""
        if len(facts.where(Binding, "holder", self.holder)) >= self.limit:
            return Decision(answer=False)
        return Decision(
            answer=True, writes=(binding(self.holder, self.member, facts.now),)
        )


def binding(
    holder: str,
    member: str,
    at: datetime,
) -> Binding:
    return Binding(
        binding_id=f"B-{holder}-{member}",
        holder=holder,
        member=member,
        relation="20",
        purposes=frozenset({Purpose.VISIT}),
        channel="window",
        state=BindingState.ACTIVE,
        submitted_at=at,
        decided_by=DecidedBy("341199", "gongji-x", "1", "1"),
    )


def take(name: str, fen: int, *purses: str) -> Take:
    return Take(Request(name, "clinic-1", "Take"), purses, fen)


async def test_concurrent_twins_execute_once(
    stores: list[Store], move: MakeMove
) -> None:
    """A request that reaches every server at once executes in one of them; all give its answer."""
    answers = await asyncio.gather(
        *(store.commit(move(f"r{i}", f"P{i}")) for i in range(60) for store in stores)
    )
    assert [100] * 60 * SERVERS == [answer.value for answer in answers]
    assert 60 == sum(not answer.replayed for answer in answers)


async def test_one_purse_is_never_drained_twice(stores: list[Store]) -> None:
    """Whatever many servers take from one purse at once, exactly what it held is taken."""
    await stores[0].apply(Write((Account("P1", 100, 1),)))
    answers = await outcomes(
        stores[i % SERVERS].commit(take(f"r{i}", 3, "P1")) for i in range(120)
    )
    assert 33 == sum(isinstance(outcome, Answer) for outcome in answers)
    assert 87 == sum(isinstance(outcome, NoAccount) for outcome in answers)
    assert Account("P1", 1, 34) == await stores[1].get(Account, "P1")


async def test_purses_asked_in_any_order_end_in_no_embrace(stores: list[Store]) -> None:
    """Batches that need the same purses in opposite orders all execute, and no fen is lost."""
    await stores[0].apply(Write(tuple(Account(f"P{i}", 1000, 1) for i in range(8))))
    orders = [(f"P{i % 8}", f"P{(i * 5 + 3) % 8}") for i in range(150)]
    answers = await outcomes(
        stores[i % SERVERS].commit(take(f"r{i}", 10, *order))
        for i, order in enumerate(orders)
    )
    assert [] == [outcome for outcome in answers if not isinstance(outcome, Answer)]
    accounts = await stores[0].page(Listing(kind=Account))
    assert 8 * 1000 - 150 * 10 == sum(account.balance_fen for account in accounts)


def one_patient() -> World:
    """A patient with 100 yuan, and a hospital."""
    world = World(cities(), datetime(2025, 9, 30, 10, 0, tzinfo=SHANGHAI))
    world.person("P1")
    world.hospital(5)
    world.add(Account("P1", 100_00, 1))
    return world


async def test_a_message_settles_once(stores: list[Store]) -> None:
    """One bill's message under another request id at every server is settled in one of
    them; all give its answer."""
    world = one_patient()
    await stores[0].apply(Write(tuple(world.records.values())))
    use = AccountUse.OWN
    bills = [
        world.visit("P1", 5_00, account_use=use, msgid=f"M{i // 6}") for i in range(60)
    ]
    commands = [Settle(world.request(), bill, world.cities) for bill in bills]
    answers = await asyncio.gather(
        *(stores[i % SERVERS].commit(command) for i, command in enumerate(commands))
    )
    assert 10 == len({answer.value.settlement_id for answer in answers})
    assert 50 == sum(answer.replayed for answer in answers)
    assert Account("P1", 50_00, 11) == await stores[1].get(Account, "P1")


def shown(token_id: str) -> ShownEvidence:
    """A token of P1's e-voucher that its issuer stands by."""
    evidence = VisitEvidence(EvidenceType.E_VOUCHER, "token")
    return ShownEvidence(evidence, TokenAnswer("P1", token_id))


async def test_a_token_settles_once(stores: list[Store]) -> None:
    """Of many bills that show one token at every server one is settled; the others are
    refused, and leave nothing."""
    world = one_patient()
    await stores[0].apply(Write(tuple(world.records.values())))
    bill = world.visit("P1", 5_00, account_use=AccountUse.OWN)
    ended = await outcomes(
        stores[i % SERVERS].commit(
            Settle(world.request(), bill, world.cities, shown(f"T{i // 6}"))
        )
        for i in range(60)
    )
    settled = [one for one in ended if isinstance(one, Answer)]
    spent = await stores[1].page(Listing(kind=SpentToken))
    assert 50 == sum(isinstance(one, EvidenceTokenSpent) for one in ended)
    assert {one.value.settlement_id for one in settled} == {
        one.settlement_id for one in spent
    }
    assert Account("P1", 50_00, 11) == await stores[1].get(Account, "P1")


async def test_a_first_row_is_made_once(stores: list[Store], move: MakeMove) -> None:
    """A purse nobody had yet, filled by every server at once, holds what all of them gave."""
    moves = [move(f"r{i}", f"P{i % 5}", 1) for i in range(150)]
    calls = [stores[i % SERVERS].commit(m) for i, m in enumerate(moves)]
    assert 150 == len(await asyncio.gather(*calls))
    accounts = await stores[0].page(Listing(kind=Account))
    assert [30] * 5 == [account.balance_fen for account in accounts]


async def test_a_limit_over_a_list_holds(stores: list[Store]) -> None:
    """Of many bindings asked of every server at once as many come about as the holder may have."""
    bound = await asyncio.gather(
        *(stores[i % SERVERS].apply(Bind("P1", f"M{i}", 7)) for i in range(60))
    )
    assert 7 == sum(bound)
    of_holder = Listing(kind=Binding, equals={"holder": "P1"}, order="submitted_at")
    assert 7 == len(await stores[0].page(of_holder))


def test_who_writes_a_person_sees_every_binding(
    two: tuple[PostgresEngine, PostgresEngine],
    person: Person,
    clock: Clock,
) -> None:
    """A person changed over bindings read before another server added one is decided anew."""
    one, other = two
    one.begin()
    assert [] == fetched(one, Binding, "holder", ["P1"])
    other.begin()
    fetched(other, Person, "", ["P1"])
    other.upsert(Binding, [binding("P1", "P2", clock())])
    other.commit()
    one.upsert(Person, [person])
    with pytest.raises(WriteConflict):
        one.commit()
    one.rollback()
    assert [] == fetched(one, Person, "", ["P1"])


def test_who_only_reads_persons_and_bindings_goes_on(
    two: tuple[PostgresEngine, PostgresEngine], person: Person
) -> None:
    """A settlement is not decided anew because its patient's record was imported
    meanwhile: it came before."""
    one, other = two
    one.begin()
    fetched(one, Person, "", ["P1"])
    other.upsert(Person, [person])
    one.upsert(Account, [Account("P1", 5, 1)])
    one.commit()
    assert [Account("P1", 5, 1)] == fetched(other, Account, "", ["P1"])


def test_a_batch_that_conflicts_is_decided_anew(
    two: tuple[PostgresEngine, PostgresEngine],
    over: Callable[[Engine], Committer],
    move: MakeMove,
) -> None:
    """Where another server was first with a request, its batch runs again and answers
    from the record."""
    one, other = two
    begun = Meeting(one, [lambda: over(other).run([job(move("r2"))])])
    answers = over(begun).run([job(move("r1")), job(move("r2")), job(move("r3"))])
    assert [(200, False), (100, True), (300, False)] == [
        (o.value, o.replayed) for o in answers if isinstance(o, Answer)
    ]
    assert 2 == begun.count


def test_a_batch_that_conflicts_again_runs_one_by_one(
    two: tuple[PostgresEngine, PostgresEngine],
    over: Callable[[Engine], Committer],
    move: MakeMove,
) -> None:
    """A batch another server meets twice is split, so that only who is met waits."""
    one, other = two
    firsts: list[Callable[[], object]] = [
        lambda: over(other).run([job(move("r2", "P2"))]),
        lambda: over(other).run([job(move("r3", "P3"))]),
    ]
    begun = Meeting(one, firsts)
    answers = over(begun).run([job(move(f"r{i}", f"P{i}")) for i in (1, 2, 3)])
    assert [False, True, True] == [o.replayed for o in answers if isinstance(o, Answer)]
    assert 5 == begun.count


def test_who_is_always_met_is_told_to_try_again(
    two: tuple[PostgresEngine, PostgresEngine],
    over: Callable[[Engine], Committer],
    move: MakeMove,
) -> None:
    """A command that meets others for ever ends as unavailable, not as a defect."""
    begun = Meeting(two[0], [])
    begun.always = WriteConflict("again")
    (outcome,) = over(begun).run([job(move("r1"))])
    assert isinstance(outcome, StoreUnavailable)


class Meeting:
    """An engine that lets another server go first, once each time it is about to commit."""

    def __init__(
        self, engine: PostgresEngine, firsts: list[Callable[[], object]]
    ) -> None:
        self._engine, self._firsts = engine, firsts
        self.count = 0
        self.always: Exception | None = None
        self.latest = engine.latest
        self.latest_is_current = engine.latest_is_current
        self.stage, self.upsert, self.insert, self.delete, self.rollback = (
            engine.stage,
            engine.upsert,
            engine.insert,
            engine.delete,
            engine.rollback,
        )

    def begin(self) -> None:
        self.count += 1
        self._engine.begin()

    def fetch(self, lookups: Sequence[Lookup]) -> Sequence[Iterable[Any]]:
        results = self._engine.fetch(lookups)
        if self._firsts and any(kind is RequestRecord for kind, _, _ in lookups):
            self._firsts.pop(0)()
        return results

    def commit(self) -> None:
        if self.always:
            raise self.always
        self._engine.commit()
