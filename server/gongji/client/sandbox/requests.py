"""Requests of sample people that a sandbox accepts as they are, city by city."""

from __future__ import annotations

import json
import shlex
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from gongji.client.connection import refusal_of
from gongji.client.sandbox.applications import REGISTER, Applications
from gongji.rules import money
from gongji.v1 import (
    account_pb2,
    binding_pb2,
    binding_pb2_grpc,
    settlement_pb2,
    settlement_pb2_grpc,
    types_pb2,
)

STATES: Final = {
    binding_pb2.BINDING_STATE_AWAITING_CONSENT: "待使用人同意",
    binding_pb2.BINDING_STATE_UNDER_REVIEW: "审核中",
    binding_pb2.BINDING_STATE_ACTIVE: "已生效",
    binding_pb2.BINDING_STATE_REFUSED: "审核未通过",
    binding_pb2.BINDING_STATE_EXPIRED: "已过期",
    binding_pb2.BINDING_STATE_ENDED: "已解绑",
    binding_pb2.BINDING_STATE_SUSPENDED: "已暂停",
}
"""What people call the states of a binding."""

FEN: Final = 2_000_00
"""What each sample bill comes to."""


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """A request that can be sent as it is: to which method, and what to expect of it."""

    title: str
    method: str
    message: Message
    expected: str
    fault: str = ""

    @property
    def body(self) -> str:
        """The message as JSON, its fields called as in the protos, one a line."""
        fields = MessageToDict(self.message, preserving_proto_field_name=True)
        lines = [
            f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}"
            for name, value in fields.items()
        ]
        if len(lines) == 1:
            return f"{{{lines[0]}}}"
        return "{\n    " + ",\n    ".join(lines) + "\n  }"

    def buf(self, address: str, buf: str) -> str:
        """Return the shell command that sends it by `buf curl`."""
        header = f"-H {shlex.quote(self._header)} " if self.fault else ""
        return (
            f"{buf} curl --protocol grpc --http2-prior-knowledge {header}\\\n"
            f"  -d {shlex.quote(self.body)} \\\n  http://{address}/gongji.v1.{self.method}"
        )

    def grpcurl(self, address: str) -> str:
        """Return the shell command that sends it by grpcurl."""
        header = f"-H {shlex.quote(self._header)} " if self.fault else ""
        return (
            f"grpcurl -plaintext {header}-d {shlex.quote(self.body)} \\\n"
            f"  {address} gongji.v1.{self.method}"
        )

    @property
    def _header(self) -> str:
        return f"x-gongji-sandbox-fault: {self.fault}"


@dataclass(frozen=True, slots=True)
class SampleFamily:
    """A pair that may bind at once, and where the member is treated."""

    holder: str
    member: str
    relation: str
    channel: str
    institution: str
    # A relation of which the member is no such relative, or not of the pooling area.
    stranger: str


FAMILIES: Final = {
    "3411": SampleFamily("CZ001", "CZ005", "20", "wanshitong", "H34110000003", "AQ001"),
    "3408": SampleFamily("AQ001", "AQ002", "10", "wanshitong", "H34080000003", "CZ001"),
    "3410": SampleFamily(
        "HS001", "HS002", "10", "minip_wechat", "H34100000003", "CZ001"
    ),
}
"""A family of each city, by the first four digits of its area code."""


