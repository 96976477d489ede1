"""2206 门诊预结算 and 2207 门诊结算 beside Quote and Settle."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from gongji.national import extension
from gongji.national.envelope import Kept, Shape, request_id_of
from gongji.national.fields import KeptNode, Node, fresh
from gongji.national.forms import amount
from gongji.national.tables import (
    MSGID_BACK,
    REPLY_ENVELOPE,
    SETL_ID,
    SETLDETAIL,
    SETTLE_INPUT,
    envelope,
    setlinfo,
)
from gongji.rules.codes import Scheme
from gongji.v1 import settlement_pb2 as pb

_FUNDS: Final = {
    int(Scheme.EMPLOYEE): ("310102", "职工门诊统筹"),
    int(Scheme.RESIDENT): ("390102", "居民门诊统筹"),
}

_FROM_REQUEST: Final = ("mdtrt_id", "mdtrt_cert_type", "psn_cert_type", "certno")

_ENVELOPE: Final = envelope(msgid="bill.msgid", fixmedins_code="bill.institution_code")


def _complete_quote(ours: pb.QuoteRequest, kept: Kept) -> None:
    extension.complete(ours.bill, kept)


def _complete_settle(ours: pb.SettleRequest, kept: Kept) -> None:
    extension.complete(ours.bill, kept)
    ours.request_id = request_id_of(ours.bill.institution_code, ours.bill.msgid)


def _express(ours: pb.QuoteRequest | pb.SettleRequest, kept: Kept) -> Kept:
    return extension.express(ours.bill, kept)


QUOTE: Final = Shape(
    infno="2206",
    ours=pb.QuoteRequest,
    envelope=_ENVELOPE,
    fields=SETTLE_INPUT,
    complete=_complete_quote,
    express=_express,
)

SETTLE: Final = Shape(
    infno="2207",
    ours=pb.SettleRequest,
    envelope=_ENVELOPE,
    fields=SETTLE_INPUT,
    complete=_complete_settle,
    express=_express,
)

QUOTED: Final = Shape(
    infno="2206",
    ours=pb.QuoteResponse,
    envelope=REPLY_ENVELOPE,
    container="output",
    node="setlinfo",
    fields=setlinfo(
        identified=(),
        setl_time="settlement.settled_at",
        cash="psn_cash_pay",
        msgid=MSGID_BACK,
    ),
    faithful=False,
)

SETTLED: Final = Shape(
    infno="2207",
    ours=pb.SettleResponse,
    envelope=REPLY_ENVELOPE,
    container="output",
    node="setlinfo",
    fields=setlinfo(
        identified=SETL_ID,
        setl_time="settlement.settled_at",
        cash="psn_cash_pay",
        msgid=MSGID_BACK,
    ),
    faithful=False,
)


def kept_of_reply(
    shape: Shape, settlement: pb.Settlement, request: Node, head: KeptNode, **known: Any
) -> Kept:
    """What a reply says beside our settlement: what the request said, the pooled fund,
    the balance, setldetail."""
    data = request["input"]["data"]
    said = {name: data[name] for name in _FROM_REQUEST if name in data}
    known = {"hifp_pay": amount(settlement.fund_fen), **said, **known}
    return Kept(
        head, fresh(shape.fields, known), {"setldetail": [setldetail(settlement)]}
    )


def setldetail(settlement: pb.Settlement) -> dict[str, str]:
    """What the pooled fund pays and why, also where that is nothing; the personal
    account has no row (HN)."""
    line = next(
        (one for one in settlement.lines if one.payer == pb.PAYER_FUND), pb.Line()
    )
    limits = [line.inputs[name] for name in ("visit_cap",) if name in line.inputs]
    if "cap" in line.inputs:
        limits.append(max(0, line.inputs["cap"] - line.inputs["fund_paid"]))
    code, name = _FUNDS.get(settlement.scheme, ("999997", "其他"))
    row = {
        "fund_pay_type": code,
        "inscp_scp_amt": amount(settlement.bill.in_scope_fen),
        "fund_payamt": amount(settlement.fund_fen),
        "fund_pay_type_name": name,
        "setl_proc_info": line.in_words,
        **({"crt_payb_lmt_amt": amount(min(limits))} if limits else {}),
    }
    return fresh(SETLDETAIL, row).rest


def balance_after(
    settlement: pb.Settlement, movements: Iterable[pb.PurseMovement]
) -> str:
    """The patient's own balance after; "0", the interface's empty number, where his
    purse was not touched."""
    patient = settlement.bill.patient.person_no
    return next(
        (amount(m.balance_after_fen) for m in movements if m.purse == patient), "0"
    )
