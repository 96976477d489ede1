"""The whole conversion: which shape a message has, requests and replies both ways, a
document that carries both."""

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
from gongji.national.envelope import Kept, Shape, request_id_of
from gongji.national.fields import KeptNode, Node, fresh
from gongji.national.forms import NationalFault, moment_of
from gongji.national.quote_settle import (
    QUOTE,
    QUOTED,
    SETTLE,
    SETTLED,
    balance_after,
    kept_of_reply,
)
from gongji.national.reconcile import BALANCED, TOTALS, compared
from gongji.national.reverse import CORRECTION, REVERSE, REVERSED
from gongji.rules.codes import SHANGHAI
from gongji.v1 import settlement_pb2 as pb

REQUESTS: Final = {
    s.infno: s for s in (QUOTE, SETTLE, REVERSE, CORRECTION, TOTALS, DETAILS)
}
"""Shape of a request by infno."""

REPLIES: Final = {s.infno: s for s in (QUOTED, SETTLED, REVERSED, BALANCED)}
"""Shape of a reply by infno; 2601 answers with nothing, 3202 with a file."""

_BY_TYPE: Final[dict[type[Message], Shape]] = {
    s.ours: s
    for s in (QUOTE, SETTLE, TOTALS, DETAILS, QUOTED, SETTLED, REVERSED, BALANCED)
}

_TYPES: Final[tuple[type[Message], ...]] = (
    *_BY_TYPE,
    pb.ReverseRequest,
    pb.ReconcileRow,
    pb.ReconcileDetailsResponse,
)

_KINDS: Final = {cls.DESCRIPTOR.name: cls for cls in _TYPES}


def from_national(
    message: object, dialect: MessageDialect = HN
) -> tuple[Message, Kept]:
    """A national request or reply as ours, with what ours does not say. NationalFault
    names field or identity."""
    return _shape_of(message).read(_object(message), dialect)


def to_national(
    ours: Message, kept: Kept, dialect: MessageDialect = HN
) -> dict[str, Any]:
    """Ours as the national message it came from, or as a new one where `kept` gives
    what ours does not say."""
    if isinstance(ours, pb.ReverseRequest):
        shape = (
            REVERSE if ours.WhichOneof("original") == "settlement_id" else CORRECTION
        )
    elif (shape_of := _BY_TYPE.get(type(ours))) is not None:
        shape = shape_of
    else:
        raise NationalFault(f"{ours.DESCRIPTOR.name} 没有对应的国家报文")
    if shape.faithful:
        if (infno := str(kept.envelope.rest.get("infno", shape.infno))) != shape.infno:
            raise NationalFault(
                f"{ours.DESCRIPTOR.name} 应写作 {shape.infno}, kept 中的 infno 是 {infno}"
            )
        kept = replace(
            kept,
            envelope=replace(
                kept.envelope, rest={"infno": shape.infno, **kept.envelope.rest}
            ),
        )
    return shape.write(ours, kept, dialect)


def reply_to(
    response: Message, request: object, dialect: MessageDialect = HN
) -> dict[str, Any]:
    """Our answer to a national request, as the reply it waits for; its times are the
    receipt's, else the request's own.

    NationalFault where it answers another request.
    """
    asked, _ = from_national(request, dialect)
    message = _object(request)
    infno = str(message["infno"])
    head = _head(
        message, _answered_at(response) or moment_of(message["inf_time"], "inf_time")
    )
    if infno == CORRECTION.infno and isinstance(response, pb.ReverseResponse):
        return {**head.rest, "output": {}}
    shape = REPLIES.get(infno)
    if shape is None or shape.ours is not type(response):
        raise NationalFault(f"{response.DESCRIPTOR.name} 不是 {infno} 的答复")
    if isinstance(response, pb.ReconcileTotalsResponse):
        return _compared(response, message, head, dialect)
    return shape.write(
        response, _kept_of(shape, asked, response, message, head), dialect
    )


def refused(message: object, told: str) -> dict[str, Any]:
    """The reply that refuses a request: infcode -1 and why, at most 200 characters."""
    return {
        **_head(_object(message), None).rest,
        "infcode": -1,
        "err_msg": told[:200],
        "output": {},
    }


def document(ours: Message, kept: Kept | KeptNode) -> dict[str, Any]:
    """Ours as protobuf JSON, its kind, and what was kept: {"kind", "message", "kept"}."""
    said = json_format.MessageToDict(ours, preserving_proto_field_name=True)
    return {"kind": ours.DESCRIPTOR.name, "message": said, "kept": kept}


