"""What late facts change, read from a service, in words; and made good one by one."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from gongji.client.connection import refusal_of
from gongji.rules.codes import BindingState
from gongji.rules.money import yuan
from gongji.v1 import consequence_pb2 as pb
from gongji.v1 import settlement_pb2, types_pb2
from gongji.v1.consequence_pb2_grpc import ConsequenceServiceStub

PAYERS: Final[Mapping[int, str]] = {
    settlement_pb2.PAYER_FUND: "统筹基金",
    settlement_pb2.PAYER_OWN_PURSE: "本人个人账户",
    settlement_pb2.PAYER_GIVER_PURSE: "授权人个人账户",
    settlement_pb2.PAYER_WALLET: "本人医保钱包",
    settlement_pb2.PAYER_CASH: "个人现金",
}

_STATES: Final = {
    BindingState.ACTIVE: "生效",
    BindingState.SUSPENDED: "暂停",
    BindingState.ENDED: "终止",
}


@dataclass(frozen=True, slots=True)
class LateScope:
    """Whose consequences: of an import, else since an instant."""

    import_id: str = ""
    since: datetime | None = None

    def request(self) -> pb.ConsequencesRequest:
        """Return the request."""
        if self.since is None:
            return pb.ConsequencesRequest(import_id=self.import_id)
        stamp = Timestamp()
        stamp.FromDatetime(self.since)
        return pb.ConsequencesRequest(since=stamp)


def read(channel: grpc.Channel, scope: LateScope) -> Iterator[pb.ConsequencesResponse]:
    """Yield progress and consequences as the service tells them. grpc.RpcError."""
    yield from ConsequenceServiceStub(channel).Consequences(scope.request())


def as_json(reply: Message) -> dict[str, Any]:
    """Return a message as JSON, its fields named as in the protos."""
    return MessageToDict(reply, preserving_proto_field_name=True)


# --- in words -------------------------------------------------------------------------


def in_words(reply: pb.ConsequencesResponse) -> Iterator[str]:
    """Yield the lines that tell a consequence: what, and the facts behind it."""
    kind = reply.WhichOneof("message") or ""
    consequence = getattr(reply, kind)
    yield from _WORDS[kind](consequence)
    for fact in consequence.facts:
        yield f"  事实：{_fact(fact)}"


def _settlement(consequence: pb.SettlementConsequence) -> Iterator[str]:
    stored = consequence.stored
    bill = stored.bill
    yield (
        f"结算 {stored.settlement_id}（患者 {bill.patient.person_no}，"
        f"就诊日 {bill.service_day}，机构 {bill.institution_code}）："
        f"{_now(consequence)}"
    )
    if consequence.follows:
        yield f"  随同年度在前的结算 {consequence.follows} 变动"


def _now(consequence: pb.SettlementConsequence | pb.SettledAgain) -> str:
    refusal = consequence.refusal
    if refusal.reason:
        return f"按现在所知不予结算：{refusal.message}{_cited(refusal.clauses)}"
    return (
        differences(consequence.differences) or "各方所付不变，起付线或限额的累计不同"
    )


def differences(amounts: Iterable[settlement_pb2.PayerDifference]) -> str:
    """Return who pays otherwise; "" if nobody."""
    return "；".join(
        f"{PAYERS[d.payer]}{f' {d.purse}' if d.purse else ''} "
        f"{yuan(d.stored_fen)} → {yuan(d.fen)} 元（{_signed(d.fen - d.stored_fen)}）"
        for d in amounts
    )


def _credit(consequence: pb.CreditConsequence) -> Iterator[str]:
    head = f"划入 {consequence.person_no} {consequence.month}："
    if consequence.refusal.reason:
        yield f"{head}应划入多少现在说不出：{consequence.refusal.message}"
        return
    owed = (
        f"，其中 {yuan(consequence.owed_fen)} 元已用掉，列为欠款"
        if consequence.owed_fen
        else ""
    )
    difference = _signed(consequence.due_fen - consequence.credited_fen)
    yield (
        f"{head}已划入 {yuan(consequence.credited_fen)} 元，应为 {yuan(consequence.due_fen)} 元"
        f"（{difference}）{owed}{_cited(consequence.rule.clauses)}"
    )


def _premium(consequence: pb.PremiumConsequence) -> Iterator[str]:
    yield (
        f"代缴 {consequence.premium_id}（{consequence.holder} 为 "
        f"{consequence.member} 缴 {consequence.year} 年度，"
        f"{yuan(consequence.fen)} 元）：缴费当日不符合条件"
    )
    for condition in consequence.conditions:
        yield f"  {condition.message}{_cited(condition.rule.clauses)}"


def _binding(consequence: pb.BindingConsequence) -> Iterator[str]:
    before, now = (
        _STATES[BindingState(s)] for s in (consequence.before, consequence.now)
    )
    why = (
        f"：{consequence.why}{_cited(consequence.rule.clauses)}"
        if consequence.why
        else ""
    )
    yield (
        f"绑定 {consequence.binding_id}（授权人 {consequence.holder}，"
        f"使用人 {consequence.member}）："
        f"{before} → {now}，自 {consequence.since} 起{why}"
    )
    if consequence.settlement_ids:
        yield f"  其间用过它的结算：{'、'.join(consequence.settlement_ids)}"


_WORDS: Final[dict[str, Any]] = {
    "settlement": _settlement,
    "credit": _credit,
    "premium": _premium,
    "binding": _binding,
}


def _fact(fact: pb.FactBehind) -> str:
    differing = "；".join(fact.differences) or "有更正"
    return f"{fact.record}（修订 {fact.decided_on} → {fact.known_now}）{differing}"


def _cited(clauses: Iterable[types_pb2.Clause]) -> str:
    numbers = "、".join(clause.id for clause in clauses)
    return f"（{numbers}）" if numbers else ""


def _signed(fen: int) -> str:
    return f"+{yuan(fen)}" if fen > 0 else yuan(fen)


def again_in_words(again: pb.SettledAgain) -> str:
    """Return what became of a settlement that was settled again."""
    before, after = again.before, again.after
    in_place = f"，现为 {after.settlement_id}" if after.settlement_id else ""
    return f"结算 {before.settlement_id} 已撤回{in_place}：{_now(again)}"


# --- made good ------------------------------------------------------------------------


class MakingGood:
    """Settles again what is told, each year of a patient once."""

    def __init__(self, channel: grpc.Channel, why: str) -> None:
        self._service = ConsequenceServiceStub(channel)
        self._why = why
        # Those of one year are told one after the other.
        self._year: tuple[str, str] | None = None
        self.failed = 0

    def make_good(self, reply: pb.ConsequencesResponse) -> str:
        """Settle a consequence again; return what came of it, "" if nothing was to do."""
        request = self._request(reply)
        if request is None:
            return ""
        try:
            done = self._done(request)
        except grpc.RpcError as error:
            refusal = refusal_of(error)
            if not refusal.reason:
                raise
            self.failed += 1
            return f"未能重新结算：{refusal.message}"
        return done

    def _done(self, request: pb.ResettleRequest) -> str:
        """Settle again, in as many commits as it takes; return what was done."""
        reply = self._service.Resettle(request)
        count = len(reply.settlements)
        while reply.next_settlement_id:
            request.request_id = str(uuid.uuid4())
            request.settlement_id = reply.next_settlement_id
            reply = self._service.Resettle(request)
            count += len(reply.settlements)
        return f"已重新结算 {count} 笔" if count else _done(reply)

    def _request(self, reply: pb.ConsequencesResponse) -> pb.ResettleRequest | None:
        kind = reply.WhichOneof("message")
        request = pb.ResettleRequest(request_id=str(uuid.uuid4()), why=self._why)
        if kind == "settlement":
            stored = reply.settlement.stored
            year = (stored.bill.patient.person_no, stored.bill.service_day[:4])
            if year == self._year:
                return None
            self._year = year
            request.settlement_id = stored.settlement_id
            request.later = True
        elif kind == "credit":
            request.credit.person.person_no = reply.credit.person_no
            request.credit.month = reply.credit.month
        elif kind == "premium":
            premium = reply.premium
            request.premium.premium_id = premium.premium_id
            request.premium.member.person_no = premium.member
            request.premium.year = premium.year
        else:
            # Bindings follow by themselves.
            return None
        return request


def _done(reply: pb.ResettleResponse) -> str:
    if reply.HasField("credit"):
        credit = reply.credit
        owed = f"，欠 {yuan(credit.owed_fen)} 元" if credit.owed_fen else ""
        return f"已补差 {_signed(credit.movement.fen)} 元{owed}"
    return f"已退回 {yuan(reply.premium.movement.fen)} 元"
