"""What differs under one request id is named by paths that the request has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, get_args, get_type_hints

import pytest
from gongji.account.correction import CorrectCredit
from gongji.account.credit import CreditAccount, TakeBackCredit
from gongji.account.forward import BringForward
from gongji.account.late import RefundLate, ResettleCredit
from gongji.account.premium import PayPremium
from gongji.account.refund import RefundPremium
from gongji.binding.review import RecordConsent, Review, Unbind
from gongji.binding.submit import Submit
from gongji.claim.decide import DecideClaim, ReviewClaim, WithdrawClaim
from gongji.claim.submit import SubmitClaim
from gongji.filing.make import EndFiling, File
from gongji.model.binding import Application
from gongji.model.claim import ClaimForm
from gongji.model.commands import Command
from gongji.registry.erasure import Erase
from gongji.settlement.resettle import Resettle
from gongji.settlement.reverse import Reverse
from gongji.settlement.settle import Settle
from gongji.v1 import (
    access_pb2,
    account_pb2,
    binding_pb2,
    claim_pb2,
    consequence_pb2,
    filing_pb2,
    settlement_pb2,
    wallet_pb2,
)
from gongji.wallet.ending import AcceptTransfer, DeclineTransfer
from gongji.wallet.opening import ChangeWalletPlace, OpenWallet
from gongji.wallet.sending import SendTransfer
from msgspec import Struct

REQUESTS: Final[dict[type[Command[Any]], Any]] = {
    Settle: settlement_pb2.SettleRequest,
    Reverse: settlement_pb2.ReverseRequest,
    Resettle: consequence_pb2.ResettleRequest,
    ResettleCredit: consequence_pb2.ResettleRequest,
    RefundLate: consequence_pb2.ResettleRequest,
    Submit: binding_pb2.SubmitBindingRequest,
    RecordConsent: binding_pb2.RecordConsentRequest,
    Review: binding_pb2.ReviewBindingRequest,
    Unbind: binding_pb2.UnbindRequest,
    CreditAccount: account_pb2.CreditRequest,
    BringForward: account_pb2.CreditRequest,
    TakeBackCredit: account_pb2.TakeBackCreditRequest,
    CorrectCredit: account_pb2.CorrectCreditRequest,
    SubmitClaim: claim_pb2.SubmitClaimRequest,
    ReviewClaim: claim_pb2.ReviewClaimRequest,
    DecideClaim: claim_pb2.DecideClaimRequest,
    WithdrawClaim: claim_pb2.WithdrawClaimRequest,
    File: filing_pb2.FileRequest,
    EndFiling: filing_pb2.EndFilingRequest,
    PayPremium: account_pb2.PayPremiumRequest,
    RefundPremium: account_pb2.RefundPremiumRequest,
    Erase: access_pb2.ErasePersonRequest,
    OpenWallet: wallet_pb2.OpenWalletRequest,
    ChangeWalletPlace: wallet_pb2.ChangeWalletPlaceRequest,
    SendTransfer: wallet_pb2.TransferRequest,
    AcceptTransfer: wallet_pb2.AcceptTransferRequest,
    DeclineTransfer: wallet_pb2.DeclineTransferRequest,
}


FORMS: Final[dict[type[Command[Any]], type[Struct]]] = {
    Submit: Application,
    SubmitClaim: ClaimForm,
}
"""Commands whose content is the fields of what is handed in."""


def commands(root: type[Command[Any]] = Command) -> Iterator[type[Command[Any]]]:
    """Yield every command of the service that is requested under an id."""
    for kind in root.__subclasses__():
        if kind.__module__.startswith("gongji.") and hasattr(kind, "answer_type"):
            yield kind
        yield from commands(kind)


def paths(kind: type[Command[Any]]) -> Iterator[str]:
    """Yield the paths in a request by which what differs is named."""
    form = FORMS.get(kind)
    hints = get_type_hints(form or kind)
    own = form.__struct_fields__ if form else kind.content_names()
    for name in own:
        wire = dict(kind.wire).get(name, name)
        yield wire
        for struct in structs(hints[name]):
            yield from (f"{wire}.{field}" for field in struct.__struct_fields__)


GIVEN: Final = frozenset({"bill.claim_id"})
"""What the service itself gives what is stored: no request says it, and none differs in it."""


def structs(hint: Any) -> Iterator[type[Struct]]:
    """Yield the records that a value of a type is or holds."""
    if isinstance(hint, type) and issubclass(hint, Struct):
        yield hint
    for part in get_args(hint):
        yield from structs(part)


def test_every_command_has_its_request() -> None:
    """No command that is requested under an id is left out of the table."""
    assert set(REQUESTS) == set(commands())


@pytest.mark.parametrize("kind", REQUESTS, ids=lambda kind: kind.__name__)
def test_a_path_is_one_of_the_request(kind: type[Command[Any]]) -> None:
    """Each path by which a difference is named leads to a field of the request."""
    for path in set(paths(kind)) - GIVEN:
        message = REQUESTS[kind].DESCRIPTOR
        for step in path.split("."):
            assert message is not None, path
            assert step in message.fields_by_name, path
            message = message.fields_by_name[step].message_type
