"""Every reply by which a purse moves tells what it holds after it, as the books have it."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any, Final, TypeAlias

import pytest
from gongji.model.account import Account
from gongji.model.commands import Command
from gongji.rules.codes import Purpose
from gongji.v1 import account_pb2 as pb
from gongji.v1 import consequence_pb2, settlement_pb2, wallet_pb2

from tests.rpc.services.telling import AT_WORK, PAUSED_IN_SEPTEMBER, tell
from tests.rpc.services.test_premium import PREMIUMS, premium, refunding
from tests.rpc.services.test_wallet import accepting, sending
from tests.scaffold.service import Service
from tests.wallet.wallets import wallet

PURSES: Final = ("P1", "P2", "P3")

WALLET: Final = "wallet:P2"
"""The wallet into which P1 transfers."""

Purses: TypeAlias = dict[str, tuple[int, int]]
"""Balance and version by person."""

Movement: TypeAlias = tuple[str, int, int, int]
"""Whose purse, fen, balance after, version after."""

MOVING: Final = {
    "Settle": "Settle",
    "Reverse": "Reverse",
    "Resettle": "Resettle",
    "CreditAccount": "Credit",
    "BringForward": "Credit",
    "CorrectCredit": "CorrectCredit",
    "TakeBackCredit": "TakeBackCredit",
    "PayPremium": "PayPremium",
    "RefundPremium": "RefundPremium",
    "RefundLate": "Resettle",
    "SendTransfer": "Transfer",
    "AcceptTransfer": "AcceptTransfer",
}
"""The commands that move purses, and the methods that send them."""

UNMOVED: Final = frozenset({"Erase", "DeclineTransfer"})
"""Commands beside accounts that move none: an account is looked for, what is held stays."""


def movement(message: Any) -> Movement:
    """A movement in a message of its own."""
    return (
        message.purse,
        message.fen,
        message.balance_after_fen,
        message.version_after,
    )


def only(holder: str, reply: Any) -> list[Movement]:
    """The movement of a reply that is of one purse alone."""
    return [(holder, reply.fen, *after(reply))]


def after(reply: Any) -> tuple[int, int]:
    """Balance and version after a movement."""
    return reply.balance_after_fen, reply.version_after


def resettled(reply: consequence_pb2.ResettleResponse) -> Iterator[Movement]:
    """What was taken back and charged anew, in order; or the credit, or the premium."""
    for again in reply.settlements:
        yield from map(movement, again.refunds)
        yield from map(movement, again.after.movements)
    for one in (reply.credit, reply.premium):
        if one.HasField("movement"):
            yield movement(one.movement)


TOLD: Final[dict[str, Callable[[Any, Any], Iterable[Movement]]]] = {
    "Settle": lambda _, reply: map(movement, reply.settlement.movements),
    "Reverse": lambda _, reply: map(movement, reply.refunds),
    "Resettle": lambda _, reply: resettled(reply),
    "Transfer": lambda asked, reply: [
        (asked.sender.person_no, -reply.transfer.fen, *after(reply))
    ],
    "AcceptTransfer": lambda _, reply: [(WALLET, reply.transfer.fen, *after(reply))],
    "PayPremium": lambda asked, reply: only(asked.holder.person_no, reply),
    "RefundPremium": lambda _, reply: only(reply.holder, reply),
    **dict.fromkeys(
        ("Credit", "CorrectCredit", "TakeBackCredit"),
        lambda asked, reply: only(asked.person.person_no, reply),
    ),
}
"""The movements that the reply of each method tells, in order."""


async def purses(service: Service) -> Purses:
    """What GetAccount and the statement say each purse holds."""
    held = {}
    for person_no in PURSES:
        found = await service.account(person_no)
        listed = pb.ListEntriesRequest(person=service.ref(person_no))
        statement = await service.accounts.ListEntries(listed)
        assert found.balance_fen == statement.closing_balance_fen
        assert found.balance_fen == sum(entry.fen for entry in statement.entries)
        held[person_no] = (found.balance_fen, found.version)
    asked = wallet_pb2.GetWalletRequest(person=service.ref("P2"))
    found_there = (await service.wallets.GetWallet(asked)).wallet
    return held | {WALLET: (found_there.balance_fen, found_there.version)}


class Course:
    """Requests sent one after the other, each reply held to the books."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.sent: list[tuple[str, Any, Any]] = []
        self.held: Purses = dict.fromkeys((*PURSES, WALLET), (0, 0))

    async def send(self, method: str, request: Any) -> Any:
        """Send a request under an id of its own. Each purse that moves is told as it is."""
        request.request_id = self.service.new_id()
        reply = await self.call(method, request)
        self.sent.append((method, request, reply))
        told = dict(self.held)
        for purse, fen, balance_fen, version in TOLD[method](request, reply):
            held, entries = told[purse]
            assert (held + fen, entries + bool(fen)) == (balance_fen, version)
            told[purse] = (balance_fen, version)
        self.held = await purses(self.service)
        assert told == self.held
        return reply

    async def call(self, method: str, request: Any) -> Any:
        """Call whichever service has the method."""
        s = self.service
        stubs = (s.settlements, s.accounts, s.consequences, s.wallets)
        stub = next(one for one in stubs if hasattr(one, method))
        return await getattr(stub, method)(request)


