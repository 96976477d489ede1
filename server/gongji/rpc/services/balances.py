"""Whose balance the current caller may learn from what moved in a purse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from gongji.access.callers import Kind
from gongji.model.refusals import BalanceShort
from gongji.rpc.calls import current_permit

_OF_ALL: Final = frozenset({Kind.OPERATOR, Kind.AUDITOR, Kind.TESTER})
"""Kinds that see the balance of every purse they see a movement of."""


class Movement(Protocol):
    """A message of money that moved in one purse, with the balance after it."""

    balance_after_fen: int
    version_after: int


class NamedMovement(Movement, Protocol):
    """Such a message that names the purse."""

    purse: str


def hide_balances(movements: Iterable[NamedMovement], patient: str) -> None:
    """Take balances out of the movements of a bill.

    Those of the patient's purse, and of the person for whom the caller acts, stay.
    """
    # What a relative's purse still holds is neither a hospital's nor a patient's business.
    for movement in movements:
        if movement.purse != patient:
            hide_balance(movement, movement.purse)


def hide_balance(movement: Movement, holder: str) -> None:
    """Take the balance out of one movement in a holder's purse."""
    if not _may_learn(holder):
        movement.balance_after_fen = 0
        movement.version_after = 0


@contextmanager
def hidden_in_refusal(holder: str) -> Iterator[None]:
    """Take a holder's balance out of the refusal that the purse holds too little."""
    try:
        yield
    except BalanceShort as refusal:
        if _may_learn(holder):
            raise
        raise BalanceShort(
            "授权人账户余额不足以全额支付", field=refusal.field, clauses=refusal.clauses
        ) from None


def may_look_up_balance(purse: str, person_no: str) -> bool:
    """Return whether the caller may be told a balance where a person is only asked about.

    The person's own as by GetAccount; another's as where it moved.
    """
    if purse == person_no:
        return current_permit().may("GetAccount")
    return _may_learn(purse)


def _may_learn(holder: str) -> bool:
    permit = current_permit()
    return permit.caller.kind in _OF_ALL or permit.subject.person_no == holder
