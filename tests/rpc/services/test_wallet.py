"""Wallets over the wire: opened, sent to, answered, and what goes back without anybody's call."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import grpc
import pytest
from gongji.model.binding import Binding
from gongji.model.commands import Listing
from gongji.rpc.services.holds import Holds
from gongji.v1 import access_pb2, account_pb2
from gongji.v1 import wallet_pb2 as pb

from tests.rpc.services.acting import family_under_policy, outcome, subject
from tests.rpc.services.entries import kinds
from tests.scaffold.service import RefusedCall, Service, replayed

pytestmark = pytest.mark.parametrize("home", ["memory", "postgres"], indirect=True)

WAITING, ACCEPTED = pb.TRANSFER_STATE_WAITING, pb.TRANSFER_STATE_ACCEPTED
DECLINED, RETURNED = pb.TRANSFER_STATE_DECLINED, pb.TRANSFER_STATE_RETURNED


def opening(service: Service, person_no: str, **changes: Any) -> pb.OpenWalletRequest:
    """Return the request to open a wallet used in Shanghai."""
    fields: dict[str, Any] = {
        "request_id": service.new_id(),
        "person": service.ref(person_no),
        "use_place": "310100",
        "phone": "13800001234",
        **changes,
    }
    return pb.OpenWalletRequest(**fields)


async def opened(service: Service) -> None:
    """Open P1's wallet, who has 500 yuan in the purse, and P2's."""
    await service.give("P1", 500_00)
    for person_no in ("P1", "P2"):
        await service.wallets.OpenWallet(opening(service, person_no))


def sending(service: Service, **changes: Any) -> pb.TransferRequest:
    """Return the request to transfer 100 yuan from P1 to P2, a spouse."""
    fields: dict[str, Any] = {
        "request_id": service.new_id(),
        "sender": service.ref("P1"),
        "receiver": service.ref("P2"),
        "relation": "10",
        "fen": 100_00,
        **changes,
    }
    return pb.TransferRequest(**fields)


async def sent(service: Service, **changes: Any) -> str:
    """Make a transfer; return its id."""
    reply = await service.wallets.Transfer(sending(service, **changes))
    return reply.transfer.transfer_id


def accepting(
    service: Service, transfer_id: str, **changes: Any
) -> pb.AcceptTransferRequest:
    """Return the request to accept a transfer into P2's wallet."""
    fields: dict[str, Any] = {"receiver": service.ref("P2"), **changes}
    return pb.AcceptTransferRequest(
        request_id=service.new_id(), transfer_id=transfer_id, **fields
    )


async def wallet(service: Service, person_no: str) -> pb.Wallet:
    """Return a wallet as it is told."""
    request = pb.GetWalletRequest(person=service.ref(person_no))
    return (await service.wallets.GetWallet(request)).wallet


async def states(service: Service, person_no: str) -> list[pb.TransferState.ValueType]:
    """Return where each transfer of a person stands."""
    request = pb.ListTransfersRequest(person=service.ref(person_no))
    reply = await service.wallets.ListTransfers(request)
    return [transfer.state for transfer in reply.transfers]


async def test_a_wallet_opened(service: Service) -> None:
    """Opening is answered once a request, by the rule in full; it binds nobody (X14)."""
    request = opening(service, "P1")
    first, again = [await service.wallets.OpenWallet(request) for _ in range(2)]
    assert [False, True] == replayed(first, again)
    assert ("310100", "*********34") == (first.wallet.use_place, first.wallet.phone)
    assert "wallet" == first.rule.hook
    assert all(clause.text for clause in first.rule.clauses)
    refused = await service.refused(
        service.wallets.OpenWallet, opening(service, "P1", use_place="110100")
    )
    assert "FAILED_PRECONDITION WALLET_OPENED person" == refused.summary
    assert [] == await service.store.page(Listing(kind=Binding))


async def test_where_a_wallet_is_used(service: Service) -> None:
    """The place is changed, once a request."""
    await opened(service)
    request = pb.ChangeWalletPlaceRequest(
        request_id=service.new_id(), person=service.ref("P1"), use_place="320100"
    )
    replies = [await service.wallets.ChangeWalletPlace(request) for _ in range(2)]
    assert [False, True] == replayed(*replies)
    assert "320100" == (await wallet(service, "P1")).use_place


