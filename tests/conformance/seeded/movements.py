"""What a server may do wrong with balances, premiums, refunds and messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gongji.v1 import account_pb2, settlement_pb2
from seeded.meddler import meddle


def whatever_batch(request: Any, honest: Callable[[Any], Any]) -> Any:
    """Book every balance as a movement of its own."""
    request.ClearField("batch")
    request.ClearField("year")
    return honest(request)


def a_fen_kept(request: Any, honest: Callable[[Any], Any]) -> Any:
    """Refund a fen less than was paid."""
    answer = honest(request)
    answer.fen -= 1
    return answer


def short_change(request: Any, honest: Callable[[Any], Any]) -> Any:
    """Give a fen less back than was charged."""
    answer = honest(request)
    answer.refunds[0].fen -= 1
    return answer


def whatever_message(request: Any, honest: Callable[[Any], Any]) -> Any:
    """Settle a message as often as it comes."""
    request.bill.ClearField("msgid")
    return honest(request)


def forgotten_balance(request: Any, honest: Callable[[Any], Any]) -> Any:
    """Say after a reversal that the purse holds nothing."""
    answer = honest(request)
    for refund in answer.refunds:
        refund.balance_after_fen = 0
    return answer


def one_fen_late(request: Any, honest: Callable[[Any], Any]) -> Any:
    """Say that every limit is reached a fen later."""
    answer = honest(request)
    for year in answer.benefits:
        for level in year.levels:
            for step in level.steps:
                step.until_fen += bool(step.until_fen)
    return answer


_CREDIT: Final = (account_pb2.CreditRequest, account_pb2.CreditResponse)
_REFUND: Final = (
    account_pb2.RefundPremiumRequest,
    account_pb2.RefundPremiumResponse,
)
_REVERSE: Final = (settlement_pb2.ReverseRequest, settlement_pb2.ReverseResponse)
_SETTLE: Final = (settlement_pb2.SettleRequest, settlement_pb2.SettleResponse)
_YEAR: Final = (
    settlement_pb2.GetBenefitYearRequest,
    settlement_pb2.GetBenefitYearResponse,
)

MOVEMENTS: Final = {
    "a refund that forgets the balance": (
        {"Reverse": meddle(*_REVERSE, forgotten_balance)},
        "CORE-ACCOUNT-002",
    ),
    "a year that turns a fen late": (
        {"GetBenefitYear": meddle(*_YEAR, one_fen_late)},
        "CORE-YEAR-001",
    ),
    "a batch booked again": (
        {"Credit": meddle(*_CREDIT, whatever_batch)},
        "CORE-ACCOUNT-001",
    ),
    "a premium refunded a fen short": (
        {"RefundPremium": meddle(*_REFUND, a_fen_kept)},
        "CORE-PREMIUM-002",
    ),
    "a refund a fen short": (
        {"Reverse": meddle(*_REVERSE, short_change)},
        "CORE-SETTLE-005",
    ),
    "a message settled twice": (
        {"Settle": meddle(*_SETTLE, whatever_message)},
        "CORE-REQUEST-009",
    ),
}
"""What is meddled with, and the law that notices."""
