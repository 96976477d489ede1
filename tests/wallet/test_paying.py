"""A wallet pays its owner's bill: if asked, in its place, at home, and not a fen too many."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Unpack

import pytest
from gongji.account.forward import BringForward
from gongji.cities.anhui import uses
from gongji.cities.anhui.transfers import wallet_terms
from gongji.cities.city import Cities
from gongji.cities.figures import impossible_figures
from gongji.model.account import Account, Entry
from gongji.model.facts import Need
from gongji.model.people import Person
from gongji.model.settlement import Bill, Line, Settlement
from gongji.model.wallet import WalletAccount
from gongji.rules.benefits import BillPart, PurseKind, PurseOrder
from gongji.rules.codes import AccountUse, EntryKind, Payer, Spending
from gongji.settlement.resettle import Resettle, Resettled, Returned
from gongji.settlement.settle import Quote
from gongji.wallet.opening import ChangeWalletPlace
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from tests.evaluator import faults
from tests.scaffold.cities import two_cities
from tests.scaffold.people import CHUZHOU, NOW, BillChanges
from tests.scaffold.world import NewWorld, World
from tests.settlement.recomputing import correct, kept, recomputed
from tests.wallet.wallets import accept, send, wallet

TERMS = wallet_terms()[0].value

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)

CITY_ORDER, OWN, NONE = AccountUse.CITY_ORDER, AccountUse.OWN, AccountUse.NONE

Parts = tuple[int, int, int, int]
"""Fen in scope, first self-pay, above the limit, out of the catalogue."""


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return populated(new_world())


def populated(world: World, own: int = 0, aid: int = 0, held: int = 0) -> World:
    """P in Chuzhou, to whom G gives: so much in their accounts, and in P's wallet."""
    world.hospital(5)
    for person_no, fen in (("P", own), ("G", aid)):
        world.person(person_no)
        if fen:
            world.do(BringForward(world.request("Credit"), person_no, fen))
    world.bind("G", "P", NOW - DAY)
    world.add(wallet("P", use_place=CHUZHOU))
    fill(world, held)
    return world


def fill(world: World, fen: int) -> None:
    """Bring so much into P's wallet as one does: a relative sends it, P accepts."""
    if not fen:
        return
    if (WalletAccount, "F") not in world.records:
        world.person("F")
        world.add(wallet("F"))
    world.do(BringForward(world.request("Credit"), "F", fen))
    world.now -= DAY
    for start in range(0, fen, 2000_00):
        one = min(2000_00, fen - start)
        accept(world, send(world, "F", "P", one).transfer.transfer_id, "P")
    world.now += DAY


def out_of_catalogue(world: World, fen: int, **changes: Unpack[BillChanges]) -> Bill:
    """Return a bill that the fund and relatives pay nothing of, and a wallet may."""
    fields: BillChanges = {"use_wallet": True, "out_of_catalogue_fen": fen, **changes}
    return world.visit("P", 0, **fields)


def line_of(settlement: Settlement) -> Line:
    """Return the wallet's line."""
    [line] = [line for line in settlement.lines if line.payer is Payer.WALLET]
    return line


def in_wallet(world: World) -> int:
    return world.record(WalletAccount, "P").balance_fen


def balanced(world: World) -> bool:
    """Return whether P's wallet is what its entries add up to, in order, and all is 0."""
    entries = [e for e in world.all(Entry) if e.ledger_account == "wallet:P"]
    entries.sort(key=lambda entry: entry.version_after)
    stored = world.record(WalletAccount, "P")
    versions = [entry.version_after for entry in entries]
    return (
        sum(entry.fen for entry in world.all(Entry)) == 0
        and sum(entry.fen for entry in entries) == stored.balance_fen
        and versions == list(range(1, stored.version + 1))
    )


# --- what it pays ---------------------------------------------------------------------


def test_a_wallet_pays_what_is_left(world: World) -> None:
    """After the own account and relatives' the wallet pays, and only then does cash."""
    world = populated(world, own=30_00, aid=20_00, held=25_00)
    bill = world.visit(
        "P",
        0,
        first_selfpay_fen=70_00,
        out_of_catalogue_fen=10_00,
        account_use=CITY_ORDER,
        use_wallet=True,
    )
    quoted, done = world.quote(bill), world.settle(bill)
    paid = [(line.payer, line.fen) for line in done.lines]
    assert paid == [
        (Payer.FUND, 0),
        (Payer.OWN_PURSE, 30_00),
        (Payer.GIVER_PURSE, 20_00),
        (Payer.WALLET, 25_00),
        (Payer.CASH, 5_00),
    ]
    assert quoted.lines == done.lines
    assert (25_00, 75_00, 20_00) == (done.wallet_fen, done.account_fen, done.aid_fen)
    movement = done.movements[-1]
    assert (True, "P", -25_00, 0) == (
        movement.wallet,
        movement.purse,
        movement.fen,
        movement.balance_after_fen,
    )
    assert ("wallet:P", -25_00, EntryKind.WALLET_CHARGE) in world.posted()
    assert 0 == in_wallet(world)
    assert balanced(world)