def undocumented(value: object, kept: type[Any] = Kept) -> tuple[Message, Any]:
    """What `document` wrote. NationalFault where it is no such document."""
    given = _object(value)
    if (cls := _KINDS.get(str(given.get("kind")))) is None:
        raise NationalFault(
            f"kind 不认识 {given.get('kind')!r}; 可用 {', '.join(sorted(_KINDS))}"
        )
    try:
        ours = json_format.ParseDict(given.get("message", {}), cls())
        return ours, msgspec.convert(given.get("kept", {}), kept)
    except (
        json_format.ParseError,
        msgspec.ValidationError,
        TypeError,
        ValueError,
        AttributeError,
    ) as fault:
        raise NationalFault(
            f"message 或 kept 的写法不合 {cls.DESCRIPTOR.full_name}: {fault}"
        ) from fault


def _shape_of(message: object) -> Shape:
    """By infno; a reply has none and is told by what it says. NationalFault with the
    list of those converted here."""
    given = _object(message)
    if "infno" in given:
        infno = str(given["infno"])
        if infno not in REQUESTS:
            raise NationalFault(f"infno {infno} 不在此转换; 可用 {', '.join(REQUESTS)}")
        return REQUESTS[infno]
    if "infcode" not in given:
        raise NationalFault("报文既无 infno 也无 infcode, 不是国家接口的请求或答复")
    if str(given["infcode"]) != "0":
        raise NationalFault(
            f"对方没有受理: infcode {given['infcode']}, {given.get('err_msg', '')}"
        )
    output = given.get("output")
    info = output.get("setlinfo") if isinstance(output, Mapping) else None
    if isinstance(output, Mapping) and "stmtinfo" in output:
        return BALANCED
    if not isinstance(info, Mapping):
        raise NationalFault("output 中没有 setlinfo 或 stmtinfo, 认不出是哪种答复")
    return (
        REVERSED
        if "pdn_cash_pay" in info
        else SETTLED
        if info.get("setl_id")
        else QUOTED
    )


def _kept_of(
    shape: Shape, asked: Any, response: Any, request: Node, head: KeptNode
) -> Kept:
    settlement = response.settlement
    if isinstance(response, pb.ReverseResponse):
        _same("setl_id", asked.settlement_id, settlement.settlement_id)
        balc = balance_after(settlement, response.refunds)
        return kept_of_reply(
            shape, settlement, request, head, balc=balc, medins_setl_id=request["msgid"]
        )
    _same("msgid", asked.bill.msgid, settlement.bill.msgid)
    return kept_of_reply(
        shape,
        settlement,
        request,
        head,
        balc=balance_after(settlement, settlement.movements),
    )


def _same(name: str, asked: str, answered: str) -> None:
    if asked != answered:
        raise NationalFault(
            f"答复的是另一笔: 请求的 {name} 为 {asked}, 答复的为 {answered or '空'}"
        )


def _compared(
    response: pb.ReconcileTotalsResponse,
    request: Node,
    head: KeptNode,
    dialect: MessageDialect,
) -> dict[str, Any]:
    balanced, told = compared(response, request, dialect)
    optins = request["input"]["data"]["setl_optins"]
    kept = Kept(
        head, fresh(BALANCED.fields, {"setl_optins": optins, "stmt_rslt_dscr": told})
    )
    return BALANCED.write(pb.ReconcileTotalsResponse(balanced=balanced), kept, dialect)


def _answered_at(response: Any) -> datetime | None:
    """When the service executed the request; None for what is only asked."""
    if "receipt" not in response.DESCRIPTOR.fields_by_name or not response.HasField(
        "receipt"
    ):
        return None
    at: datetime = response.receipt.at.ToDatetime(SHANGHAI)
    return at


def _head(request: Node, at: datetime | None) -> KeptNode:
    """The reply's envelope; it reads no clock, and has no times where none is given."""
    place = str(request.get("insuplc_admdvs") or request.get("mdtrtarea_admvs", ""))
    number = UUID(
        request_id_of(str(request.get("fixmedins_code")), str(request.get("msgid")))
    ).int
    stamp = f"{at:%Y%m%d%H%M%S}" if at else ""
    moment = f"{stamp}{at.microsecond // 1000:03d}" if at else ""
    return KeptNode(
        {
            "infcode": 0,
            "inf_refmsgid": f"{place}{stamp}{number % 10**10:010d}",
            "refmsg_time": moment,
            "respond_time": moment,
            "err_msg": "",
        }
    )


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise NationalFault("报文应为一个 JSON 对象")
    return value
