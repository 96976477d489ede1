"""The honest half of the scripted server: executes each request id once."""

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
"""The only instant it knows: ten in the morning in Shanghai."""

SETTLED: Final = "S00000000000000000000000001"
"""A settlement that is there from the beginning; what a reversal takes back."""

TOKEN_INVALID: Final = Refuse(
    grpc.StatusCode.INVALID_ARGUMENT,
    "PAGE_TOKEN_INVALID",
    "翻页令牌不属于这一查询，请从第一页重来",
)
_NO_SETTLEMENT: Final = Refuse(
    grpc.StatusCode.NOT_FOUND,
    "SETTLEMENT_NOT_FOUND",
    "没有这笔结算，请核对结算编号",
)
_NO_BINDING: Final = Refuse(
    grpc.StatusCode.NOT_FOUND, "BINDING_NOT_FOUND", "没有这个绑定，请核对编号"
)
_REUSED: Final = Refuse(
    grpc.StatusCode.ALREADY_EXISTS,
    "REQUEST_ID_REUSED",
    "request_id 已用于另一请求",
)


Reply = Message | Refuse
_Page = tuple[int, bytes]
"""A page's number and what its token is bound to."""


class Backend:
    """The settlements and bindings of one scenario.

    `pages` are the settlement ids a list shows, page by page. With `forgets` no page
    token is recognised.
    """

    def __init__(
        self, pages: Sequence[Sequence[str]] = (), *, forgets: bool = False
    ) -> None:
        self.executed: list[Message] = []
        self.pages = pages
        self.settlements: dict[str, settlement_pb2.Settlement] = {}
        self.bindings: dict[str, binding_pb2.Binding] = {}
        self._forgets = forgets
        self._tokens: dict[str, _Page] = {}
        # With its request, to tell a replay from an id used for something else.
        self._first: dict[str, tuple[Message, Message]] = {}
        self._handlers = self._methods()
        bill = settlement_pb2.Bill(
            total_fen=100_00,
            in_scope_fen=100_00,
        )
        self._book(SETTLED, bill)

    def _methods(
        self,
    ) -> Mapping[type[Message], Callable[[Any], Reply]]:
        """Return the method for each kind of request."""
        return {
            settlement_pb2.QuoteRequest: self._quote,
            settlement_pb2.SettleRequest: self._settle,
            settlement_pb2.ReverseRequest: self._reverse,
            settlement_pb2.GetSettlementRequest: self._get,
            settlement_pb2.ListSettlementsRequest: self._list,
            binding_pb2.SubmitBindingRequest: self._submit,
            binding_pb2.GetBindingRequest: self._get_binding,
        }

    @property
    def requests(self) -> tuple[type[Message], ...]:
        """The kinds of request it understands."""
        return tuple(self._handlers)

    def execute(self, request: Any) -> Reply:
        """Return the reply, or the first one again, marked replayed."""
        request_id = getattr(request, "request_id", "")
        if request_id in self._first:
            original, first = self._first[request_id]
            if original == request:
                return _replayed(first)
            return _REUSED
        reply = self._handlers[type(request)](request)
        if request_id and not isinstance(reply, Refuse) and not _validated(request):
            self.executed.append(request)
            self._first[request_id] = (request, reply)
        return reply

    def truth(self, task: Mapping[str, Any]) -> dict[str, object]:
        """Return what a client that has done the task has to print."""
        match task["do"]:
            case "quote":
                return {"fund_fen": int(task["bill"]["in_scope_fen"]) // 2}
            case "settle":
                return self._truth_of_bill(task["bill"]["msgid"])
            case "submit":
                binding_id = next(iter(self.bindings), None)
                return {
                    "binding_id": binding_id,
                    "state": "BINDING_STATE_ACTIVE",
                }
            case "list":
                return {"settlement_ids": [row for page in self.pages for row in page]}
            case "reverse":
                return {"settlement_id": task["settlement_id"]}
            case _:
                return {}

    def _truth_of_bill(self, msgid: str) -> dict[str, object]:
        """Return the settlement of a bill, by its msgid."""
        for settlement in self.settlements.values():
            if settlement.bill.msgid == msgid:
                return {
                    "settlement_id": settlement.settlement_id,
                    "fund_fen": settlement.fund_fen,
                }
        return {}

    # --- settlements ----------------------------------------------------------------

    def _quote(self, request: settlement_pb2.QuoteRequest) -> Message:
        return settlement_pb2.QuoteResponse(settlement=_decided(request.bill))

    def _settle(self, request: settlement_pb2.SettleRequest) -> Message:
        request_id = request.request_id
        settlement = self._book(_derived("S", request_id), request.bill, request_id)
        return settlement_pb2.SettleResponse(
            settlement=settlement,
            receipt=_receipt(request_id),
        )

    def _reverse(self, request: settlement_pb2.ReverseRequest) -> Reply:
        """Take a settlement back, by its own or its request's id."""
        number = request.settlement_id or _derived("S", request.settle_request_id)
        if number not in self.settlements:
            return _NO_SETTLEMENT
        reversed_ = settlement_pb2.Settlement()
        reversed_.CopyFrom(self.settlements[number])
        reversed_.reversed_at.FromDatetime(AT)
        if request.validate_only:
            return settlement_pb2.ReverseResponse(settlement=reversed_)
        self.settlements[number] = reversed_
        return settlement_pb2.ReverseResponse(
            settlement=reversed_,
            receipt=_receipt(request.request_id),
        )

    def _get(self, request: settlement_pb2.GetSettlementRequest) -> Reply:
        settlement = self.settlements.get(request.settlement_id)
        if settlement is None:
            return _NO_SETTLEMENT
        return settlement_pb2.GetSettlementResponse(settlement=settlement)

    def _book(
        self,
        number: str,
        bill: settlement_pb2.Bill,
        request_id: str = "",
    ) -> settlement_pb2.Settlement:
        """Keep a settlement under its number."""
        settlement = _decided(bill)
        settlement.settlement_id = number
        settlement.request_id = request_id
        settlement.settled_at.FromDatetime(AT)
        self.settlements[number] = settlement
        return settlement

    # --- pages ----------------------------------------------------------------------

    def _list(self, request: settlement_pb2.ListSettlementsRequest) -> Reply:
        """Return a page, or refuse a token that is not of this query."""
        pages = self.pages or [self._settled_here()]
        token = request.page.token
        first_page = (0, _filter(request))
        at, bound_to = self._tokens.get(token, first_page)
        unknown = token and (self._forgets or at == 0)
        if unknown or bound_to != _filter(request):
            return TOKEN_INVALID
        rows = [settlement_pb2.SettlementRow(settlement_id=row) for row in pages[at]]
        following = at + 1
        return settlement_pb2.ListSettlementsResponse(
            rows=rows,
            next_page_token=(
                self._token(following, request) if following < len(pages) else ""
            ),
        )

    def _settled_here(self) -> list[str]:
        settlements = self.settlements.values()
        return [each.settlement_id for each in settlements if each.request_id]

    def _token(self, at: int, request: settlement_pb2.ListSettlementsRequest) -> str:
        """Return a new token for a page of this query."""
        digest = hashlib.sha256(f"page {at}".encode()).digest()
        # With + / and =, so that a client that escapes or trims tokens is noticed.
        token = "+/" + base64.b64encode(digest).decode()
        self._tokens[token] = (at, _filter(request))
        return token

    # --- bindings -------------------------------------------------------------------

    def _submit(self, request: binding_pb2.SubmitBindingRequest) -> Message:
        """Bring a binding into force."""
        binding = binding_pb2.Binding(
            binding_id=_derived("B", request.request_id),
            relation=request.relation,
            channel=request.channel,
            state=binding_pb2.BINDING_STATE_ACTIVE,
        )
        if request.validate_only:
            return binding_pb2.SubmitBindingResponse(binding=binding)
        self.bindings[binding.binding_id] = binding
        return binding_pb2.SubmitBindingResponse(
            binding=binding,
            receipt=_receipt(request.request_id),
        )

    def _get_binding(self, request: binding_pb2.GetBindingRequest) -> Reply:
        binding = self.bindings.get(request.binding_id)
        if binding is None:
            return _NO_BINDING
        return binding_pb2.GetBindingResponse(binding=binding)


def _validated(request: Any) -> bool:
    return bool(getattr(request, "validate_only", False))


def _decided(bill: settlement_pb2.Bill) -> settlement_pb2.Settlement:
    """Settle half of what is in scope from the fund, the remainder in cash."""
    # Enough to tell one bill from another.
    fund_fen = bill.in_scope_fen // 2
    cash_fen = bill.total_fen - fund_fen
    return settlement_pb2.Settlement(
        bill=bill,
        scheme=types_pb2.SCHEME_EMPLOYEE,
        ratio_bp=50_00,
        fund_fen=fund_fen,
        patient_part_fen=cash_fen,
        cash_fen=cash_fen,
        lines=[
            settlement_pb2.Line(
                fen=fund_fen,
                payer=settlement_pb2.PAYER_FUND,
                in_words="统筹基金支付一半",
            ),
            settlement_pb2.Line(
                fen=cash_fen,
                payer=settlement_pb2.PAYER_CASH,
                in_words="其余现金",
            ),
        ],
    )


def _derived(prefix: str, request_id: str) -> str:
    """Return an id that follows from the request id."""
    digest = hashlib.sha256(request_id.encode()).hexdigest()
    return prefix + digest[:26].upper()


def _receipt(request_id: str) -> types_pb2.Receipt:
    receipt = types_pb2.Receipt(request_id=request_id)
    receipt.at.FromDatetime(AT)
    return receipt


def _replayed(first: Any) -> Message:
    """Return the first reply marked as replayed."""
    reply: Any = type(first)()
    reply.CopyFrom(first)
    reply.receipt.replayed = True
    return reply  # type: ignore[no-any-return] # a message of the first one's type


def _filter(request: settlement_pb2.ListSettlementsRequest) -> bytes:
    """Return what a page token is bound to: everything but the page."""
    bound_to = settlement_pb2.ListSettlementsRequest()
    bound_to.CopyFrom(request)
    bound_to.ClearField("page")
    return bound_to.SerializeToString(deterministic=True)