class SampleRequests:
    """Makes requests of a sandbox's sample families, dated by its clock."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.applications = Applications(channel)
        self._bindings = binding_pb2_grpc.BindingServiceStub(channel)
        self._settlements = settlement_pb2_grpc.SettlementServiceStub(channel)

    def of_city(self, area_code: str, day: str) -> Iterator[SampleRequest]:
        """Yield the requests of a city on a day; none if nobody of the sample lives there."""
        family = FAMILIES.get(area_code[:4])
        if family is None:
            return
        yield self._binding(family)
        yield from self._reviews(family)
        bill = _bill(family, day)
        yield self._quote(bill)
        settle = settlement_pb2.SettleRequest(request_id=new_id(), bill=bill)
        yield SampleRequest(
            "结算",
            "SettlementService/Settle",
            settle,
            "与预结算相同；原样再发一次，receipt.replayed 为 true，钱没有再动",
        )
        reverse = settlement_pb2.ReverseRequest(
            request_id=new_id(), settle_request_id=settle.request_id, why="试用"
        )
        yield SampleRequest(
            "撤销这一笔结算",
            "SettlementService/Reverse",
            reverse,
            "以结算的 request_id 指明；钱退回原来的账户",
        )
        yield from self._lost(bill)
        yield self._refused(family)

    def _binding(self, family: SampleFamily) -> SampleRequest:
        request = self._application(family, family.member)
        return SampleRequest(
            f"绑定：{self._called(family.holder)}授权给{self._called(family.member)}",
            "BindingService/SubmitBinding",
            request,
            self._decided(request),
        )

    def _application(
        self, family: SampleFamily, member: str
    ) -> binding_pb2.SubmitBindingRequest:
        holder, relation, channel = family.holder, family.relation, family.channel
        materials = (REGISTER,)
        return self.applications.of(
            holder, member, relation, channel, materials, consent=True
        )

    def _decided(self, request: binding_pb2.SubmitBindingRequest) -> str:
        """Say how an application would be decided now."""
        asked = binding_pb2.SubmitBindingRequest()
        asked.CopyFrom(request)
        asked.validate_only = True
        try:
            binding = self._bindings.SubmitBinding(asked).binding
        except grpc.RpcError as error:
            refusal = refusal_of(error)
            return f"此刻会被拒绝（{refusal.reason}）：{refusal.message}"
        decided = f"接受：{STATES[binding.state]}"
        if binding.state == binding_pb2.BINDING_STATE_UNDER_REVIEW:
            decided += "；办理之后重新载入本页，下一步即是审核通过"
        return decided

    def _reviews(self, family: SampleFamily) -> Iterator[SampleRequest]:
        """Yield the approval of each binding of the holder that is under review."""
        asked = binding_pb2.ListBindingsRequest(
            holder=types_pb2.PersonRef(person_no=family.holder),
            state=binding_pb2.BINDING_STATE_UNDER_REVIEW,
        )
        for binding in self._bindings.ListBindings(asked).bindings:
            review = binding_pb2.ReviewBindingRequest(
                request_id=new_id(),
                binding_id=binding.binding_id,
                reviewer="R001",
                verdict=binding_pb2.REVIEW_VERDICT_APPROVE,
            )
            yield SampleRequest(
                f"审核通过绑定 {binding.binding_id}",
                "BindingService/ReviewBinding",
                review,
                "已生效",
            )

    def _quote(self, bill: settlement_pb2.Bill) -> SampleRequest:
        request = settlement_pb2.QuoteRequest(bill=bill)
        try:
            quoted = self._settlements.Quote(request).settlement
        except grpc.RpcError as error:
            expected = f"此刻会被拒绝：{refusal_of(error).message}"
        else:
            expected = (
                f"此刻：统筹基金 {money.yuan(quoted.fund_fen)} 元，"
                f"个人账户 {money.yuan(quoted.account_fen)} 元"
                f"（其中共济 {money.yuan(quoted.aid_fen)} 元），"
                f"现金 {money.yuan(quoted.cash_fen)} 元"
            )
        patient = self._called(bill.patient.person_no)
        title = f"预结算：{patient}门诊 {money.yuan(FEN)} 元"
        return SampleRequest(title, "SettlementService/Quote", request, expected)

    def _lost(self, bill: settlement_pb2.Bill) -> Iterator[SampleRequest]:
        """Yield a settlement whose reply is lost, and the same again."""
        settle = settlement_pb2.SettleRequest(request_id=new_id(), bill=bill)
        yield SampleRequest(
            "结算，答复丢失",
            "SettlementService/Settle",
            settle,
            "以 UNAVAILABLE 结束，而结算已经做了",
            fault="lost-reply",
        )
        yield SampleRequest(
            "同号重发，查明上一笔",
            "SettlementService/Settle",
            settle,
            "receipt.replayed 为 true，这就是丢失的答复",
        )

    def _refused(self, family: SampleFamily) -> SampleRequest:
        request = self._application(family, family.stranger)
        stranger = self._called(family.stranger)
        return SampleRequest(
            f"一次拒绝：授权给不是亲属的{stranger}",
            "BindingService/SubmitBinding",
            request,
            self._decided(request),
        )

    def _called(self, person_no: str) -> str:
        name = self.applications.people[person_no]["name"]
        return f"{name}（{person_no}）"


def account_of(person_no: str) -> SampleRequest:
    """Return the request for a person's balance."""
    person = types_pb2.PersonRef(person_no=person_no)
    return SampleRequest(
        "查余额",
        "AccountService/GetAccount",
        account_pb2.GetAccountRequest(person=person),
        "余额，单位分",
    )


def _bill(family: SampleFamily, day: str) -> settlement_pb2.Bill:
    return settlement_pb2.Bill(
        patient=types_pb2.PersonRef(person_no=family.member),
        institution_code=family.institution,
        service_day=day,
        visit_kind=settlement_pb2.VISIT_KIND_OUTPATIENT,
        total_fen=FEN,
        in_scope_fen=FEN,
        account_use=settlement_pb2.ACCOUNT_USE_CITY_ORDER,
        spending=settlement_pb2.SPENDING_MEDICAL,
    )


def new_id() -> str:
    """Return a new request id."""
    return str(uuid.uuid4())
