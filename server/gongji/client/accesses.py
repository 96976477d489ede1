"""Accesses to a person's data, asked for page by page and put into words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import grpc

from gongji.rules.codes import SHANGHAI
from gongji.v1 import access_pb2 as pb
from gongji.v1 import access_pb2_grpc, types_pb2

_PAGE: Final = 1000

COLUMNS: Final = (
    "at",
    "caller",
    "caller_kind",
    "method",
    "fields",
    "subject",
    "purpose",
    "request_id",
)

KINDS: Final[Mapping[str, str]] = {
    "app": "线上渠道",
    "counter": "经办窗口",
    "bank": "银行",
    "hospital": "医疗机构",
    "pharmacy": "零售药店",
    "collector": "征缴方",
    "feeder": "登记数据来源",
    "reviewer": "审核人员",
    "auditor": "审计",
    "operator": "运营方",
    "city_team": "城市团队",
    "tester": "测试者",
}
"""What each kind of caller is called."""

METHODS: Final[Mapping[str, str]] = {
    "SubmitBinding": "申请绑定",
    "RecordConsent": "记录同意",
    "ReviewBinding": "审核绑定",
    "Unbind": "解绑",
    "GetBinding": "查询绑定",
    "ListBindings": "列出绑定",
    "ExplainRefusal": "查询拒绝的原因",
    "File": "异地就医备案",
    "EndFiling": "终止备案",
    "GetFiling": "查询备案",
    "ListFilings": "列出备案",
    "SubmitClaim": "申报手工结算",
    "ReviewClaim": "初审手工结算",
    "DecideClaim": "复核手工结算",
    "WithdrawClaim": "撤回手工结算",
    "GetClaim": "查询手工结算",
    "ListClaims": "列出手工结算",
    "Quote": "预结算",
    "Settle": "结算",
    "Reverse": "撤销结算",
    "GetSettlement": "查询结算",
    "Recompute": "重算",
    "GetPacket": "裁决材料",
    "ListSettlements": "共济消费查询",
    "GetBenefitYear": "年度待遇查询",
    "ReconcileDetails": "对明细账",
    "GetAccount": "查询余额",
    "ListEntries": "账户明细",
    "IssueStatement": "出具查询单",
    "VerifyStatement": "核对查询单",
    "Credit": "划入",
    "CorrectCredit": "划入补差",
    "TakeBackCredit": "收回划入",
    "PayPremium": "代缴",
    "RefundPremium": "代缴退费",
    "OpenWallet": "开通医保钱包",
    "GetWallet": "查询医保钱包",
    "ChangeWalletPlace": "变更钱包使用地",
    "Transfer": "医保钱包转账",
    "AcceptTransfer": "接收转账",
    "DeclineTransfer": "拒收转账",
    "ListTransfers": "列出转账",
    "Consequences": "迟到事实的影响",
    "Resettle": "重新结算",
    "Watch": "订阅事件",
    "GetPerson": "查询人员",
    "ImportPersons": "导入人员",
    "ListAccesses": "访问查询",
    "ExportPerson": "导出全部资料",
    "ErasePerson": "删除资料",
}
"""What each method is called; one of a later service goes by its own name."""

FIELDS: Final[Mapping[str, str]] = {
    "accesses": "访问记录",
    "balance": "余额",
    "bill": "账单",
    "binding": "绑定",
    "certificate": "证件",
    "contribution_base": "缴费基数",
    "credit": "划入",
    "died_on": "死亡日期",
    "enrolments": "参保",
    "entries": "账户明细",
    "everything": "全部资料",
    "filing": "异地就医备案",
    "insured_place": "参保地",
    "kin": "亲属",
    "marks": "标识",
    "name": "姓名",
    "phone": "电话",
    "premium": "代缴",
    "refusal": "拒绝的原因",
    "wallet": "医保钱包",
}
"""What each field is called."""

_PURPOSES: Final[Mapping[int, str]] = {
    pb.ACCESS_PURPOSE_OWN_REQUEST: "本人办理或查询",
    pb.ACCESS_PURPOSE_CARE: "就医结算",
    pb.ACCESS_PURPOSE_REVIEW: "审核",
    pb.ACCESS_PURPOSE_RECONCILIATION: "对账",
    pb.ACCESS_PURPOSE_AUDIT: "审计",
    pb.ACCESS_PURPOSE_OPERATION: "经办运行",
}


def accesses_of(
    channel: grpc.Channel, person_no: str, first: str = "", last: str = ""
) -> Iterator[pb.Access]:
    """Yield who looked at a person's data, newest first; days as YYYY-MM-DD. RpcError."""
    service = access_pb2_grpc.AccessServiceStub(channel)
    request = pb.ListAccessesRequest(
        person=types_pb2.PersonRef(person_no=person_no), from_day=first, to_day=last
    )
    request.page.size = _PAGE
    while True:
        reply = service.ListAccesses(request)
        yield from reply.accesses
        if not reply.next_page_token:
            return
        request.page.token = reply.next_page_token


def line_of(access: pb.Access) -> dict[str, str]:
    """Return an access as a row of a table, in Chinese."""
    at = access.at.ToDatetime(tzinfo=SHANGHAI)
    return {
        "at": f"{at:%Y-%m-%d %H:%M:%S}",
        "caller": access.caller,
        "caller_kind": KINDS.get(access.caller_kind, access.caller_kind),
        "method": METHODS.get(access.method, access.method),
        "fields": "、".join(FIELDS.get(name, name) for name in access.fields),
        "subject": access.subject,
        "purpose": _PURPOSES.get(access.purpose, ""),
        "request_id": access.request_id,
    }
