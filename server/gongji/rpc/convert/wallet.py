"""Wallets and transfers, from the model to messages."""

from __future__ import annotations

from gongji.model.wallet import WalletAccount, WalletTransfer
from gongji.rpc.convert import mask
from gongji.rpc.convert.values import Sources, decided_by_to, instant_to
from gongji.v1 import wallet_pb2 as pb


def wallet_to(wallet: WalletAccount) -> pb.Wallet:
    """Return a wallet, its phone masked."""
    return pb.Wallet(
        person_no=wallet.person_no,
        use_place=wallet.use_place,
        phone=mask.phone(wallet.phone),
        opened_at=instant_to(wallet.opened_at),
        balance_fen=wallet.balance_fen,
        version=wallet.version,
        held=wallet.held,
    )


def transfer_to(transfer: WalletTransfer, sources: Sources) -> pb.WalletTransfer:
    """Return a transfer with the rules it was made by."""
    area_code = transfer.decided_by.area_code
    return pb.WalletTransfer(
        transfer_id=transfer.transfer_id,
        sender=transfer.sender,
        receiver=transfer.receiver,
        fen=transfer.fen,
        state=pb.TransferState.ValueType(transfer.state),
        sent_at=instant_to(transfer.sent_at),
        returns_at=instant_to(transfer.returns_at),
        answered_at=instant_to(transfer.answered_at),
        ended_at=instant_to(transfer.ended_at),
        rules=[sources.rule_to(area_code, rule) for rule in transfer.rules],
        decided_by=decided_by_to(transfer.decided_by),
    )