async def test_a_transfer_is_held(service: Service) -> None:
    """A transfer is made once a request, by the rules in full, and held."""
    await opened(service)
    request = sending(service)
    first, again = [await service.wallets.Transfer(request) for _ in range(2)]
    assert [False, True] == replayed(first, again)
    assert (WAITING, 400_00) == (first.transfer.state, first.balance_after_fen)
    transfer_id = first.transfer.transfer_id
    assert [transfer_id] == list((await wallet(service, "P1")).held)
    rules = first.transfer.rules
    assert all(clause.text for rule in rules for clause in rule.clauses)
    assert ("WALLET_SENT", -100_00, transfer_id) == (await kinds(service, "P1"))[-1]


async def test_a_transfer_accepted(service: Service) -> None:
    """Accepted money is in the receiver's wallet, and held no more."""
    await opened(service)
    request = accepting(service, await sent(service))
    first, again = [await service.wallets.AcceptTransfer(request) for _ in range(2)]
    assert [False, True] == replayed(first, again)
    assert (ACCEPTED, 100_00) == (first.transfer.state, first.balance_after_fen)
    assert 100_00 == (await wallet(service, "P2")).balance_fen
    assert [] == list((await wallet(service, "P1")).held)
    assert [ACCEPTED] == await states(service, "P1")
    assert [ACCEPTED] == await states(service, "P2")


async def filled(service: Service) -> str:
    """Have P2 accept 100 yuan into a wallet used here; return the transfer's id."""
    await opened(service)
    transfer_id = await sent(service)
    await service.wallets.AcceptTransfer(accepting(service, transfer_id))
    place = pb.ChangeWalletPlaceRequest(
        request_id=service.new_id(), person=service.ref("P2"), use_place="341100"
    )
    await service.wallets.ChangeWalletPlace(place)
    return transfer_id


async def test_a_wallet_pays_and_has_its_money_back(service: Service) -> None:
    """A reply tells what is left in it; its entries say what came, was paid, came back."""
    transfer_id = await filled(service)
    settled = await service.settle(
        fen=60_00, patient=service.ref("P2"), use_wallet=True
    )
    settlement_id = settled.settlement.settlement_id
    [moved] = settled.settlement.movements
    assert (True, -60_00, 40_00) == (moved.wallet, moved.fen, moved.balance_after_fen)
    reversal = await service.reverse(settlement_id=settlement_id)
    assert [(True, 60_00)] == [(one.wallet, one.fen) for one in reversal.refunds]
    assert 100_00 == (await wallet(service, "P2")).balance_fen
    assert await kinds(service, "P2", wallet=True) == [
        ("WALLET_RECEIVED", 100_00, transfer_id),
        ("WALLET_CHARGE", -60_00, settlement_id),
        ("WALLET_REFUND", 60_00, settlement_id),
    ]


async def test_entries_of_no_wallet(service: Service) -> None:
    """Whoever has opened no wallet has no entries of one."""
    request = account_pb2.ListEntriesRequest(person=service.ref("P1"), wallet=True)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await service.accounts.ListEntries(request)
    assert "NOT_FOUND WALLET_NOT_FOUND person" == RefusedCall.of(refused.value).summary


async def test_what_is_not_accepted_goes_back(service: Service) -> None:
    """Declined or not, at 06:00:00 the money is back for whoever looks then."""
    await opened(service)
    declined = pb.DeclineTransferRequest(
        request_id=service.new_id(),
        receiver=service.ref("P2"),
        transfer_id=await sent(service),
    )
    reply = await service.wallets.DeclineTransfer(declined)
    assert DECLINED == reply.transfer.state
    service.set_clock("2025-09-30T11:00:00")
    last = await sent(service)
    service.set_clock("2025-10-01T05:59:59")
    assert [DECLINED, WAITING] == await states(service, "P1")
    assert 300_00 == (await service.account("P1")).balance_fen
    service.set_clock("2025-10-01T06:00:00")
    late = accepting(service, last)
    refused = await service.refused(service.wallets.AcceptTransfer, late)
    assert "TRANSFER_ENDED transfer_id" == refused.named
    assert [RETURNED, RETURNED] == await states(service, "P1")
    assert 500_00 == (await service.account("P1")).balance_fen


