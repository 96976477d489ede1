"""People whose wallets pay, for tests of bills that ask for one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Unpack

from gongji.account.forward import BringForward
from gongji.cities.anhui.transfers import wallet_terms
from gongji.model.account import Entry
from gongji.model.people import Person
from gongji.model.settlement import Bill, Line, Settlement
from gongji.model.wallet import WalletAccount
from gongji.rules.codes import AccountUse, Payer
from gongji.wallet.opening import ChangeWalletPlace
from msgspec.structs import replace as changed

from tests.scaffold.people import CHUZHOU, NOW, BillChanges
from tests.scaffold.world import World
from tests.wallet.wallets import accept, send, wallet

TERMS = wallet_terms()[0].value

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)

CITY_ORDER, OWN, NONE = AccountUse.CITY_ORDER, AccountUse.OWN, AccountUse.NONE

Parts = tuple[int, int, int, int]
"""Fen in scope, first self-pay, above the limit, out of the catalogue."""


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


Before = Callable[[World], object]


def no_wallet(world: World) -> None:
    del world.records[WalletAccount, "P"]


def elsewhere(world: World) -> None:
    request = world.request("ChangeWalletPlace")
    world.do(ChangeWalletPlace(request=request, person_no="P", use_place="310100"))


def dead(world: World) -> None:
    person = world.record(Person, "P")
    world.add(changed(person, died_on=NOW.date() - DAY))
