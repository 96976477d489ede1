"""Conversion of whole messages, requests and replies, and documents that hold both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from google.protobuf import json_format
from google.protobuf.message import Message

from gongji.national.details import DETAILS
from gongji.national.dialect import HN, MessageDialect
from gongji.national.documents import message_of
from gongji.national.envelope import Shape, Unmapped, request_id_of
from gongji.national.fields import Node, UnmappedNode, fresh
from gongji.national.forms import NationalFault, instant_of, moment_of
from gongji.national.quote_settle import (
    QUOTE,
    QUOTED,
    SETTLE,
    SETTLED,
    balance_after,
    unmapped_of_reply,
    with_all_funds,
)
from gongji.national.reconcile import BALANCED, TOTALS, compared
from gongji.national.reverse import CORRECTION, REVERSE, REVERSED
from gongji.text.forms import as_sent
from gongji.v1 import settlement_pb2 as pb

REQUESTS: Final = {
    shape.infno: shape
    for shape in (QUOTE, SETTLE, REVERSE, CORRECTION, TOTALS, DETAILS)
}
"""Shape of a request by infno."""

REPLIES: Final = {shape.infno: shape for shape in (QUOTED, SETTLED, REVERSED, BALANCED)}
"""Shape of a reply by infno; 2601 answers with nothing, 3202 with a file."""

# ReverseRequest is not here: it is 2208 or 2601, by what it names.
_BY_TYPE: Final[dict[type[Message], Shape]] = {
    shape.proto: shape
    for shape in (QUOTE, SETTLE, TOTALS, DETAILS, QUOTED, SETTLED, REVERSED, BALANCED)
}

_TYPES: Final[tuple[type[Message], ...]] = (
    *_BY_TYPE,
    pb.ReverseRequest,
    pb.ReconcileRow,
    pb.ReconcileDetailsResponse,
)

_KINDS: Final = {cls.DESCRIPTOR.name: cls for cls in _TYPES}

MAX_ERROR_LENGTH: Final = 200
"""Characters of err_msg."""


def from_national(
    message: object, dialect: MessageDialect = HN
) -> tuple[Message, Unmapped]:
    """Return a national request or reply as ours, and what ours does not say.

    NationalFault names field or identity.
    """
    return _shape_of(message).read(_object(message), dialect)


def to_national(
    proto: Message, unmapped: Unmapped, dialect: MessageDialect = HN
) -> dict[str, Any]:
    """Return ours as the national message it came from.

    As a new one, if `unmapped` gives what ours does not say. NationalFault names what is
    missing or has no place in the message.
    """
    shape = _shape_for(proto)
    if shape.faithful:
        unmapped = _with_infno(proto, unmapped, shape)
    return shape.write(proto, unmapped, dialect)


def reply_to(
    response: Message, request: object, dialect: MessageDialect = HN
) -> dict[str, Any]:
    """Return our answer to a national request as the reply it waits for.

    Its times are the receipt's, else the request's own. NationalFault if it answers
    another request.
    """
    asked, _ = from_national(request, dialect)
    message = _object(request)
    infno = str(message["infno"])
    requested_at = moment_of(message["inf_time"], "inf_time")
    head = _head(message, _executed_at(response) or requested_at)
    # 2601 is answered by the head alone: what it took back stands in our receipt.
    if infno == CORRECTION.infno and isinstance(response, pb.ReverseResponse):
        return {**head.fields, "output": {}}
    shape = REPLIES.get(infno)
    if shape is None or shape.proto is not type(response):
        raise NationalFault(f"{response.DESCRIPTOR.name} 不是 {infno} 的答复")
    if isinstance(response, pb.ReconcileTotalsResponse):
        return _compared(response, message, head, dialect)
    unmapped = _unmapped_of(shape, asked, response, message, head)
    return shape.write(with_all_funds(response), unmapped, dialect)


def answered(request: object, at: datetime, output: object) -> dict[str, Any]:
    """Return the reply to a request that is asked and changes nothing, made at an instant."""
    return {**_head(_object(request), at).fields, "output": output}


def refused(message: object, reason: str) -> dict[str, Any]:
    """Return the reply that refuses a request: infcode -1 and why, cut if too long."""
    head = _head(_object(message), None)
    cut = reason[: MAX_ERROR_LENGTH - 1] + "…"
    error = {
        "infcode": -1,
        "err_msg": reason if len(reason) <= MAX_ERROR_LENGTH else cut,
    }
    return {**head.fields, **error, "output": {}}


def document(proto: Message, unmapped: Unmapped | UnmappedNode) -> dict[str, Any]:
    """Return {"kind", "message", "kept"}: ours as protobuf JSON, and what it lacks."""
    content = json_format.MessageToDict(proto, preserving_proto_field_name=True)
    return {"kind": proto.DESCRIPTOR.name, "message": content, "kept": unmapped}


def undocumented(
    value: object, unmapped_type: type[Any] = Unmapped
) -> tuple[Message, Any]:
    """Return what `document` wrote. NationalFault if it is no such document."""
    parts = _object(value)
    cls = _KINDS.get(str(parts.get("kind")))
    if cls is None:
        kinds = "、".join(sorted(_KINDS))
        raise NationalFault(
            f"kind 不认识{as_sent(str(parts.get('kind') or ''))}；可用 {kinds}"
        )
    proto = message_of(parts.get("message", {}), cls(), "message")
    try:
        return proto, msgspec.convert(parts.get("kept", {}), unmapped_type)
    # msgspec raises all of these for one mistake: another shape of JSON.
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        raise NationalFault("kept 的写法不对：须照从国家报文转换所得的那样") from error


def _shape_for(proto: Message) -> Shape:
    """Return the shape that a message of ours is written in. NationalFault."""
    if isinstance(proto, pb.ReverseRequest):
        by_id = proto.WhichOneof("original") == "settlement_id"
        return REVERSE if by_id else CORRECTION
    shape = _BY_TYPE.get(type(proto))
    if shape is None:
        raise NationalFault(f"{proto.DESCRIPTOR.name} 没有对应的国家报文")
    return shape


def _with_infno(proto: Message, unmapped: Unmapped, shape: Shape) -> Unmapped:
    """Return `unmapped` with the shape's infno. NationalFault if it has another."""
    fields = {"infno": shape.infno, **unmapped.envelope.fields}
    infno = str(fields["infno"])
    if infno != shape.infno:
        raise NationalFault(
            f"{proto.DESCRIPTOR.name} 应写作 {shape.infno}，kept 中的 infno 是 {infno}"
        )
    envelope = msgspec.structs.replace(unmapped.envelope, fields=fields)
    return replace(unmapped, envelope=envelope)


