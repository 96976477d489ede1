"""2206 门诊预结算 as Quote, 2207 门诊结算 as Settle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from gongji.national import extension
from gongji.national.envelope import Shape, Unmapped, request_id_of
from gongji.national.fields import Node, UnmappedNode, fresh
from gongji.national.forms import amount
from gongji.national.heads import REPLY_ENVELOPE, envelope
from gongji.national.tables import (
    MSGID_BACK,
    SETL_ID,
    SETLDETAIL,
    SETTLE_INPUT,
    setlinfo,
)
from gongji.rules.codes import Scheme
from gongji.v1 import settlement_pb2 as pb

FUNDS: Final = {
    int(Scheme.EMPLOYEE): ("310102", "职工门诊统筹"),
    int(Scheme.RESIDENT): ("390102", "居民门诊统筹"),
}

# The service never sees them; the hospital's system expects its own words back.
_FROM_REQUEST: Final = ("mdtrt_id", "mdtrt_cert_type", "psn_cert_type", "certno")

_ENVELOPE: Final = envelope(
    msgid="bill.msgid",
    fixmedins_code="bill.institution_code",
    insured_place="bill.insured_place",
)


def _complete_quote(proto: pb.QuoteRequest, unmapped: Unmapped) -> None:
    extension.complete(proto.bill, unmapped)


def _complete_settle(proto: pb.SettleRequest, unmapped: Unmapped) -> None:
    extension.complete(proto.bill, unmapped)
    # Derived, so that the same message sent again is a replay (idempotent).
    proto.request_id = request_id_of(proto.bill.institution_code, proto.bill.msgid)


def _express(proto: pb.QuoteRequest | pb.SettleRequest, unmapped: Unmapped) -> Unmapped:
    return extension.express(proto.bill, unmapped)


_MADE_OF: Final = {
    f"bill.{name}": f"input.data.{extension.SLOT}.{extension.SECTION}.{name}"
    for name in extension.NAMES
}

QUOTE: Final = Shape(
    infno="2206",
    proto=pb.QuoteRequest,
    envelope=_ENVELOPE,
    fields=SETTLE_INPUT,
    made_of=_MADE_OF,
    complete=_complete_quote,
    express=_express,
)

SETTLE: Final = Shape(
    infno="2207",
    proto=pb.SettleRequest,
    envelope=_ENVELOPE,
    fields=SETTLE_INPUT,
    made_of=_MADE_OF,
    complete=_complete_settle,
    express=_express,
)

QUOTED: Final = Shape(
    infno="2206",
    proto=pb.QuoteResponse,
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
    proto=pb.SettleResponse,
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


def unmapped_of_reply(
    shape: Shape,
    settlement: pb.Settlement,
    request: Node,
    head: UnmappedNode,
    **known: Any,
) -> Unmapped:
    """Return what a reply says beside our settlement.

    That is what the request said, the pooled fund, the balance, and setldetail.
    """
    data = request["input"]["data"]
    returned = {name: data[name] for name in _FROM_REQUEST if name in data}
    pooled = amount(settlement.fund_fen)
    known = {"hifp_pay": pooled, **further_payers(settlement), **returned, **known}
    rows = [setldetail(settlement)]
    return Unmapped(head, fresh(shape.fields, known), {"setldetail": rows})


_FURTHER: Final = {
    pb.PAYER_LARGE_AMOUNT: "hifob_pay",
    pb.PAYER_CIVIL_SERVANT: "cvlserv_pay",
    pb.PAYER_CRITICAL_ILLNESS: "hifmi_pay",
    pb.PAYER_MEDICAL_AID: "maf_pay",
}


def further_payers(settlement: pb.Settlement) -> dict[str, str]:
    """Return what further payers pay, each in its field."""
    return {
        _FURTHER[line.payer]: amount(line.fen)
        for line in settlement.lines
        if line.payer in _FURTHER
    }


def with_all_funds(response: Any) -> Any:
    """Return a response whose fund_fen is what all funds paid, as fund_pay_sumamt is."""
    if not response.settlement.further_fen:
        return response
    told = type(response)()
    told.CopyFrom(response)
    told.settlement.fund_fen += response.settlement.further_fen
    return told


def setldetail(settlement: pb.Settlement) -> dict[str, Any]:
    """Return what the pooled fund pays and why, also if it pays nothing.

    The personal account has no row (HN).
    """
    fund_lines = [line for line in settlement.lines if line.payer == pb.PAYER_FUND]
    line = fund_lines[0] if fund_lines else pb.Line()
    code, name = FUNDS.get(settlement.scheme, ("999997", "其他"))
    row = {
        "fund_pay_type": code,
        "inscp_scp_amt": amount(settlement.bill.in_scope_fen),
        "fund_payamt": amount(settlement.fund_fen),
        "fund_pay_type_name": name,
        "setl_proc_info": line.in_words,
    }
    limits = list(_limits(line))
    if limits:
        row["crt_payb_lmt_amt"] = amount(min(limits))
    return fresh(SETLDETAIL, row).fields


def _limits(line: pb.Line) -> Iterator[int]:
    """Yield what the fund could still pay, of this visit and of this year, in fen."""
    if "visit_cap" in line.inputs:
        yield line.inputs["visit_cap"]
    if "cap" in line.inputs:
        yield max(0, line.inputs["cap"] - line.inputs["fund_paid"])


def balance_after(
    settlement: pb.Settlement, movements: Iterable[pb.PurseMovement]
) -> str:
    """Return the patient's own balance afterwards, in yuan.

    "0", the interface's empty number, if their purse was not touched.
    """
    patient = settlement.bill.patient.person_no
    for movement in movements:
        # `balc` is the account's balance: what is in a wallet is not.
        if movement.purse == patient and not movement.wallet:
            return amount(movement.balance_after_fen)
    return "0"
