"""Care beyond the city on the demo's days: filings, bills elsewhere, claims, wallets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import grpc
from msgspec import Struct

from gongji.cli.demo.day import DemoDay, bill_of, cited, new_id, person_ref, refused
from gongji.client.connection import refusal_of
from gongji.rules import money
from gongji.rules.codes import SHANGHAI
from gongji.v1 import (
    binding_pb2,
    claim_pb2,
    claim_pb2_grpc,
    filing_pb2,
    filing_pb2_grpc,
    settlement_pb2,
    settlement_pb2_grpc,
    types_pb2,
    wallet_pb2,
    wallet_pb2_grpc,
)

_CLAIMS: Final = {
    claim_pb2.CLAIM_STATE_SUBMITTED: "待初审",
    claim_pb2.CLAIM_STATE_REVIEWED: "待复核",
    claim_pb2.CLAIM_STATE_PAID: "已支付",
}
"""The states a claim comes to on the demo's days."""


class StepAnswer(Struct, frozen=True):
    """What a step was answered: in words, by which rules, and the id of what it made."""

    result: str
    rules: Iterable[types_pb2.RuleRef] = ()
    remark: str = ""
    made: str = ""


class StepsElsewhere:
    """Steps of one story, each with the service's answer, printed as one table."""

    def __init__(self, day: DemoDay) -> None:
        self._day = day
        self._filings = filing_pb2_grpc.FilingServiceStub(day.channel)
        self._claims = claim_pb2_grpc.ClaimServiceStub(day.channel)
        self._settlements = settlement_pb2_grpc.SettlementServiceStub(day.channel)
        self._wallets = wallet_pb2_grpc.WalletServiceStub(day.channel)
        self._rows: list[dict[str, str]] = []

    def _take(self, step: str, call: Callable[[], StepAnswer]) -> str:
        """Take a step; return the id of what it made, "" if it was refused."""
        try:
            answered = call()
        except grpc.RpcError as error:
            self._rows.append({"步骤": step} | refused(refusal_of(error)))
            return ""
        clauses = (clause for rule in answered.rules for clause in rule.clauses)
        row = {"结果": answered.result, "依据": cited(clauses), "说明": answered.remark}
        self._rows.append({"步骤": step} | row)
        return answered.made

    def table(self, title: str) -> None:
        """Print the steps since the last table."""
        self._day.table(title, self._rows)
        self._rows = []

    # --- filings and bills elsewhere --------------------------------------------------

    def file_emergency(self, step: str, person: str, area: str, since: str) -> str:
        """File an emergency; return its number."""
        request = filing_pb2.FileRequest(
            request_id=new_id(),
            person=person_ref(person),
            kind=filing_pb2.FILING_KIND_EMERGENCY,
            areas=[area],
            since=since,
        )

        def file() -> StepAnswer:
            filing = self._filings.File(request).filing
            covers = f"{filing.since} 至 {filing.until} 有效"
            return StepAnswer("已备案", [filing.rule], covers, filing.filing_no)

        return self._take(step, file)

    def settle(self, step: str, bill: settlement_pb2.Bill) -> str:
        """Settle a bill directly; return the settlement's id."""
        request = settlement_pb2.SettleRequest(request_id=new_id(), bill=bill)

        def settle() -> StepAnswer:
            settled = self._settlements.Settle(request).settlement
            fund = settled.lines[0]
            result = (
                f"统筹基金 {money.yuan(settled.fund_fen)} 元，"
                f"个人账户 {money.yuan(settled.account_fen)} 元"
            )
            return StepAnswer(result, [fund.rule], fund.in_words, settled.settlement_id)

        return self._take(step, settle)

    # --- claims -----------------------------------------------------------------------

    def claim(
        self, step: str, bill: settlement_pb2.Bill, invoice: str, papers: Iterable[str]
    ) -> str:
        """Hand in a claim of a bill with one invoice and some papers; return its id."""
        request = claim_pb2.SubmitClaimRequest(
            request_id=new_id(),
            bill=bill,
            invoices=[
                claim_pb2.ClaimInvoice(invoice_no=invoice, total_fen=bill.total_fen)
            ],
            reason=claim_pb2.CLAIM_REASON_NOT_FILED,
            materials=[
                binding_pb2.Material(kind=paper, original=True, reference="demo/窗口")
                for paper in papers
            ],
        )
        return self._take(
            step, lambda: self._claimed(self._claims.SubmitClaim(request).claim)
        )

    def review(self, step: str, claim_id: str, reviewer: str) -> None:
        """Pass a claim on."""
        request = claim_pb2.ReviewClaimRequest(
            request_id=new_id(),
            claim_id=claim_id,
            reviewer=reviewer,
            verdict=claim_pb2.CLAIM_REVIEW_VERDICT_PASS,
        )
        self._take(step, lambda: self._claimed(self._claims.ReviewClaim(request).claim))

    def decide(self, step: str, claim_id: str, decider: str) -> None:
        """Pay a claim."""
        request = claim_pb2.DecideClaimRequest(
            request_id=new_id(),
            claim_id=claim_id,
            decider=decider,
            decision=claim_pb2.CLAIM_DECISION_PAY,
        )
        self._take(step, lambda: self._claimed(self._claims.DecideClaim(request).claim))

    def _claimed(self, claim: claim_pb2.Claim) -> StepAnswer:
        due = claim.due_at.ToDatetime(tzinfo=SHANGHAI)
        remark = f"{due:%Y-%m-%d %H:%M} 前办结"
        if claim.state == claim_pb2.CLAIM_STATE_PAID:
            remark = f"付给{self._day.name(claim.bill.patient.person_no)} "
            remark += f"{money.yuan(claim.paid_fen)} 元，与直接结算相同"
        return StepAnswer(_CLAIMS[claim.state], [claim.rule], remark, claim.claim_id)

    # --- wallets ----------------------------------------------------------------------

    def open_wallet(self, step: str, person: str, use_place: str) -> None:
        """Open a wallet to be used in a place."""
        request = wallet_pb2.OpenWalletRequest(
            request_id=new_id(),
            person=person_ref(person),
            use_place=use_place,
            phone=self._day.phone(person),
        )

        def opened() -> StepAnswer:
            reply = self._wallets.OpenWallet(request)
            remark = f"使用地 {reply.wallet.use_place}"
            return StepAnswer("已开通", [reply.rule], remark)

        self._take(step, opened)

    def transfer(
        self, step: str, sender: str, receiver: str, yuan: str, relation: str = "10"
    ) -> str:
        """Transfer money to a relative's wallet; return the transfer's id."""
        request = wallet_pb2.TransferRequest(
            request_id=new_id(),
            sender=person_ref(sender),
            receiver=person_ref(receiver),
            relation=relation,
            fen=money.fen(yuan),
        )

        def sent() -> StepAnswer:
            transfer = self._wallets.Transfer(request).transfer
            back = transfer.returns_at.ToDatetime(tzinfo=SHANGHAI)
            remark = f"{back:%Y-%m-%d %H:%M} 前未接收的退回"
            return StepAnswer("待接收", transfer.rules, remark, transfer.transfer_id)

        return self._take(step, sent)

    def accept(self, step: str, receiver: str, transfer_id: str) -> None:
        """Accept a transfer."""
        request = wallet_pb2.AcceptTransferRequest(
            request_id=new_id(), receiver=person_ref(receiver), transfer_id=transfer_id
        )

        def accepted() -> StepAnswer:
            reply = self._wallets.AcceptTransfer(request)
            remark = f"钱包余额 {money.yuan(reply.balance_after_fen)} 元"
            return StepAnswer("已接收", reply.transfer.rules, remark)

        self._take(step, accepted)


def bill_elsewhere(
    patient: str, institution: str, day: str, in_scope: str
) -> settlement_pb2.Bill:
    """Return an ordinary bill of a day, in scope throughout, paid in cash."""
    use = settlement_pb2.ACCOUNT_USE_NONE
    bill = bill_of(patient, institution, money.fen(in_scope), use)
    bill.service_day = day
    return bill
