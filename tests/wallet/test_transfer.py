"""Transfers to a relative's wallet: within the city's terms, held, and ended exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from gongji.cities.anhui.transfers import wallet_terms
from gongji.model import refusals, wallet_refusals
from gongji.model.account import Account, Entry
from gongji.model.binding import Binding
from gongji.model.people import Person
from gongji.model.wallet import WalletAccount, WalletTransfer
from gongji.rules.binding import NO_LIMIT
from gongji.rules.codes import SHANGHAI, EntryKind, TransferState
from gongji.wallet.opening import ChangeWalletPlace, OpenWallet
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as replace_record

from tests.binding.applying import cities
from tests.scaffold.world import NewWorld, World
from tests.wallet.wallets import accept, decline, give_back, send, wallet

NOW = datetime(2025, 9, 30, 10, 0, tzinfo=SHANGHAI)

SIX = datetime(2025, 10, 1, 6, 0, tzinfo=SHANGHAI)
"""When a transfer made at NOW goes back."""

MOMENT = timedelta(microseconds=1)

TERMS = wallet_terms()[0].value


@pytest.fixture
def chuzhou() -> World:
    """Chuzhou as installed: S has 5,000 yuan and a wallet, as has R without any money."""
    return populated(World(cities(), NOW))


def populated(world: World) -> World:
    for person_no in ("S", "R"):
        world.person(person_no)
        world.add(wallet(person_no))
    world.add(Account("S", 5000_00, 1))
    return world


def state(world: World, transfer_id: str) -> TransferState:
    return world.record(WalletTransfer, transfer_id).state


def money(world: World) -> tuple[int, int, int]:
    """Return what S's purse holds, what transfers hold, and what is in R's wallet."""
    held = Counter[str]()
    for entry in world.all(Entry):
        held[entry.ledger_account.partition(":")[0]] += entry.fen
    purse = world.record(Account, "S").balance_fen
    return purse, held["hold"], world.record(WalletAccount, "R").balance_fen


def opening(world: World) -> OpenWallet:
    """Return the command that opens a wallet for S, to be used in Beijing."""
    return OpenWallet(
        request=world.request("OpenWallet"),
        person_no="S",
        use_place="110100",
        phone="13900001234",
        cities=world.cities,
    )


def test_opening_binds_nobody(chuzhou: World) -> None:
    """A wallet is a product of its own: opening one makes no binding (X14)."""
    chuzhou.person("N")
    opened = chuzhou.do(
        OpenWallet(
            request=chuzhou.request("OpenWallet"),
            person_no="N",
            use_place="310100",
            phone="13800001234",
            cities=chuzhou.cities,
        )
    )
    assert ("wallet", ("H2", "H3")) == (opened.rule.hook, opened.rule.clauses)
    assert ("310100", 0) == (opened.wallet.use_place, opened.wallet.balance_fen)
    assert [] == chuzhou.all(Binding)


def test_a_wallet_is_opened_once(chuzhou: World) -> None:
    """Who has a wallet opens no other, and it stays as it is."""
    command = opening(chuzhou)
    with pytest.raises(wallet_refusals.WalletOpened):
        chuzhou.do(command)
    assert wallet("S") == chuzhou.record(WalletAccount, "S")


def test_a_phone_does_not_show(chuzhou: World) -> None:
    """Logs and failures print a wallet, and the command that opens it, without its phone."""
    command = opening(chuzhou)
    assert "110100" in repr(command)
    assert "13900001234" not in repr(command)
    assert "13800001234" not in repr(wallet("S"))


def test_the_dead_use_no_wallet(chuzhou: World) -> None:
    """From the day after one's death one opens no wallet, sends nothing, accepts nothing."""
    transfer_id = send(chuzhou, "S", "R").transfer.transfer_id
    balances = chuzhou.balances()
    for person_no in ("S", "R"):
        died = NOW.date() - timedelta(days=1)
        chuzhou.add(replace_record(chuzhou.record(Person, person_no), died_on=died))
    with pytest.raises(wallet_refusals.PersonDeceased) as refused:
        send(chuzhou, "S", "R")
    assert {"T95"} == {clause.id for clause in refused.value.clauses}
    with pytest.raises(wallet_refusals.PersonDeceased):
        accept(chuzhou, transfer_id, "R")
    command = opening(chuzhou)
    with pytest.raises(wallet_refusals.PersonDeceased):
        chuzhou.do(command)
    assert balances == chuzhou.balances()
    chuzhou.now = SIX
    give_back(chuzhou, transfer_id)
    assert (5000_00, 0, 0) == money(chuzhou)


