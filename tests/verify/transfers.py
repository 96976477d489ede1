"""Transfers between the wallets of a family."""

from __future__ import annotations

from datetime import UTC, timedelta

from gongji.v1 import wallet_pb2

from tests.scaffold.service import Service
from tests.verify.families import HOLDERS, PARTNERS, wallet_opening, wallet_transfer


def tick(service: Service) -> None:
    """Let a minute pass."""
    service.clock.set(service.clock() + timedelta(minutes=1))


async def transfer_money(service: Service) -> None:
    """Open wallets; transfer money that is accepted, that goes back, and that is held."""
    holder, partner = HOLDERS[0], PARTNERS[0]
    await service.give(holder, 400_00)
    for person_no in (holder, partner):
        await service.wallets.OpenWallet(wallet_opening(service.new_id(), person_no))
        tick(service)
    sent = await _sent(service)
    accepted = wallet_pb2.AcceptTransferRequest(
        request_id=service.new_id(),
        receiver=service.ref(partner),
        transfer_id=sent.transfer.transfer_id,
    )
    await service.wallets.AcceptTransfer(accepted)
    tick(service)
    back = await _sent(service)
    service.clock.set(back.transfer.returns_at.ToDatetime(tzinfo=UTC))
    # Whoever looks has what is due booked back.
    asked = wallet_pb2.GetWalletRequest(person=service.ref(holder))
    await service.wallets.GetWallet(asked)
    tick(service)
    await _sent(service)


async def _sent(service: Service) -> wallet_pb2.TransferResponse:
    request = wallet_transfer(service.new_id(), HOLDERS[0], PARTNERS[0])
    reply = await service.wallets.Transfer(request)
    tick(service)
    return reply
