"""A channel's start with gongji in Python; the argument is a sample family's application."""

from __future__ import annotations

import os
import sys
from typing import Any

import grpc
from gongji.v1 import binding_pb2, settlement_pb2
from grpc_health.v1 import health_pb2
from money import fen, in_yuan
from refusal import refusal_of
from sample import prepared
from service import Service
from watch import events_of, health_of


def check_health(service: Service) -> None:
    """Ask once, and watch."""
    name = health_pb2.HealthCheckResponse.ServingStatus.Name
    asked = health_pb2.HealthCheckRequest()
    print(f"健康检查：{name(service.call(service.health.Check, asked).status)}")
    print(f"结算服务现在：{health_of(service, 'gongji.v1.SettlementService')}")


def ask_only(service: Service, application: binding_pb2.SubmitBindingRequest) -> None:
    """Apply with too little, deciding only: what is unmet comes whole, with what to do."""
    bare = binding_pb2.SubmitBindingRequest(validate_only=True, explain=True)
    bare.MergeFrom(application)
    bare.ClearField("agreement")
    bare.ClearField("identity_checks")
    unmet = service.call(service.bindings.SubmitBinding, bare).unmet
    print(f"绑定（只问不办）：{unmet.reason}，{len(unmet.conditions)} 个条件不符合：")
    for one in unmet.conditions:
        code, clauses = binding_pb2.ConditionCode.Name(one.code), ",".join(one.clauses)
        print(f"  {code} {one.fields[0].path}（{clauses}）：{one.message}")
        for step in one.ways[0].steps if one.ways else ():
            print(f"    办法：{step.text}")


def bind(service: Service, application: binding_pb2.SubmitBindingRequest) -> Any:
    """Apply for the holder, and record the member's consent if the city asks for it."""
    service.act_for(application.holder)
    ask_only(service, service.numbered(application))
    binding = service.call(service.bindings.SubmitBinding, application).binding
    if binding.state == binding_pb2.BINDING_STATE_AWAITING_CONSENT:
        service.act_for(application.member)
        given = binding_pb2.RecordConsentRequest(binding_id=binding.binding_id)
        given.consent.method = binding_pb2.CONSENT_METHOD_OWN_ACCOUNT
        given.consent.at.GetCurrentTime()
        consent = service.numbered(given)
        binding = service.call(service.bindings.RecordConsent, consent).binding
    print(f"绑定：{state_of(binding)}")
    under_review = binding.state == binding_pb2.BINDING_STATE_UNDER_REVIEW
    return approved(service, binding) if under_review else binding


def approved(service: Service, binding: binding_pb2.Binding) -> Any:
    """Approve, as the operator of a trial may; a channel waits for the city's reviewer."""
    review = binding_pb2.ReviewBindingRequest(reviewer="clerk-1")
    review.binding_id = binding.binding_id
    review.verdict = binding_pb2.REVIEW_VERDICT_APPROVE
    reply = service.call(service.bindings.ReviewBinding, service.numbered(review))
    print(f"审核通过：{state_of(reply.binding)}")
    return reply.binding


def settle(service: Service, bill: settlement_pb2.Bill) -> str:
    """Settle, and send the same request again as if the reply were lost: it pays once."""
    quote = settlement_pb2.QuoteRequest(bill=bill)
    quoted = service.call(service.settlements.Quote, quote).settlement
    account, aid = in_yuan(quoted.account_fen), in_yuan(quoted.aid_fen)
    fund, cash = in_yuan(quoted.fund_fen), in_yuan(quoted.cash_fen)
    print(f"预结算：统筹 {fund}，账户 {account}（共济 {aid}），现金 {cash}")
    request = service.numbered(settlement_pb2.SettleRequest(bill=bill))
    settled = service.call(service.settlements.Settle, request).settlement
    again = service.call(service.settlements.Settle, request)
    same, replayed = again.settlement.settlement_id, str(again.receipt.replayed).lower()
    print(f"结算：{settled.settlement_id}；同号重发：{same}，replayed = {replayed}")
    return str(settled.settlement_id)


def reverse(service: Service, settlement_id: str) -> None:
    """Reverse, and once more under a new id, which is refused."""
    request = settlement_pb2.ReverseRequest(settlement_id=settlement_id, why="患者退费")
    method = service.settlements.Reverse
    for refund in service.call(method, service.numbered(request)).refunds:
        print(f"撤销：{in_yuan(refund.fen)} 退回 {refund.purse} 的账户")
    try:
        service.call(method, service.numbered(request))
    except grpc.RpcError as error:
        refused = refusal_of(error)
        print(f"再撤一次，被拒绝：{refused.reason} {refused.message}")


def list_all(service: Service, bill: settlement_pb2.Bill) -> None:
    """Read the patient's rows page by page: only a page without a token is the last."""
    day, pages, rows = bill.service_day, 0, 0
    request = settlement_pb2.ListSettlementsRequest(from_day=day, to_day=day)
    request.patient.CopyFrom(bill.patient)
    request.page.size = 1
    while not pages or request.page.token:
        reply = service.call(service.settlements.ListSettlements, request)
        pages, rows = pages + 1, rows + len(reply.rows)
        request.page.token = reply.next_page_token
    print(f"列出：{pages} 页，{rows} 行")


def unbind(service: Service, binding: binding_pb2.Binding) -> None:
    """End a binding for its holder."""
    request = binding_pb2.UnbindRequest(binding_id=binding.binding_id)
    request.channel = binding.channel
    numbered = service.numbered(request)
    print(f"解绑：{state_of(service.call(service.bindings.Unbind, numbered).binding)}")


def watch(service: Service, people: list[Any], cursor: str) -> None:
    """Tell three events since a cursor, and after a break the rest: none is missed."""
    first, cursor = events_of(service, people, cursor, 3)
    rest, _ = events_of(service, people, cursor, 100)
    print(f"事件：{'、'.join(first)}；断开再续：{'、'.join(rest)}")


def state_of(binding: binding_pb2.Binding) -> str:
    """Return a binding's id and state."""
    return f"{binding.binding_id} {binding_pb2.BindingState.Name(binding.state)}"


def main(path: str) -> None:
    """Do everything once."""
    service = Service(os.environ["GONGJI_TARGET"])
    check_health(service)
    application, bill = prepared(path)
    bill.total_fen = bill.in_scope_fen = fen("2000.50")
    people = [application.holder, application.member]
    _, begun = events_of(service, people, "", 0)
    binding = bind(service, application)
    service.act_for(bill.patient)
    reverse(service, settle(service, bill))
    list_all(service, bill)
    service.act_for(application.holder)
    unbind(service, binding)
    watch(service, people, begun)
    service.close()


if __name__ == "__main__":
    main(sys.argv[1])