async def test_the_timer_ends_each_hold_once(service: Service) -> None:
    """However many processes look for what is due, each hold goes back once."""
    await opened(service)
    await sent(service)
    service.set_clock("2025-10-01T06:00:00")
    watching = [Holds(service.store, service.clock) for _ in range(4)]
    await asyncio.gather(*[holds.end_due() for holds in watching])
    assert 500_00 == (await service.account("P1")).balance_fen
    assert [RETURNED] == await states(service, "P2")


async def test_many_accept_at_once(service: Service) -> None:
    """One transfer accepted by eight calls at the same moment comes into the wallet once."""
    await opened(service)
    transfer_id = await sent(service)
    calls = [
        service.wallets.AcceptTransfer(accepting(service, transfer_id))
        for _ in range(8)
    ]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    errors = [o for o in outcomes if isinstance(o, grpc.aio.AioRpcError)]
    assert {"TRANSFER_ENDED": 7} == Counter(RefusedCall.of(e).reason for e in errors)
    assert 100_00 == (await wallet(service, "P2")).balance_fen


async def test_an_erased_person_has_no_phone_in_the_wallet(service: Service) -> None:
    """The wallet is kept with its money; the phone in it goes with the person's."""
    await opened(service)
    erase = access_pb2.ErasePersonRequest(
        request_id=service.new_id(), person=service.ref("P1")
    )
    reply = await service.access.ErasePerson(erase)
    assert "wallet" in {kept.what for kept in reply.kept}
    assert ("", "310100") == (
        (await wallet(service, "P1")).phone,
        (await wallet(service, "P1")).use_place,
    )


@pytest.mark.parametrize(
    ("changes", "summary"),
    [
        ({"fen": 2000_01}, "FAILED_PRECONDITION TRANSFER_TOO_LARGE fen"),
        ({"fen": 500_01}, "FAILED_PRECONDITION BALANCE_SHORT fen"),
        ({"relation": "99"}, "FAILED_PRECONDITION NOT_A_RELATIVE relation"),
        ({"receiver": "P1"}, "INVALID_ARGUMENT MALFORMED_FIELD receiver"),
        ({"receiver": "P9"}, "NOT_FOUND WALLET_NOT_FOUND receiver"),
        ({"sender": "P9"}, "NOT_FOUND PERSON_NOT_FOUND sender"),
    ],
)
async def test_refused_transfers(
    service: Service, changes: dict[str, Any], summary: str
) -> None:
    """Each refusal names the field; nothing moves."""
    await opened(service)
    fields = {
        name: service.ref(value) if name in {"sender", "receiver"} else value
        for name, value in changes.items()
    }
    request = sending(service, **fields)
    refused = await service.refused(service.wallets.Transfer, request)
    assert summary == refused.summary
    assert 500_00 == (await service.account("P1")).balance_fen
    assert [] == await states(service, "P1")


async def test_only_for_whom_a_channel_acts(service: Service) -> None:
    """A channel transfers for the sender and accepts for the receiver, not the other way."""
    running = service.world, service.store, service.clock
    async with family_under_policy(*running) as guarded:
        wallets = guarded.wallets
        for person_no in ("H", "W"):
            request = opening(guarded, person_no)
            await outcome(wallets.OpenWallet, request, "app", subject(person_no))
        sender, receiver = guarded.ref("H"), guarded.ref("W")
        transfer = sending(guarded, sender=sender, receiver=receiver)
        reply = await only_for("H", "W", wallets.Transfer, transfer)
        accept = accepting(guarded, reply.transfer.transfer_id, receiver=receiver)
        reply = await only_for("W", "H", wallets.AcceptTransfer, accept)
        assert ACCEPTED == reply.transfer.state


async def only_for(whose: str, other: str, call: Any, request: Any) -> Any:
    """Return the reply to a call made for one person, which is denied for another."""
    told = await outcome(call, request, "app", subject(other))
    assert "SUBJECT_NOT_PARTY" == told.reason
    return await outcome(call, request, "app", subject(whose))
