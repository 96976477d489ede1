"""The honest half of the scripted server: executes each request id once, remembers it, and knows what is true."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import grpc
from gongji.v1 import binding_pb2, settlement_pb2, types_pb2
from google.protobuf.message import Message

from gongji_conformance.client.acts import Refuse

AT: Final = datetime(2025, 9, 30, 2, 0, tzinfo=UTC)
"""The desk's only instant: ten in the morning in Shanghai."""

SETTLED: Final = "S00000000000000000000000001"
"""A settlement that is there from the beginning; what a reversal takes back."""

TOKEN_INVALID: Final = Refuse(
    grpc.StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID", "翻页令牌不属于这一查询, 请从第一页重来"
)
_NO_SETTLEMENT: Final = Refuse(grpc.StatusCode.NOT_FOUND, "SETTLEMENT_NOT_FOUND", "没有这笔结算, 请核对结算编号")
_NO_BINDING: Final = Refuse(grpc.StatusCode.NOT_FOUND, "BINDING_NOT_FOUND", "没有这个绑定, 请核对编号")
_REUSED: Final = Refuse(grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED", "request_id 已用于另一请求")


class Desk:
    """One scenario's business. `pages` are the settlement ids a list shows, page by page.

    With `forgets` no page token is recognised.
    """

    def __init__(self, pages: Sequence[Sequence[str]] = (), *, forgets: bool = False) -> None:
        self.executed: list[Message] = []
        self.pages = pages
        self.settlements: dict[str, settlement_pb2.Settlement] = {}
        self.bindings: dict[str, binding_pb2.Binding] = {}
        self._forgets = forgets
        self._tokens: dict[str, tuple[int, bytes]] = {}
        self._first: dict[str, tuple[Message, Message]] = {}
        self._handlers: Mapping[type[Message], Callable[[Any], Message | Refuse]] = {
            settlement_pb2.QuoteRequest: self._quote,
            settlement_pb2.SettleRequest: self._settle,
            settlement_pb2.ReverseRequest: self._reverse,
            settlement_pb2.GetSettlementRequest: self._get,
            settlement_pb2.ListSettlementsRequest: self._list,
            binding_pb2.SubmitBindingRequest: self._submit,
            binding_pb2.GetBindingRequest: self._get_binding,
        }
        self._book(SETTLED, settlement_pb2.Bill(total_fen=100_00, in_scope_fen=100_00))

    @property
    def requests(self) -> tuple[type[Message], ...]:
        """The kinds of request it understands."""
        return tuple(self._handlers)

    def execute(self, request: Any) -> Message | Refuse:
        """The reply; the first one again, marked replayed, where the request id is known."""
        request_id = getattr(request, "request_id", "")
        if request_id in self._first:
            original, first = self._first[request_id]
            return _replayed(first) if original == request else _REUSED
        reply = self._handlers[type(request)](request)
        if request_id and not isinstance(reply, Refuse) and not getattr(request, "validate_only", False):
            self.executed.append(request)
            self._first[request_id] = (request, reply)
        return reply

    def truth(self, task: Mapping[str, Any]) -> dict[str, object]:
        """What a client that has done the task has to tell."""
        match task["do"]:
            case "quote":
                return {"fund_fen": int(task["bill"]["in_scope_fen"]) // 2}
            case "settle":
                made = [s for s in self.settlements.values() if s.bill.msgid == task["bill"]["msgid"]]
                return {"settlement_id": made[0].settlement_id, "fund_fen": made[0].fund_fen} if made else {}
            case "submit":
                return {"binding_id": next(iter(self.bindings), None), "state": "BINDING_STATE_ACTIVE"}
            case "list":
                return {"settlement_ids": [row for page in self.pages for row in page]}
            case "reverse":
                return {"settlement_id": task["settlement_id"]}
            case _:
                return {}

    def _quote(self, request: settlement_pb2.QuoteRequest) -> Message:
        return settlement_pb2.QuoteResponse(settlement=_decided(request.bill))

    def _settle(self, request: settlement_pb2.SettleRequest) -> Message:
        made = self._book(_derived("S", request.request_id), request.bill, request.request_id)
        return settlement_pb2.SettleResponse(settlement=made, receipt=_receipt(request.request_id))

    def _reverse(self, request: settlement_pb2.ReverseRequest) -> Message | Refuse:
        settlement_id = request.settlement_id or _derived("S", request.settle_request_id)
        if settlement_id not in self.settlements:
            return _NO_SETTLEMENT
        taken_back = settlement_pb2.Settlement()
        taken_back.CopyFrom(self.settlements[settlement_id])
        taken_back.reversed_at.FromDatetime(AT)
        if request.validate_only:
            return settlement_pb2.ReverseResponse(settlement=taken_back)
        self.settlements[settlement_id] = taken_back
        return settlement_pb2.ReverseResponse(settlement=taken_back, receipt=_receipt(request.request_id))

    def _get(self, request: settlement_pb2.GetSettlementRequest) -> Message | Refuse:
        found = self.settlements.get(request.settlement_id)
        return settlement_pb2.GetSettlementResponse(settlement=found) if found else _NO_SETTLEMENT

    def _list(self, request: settlement_pb2.ListSettlementsRequest) -> Message | Refuse:
        pages = self.pages or [[s.settlement_id for s in self.settlements.values() if s.request_id]]
        at, bound = self._tokens.get(request.page.token, (0, _filter(request)))
        if bound != _filter(request) or (request.page.token and (self._forgets or at == 0)):
            return TOKEN_INVALID
        rows = [settlement_pb2.SettlementRow(settlement_id=row) for row in pages[at]]
        return settlement_pb2.ListSettlementsResponse(
            rows=rows, next_page_token=self._token(at + 1, request) if at + 1 < len(pages) else ""
        )

    def _token(self, at: int, request: settlement_pb2.ListSettlementsRequest) -> str:
        # With + / and =, so that whoever escapes or trims tokens is found.
        token = "+/" + base64.b64encode(hashlib.sha256(f"page {at}".encode()).digest()).decode()
        self._tokens[token] = (at, _filter(request))
        return token

    def _submit(self, request: binding_pb2.SubmitBindingRequest) -> Message:
        binding = binding_pb2.Binding(
            binding_id=_derived("B", request.request_id),
            relation=request.relation,
            channel=request.channel,
            state=binding_pb2.BINDING_STATE_ACTIVE,
        )
        if request.validate_only:
            return binding_pb2.SubmitBindingResponse(binding=binding)
        self.bindings[binding.binding_id] = binding
        return binding_pb2.SubmitBindingResponse(binding=binding, receipt=_receipt(request.request_id))

    def _get_binding(self, request: binding_pb2.GetBindingRequest) -> Message | Refuse:
        found = self.bindings.get(request.binding_id)
        return binding_pb2.GetBindingResponse(binding=found) if found else _NO_BINDING

    def _book(self, settlement_id: str, bill: settlement_pb2.Bill, request_id: str = "") -> settlement_pb2.Settlement:
        made = _decided(bill)
        made.settlement_id, made.request_id = settlement_id, request_id
        made.settled_at.FromDatetime(AT)
        self.settlements[settlement_id] = made
        return made


def _decided(bill: settlement_pb2.Bill) -> settlement_pb2.Settlement:
    """Half of what is in scope from the fund, the rest in cash: enough to tell one bill from another."""
    fund_fen = bill.in_scope_fen // 2
    return settlement_pb2.Settlement(
        bill=bill,
        scheme=types_pb2.SCHEME_EMPLOYEE,
        ratio_bp=50_00,
        fund_fen=fund_fen,
        patient_part_fen=bill.total_fen - fund_fen,
        cash_fen=bill.total_fen - fund_fen,
        lines=[
            settlement_pb2.Line(fen=fund_fen, payer=settlement_pb2.PAYER_FUND, in_words="统筹基金支付一半"),
            settlement_pb2.Line(fen=bill.total_fen - fund_fen, payer=settlement_pb2.PAYER_CASH, in_words="其余现金"),
        ],
    )


def _derived(prefix: str, request_id: str) -> str:
    return prefix + hashlib.sha256(request_id.encode()).hexdigest()[:26].upper()


def _receipt(request_id: str) -> types_pb2.Receipt:
    receipt = types_pb2.Receipt(request_id=request_id)
    receipt.at.FromDatetime(AT)
    return receipt


def _replayed(first: Any) -> Message:
    again = type(first)()
    again.CopyFrom(first)
    again.receipt.replayed = True
    return again  # type: ignore[no-any-return] # a message of the first one's type


def _filter(request: settlement_pb2.ListSettlementsRequest) -> bytes:
    """What a page token is bound to: everything but the page."""
    asked = settlement_pb2.ListSettlementsRequest()
    asked.CopyFrom(request)
    asked.ClearField("page")
    return asked.SerializeToString(deterministic=True)
