"""2208 门诊结算撤销 and 2601 冲正, and Reverse: by settlement id, or by the lost message."""

from __future__ import annotations

from typing import Final

from gongji.national.envelope import Shape, Unmapped, request_id_of
from gongji.national.fields import Node, carried
from gongji.national.forms import ANY_ID, NationalFault
from gongji.national.heads import REPLY_ENVELOPE, envelope
from gongji.national.tables import CORRECTION_INPUT, REVERSE_INPUT, SETL_ID, setlinfo
from gongji.v1 import settlement_pb2 as pb

REVERSIBLE: Final = "2207"
"""oinfno that finds a settlement of ours; 2601 may also take back 2102, 2304 and 2401,
none of them ours."""


def _request_id(envelope_fields: Node, msgid: str = "") -> str:
    sender = str(envelope_fields["fixmedins_code"])
    return request_id_of(sender, msgid or str(envelope_fields["msgid"]))


def _complete_reverse(proto: pb.ReverseRequest, unmapped: Unmapped) -> None:
    proto.request_id = _request_id(unmapped.envelope.fields)
    proto.why = "2208 门诊结算撤销"


def _complete_correction(proto: pb.ReverseRequest, unmapped: Unmapped) -> None:
    data, sender = unmapped.data.fields, unmapped.envelope.fields
    original = str(data["oinfno"])
    if original != REVERSIBLE:
        raise NationalFault(
            f"input.data.oinfno {original} 不能在此冲正；可用 {REVERSIBLE}"
        )
    proto.request_id = _request_id(sender)
    proto.settle_request_id = _request_id(sender, str(data["omsgid"]))
    proto.why = "2601 冲正"


REVERSE: Final = Shape(
    infno="2208",
    proto=pb.ReverseRequest,
    envelope=envelope(),
    fields=REVERSE_INPUT,
    complete=_complete_reverse,
)

CORRECTION: Final = Shape(
    infno="2601",
    proto=pb.ReverseRequest,
    envelope=envelope(),
    fields=CORRECTION_INPUT,
    made_of={"settle_request_id": "input.data.omsgid"},
    complete=_complete_correction,
)

_OWN_MSGID: Final = "撤销报文自己的 msgid，不是原结算的"

REVERSED: Final = Shape(
    infno="2208",
    proto=pb.ReverseResponse,
    envelope=REPLY_ENVELOPE,
    container="output",
    node="setlinfo",
    fields=setlinfo(
        identified=SETL_ID,
        setl_time="settlement.reversed_at",
        cash="pdn_cash_pay",
        msgid=(carried("medins_setl_id", "医药机构结算ID", _OWN_MSGID, ANY_ID),),
    ),
    faithful=False,
)
"""The amounts are those taken back, as they were settled; the cash is spelt pdn_cash_pay there."""
