"""Transfers between the wallets of a family, and bills that a wallet pays."""

from __future__ import annotations

from datetime import UTC, timedelta

from gongji.v1 import settlement_pb2, wallet_pb2

from tests.scaffold.service import Service
from tests.verify.families import (
    HOLDERS,
    PARTNERS,
    PLACES,
    wallet_opening,
    wallet_transfer,
)


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
    await _pay_with(service, partner)
    back = await _sent(service)
    service.clock.set(back.transfer.returns_at.ToDatetime(tzinfo=UTC))
    # Whoever looks has what is due booked back.
    asked = wallet_pb2.GetWalletRequest(person=service.ref(holder))
    await service.wallets.GetWallet(asked)
    tick(service)
    await _sent(service)


async def _pay_with(service: Service, person_no: str) -> None:
    """Settle bills with a wallet: elsewhere than it is used, then for all that is in it.

    The last of them is taken back; so nothing of the wallet ends where it began.
    """
    await _settled(service, person_no)
    request = wallet_pb2.ChangeWalletPlaceRequest(
        request_id=service.new_id(), person=service.ref(person_no), use_place=PLACES[0]
    )
    await service.wallets.ChangeWalletPlace(request)
    tick(service)
    await _settled(service, person_no, fen=60_00)
    settled = await _settled(service, person_no)
    assert settled.settlement.wallet_fen == 40_00
    await service.reverse(settlement_id=settled.settlement.settlement_id)
    tick(service)


async def _settled(
    service: Service, person_no: str, fen: int = 900_00
) -> settlement_pb2.SettleResponse:
    """Settle a bill that nothing but a wallet, or cash, pays."""
    reply = await service.settle(
        patient=service.ref(person_no),
        institution_code=f"H{PLACES[0]}00021",
        service_day=f"{service.clock():%Y-%m-%d}",
        total_fen=fen,
        in_scope_fen=0,
        out_of_catalogue_fen=fen,
        account_use=settlement_pb2.ACCOUNT_USE_NONE,
        use_wallet=True,
    )
    tick(service)
    return reply


async def _sent(service: Service) -> wallet_pb2.TransferResponse:
    request = wallet_transfer(service.new_id(), HOLDERS[0], PARTNERS[0])
    reply = await service.wallets.Transfer(request)
    tick(service)
    return reply