def test_its_line_says_why(world: World) -> None:
    """The line has payer, clauses, what was payable, and a sentence."""
    done = populated(world, held=25_00).settle(out_of_catalogue(world, 70_00))
    line = line_of(done)
    assert ("wallet_terms", ("S45", "T96")) == (line.rule.hook, line.rule.clauses)
    conditions = {"needed": 70_00, "available": 25_00, "use_place": 341100}
    assert conditions == line.inputs
    assert line.in_words == (
        "可由本人医保钱包支付的费用 70.00 元，可用余额 25.00 元，支付 25.00 元"
    )
    assert 25_00 == done.lines[-1].inputs["wallet"]


def test_a_bill_that_does_not_ask_reads_no_wallet(world: World) -> None:
    """Whoever asks for none is decided as if there were none, without a look at it."""
    populated(world, own=10_00, held=25_00)
    bill = changed(out_of_catalogue(world, 70_00), use_wallet=False, account_use=OWN)
    assert WalletAccount not in {need.kind for need in _needs(world, bill)}
    with_wallet = world.quote(bill)
    del world.records[WalletAccount, "P"]
    assert with_wallet == world.quote(bill)
    assert "wallet" not in with_wallet.lines[-1].inputs


def _needs(world: World, bill: Bill) -> list[Need]:
    query = Quote(bill, world.cities)
    return query.needs(world.facts(query.needs(world.facts(()))))


def test_held_money_is_not_spent(world: World) -> None:
    """What a transfer holds is in no wallet: not in the sender's, nor in the receiver's."""
    populated(world, held=25_00)
    world.person("S")
    world.add(wallet("S"))
    world.do(BringForward(world.request("Credit"), "S", 100_00))
    send(world, "S", "P", 100_00)
    assert 25_00 == world.settle(out_of_catalogue(world, 70_00)).wallet_fen


Before = Callable[[World], object]


def no_wallet(world: World) -> None:
    del world.records[WalletAccount, "P"]


def elsewhere(world: World) -> None:
    request = world.request("ChangeWalletPlace")
    world.do(ChangeWalletPlace(request=request, person_no="P", use_place="310100"))


def dead(world: World) -> None:
    person = world.record(Person, "P")
    world.add(changed(person, died_on=NOW.date() - DAY))


DENIED: dict[str, tuple[Before, BillChanges, str, str, set[str]]] = {
    "none is open": (no_wallet, {}, "未开通医保钱包", "wallet", {"H2", "H3"}),
    "used elsewhere": (
        elsewhere,
        {},
        "就医地（341100）不在医保钱包的使用地（310100）之内",
        "wallet_terms",
        {"S45", "T97"},
    ),
    "dead since": (
        dead,
        {"service_day": NOW.date() - DAY},
        "已登记死亡，医保钱包不再使用",
        "wallet_terms",
        {"T95"},
    ),
    "wellness": (
        lambda _: None,
        {"spending": Spending.WELLNESS},
        "个人账户不得用于养生保健消费",
        "uses",
        {"A12"},
    ),
}


@pytest.mark.parametrize("name", DENIED)
def test_what_keeps_a_wallet_from_paying(world: World, name: str) -> None:
    """The bill is settled; the wallet pays nothing of it, and its line says why."""
    before, changes, told, hook, clauses = DENIED[name]
    populated(world, held=25_00)
    before(world)
    done = world.settle(out_of_catalogue(world, 70_00, **changes))
    line = line_of(done)
    assert (0, f"本人医保钱包支付 0.00 元：{told}") == (line.fen, line.in_words)
    assert (hook, clauses) == (line.rule.hook, set(line.rule.clauses))
    assert (0, 70_00, ()) == (done.wallet_fen, done.cash_fen, done.movements)


@pytest.mark.parametrize(
    ("use_place", "pays"),
    [
        ("341100", True),
        ("341182", True),
        ("340000", True),
        ("340800", False),
        ("310000", False),
    ],
)
def test_where_a_wallet_is_used(world: World, use_place: str, *, pays: bool) -> None:
    """A city stands for its counties, a province for its cities (T97)."""
    populated(world, held=25_00)
    world.add(changed(world.record(WalletAccount, "P"), use_place=use_place))
    settlement = world.settle(out_of_catalogue(world, 70_00))
    assert pays == (settlement.wallet_fen == 25_00)


# --- against a model ------------------------------------------------------------------

