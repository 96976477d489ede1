"""The fields round what a message says: of requests the head, of replies the outcome."""

from __future__ import annotations

from typing import Final

from gongji.national.fields import Table, carried, mapped
from gongji.national.forms import ANY_ID, HEAD_ANY_ID, HEAD_ID, HEAD_TEXT, MOMENT
from gongji.national.tables import REGISTRY, TRANSPORT

_OPERATOR: Final = "经办人，不参与决定"


def _header(name: str, chinese: str, proto: str, why: str) -> Table:
    return (
        mapped(name, chinese, proto, HEAD_ID)
        if proto
        else carried(name, chinese, why, HEAD_ID, required=True),
    )


def _insured(proto: str) -> Table:
    name, chinese = "insuplc_admdvs", "参保地医保区划"
    if proto:
        return (mapped(name, chinese, proto, HEAD_ID, required=False),)
    return (carried(name, chinese, REGISTRY, HEAD_ANY_ID),)


def envelope(
    *, msgid: str = "", fixmedins_code: str = "", insured_place: str = ""
) -> Table:
    """Return the fields round the input; paths say where ours holds some of them."""
    return (
        carried("infno", "交易编号", "决定是哪种请求", HEAD_ID, required=True),
        *_header("msgid", "发送方报文ID", msgid, "与 fixmedins_code 推出 request_id"),
        carried(
            "mdtrtarea_admvs",
            "就医地医保区划",
            "须是 fixmedins_code 所在的统筹区",
            HEAD_ID,
            required=True,
        ),
        *_insured(insured_place),
        carried(
            "recer_sys_code", "接收方系统代码", TRANSPORT, HEAD_ANY_ID, required=True
        ),
        carried("dev_no", "设备编号", TRANSPORT, HEAD_ANY_ID),
        carried("dev_safe_info", "设备安全信息", TRANSPORT, HEAD_TEXT),
        carried("cainfo", "数字签名", TRANSPORT, HEAD_TEXT),
        carried("signtype", "签名类型", TRANSPORT, HEAD_ANY_ID),
        carried("infver", "接口版本号", TRANSPORT, HEAD_ANY_ID, required=True),
        carried("opter_type", "经办人类别", _OPERATOR, HEAD_ANY_ID, required=True),
        carried("opter", "经办人", _OPERATOR, HEAD_ANY_ID, required=True),
        carried("opter_name", "经办人姓名", _OPERATOR, HEAD_TEXT, required=True),
        carried(
            "inf_time",
            "交易时间",
            "其日即就诊日，除非 exp_content 另有说明",
            MOMENT,
            required=True,
        ),
        *_header(
            "fixmedins_code",
            "定点医药机构编号",
            fixmedins_code,
            "与 msgid 推出 request_id",
        ),
        carried(
            "fixmedins_name", "定点医药机构名称", REGISTRY, HEAD_TEXT, required=True
        ),
        carried("sign_no", "签到流水号", TRANSPORT, HEAD_ANY_ID),
    )


REPLY_ENVELOPE: Final[Table] = (
    carried(
        "infcode",
        "交易状态码",
        "0 成功；不成功的答复不转换",
        form=ANY_ID,
        required=True,
    ),
    carried("inf_refmsgid", "接收方报文ID", TRANSPORT, form=ANY_ID),
    carried("refmsg_time", "接收报文时间", TRANSPORT),
    carried("respond_time", "响应报文时间", TRANSPORT),
    carried("err_msg", "错误信息", "不成功时才有"),
)
