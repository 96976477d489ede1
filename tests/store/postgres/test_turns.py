"""Two processes change one record at once: it ends as if one had gone first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import timedelta
from typing import Any, Final, NamedTuple

import pytest
from gongji.filing.make import EndFiling
from gongji.model.account import Account
from gongji.model.claim import Claim
from gongji.model.commands import Answer, Listing
from gongji.model.filing import Filing
from gongji.model.settlement import Bill, Settlement
from gongji.model.wallet import WalletAccount, WalletTransfer
from gongji.rules.codes import AccountUse
from gongji.settlement.reverse import Reverse
from gongji.settlement.settle import Settle
from gongji.store.committer import Committer
from gongji.store.engine import Engine, Job, Lookup
from gongji.store.postgres.engine import PostgresEngine
from gongji.wallet.ending import AcceptTransfer, ReturnTransfer
from gongji.wallet.sending import SendTransfer

from tests.claim import claiming
from tests.filing.test_make import filed
from tests.scaffold.people import CHUZHOU
from tests.scaffold.world import NewWorld, World
from tests.store.conftest import Clock
from tests.wallet.wallets import transfer, wallet

GOES_ON_S: Final = 0.3
"""How long the first waits for the second: it is done by then, or waits for a lock."""


NONE = AccountUse.NONE


class Race(NamedTuple):
    """Two jobs over a world, and the kind after whose reading the second one starts."""

    first: Any
    second: Any
    kind: type


class Interrupted:
    """An engine that lets another process start once it has read a kind."""

    def __init__(
        self, engine: PostgresEngine, kind: type, start: Callable[[], Future[Any]]
    ) -> None:
        self._engine, self._kind, self._start = engine, kind, start
        self.started: Future[Any] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def fetch(self, lookups: Sequence[Lookup]) -> Sequence[Any]:
        results = self._engine.fetch(lookups)
        if self.started is None and any(kind is self._kind for kind, _, _ in lookups):
            self.started = self._start()
            wait([self.started], GOES_ON_S)
        return results


def two_wallets(world: World, *held: str, **changes: Any) -> None:
    """Give S 5,000 yuan and transfers to R that are held, each of one yuan."""
    for person_no in ("S", "R"):
        world.person(person_no)
    world.add(Account("S", 5000_00, 1))
    world.add(wallet("S", held=held))
    world.add(wallet("R"))
    for name in held:
        fields = {"sent_at": world.now, "returns_at": world.now + timedelta(hours=9)}
        world.add(transfer("S", "R", transfer_id=name, **{**fields, **changes}))


def returns(world: World) -> Race:
    """Two returns of one transfer."""
    two_wallets(world, "T1", returns_at=world.now - timedelta(hours=1))
    return Race(ReturnTransfer("T1"), ReturnTransfer("T1"), WalletTransfer)


def acceptance(world: World, name: str) -> AcceptTransfer:
    request = world.request("AcceptTransfer")
    return AcceptTransfer(request=request, transfer_id=name, receiver="R")


def accepts(world: World) -> Race:
    """Two transfers accepted into one wallet."""
    two_wallets(world, "T1", "T2")
    return Race(acceptance(world, "T1"), acceptance(world, "T2"), WalletAccount)


def accepts_of_one(world: World) -> Race:
    """One transfer accepted twice."""
    two_wallets(world, "T1")
    return Race(acceptance(world, "T1"), acceptance(world, "T1"), WalletTransfer)


def sends(world: World) -> Race:
    """Two transfers sent from one wallet, of which one may wait."""
    two_wallets(world)
    first, second = (
        SendTransfer(
            request=world.request("Transfer"),
            sender="S",
            receiver="R",
            relation="10",
            fen=1_00,
            cities=world.cities,
        )
        for _ in range(2)
    )
    return Race(first, second, WalletAccount)


def decisions(world: World) -> Race:
    """Two decisions of one claim: refused, and paid."""
    world.hospital(5)
    world.person("P1")
    bill = world.visit("P1", 100_00, account_use=NONE)
    claim_id = claiming.submit(world, bill, "1").claim_id
    claiming.review(world, claim_id)
    refuses, pays = (
        claiming.decision(world, claim_id, pays=pays) for pays in (False, True)
    )
    return Race(refuses, pays, Claim)


def invoice(world: World) -> Race:
    """One invoice settled and claimed."""
    world.hospital(5)
    world.person("P1")
    plain = world.visit("P1", 100_00, account_use=NONE)
    bill = world.visit("P1", 100_00, account_use=NONE, invoice_no="1")
    settle = Settle(world.request(), bill, world.cities)
    claim = claiming.submission(world, claiming.form(plain, "1"))
    return Race(settle, claim, Account)


def treated(world: World) -> Bill:
    """Return a bill of R for 70 yuan, of which a wallet used here pays all it has."""
    return world.visit(
        "R", 0, out_of_catalogue_fen=70_00, use_wallet=True, account_use=NONE
    )


def pays(world: World) -> Race:
    """Two bills that one wallet pays, which holds enough for one and a half."""
    world.hospital(5)
    two_wallets(world)
    world.add(wallet("R", use_place=CHUZHOU, balance_fen=100_00, version=1))
    first, second = (
        Settle(world.request(), treated(world), world.cities) for _ in range(2)
    )
    return Race(first, second, WalletAccount)


def comes_back(world: World) -> Race:
    """A bill taken back, and a transfer accepted, into one wallet."""
    world.hospital(5)
    two_wallets(world, "T1")
    world.add(wallet("R", use_place=CHUZHOU, balance_fen=100_00, version=1))
    paid = world.settle(treated(world)).settlement_id
    back = Reverse(world.request("Reverse"), paid, "", "", world.cities)
    return Race(back, acceptance(world, "T1"), WalletAccount)


def ends(world: World) -> Race:
    """Two ends of one filing from one day on: it has ended by then."""
    world.person("P1")
    number, day = filed(world).filing_no, world.now.date() + timedelta(days=200)
    one, other = (
        EndFiling(world.request("EndFiling"), filing_no=number, from_day=day)
        for _ in range(2)
    )
    return Race(one, other, Filing)


RACES: Final[Mapping[str, tuple[Callable[[World], Race], Mapping[str, int]]]] = {
    "two returns": (returns, {"True": 1, "False": 1}),
    "two acceptances": (accepts, {"done": 2}),
    "two acceptances of one": (accepts_of_one, {"done": 1, "TransferEnded": 1}),
    "two bills": (pays, {"done": 2}),
    "reversed and accepted": (comes_back, {"done": 2}),
    "two sends": (sends, {"done": 1, "TransferWaiting": 1}),
    "two decisions": (decisions, {"done": 1, "IllegalTransition": 1}),
    "settled and claimed": (invoice, {"done": 1, "InvoiceUsed": 1}),
    "two ends": (ends, {"done": 1, "FilingEnded": 1}),
}


def name_of(outcome: Any) -> str:
    """Return how a job ended: done, what it says, or by what it is refused."""
    if not isinstance(outcome, Answer):
        return type(outcome).__name__
    return str(outcome.value) if isinstance(outcome.value, bool) else "done"


def money(engine: PostgresEngine) -> int:
    """Return what is in purses and wallets, what transfers hold, and what paid bills; fen."""
    purses = [one.balance_fen for one, _ in engine.page(Listing(kind=Account))]
    wallets = engine.page(Listing(kind=WalletAccount))
    transfers = engine.page(Listing(kind=WalletTransfer))
    in_wallets = sum(one.balance_fen for one, _ in wallets)
    held = sum(one.fen for one, _ in transfers if one.ended_at is None)
    listed = {name for one, _ in wallets for name in one.held}
    assert listed == {one.transfer_id for one, _ in transfers if one.ended_at is None}
    return sum(purses) + in_wallets + held + paid(engine)


def paid(engine: PostgresEngine) -> int:
    """Return what purses and wallets paid of the bills that stand; fen."""
    settled = [one for one, _ in engine.page(Listing(kind=Settlement))]
    return sum(one.account_fen for one in settled if one.reversed_at is None)


def job_of(decided: Any) -> Job:
    return Job(decided, getattr(decided, "request", None))


@pytest.mark.parametrize("name", RACES)
def test_two_at_once(
    name: str,
    two: tuple[PostgresEngine, PostgresEngine],
    over: Callable[[Engine], Committer],
    clock: Clock,
    new_world: NewWorld,
) -> None:
    """The second starts over what the first has read: both end as one after the other,
    and there is as much money as before."""
    make, expected = RACES[name]
    world = new_world()
    race = make(world)
    clock.now = world.now
    one, other = two
    for record in world.records.values():
        other.upsert(type(record), [record])
    before = money(other)
    with ThreadPoolExecutor(1) as pool:
        engine = Interrupted(
            one,
            race.kind,
            lambda: pool.submit(over(other).run, [job_of(race.second)]),
        )
        ended = list(over(engine).run([job_of(race.first)]))
        assert engine.started is not None
        ended += engine.started.result(10)
    assert expected == Counter(map(name_of, ended))
    assert before == money(other)