PARTS = (
    BillPart.IN_SCOPE,
    BillPart.FIRST_SELFPAY,
    BillPart.ABOVE_LIMIT,
    BillPart.OUT_OF_CATALOGUE,
)

AID = {BillPart.IN_SCOPE, BillPart.FIRST_SELFPAY}

some_fen = st.sampled_from([0, 1, 99, 50_00, 300_00])


OWN_KIND, GIVERS_KIND = PurseKind.OWN, PurseKind.GIVERS

RULES: dict[str, tuple[frozenset[PurseKind], frozenset[BillPart]]] = {
    "as in Anhui": (TERMS.after, TERMS.pays),
    "first": (frozenset(), frozenset(PARTS[1:])),
    "between": (frozenset({OWN_KIND}), frozenset(PARTS[::2])),
    "after relatives": (frozenset({GIVERS_KIND}), frozenset({PARTS[3]})),
}
"""After which accounts a wallet is asked, and what it may pay."""


@given(
    st.tuples(some_fen, some_fen, some_fen, some_fen),
    st.tuples(some_fen, some_fen, some_fen),
    st.sampled_from([NONE, OWN, CITY_ORDER]),
    st.sampled_from(list(RULES)),
)
@settings(max_examples=40)
def test_each_fen_is_paid_in_the_order_of_the_rule(
    parts: Parts,
    holds: tuple[int, int, int],
    use: AccountUse,
    rule: str,
) -> None:
    """Own account, relatives' and wallet pay what a plain reckoning says, cash the rest."""
    after, pays = RULES[rule]
    world = populated(World(served(rule), NOW), *holds[:2])
    world.add(wallet("P", use_place=CHUZHOU, balance_fen=holds[2]))
    in_scope, first, above, out = parts
    done = world.settle(
        world.visit(
            "P",
            in_scope,
            first_selfpay_fen=first,
            above_limit_fen=above,
            out_of_catalogue_fen=out,
            account_use=use,
            use_wallet=True,
            total_fen=sum(parts),
        )
    )
    owed = dict(zip(PARTS, (in_scope - done.fund_fen, first, above, out), strict=True))
    asked = {NONE: "", OWN: "o", CITY_ORDER: "og"}[use]
    named = {PurseKind.OWN: "o", PurseKind.GIVERS: "g"}
    place = max([asked.find(named[kind]) + 1 for kind in after], default=0)
    order = f"{asked[:place]}w{asked[place:]}"
    limits = {"o": (holds[0], set(PARTS)), "g": (holds[1], AID), "w": (holds[2], pays)}
    paid = {name: spend(owed, *limits[name]) for name in order}
    assert (done.own_fen, done.aid_fen, done.wallet_fen) == (
        paid.get("o", 0),
        paid.get("g", 0),
        paid["w"],
    )
    assert done.cash_fen == sum(owed.values())
    assert in_wallet(world) == holds[2] - paid["w"]


@cache
def served(rule: str) -> Cities:
    """Return 滁州市 with one of the rules."""
    after, pays = RULES[rule]
    return two_cities(wallet_terms=replace(TERMS, after=after, pays=pays))


def spend(owed: dict[BillPart, int], fen: int, pays: AbstractSet[BillPart]) -> int:
    """Pay what is owed of some parts with so much at most; return what was paid."""
    before = fen
    for part in PARTS:
        if part in pays:
            now = min(fen, owed[part])
            owed[part] -= now
            fen -= now
    return before - fen


def test_a_wallet_pays_only_what_an_own_account_may(new_world: NewWorld) -> None:
    """A city that lets own accounts pay less lets a wallet pay no more."""
    plain = uses()[0].value
    less = replace(plain, own_pays=frozenset({BillPart.FIRST_SELFPAY}))
    world = populated(new_world(uses=less), held=25_00)
    bill = out_of_catalogue(world, 70_00, first_selfpay_fen=5_00)
    assert 5_00 == world.settle(bill).wallet_fen


IMPOSSIBLE = (
    replace(TERMS, after=frozenset(PurseKind)),
    PurseOrder(order=(PurseKind.OWN, PurseKind.WALLET)),
)


@pytest.mark.parametrize("part", IMPOSSIBLE, ids=["after itself", "among accounts"])
def test_where_no_rule_can_put_a_wallet(part: object) -> None:
    """A plugin that puts the wallet where it has no place is not loaded."""
    assert any("after" in told for told in impossible_figures(part))
    assert [] == list(impossible_figures(TERMS))


# --- what is taken back ---------------------------------------------------------------


