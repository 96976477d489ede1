"""Calls that pay premiums or go through wallets, and whose data each reads or changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from gongji.v1 import account_pb2, wallet_pb2

from tests.scaffold.service import Service
from tests.wallet.wallets import transfer, wallet


async def _premium(s: Service) -> None:
    request = account_pb2.PayPremiumRequest(
        request_id=s.new_id(),
        holder=s.ref("P1"),
        member=s.ref("P2"),
        year="2026",
        fen=40_000,
    )
    await s.refused(s.accounts.PayPremium, request)


async def _refund(s: Service) -> None:
    request = account_pb2.RefundPremiumRequest(
        request_id=s.new_id(),
        premium_id="Y1",
        member=s.ref("P2"),
        year="2026",
        why="退费",
    )
    await s.refused(s.accounts.RefundPremium, request)


async def _wallets(s: Service) -> wallet_pb2.TransferRequest:
    """Open P1's and P2's wallets; return the request to transfer from one to the other."""
    await s.write(wallet("P1"), wallet("P2"))
    return wallet_pb2.TransferRequest(
        request_id=s.new_id(),
        sender=s.ref("P1"),
        receiver=s.ref("P2"),
        relation="10",
        fen=100,
    )


async def _open_wallet(s: Service) -> None:
    request = wallet_pb2.OpenWalletRequest(
        request_id=s.new_id(),
        person=s.ref("P1"),
        use_place="310100",
        phone="13800001234",
    )
    await s.wallets.OpenWallet(request)


async def _get_wallet(s: Service) -> None:
    await _wallets(s)
    await s.wallets.GetWallet(wallet_pb2.GetWalletRequest(person=s.ref("P1")))


async def _change_place(s: Service) -> None:
    await _wallets(s)
    request = wallet_pb2.ChangeWalletPlaceRequest(
        request_id=s.new_id(), person=s.ref("P1"), use_place="320100"
    )
    await s.wallets.ChangeWalletPlace(request)


async def _transfer(s: Service) -> None:
    await s.give("P1", 100)
    await s.wallets.Transfer(await _wallets(s))


async def _accept(s: Service) -> None:
    await _wallets(s)
    await s.write(transfer("P1", "P2"))
    request = wallet_pb2.AcceptTransferRequest(
        request_id=s.new_id(), receiver=s.ref("P2"), transfer_id="T-P1-P2"
    )
    await s.wallets.AcceptTransfer(request)


async def _decline(s: Service) -> None:
    await s.write(transfer("P1", "P2"))
    request = wallet_pb2.DeclineTransferRequest(
        request_id=s.new_id(), receiver=s.ref("P2"), transfer_id="T-P1-P2"
    )
    await s.wallets.DeclineTransfer(request)


async def _list_transfers(s: Service) -> None:
    await s.write(transfer("P1", "P2"))
    request = wallet_pb2.ListTransfersRequest(person=s.ref("P2"))
    await s.wallets.ListTransfers(request)


MONEY_CALLS: Final[dict[str, tuple[Callable[[Service], Awaitable[None]], set[str]]]] = {
    "PayPremium": (_premium, {"P1", "P2"}),
    "RefundPremium": (_refund, {"P2"}),
    "OpenWallet": (_open_wallet, {"P1"}),
    "GetWallet": (_get_wallet, {"P1"}),
    "ChangeWalletPlace": (_change_place, {"P1"}),
    "Transfer": (_transfer, {"P1", "P2"}),
    "AcceptTransfer": (_accept, {"P1", "P2"}),
    "DeclineTransfer": (_decline, {"P1", "P2"}),
    "ListTransfers": (_list_transfers, {"P1", "P2"}),
}
