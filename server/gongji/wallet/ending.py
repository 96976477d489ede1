"""How a transfer ends: accepted (接收), declined (拒收), or gone back (退回).

From the instant `returns_at` on nobody accepts or declines: at 06:00:00 the return wins
(T92). Whoever asks for the sender's wallet or transfers, or sends again, has it booked
back first (`ReturnTransfer`); for all others a timer of the service does, within a second.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from gongji.account import ledger
from gongji.model.account import Account, PurseMovement
from gongji.model.commands import Command, Decision
from gongji.model.facts import Facts, Need, by_key
from gongji.model.people import Person, alive_on
from gongji.model.wallet import WalletAccount, WalletTransfer
from gongji.model.wallet_refusals import (
    TransferEnded,
    TransferNotFound,
)
from gongji.rules.codes import TransferState
from gongji.wallet import holding
from gongji.wallet.opening import person_deceased, wallet_of

_ENDED: Final[Mapping[TransferState, str]] = {
    TransferState.ACCEPTED: "已被接收",
    TransferState.DECLINED: "已被拒收",
    TransferState.RETURNED: "已过接收期限，款项退回",
}


class AcceptedTransfer(Struct, frozen=True):
    """A transfer as accepted, and what came into the receiver's wallet."""

    transfer: WalletTransfer
    movement: PurseMovement


class AcceptTransfer(Command[AcceptedTransfer], frozen=True, kw_only=True):
    """Accept a transfer into the receiver's wallet."""

    answer_type = AcceptedTransfer

    transfer_id: str
    receiver: str

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return the transfer, the receiver and both wallets."""
        yield by_key(Person, self.receiver)
        yield by_key(WalletAccount, self.receiver)
        yield from _needs(self.transfer_id, facts, WalletAccount)

    def decide(self, facts: Facts) -> Decision[AcceptedTransfer]:
        """Decide the acceptance.

        TransferNotFound, TransferEnded, PersonDeceased, WalletNotFound.
        """
        transfer = _waiting(self.transfer_id, self.receiver, facts)
        receiver = facts.get(Person, self.receiver)
        if receiver and not alive_on(receiver, facts.today):
            # The money goes back to the sender with what nobody accepts.
            raise person_deceased("receiver").within(transfer.decided_by.area_code)
        wallet = wallet_of(facts, self.receiver, "receiver")
        after, movement, entries = holding.accepted(transfer, wallet, facts.now)
        done = replace(
            transfer,
            state=TransferState.ACCEPTED,
            answered_at=facts.now,
            ended_at=facts.now,
        )
        writes = (done, after, *_released(transfer, facts), *entries)
        return Decision(AcceptedTransfer(done, movement), writes)


class DeclineTransfer(Command[WalletTransfer], frozen=True, kw_only=True):
    """Decline a transfer: its money is held until it goes back with the others."""

    answer_type = WalletTransfer

    transfer_id: str
    receiver: str

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return the transfer."""
        del facts
        yield by_key(WalletTransfer, self.transfer_id)

    def decide(self, facts: Facts) -> Decision[WalletTransfer]:
        """Decide the refusal to accept. TransferNotFound, TransferEnded."""
        transfer = _waiting(self.transfer_id, self.receiver, facts)
        done = replace(transfer, state=TransferState.DECLINED, answered_at=facts.now)
        return Decision(done, (done,))


class ReturnTransfer(Struct, frozen=True):
    """Book a transfer back to the sender's purse if that is due; a job of the service.

    However often it is done, in whatever processes: it answers whether it did.
    """

    transfer_id: str

    def needs(self, facts: Facts) -> Iterator[Need]:
        """Return the transfer; then the sender's wallet and purse."""
        yield from _needs(self.transfer_id, facts, WalletAccount, Account)

    def decide(self, facts: Facts) -> Decision[bool]:
        """Decide the return."""
        transfer = facts.get(WalletTransfer, self.transfer_id)
        due_at = transfer.due_at if transfer else None
        if transfer is None or due_at is None or facts.now < due_at:
            return Decision(answer=False)
        purse = ledger.account_of(facts, transfer.sender)
        account, entries = holding.returned(transfer, purse, facts.now)
        done = replace(transfer, state=TransferState.RETURNED, ended_at=facts.now)
        writes = (done, account, *_released(transfer, facts), *entries)
        return Decision(answer=True, writes=writes)


def _needs(
    transfer_id: str, facts: Facts, *kinds: type[WalletAccount | Account]
) -> Iterator[Need]:
    """Yield a transfer, then the sender's records of these kinds."""
    own = by_key(WalletTransfer, transfer_id)
    yield own
    transfer = facts.get(WalletTransfer, transfer_id) if facts.has(own) else None
    if transfer is not None:
        for kind in kinds:
            yield by_key(kind, transfer.sender)


def _waiting(transfer_id: str, receiver: str, facts: Facts) -> WalletTransfer:
    """Return a transfer that its receiver may answer. TransferNotFound, TransferEnded."""
    transfer = facts.get(WalletTransfer, transfer_id)
    if transfer is None or transfer.receiver != receiver:
        raise TransferNotFound(
            f"没有编号为 {transfer_id} 的转账给该接收人", field="transfer_id"
        )
    state = transfer.state
    if transfer.waits_at(facts.now):
        return transfer
    # Due back is gone back, whether it is booked by now or not.
    if state is TransferState.WAITING:
        state = TransferState.RETURNED
    raise TransferEnded(
        f"这笔转账{_ENDED[state]}，不能再接收或拒收",
        field="transfer_id",
        state=state.name,
    )


def _released(transfer: WalletTransfer, facts: Facts) -> Iterator[WalletAccount]:
    """Yield the sender's wallet without this transfer among those held."""
    wallet = facts.get(WalletAccount, transfer.sender)
    if wallet is not None and transfer.transfer_id in wallet.held:
        left = [one for one in wallet.held if one != transfer.transfer_id]
        yield replace(wallet, held=tuple(left))
