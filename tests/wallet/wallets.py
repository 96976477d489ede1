"""Wallets and transfers of a test's people."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from gongji.model.decided import DecidedBy
from gongji.model.wallet import WalletAccount, WalletTransfer
from gongji.rules.codes import SHANGHAI
from gongji.wallet.ending import AcceptTransfer, DeclineTransfer, ReturnTransfer
from gongji.wallet.sending import SendTransfer, SentTransfer

from tests.scaffold.people import CHUZHOU, NOW
from tests.scaffold.world import World

DECIDED = DecidedBy(CHUZHOU, "x", "0", "0")


def wallet(person_no: str, **changes: Any) -> WalletAccount:
    """Return an empty wallet, used in Shanghai unless said otherwise."""
    fields: dict[str, Any] = {
        "use_place": "310100",
        "phone": "13800001234",
        "opened_at": NOW - timedelta(days=10),
        "decided_by": DECIDED,
        **changes,
    }
    return WalletAccount(person_no=person_no, **fields)


def transfer(sender: str, receiver: str, **changes: Any) -> WalletTransfer:
    """Return a transfer of one yuan, made now, that waits for its receiver."""
    fields: dict[str, Any] = {
        "transfer_id": f"T-{sender}-{receiver}",
        "relation": "10",
        "fen": 1_00,
        "sent_at": NOW,
        "returns_at": datetime.combine(
            NOW.date() + timedelta(days=1), time(6), SHANGHAI
        ),
        "rules": (),
        "decided_by": DECIDED,
        **changes,
    }
    return WalletTransfer(sender=sender, receiver=receiver, **fields)


def send(
    world: World, sender: str, receiver: str, fen: int = 100_00, relation: str = "10"
) -> SentTransfer:
    """Transfer 100 yuan to one's spouse, unless said otherwise."""
    return world.do(
        SendTransfer(
            request=world.request("Transfer"),
            sender=sender,
            receiver=receiver,
            relation=relation,
            fen=fen,
            cities=world.cities,
        )
    )


def accept(world: World, transfer_id: str, receiver: str) -> WalletTransfer:
    """Accept a transfer."""
    request = world.request("AcceptTransfer")
    command = AcceptTransfer(
        request=request, transfer_id=transfer_id, receiver=receiver
    )
    return world.do(command).transfer


def decline(world: World, transfer_id: str, receiver: str) -> WalletTransfer:
    """Decline a transfer."""
    request = world.request("DeclineTransfer")
    command = DeclineTransfer(
        request=request, transfer_id=transfer_id, receiver=receiver
    )
    return world.do(command)


def give_back(world: World, transfer_id: str) -> bool:
    """Have the job look at a transfer; return whether it gave the money back."""
    return world.do(ReturnTransfer(transfer_id))