def test_on_the_day_of_death_a_wallet_is_used(chuzhou: World) -> None:
    """The day of death itself counts, as it does for a bill."""
    person = chuzhou.record(Person, "S")
    chuzhou.add(replace_record(person, died_on=NOW.date()))
    assert -100_00 == send(chuzhou, "S", "R", 100_00).movement.fen


def test_where_it_is_used_may_change(chuzhou: World) -> None:
    """A wallet's place is changed, of one there is none of is not."""
    request = chuzhou.request("ChangeWalletPlace")
    change = ChangeWalletPlace(request=request, person_no="S", use_place="320100")
    assert "320100" == chuzhou.do(change).use_place
    change = ChangeWalletPlace(request=request, person_no="X", use_place="320100")
    with pytest.raises(wallet_refusals.WalletNotFound):
        chuzhou.do(change)


def test_what_is_sent_is_held(chuzhou: World) -> None:
    """The money leaves the purse at once; it is in no wallet before it is accepted."""
    sent = send(chuzhou, "S", "R", 100_00)
    transfer_id = sent.transfer.transfer_id
    assert (-100_00, 4900_00) == (sent.movement.fen, sent.movement.balance_after_fen)
    assert (4900_00, 100_00, 0) == money(chuzhou)
    posted = [
        (f"hold:{transfer_id}", 100_00, None),
        ("purse:S", -100_00, EntryKind.WALLET_SENT),
    ]
    assert posted == chuzhou.posted()
    assert SIX == sent.transfer.returns_at
    assert {"wallet_terms", "relations"} == {r.hook for r in sent.transfer.rules}


def test_accepted_money_is_in_the_wallet(chuzhou: World) -> None:
    """Acceptance ends the hold: the money is in the receiver's wallet, and stays there."""
    transfer_id = send(chuzhou, "S", "R").transfer.transfer_id
    chuzhou.now = SIX - MOMENT
    assert TransferState.ACCEPTED == accept(chuzhou, transfer_id, "R").state
    assert (4900_00, 0, 100_00) == money(chuzhou)
    chuzhou.now = SIX
    assert not give_back(chuzhou, transfer_id)
    assert (4900_00, 0, 100_00) == money(chuzhou)


def test_at_six_the_return_wins(chuzhou: World) -> None:
    """At 06:00:00 nobody accepts any more, whether the money is booked back or not (T92)."""
    transfer_id = send(chuzhou, "S", "R").transfer.transfer_id
    chuzhou.now = SIX
    for _ in range(2):
        for answer in (accept, decline):
            with pytest.raises(wallet_refusals.TransferEnded) as refused:
                answer(chuzhou, transfer_id, "R")
            assert "RETURNED" == refused.value.metadata["state"]
        give_back(chuzhou, transfer_id)
    assert (5000_00, 0, 0) == money(chuzhou)


def test_nothing_goes_back_early(chuzhou: World) -> None:
    """A moment before 06:00:00 the money is held, declined or not."""
    transfer_id = send(chuzhou, "S", "R").transfer.transfer_id
    chuzhou.now = SIX - MOMENT
    assert not give_back(chuzhou, transfer_id)
    assert TransferState.DECLINED == decline(chuzhou, transfer_id, "R").state
    assert not give_back(chuzhou, transfer_id)
    assert (4900_00, 100_00, 0) == money(chuzhou)
    chuzhou.now = SIX
    assert give_back(chuzhou, transfer_id)
    assert not give_back(chuzhou, transfer_id)
    assert (5000_00, 0, 0) == money(chuzhou)
    assert TransferState.RETURNED == state(chuzhou, transfer_id)


def test_nobody_else_answers(chuzhou: World) -> None:
    """A transfer to another is not found: not by its sender, nor by a stranger."""
    transfer_id = send(chuzhou, "S", "R").transfer.transfer_id
    for somebody in ("S", "X"):
        for answer in (accept, decline):
            with pytest.raises(wallet_refusals.TransferNotFound):
                answer(chuzhou, transfer_id, somebody)


Before = Callable[[World], object]


def no_wallet(person_no: str) -> Before:
    """Take a wallet away."""
    return lambda world: world.records.pop((WalletAccount, person_no))


def three_times(world: World) -> None:
    for _ in range(3):
        accept(world, send(world, "S", "R").transfer.transfer_id, "R")


def at(hour: int, minute: int = 0) -> Before:
    def before(world: World) -> None:
        world.now = NOW.replace(hour=hour, minute=minute)

    return before


