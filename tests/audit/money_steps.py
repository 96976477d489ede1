"""What writes of a purse or a wallet, each step going on from those before."""

from __future__ import annotations

from typing import Any

from gongji.v1 import account_pb2, wallet_pb2

from tests.scaffold.world import World
from tests.wallet.wallets import transfer, wallet


def records(world: World) -> list[object]:
    """Return what there is before: P2's wallet, and a transfer to it."""
    decided = world.cities.of("341100").decided_by
    return [wallet("P2", decided_by=decided), transfer("P1", "P2")]


async def credit(life: Any) -> None:
    named = {"person": life.service.ref("P1"), "month": "2025-08"}
    request = life.asked(account_pb2.CreditRequest, **named)
    await life.call(life.service.accounts.Credit, request)


async def bring_forward(life: Any) -> None:
    named = {"person": life.service.ref("P1"), "brought_forward_fen": 900_00}
    request = life.asked(account_pb2.CreditRequest, **named)
    await life.call(life.service.accounts.Credit, request)


async def correct_credit(life: Any) -> None:
    named = {"person": life.service.ref("P1"), "month": "2025-08", "why": "x"}
    request = life.asked(account_pb2.CorrectCreditRequest, **named)
    await life.call(life.service.accounts.CorrectCredit, request)


async def take_back_credit(life: Any) -> None:
    named = {"person": life.service.ref("P1"), "month": "2025-08", "why": "x"}
    request = life.asked(account_pb2.TakeBackCreditRequest, **named)
    await life.call(life.service.accounts.TakeBackCredit, request)


async def open_wallet(life: Any) -> None:
    named = {"person": life.service.ref("P1"), "use_place": "310100"}
    request = life.asked(wallet_pb2.OpenWalletRequest, phone="13800001234", **named)
    await life.call(life.service.wallets.OpenWallet, request)


async def change_place(life: Any) -> None:
    named = {"person": life.service.ref("P1"), "use_place": "320100"}
    request = life.asked(wallet_pb2.ChangeWalletPlaceRequest, **named)
    await life.call(life.service.wallets.ChangeWalletPlace, request)


async def send(life: Any) -> None:
    named = {"sender": life.service.ref("P1"), "receiver": life.service.ref("P2")}
    request = life.asked(wallet_pb2.TransferRequest, relation="10", fen=1, **named)
    reply = await life.call(life.service.wallets.Transfer, request)
    life.ids["transfer"] = reply.transfer.transfer_id


async def accept(life: Any) -> None:
    named = {"receiver": life.service.ref("P2"), "transfer_id": life.ids["transfer"]}
    request = life.asked(wallet_pb2.AcceptTransferRequest, **named)
    await life.call(life.service.wallets.AcceptTransfer, request, "P2")


async def decline(life: Any) -> None:
    named = {"receiver": life.service.ref("P2"), "transfer_id": "T-P1-P2"}
    request = life.asked(wallet_pb2.DeclineTransferRequest, **named)
    await life.call(life.service.wallets.DeclineTransfer, request, "P2")
