"""2208 门诊结算撤销 and 2601 冲正 beside Reverse: by the settlement's id, or by the
message whose reply was lost."""

from __future__ import annotations

from typing import Final

from gongji.national.envelope import Kept, Shape, request_id_of
from gongji.national.fields import Node, kept
from gongji.national.forms import NationalFault
from gongji.national.tables import (
    CORRECTION_INPUT,
    REPLY_ENVELOPE,
    REVERSE_INPUT,
    SETL_ID,
    envelope,
    setlinfo,
)
from gongji.v1 import settlement_pb2 as pb

REVERSIBLE: Final = "2207"
"""oinfno that finds a settlement of ours; 2601 may also take back 2102, 2304 and 2401,
none of them ours."""


def _request_id(envelope_rest: Node, msgid: str = "") -> str:
    return request_id_of(
        str(envelope_rest["fixmedins_code"]), str(msgid or envelope_rest["msgid"])
    )


def _complete_reverse(ours: pb.ReverseRequest, kept: Kept) -> None:
    ours.request_id = _request_id(kept.envelope.rest)
    ours.why = "2208 门诊结算撤销"


def _complete_correction(ours: pb.ReverseRequest, kept: Kept) -> None:
    original = str(kept.data.rest["oinfno"])
    if original != REVERSIBLE:
        raise NationalFault(
            f"input.data.oinfno {original} 不能在此冲正; 可用 {REVERSIBLE}"
        )
    ours.request_id = _request_id(kept.envelope.rest)
    ours.settle_request_id = _request_id(
        kept.envelope.rest, str(kept.data.rest["omsgid"])
    )
    ours.why = "2601 冲正"


REVERSE: Final = Shape(
    infno="2208",
    ours=pb.ReverseRequest,
    envelope=envelope(),
    fields=REVERSE_INPUT,
    complete=_complete_reverse,
)

CORRECTION: Final = Shape(
    infno="2601",
    ours=pb.ReverseRequest,
    envelope=envelope(),
    fields=CORRECTION_INPUT,
    complete=_complete_correction,
)

REVERSED: Final = Shape(
    infno="2208",
    ours=pb.ReverseResponse,
    envelope=REPLY_ENVELOPE,
    container="output",
    node="setlinfo",
    fields=setlinfo(
        identified=SETL_ID,
        setl_time="settlement.reversed_at",
        cash="pdn_cash_pay",
        msgid=(
            kept(
                "medins_setl_id", "医药机构结算ID", "撤销报文自己的 msgid, 不是原结算的"
            ),
        ),
    ),
    faithful=False,
)
"""The amounts are those taken back, as they were settled; the cash is spelt pdn_cash_pay there."""
