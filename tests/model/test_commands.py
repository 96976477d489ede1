"""What a request id remembers of each command."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from gongji.account.correction import CorrectCredit
from gongji.account.credit import CreditAccount, OfMonth, TakeBackCredit
from gongji.account.forward import BringForward
from gongji.account.late import RefundLate, ResettleCredit
from gongji.account.premium import PayPremium
from gongji.account.refund import RefundPremium
from gongji.binding.review import RecordConsent, Review, Unbind
from gongji.binding.submit import Submit
from gongji.claim.decide import DecideClaim, ReviewClaim, WithdrawClaim
from gongji.claim.submit import SubmitClaim
from gongji.filing.make import EndFiling, File
from gongji.model.commands import Command, RecallingCommand, Request
from gongji.registry.erasure import Erase
from gongji.settlement.resettle import Resettle
from gongji.settlement.reverse import Reverse
from gongji.settlement.settle import Settle
from gongji.wallet.ending import AcceptTransfer, DeclineTransfer
from gongji.wallet.opening import ChangeWalletPlace, OpenWallet
from gongji.wallet.sending import SendTransfer

CONTENT: dict[type[Command[Any]], str] = {
    AcceptTransfer: "transfer_id receiver",
    BringForward: "person_no month brought_forward_fen batch year",
    ChangeWalletPlace: "person_no use_place",
    DecideClaim: "claim_id decider pays remark similar_checked",
    ReviewClaim: "claim_id reviewer passes remark",
    WithdrawClaim: "claim_id",
    CorrectCredit: "person_no month why",
    CreditAccount: "person_no month brought_forward_fen",
    DeclineTransfer: "transfer_id receiver",
    EndFiling: "filing_no from_day",
    Erase: "person_no lift",
    File: "person_no kind areas since until scheme",
    OpenWallet: "person_no use_place phone",
    PayPremium: "holder member year fen",
    RefundLate: "premium_id member year why",
    RefundPremium: "premium_id member year why",
    RecordConsent: "binding_id consent",
    Resettle: "settlement_id later returned why",
    ResettleCredit: "person_no month why",
    Reverse: "settlement_id settle_request_id why patient",
    Review: "binding_id reviewer approve reason_code remark",
    SendTransfer: "sender receiver relation fen",
    Settle: "bill",
    TakeBackCredit: "person_no month why",
    Unbind: "binding_id channel",
}


@pytest.mark.parametrize("kind", CONTENT, ids=lambda kind: kind.__name__)
def test_content_names_are_kept(kind: type[Command[Any]]) -> None:
    """Stored digests bear these names: another name would refuse a request sent again."""
    assert CONTENT[kind].split() == list(kind.content_names())


def test_every_command_has_its_content() -> None:
    """No other command of ours is remembered; the fields of an application or a claim are
    its own."""
    assert {*CONTENT, Submit, SubmitClaim} == set(_commands(Command)) - {
        OfMonth,
        RecallingCommand,
    }


def test_a_balance_of_no_batch_is_the_request_it_was() -> None:
    """What was brought forward before there were batches is replayed, not refused."""
    command = BringForward(Request("r1", "bank", "Credit"), "P1", 100)
    content = {"person_no": "P1", "month": "", "brought_forward_fen": 100}
    assert content == command.content


def test_content_is_what_the_names_say() -> None:
    """The content is read from the command itself: nobody writes it a second time."""
    command = TakeBackCredit(Request("r1", "bank", "x"), "P1", "2025-09", "误划")
    content = {"person_no": "P1", "month": "2025-09", "why": "误划"}
    assert content == command.content


def _commands(root: type) -> Iterator[type]:
    kinds: list[type] = root.__subclasses__()
    for kind in kinds:
        if kind.__module__.startswith("gongji."):
            yield kind
            yield from _commands(kind)