def _shape_of(message: object) -> Shape:
    """Return the shape of a national message: a request has an infno, a reply has none.

    NationalFault lists those converted here.
    """
    fields = _object(message)
    if "infno" not in fields:
        return _shape_of_reply(fields)
    infno = str(fields["infno"])
    if infno not in REQUESTS:
        raise NationalFault(f"infno {infno} 不在此转换；可用 {'、'.join(REQUESTS)}")
    return REQUESTS[infno]


def _shape_of_reply(fields: Mapping[str, Any]) -> Shape:
    """Return the shape of a reply, by what it says. NationalFault."""
    if "infcode" not in fields:
        raise NationalFault("报文既无 infno 也无 infcode，不是国家接口的请求或答复")
    if str(fields["infcode"]) != "0":
        reason = f"infcode {fields['infcode']}，{fields.get('err_msg', '')}"
        raise NationalFault(f"对方没有受理：{reason}")
    output = fields.get("output")
    nodes = output if isinstance(output, Mapping) else {}
    if "stmtinfo" in nodes:
        return BALANCED
    info = nodes.get("setlinfo")
    if not isinstance(info, Mapping):
        raise NationalFault("output 中没有 setlinfo 或 stmtinfo，认不出是哪种答复")
    # The reply of 2208 spells the cash so, and no other does.
    if "pdn_cash_pay" in info:
        return REVERSED
    return SETTLED if info.get("setl_id") else QUOTED


def _unmapped_of(
    shape: Shape, asked: Any, response: Any, request: Node, head: UnmappedNode
) -> Unmapped:
    """Return what the reply says beside our response. NationalFault if of another bill."""
    settlement = response.settlement
    known: dict[str, Any] = {}
    if isinstance(response, pb.ReverseResponse):
        _same("setl_id", asked.settlement_id, settlement.settlement_id)
        movements = response.refunds
        known["medins_setl_id"] = request["msgid"]
    else:
        _same("msgid", asked.bill.msgid, settlement.bill.msgid)
        movements = settlement.movements
    known["balc"] = balance_after(settlement, movements)
    return unmapped_of_reply(shape, settlement, request, head, **known)


def _same(name: str, requested: str, answered: str) -> None:
    if requested != answered:
        raise NationalFault(
            f"答复的是另一笔：请求的 {name} 为 {requested}，答复的为 {answered or '空'}"
        )


def _compared(
    response: pb.ReconcileTotalsResponse,
    request: Node,
    head: UnmappedNode,
    dialect: MessageDialect,
) -> dict[str, Any]:
    balanced, differences = compared(response, request, dialect)
    known = {
        "setl_optins": request["input"]["data"]["setl_optins"],
        "stmt_rslt_dscr": differences,
    }
    unmapped = Unmapped(head, fresh(BALANCED.fields, known))
    reply = pb.ReconcileTotalsResponse(balanced=balanced)
    return BALANCED.write(reply, unmapped, dialect)


def _executed_at(response: Any) -> datetime | None:
    """Return when the service executed the request; None for what is only asked."""
    may_have_receipt = "receipt" in response.DESCRIPTOR.fields_by_name
    if not may_have_receipt or not response.HasField("receipt"):
        return None
    return instant_of(response.receipt.at)


def _head(request: Node, at: datetime | None) -> UnmappedNode:
    """Return the reply's envelope, without times if none is given; it reads no clock."""
    # The insured place is optional in a request; the place of treatment is not.
    place = str(request.get("insuplc_admdvs") or request.get("mdtrtarea_admvs", ""))
    sender, msgid = str(request.get("fixmedins_code")), str(request.get("msgid"))
    # Derived from the request, so that the same request has the same reply.
    number = UUID(request_id_of(sender, msgid)).int % 10**10
    second = f"{at:%Y%m%d%H%M%S}" if at else ""
    # To the millisecond, as the interface has it; Python's %f has six digits.
    moment = f"{second}{at.microsecond // 1000:03d}" if at else ""
    return UnmappedNode(
        {
            "infcode": 0,
            "inf_refmsgid": f"{place}{second}{number:010d}",
            "refmsg_time": moment,
            "respond_time": moment,
            "err_msg": "",
        }
    )


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise NationalFault("报文应为一个 JSON 对象")
    return value