async def credits_given(course: Course) -> None:
    """Credits, balances of batches, and what mends them."""
    s = course.service
    p1 = s.ref("P1")
    await course.send("Credit", pb.CreditRequest(person=p1, month="2025-08"))
    await course.send("Credit", pb.CreditRequest(person=p1, month="2025-09"))
    for person_no in PURSES:
        forward = pb.CreditRequest(person=s.ref(person_no), brought_forward_fen=40_00)
        await course.send("Credit", forward)
    # A batch said again, and then lower: nothing moves, then the difference.
    for fen in (90_00, 90_00, 60_00):
        batch = pb.CreditRequest(person=p1, brought_forward_fen=fen, batch="b")
        await course.send("Credit", batch)
    taken = pb.TakeBackCreditRequest(person=p1, month="2025-08")
    await course.send("TakeBackCredit", taken)


async def bills_settled(course: Course) -> settlement_pb2.Settlement:
    """Bills of one purse and of three, the first one taken back; return that of three."""
    done = [
        (
            await course.send("Settle", settlement_pb2.SettleRequest(bill=bill))
        ).settlement
        for bill in (
            course.service.bill(100, account_use=settlement_pb2.ACCOUNT_USE_OWN),
            course.service.bill(1000_00),
            course.service.bill(1_00, msgid="M1"),
            course.service.bill(1_00, account_use=settlement_pb2.ACCOUNT_USE_NONE),
        )
    ]
    first = settlement_pb2.ReverseRequest(settlement_id=done[0].settlement_id)
    await course.send("Reverse", first)
    assert set(PURSES) == {one.purse for one in done[1].movements}
    shared: settlement_pb2.Settlement = done[1]
    return shared


async def premiums_paid(course: Course) -> None:
    """A premium paid, refunded, and paid again."""
    s = course.service
    rich = pb.CreditRequest(person=s.ref("P2"), brought_forward_fen=900_00)
    await course.send("Credit", rich)
    first = await course.send("PayPremium", premium(s, "P2"))
    await course.send("RefundPremium", refunding(s, first.premium_id))
    await course.send("PayPremium", premium(s, "P2"))


async def credits_mended(course: Course) -> None:
    """P1's September corrected once it is known that nothing was due, and back again."""
    s = course.service
    await tell(s, 1, PAUSED_IN_SEPTEMBER)
    month = pb.CorrectCreditRequest(person=s.ref("P1"), month="2025-09")
    await course.send("CorrectCredit", month)
    await tell(s, 1, AT_WORK)
    credit = consequence_pb2.CreditOfMonth(person=s.ref("P1"), month="2025-09")
    await course.send("Resettle", consequence_pb2.ResettleRequest(credit=credit))