REFUSED: dict[str, tuple[Before, dict[str, Any], type[refusals.Refusal], set[str]]] = {
    "one's own wallet is not open": (
        no_wallet("S"),
        {},
        wallet_refusals.WalletNotFound,
        set(),
    ),
    "the receiver's wallet is not open": (
        no_wallet("R"),
        {},
        wallet_refusals.WalletNotFound,
        set(),
    ),
    "a stranger": (
        lambda _: None,
        {"relation": "99"},
        wallet_refusals.NotARelative,
        {"S11", "T94"},
    ),
    "too much at once": (
        lambda _: None,
        {"fen": 2000_01},
        wallet_refusals.TransferTooLarge,
        {"S11", "T93"},
    ),
    "a fourth time": (
        three_times,
        {},
        wallet_refusals.TransfersUsedUp,
        {"S11", "T91"},
    ),
    "one still waits": (
        lambda world: send(world, "S", "R"),
        {},
        wallet_refusals.TransferWaiting,
        {"S11"},
    ),
    "at 22:00": (at(22), {}, wallet_refusals.TransfersClosed, {"S11", "T91"}),
    "at 05:59": (at(5, 59), {}, wallet_refusals.TransfersClosed, {"S11", "T91"}),
    "more than there is": (
        lambda world: world.add(Account("S", 99_99, 1)),
        {},
        refusals.BalanceShort,
        {"S11", "T93"},
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_terms_refuse(chuzhou: World, name: str) -> None:
    """Each limit refuses by a name of its own, with its clauses; no money moves."""
    before, changes, kind, clauses = REFUSED[name]
    before(chuzhou)
    balances = chuzhou.balances()
    with pytest.raises(kind) as refused:
        send(chuzhou, "S", "R", **changes)
    assert type(refused.value) is kind
    assert clauses == {clause.id for clause in refused.value.clauses}
    assert balances == chuzhou.balances()


def test_what_the_terms_just_allow(chuzhou: World) -> None:
    """The very limits are within them: 2,000.00 yuan, a third time, a moment before 22:00."""
    for hour in (6, 12, 21):
        chuzhou.now = NOW.replace(hour=hour)
        if hour == 21:
            chuzhou.now += timedelta(hours=1) - MOMENT
        transfer_id = send(chuzhou, "S", "R", 1500_00).transfer.transfer_id
        accept(chuzhou, transfer_id, "R")
    chuzhou.now = SIX
    assert 2000_00 == -send(chuzhou, "S", "R", 500_00).movement.fen + 1500_00


def test_a_declined_transfer_does_not_wait(chuzhou: World) -> None:
    """Once declined, or due back, it keeps nobody from another transfer, but counts."""
    first = send(chuzhou, "S", "R").transfer.transfer_id
    decline(chuzhou, first, "R")
    send(chuzhou, "S", "R")
    chuzhou.now = SIX
    send(chuzhou, "S", "R")
    assert (4700_00, 300_00, 0) == money(chuzhou)


def test_a_city_may_have_terms_of_its_own(new_world: NewWorld) -> None:
    """Number, amount, hours and waiting are the sender's city's own."""
    free = replace(
        TERMS,
        transfers_a_day=NO_LIMIT,
        most_fen=NO_LIMIT,
        one_at_a_time=False,
        closed_from=TERMS.closed_until,
    )
    world = populated(new_world(NOW.replace(hour=2), wallet_terms=free))
    for _ in range(5):
        send(world, "S", "R", 1000_00)
    assert (0, 5000_00, 0) == money(world)


@given(
    st.integers(0, 2 * 366 * 86_400),
    st.sampled_from(
        ["", "05:59:59", "06:00:00", "21:59:59", "22:00:00", "23:59:59", "00:00:00"]
    ),
)
def test_the_hours_of_any_day(second: int, special: str) -> None:
    """By day transfers are made, by night none; what is made goes back at six the next
    day, whatever day that is."""
    moment = datetime(2025, 1, 1, tzinfo=SHANGHAI) + timedelta(seconds=second)
    if special:
        moment = datetime.combine(moment, time.fromisoformat(special), SHANGHAI)
    # Every other year ends here, too.
    if second % 2:
        moment = moment.replace(month=12, day=31)
    world = populated(World(cities(), moment))
    if not 6 <= moment.hour < 22:
        with pytest.raises(wallet_refusals.TransfersClosed):
            send(world, "S", "R")
        return
    back = send(world, "S", "R").transfer.returns_at
    assert 6 == back.hour
    assert (back.minute, back.second, back.microsecond) == (0, 0, 0)
    assert 1 == (back.date() - moment.date()).days