def test_what_it_paid_comes_back(world: World) -> None:
    """A reversal returns to the wallet what the wallet paid, whatever became of it since."""
    populated(world, own=30_00, held=25_00)
    done = world.settle(out_of_catalogue(world, 70_00, account_use=OWN))
    elsewhere(world)
    fill(world, 7_00)
    refunds = world.reverse(done.settlement_id).refunds
    assert [(False, 30_00), (True, 25_00)] == [(m.wallet, m.fen) for m in refunds]
    assert 32_00 == in_wallet(world)
    assert 30_00 == world.record(Account, "P").balance_fen
    assert ("wallet:P", 25_00, EntryKind.WALLET_REFUND) in world.posted()
    assert balanced(world)


def test_a_part_returned_comes_back_to_the_wallet(world: World) -> None:
    """Of a bill of which a part is returned the wallet, asked last, has its money first."""
    populated(world, own=30_00, held=25_00)
    done = world.settle(out_of_catalogue(world, 50_00, account_use=OWN))
    assert 20_00 == done.wallet_fen
    world.now += DAY
    again = resettled(world, done, Returned(out_of_catalogue_fen=15_00))
    [one] = again.settlements
    assert one.after is not None
    assert (30_00, 5_00, 0) == (
        one.after.own_fen,
        one.after.wallet_fen,
        one.after.cash_fen,
    )
    assert 20_00 == in_wallet(world)
    assert balanced(world)
    assert recomputed(world, one.after.settlement_id).as_now.equal


def resettled(
    world: World, settlement: Settlement, returned: Returned | None = None
) -> Resettled:
    return world.do(
        Resettle(
            request=world.request("Resettle"),
            settlement_id=settlement.settlement_id,
            later=False,
            returned=returned,
            why="退费",
            cities=world.cities,
        )
    )


def test_settled_again_a_wallet_pays_no_more_than_it_held_then(world: World) -> None:
    """What came into the wallet later pays no bill of before."""
    populated(world, own=30_00, held=25_00)
    bill = out_of_catalogue(world, 90_00, account_use=OWN)
    done = world.settle(bill)
    world.now += DAY
    fill(world, 100_00)
    # That P was not insured is told too late, and wrongly.
    enrolments = world.record(Person, "P").enrolments
    correct(world, Person, "P", enrolments=())
    [one] = resettled(world, done).settlements
    assert one.after is None
    correct(world, Person, "P", enrolments=enrolments)
    [again] = resettled(world, done).settlements
    assert again.after is not None
    assert (30_00, 25_00) == (again.after.own_fen, again.after.wallet_fen)
    assert 100_00 == in_wallet(world)
    assert balanced(world)


# --- decided again --------------------------------------------------------------------


def paid_before(world: World) -> tuple[World, Settlement]:
    """Return a world whose rules are kept, and a bill of which a wallet paid 20 yuan."""
    kept(populated(world, own=30_00, held=25_00))
    return world, world.settle(out_of_catalogue(world, 50_00, account_use=OWN))


def test_decided_again_it_is_what_it_was(world: World) -> None:
    """Whatever became of the wallet since: its place, its money, its owner's purse."""
    world, done = paid_before(world)
    elsewhere(world)
    fill(world, 100_00)
    world.now += MINUTE
    world.settle(out_of_catalogue(world, 10_00))
    again = recomputed(world, done.settlement_id)
    assert again.as_then.equal
    assert again.as_now.equal


@pytest.mark.parametrize("before", [no_wallet, elsewhere])
def test_denied_it_is_denied_again(world: World, before: Before) -> None:
    """A wallet opened, or used here, only later pays nothing of a bill of before."""
    kept(populated(world, held=25_00))
    stored = world.record(WalletAccount, "P")
    before(world)
    done = world.settle(out_of_catalogue(world, 50_00))
    world.add(stored)
    again = recomputed(world, done.settlement_id)
    assert again.as_then.equal
    assert again.as_now.equal
    with pytest.raises(Exception, match="相同"):
        resettled(world, done)


def test_another_amount_is_found(world: World) -> None:
    """Who changes what a wallet paid is found out: by the ledger, not by the line."""
    world, done = paid_before(world)
    line = line_of(done)
    less = {**line.inputs, "available": 5_00}
    forged = [
        changed(one, fen=5_00, inputs=less)
        if one is line
        else changed(one, fen=15_00)
        if one.payer is Payer.CASH
        else one
        for one in done.lines
    ]
    world.add(changed(done, lines=tuple(forged), wallet_fen=5_00, cash_fen=15_00))
    then = recomputed(world, done.settlement_id).as_then
    assert {"wallet_fen", "cash_fen", "lines"} <= set(then.different)


def test_its_lines_are_recomputed_without_the_program(world: World) -> None:
    """What a wallet paid follows from the inputs of the lines alone."""
    populated(world, own=30_00, aid=20_00, held=25_00)
    done = world.settle(out_of_catalogue(world, 70_00, account_use=CITY_ORDER))
    assert 25_00 == done.wallet_fen
    assert [] == list(faults(done.lines, 70_00))