async def bills_mended(course: Course, done: settlement_pb2.Settlement) -> None:
    """A part of a bill returned; then it and all later ones of a pause told late."""
    part = consequence_pb2.ResettleRequest(settlement_id=done.settlement_id)
    part.returned.in_scope_fen = 400_00
    (standing,) = (await course.send("Resettle", part)).settlements
    await tell(course.service, 1, PAUSED_IN_SEPTEMBER)
    later = consequence_pb2.ResettleRequest(
        settlement_id=standing.after.settlement_id, later=True
    )
    await course.send("Resettle", later)


async def premium_mended(course: Course) -> None:
    """A premium refunded because its payer was paused, as is told late."""
    s = course.service
    *_, paid = [reply for method, _, reply in course.sent if method == "PayPremium"]
    await tell(s, 2, PAUSED_IN_SEPTEMBER)
    of_year = consequence_pb2.PremiumOfYear(
        premium_id=paid.premium_id, member=s.ref("R"), year="2026"
    )
    await course.send("Resettle", consequence_pb2.ResettleRequest(premium=of_year))


async def transferred(course: Course) -> None:
    """P1 sends money to the wallet of P2, who accepts it."""
    s = course.service
    made = await course.send("Transfer", sending(s, fen=3_00))
    await course.send("AcceptTransfer", accepting(s, made.transfer.transfer_id))


async def bound(service: Service) -> None:
    """Bind P2 and P3 to P1's visits, and R's premium to P2's purse; open two wallets."""
    await service.write(wallet("P1"), wallet("P2"))
    await service.bind("P2")
    await service.bind("P3")
    purposes = frozenset({Purpose.RESIDENT_PREMIUM})
    since = service.clock() - timedelta(days=1)
    await service.write(service.world.bind("P2", "R", since, purposes=purposes))
    await service.write(service.world.person("R", "15", name="赵某某"))


async def replay(course: Course) -> None:
    """Send every request again: each is answered the balances of then."""
    for method, request, first in reversed(course.sent):
        again = await course.call(method, request)
        assert again.receipt.replayed
        told, told_again = [list(TOLD[method](request, one)) for one in (first, again)]
        assert told == told_again


@pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)
@pytest.mark.parametrize(
    "service", [PREMIUMS], indirect=True, ids=["a city with premiums"]
)
async def test_the_balance_told_is_the_purses(service: Service) -> None:
    """Before and after differ by what the reply says moved, for each purse and no other;
    and whatever moved since, the same request is answered the same balances."""
    await bound(service)
    course = Course(service)
    await credits_given(course)
    await transferred(course)
    shared = await bills_settled(course)
    await premiums_paid(course)
    await credits_mended(course)
    await bills_mended(course, shared)
    await premium_mended(course)
    assert TOLD.keys() == {method for method, _, _ in course.sent}
    await replay(course)
    assert course.held == await purses(service)


FOLDERS: Final = (
    *("account", "binding", "claim", "filing"),
    *("registry", "settlement", "wallet"),
)
"""The packages of `gongji` that decide commands."""


def commands() -> Iterator[type[Any]]:
    """Every command of ours that has an answer of its own."""
    for folder in FOLDERS:
        package = importlib.import_module(f"gongji.{folder}")
        for module in pkgutil.iter_modules(package.__path__, f"gongji.{folder}."):
            importlib.import_module(module.name)
    kinds = Command.__subclasses__()
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        if kind.__module__.startswith("gongji.") and "answer_type" in vars(kind):
            yield kind


def test_no_command_that_moves_purses_is_left_out() -> None:
    """Whoever decides beside accounts is in the table, and each method tells of it."""
    kinds = list(commands())
    assert {kind.__module__.split(".")[1] for kind in kinds} <= set(FOLDERS)
    beside = {
        kind.__name__
        for kind in kinds
        if {Account.__name__, "ledger"} & vars(sys.modules[kind.__module__]).keys()
    }
    assert MOVING.keys() | UNMOVED == beside
    assert TOLD.keys() == set(MOVING.values())
