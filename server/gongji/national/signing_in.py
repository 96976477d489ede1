"""9001 签到 and 9002 签退: what opens and ends an institution's day."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from google.protobuf.empty_pb2 import Empty

from gongji.national.envelope import Shape
from gongji.national.fields import Table, carried
from gongji.national.forms import ANY_ID, ID
from gongji.national.heads import envelope

SIGN_IN: Final = Shape(
    infno="9001",
    proto=Empty,
    envelope=envelope(),
    node="signIn",
    fields=(
        carried("opter_no", "操作员编号", "签到流水号归它", ID, required=True),
        carried("mac", "签到MAC地址", "不参与决定", ANY_ID),
        carried("ip", "签到IP地址", "不参与决定", ANY_ID),
    ),
)

_OUT: Final[Table] = (
    carried("sign_no", "签到编号", "须是当天本机构签到所得", ID, required=True),
    carried("opter_no", "操作员编号", "不参与决定", ANY_ID),
)

SIGN_OUT: Final = Shape(
    infno="9002", proto=Empty, envelope=envelope(), node="signOut", fields=_OUT
)


def sign_in_output(sign_no: str, at: datetime) -> dict[str, Any]:
    """Return the output of 9001."""
    return {"signinoutb": {"sign_time": written(at), "sign_no": sign_no}}


def sign_out_output(at: datetime) -> dict[str, Any]:
    """Return the output of 9002; S1 calls its node as its field."""
    return {"sign_time": {"sign_time": written(at)}}


def written(at: datetime) -> str:
    """Return an instant as yyyy-MM-dd HH:mm:ss."""
    return f"{at:%Y-%m-%d %H:%M:%S}"
