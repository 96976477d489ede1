"""A wallet pays its owner's bill: if asked, in its place, at home, and not a fen too many."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import cache

import pytest
from gongji.account.forward import BringForward
from gongji.cities.anhui import uses
from gongji.cities.city import Cities
from gongji.cities.figures import impossible_figures
from gongji.model.account import PurseMovement
from gongji.model.facts import Need
from gongji.model.settlement import Bill, Settlement
from gongji.model.wallet import WalletAccount
from gongji.rules.benefits import BillPart, PurseKind, PurseOrder
from gongji.rules.codes import AccountUse, EntryKind, Payer, Spending
from gongji.settlement.settle import Quote
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from tests.scaffold.cities import two_cities
from tests.scaffold.people import CHUZHOU, NOW, BillChanges
from tests.scaffold.world import NewWorld, World
from tests.wallet.paying import (
    CITY_ORDER,
    DAY,
    NONE,
    OWN,
    TERMS,
    Before,
    Parts,
    balanced,
    dead,
    elsewhere,
    in_wallet,
    line_of,
    no_wallet,
    out_of_catalogue,
    populated,
)
from tests.wallet.wallets import send, wallet


@pytest.fixture
def world(new_world: NewWorld) -> World:
    return populated(new_world())


def all_pay(world: World) -> Settlement:
    """Settle 80 yuan, of which account, relatives' and wallet pay 30, 20 and 25."""
    populated(world, own=30_00, aid=20_00, held=25_00)
    bill = out_of_catalogue(
        world, 10_00, first_selfpay_fen=70_00, account_use=CITY_ORDER
    )
    quoted, done = world.quote(bill), world.settle(bill)
    assert quoted.lines == done.lines
    return done


def test_a_wallet_pays_what_is_left(world: World) -> None:
    """After the own account and relatives' the wallet pays, and only then does cash."""
    done = all_pay(world)
    paid = [(line.payer, line.fen) for line in done.lines]
    assert paid == [
        (Payer.FUND, 0),
        (Payer.OWN_PURSE, 30_00),
        (Payer.GIVER_PURSE, 20_00),
        (Payer.WALLET, 25_00),
        (Payer.CASH, 5_00),
    ]
    assert (25_00, 75_00, 20_00) == (done.wallet_fen, done.account_fen, done.aid_fen)


def test_its_movement_tells_the_balance(world: World) -> None:
    """What moved says that it was the wallet's, and what is left; the books hold it."""
    moved = all_pay(world).movements[-1]
    assert PurseMovement("P", -25_00, 0, 2, wallet=True) == moved
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
    world = populated(World(served(rule), NOW), *holds[:2])
    world.add(wallet("P", use_place=CHUZHOU, balance_fen=holds[2]))
    done = world.settle(bill_of(world, parts, use))
    owed = dict(zip(PARTS, (parts[0] - done.fund_fen, *parts[1:]), strict=True))
    paid = reckoned(owed, holds, use, rule)
    assert paid == {"o": done.own_fen, "g": done.aid_fen, "w": done.wallet_fen}
    assert done.cash_fen == sum(owed.values())
    assert in_wallet(world) == holds[2] - paid["w"]


def bill_of(world: World, parts: Parts, use: AccountUse) -> Bill:
    """Return a bill of four parts that asks for the wallet."""
    in_scope, first, above, out = parts
    return world.visit(
        "P",
        in_scope,
        first_selfpay_fen=first,
        above_limit_fen=above,
        out_of_catalogue_fen=out,
        account_use=use,
        use_wallet=True,
    )


def reckoned(
    owed: dict[BillPart, int], holds: tuple[int, int, int], use: AccountUse, rule: str
) -> dict[str, int]:
    """Pay what is owed; return what own account, relatives' and wallet paid of it."""
    after, pays = RULES[rule]
    asked = {NONE: "", OWN: "o", CITY_ORDER: "og"}[use]
    named = {OWN_KIND: "o", GIVERS_KIND: "g"}
    place = max([asked.find(named[kind]) + 1 for kind in after], default=0)
    may = {"o": set(PARTS), "g": AID, "w": pays}
    has = dict(zip("ogw", holds, strict=True))
    paid = dict.fromkeys("ogw", 0)
    for name in f"{asked[:place]}w{asked[place:]}":
        paid[name] = spend(owed, has[name], may[name])
    return paid


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
