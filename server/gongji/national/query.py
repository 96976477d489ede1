"""GetSettlement, as transaction 5203 结算信息查询 asks for it."""

from __future__ import annotations

from typing import Any, Final

from gongji.national.dialect import MessageDialect
from gongji.national.envelope import Shape
from gongji.national.fields import Node, Table, carried, fresh, mapped, write
from gongji.national.forms import (
    AMOUNT,
    ANY_ID,
    ID,
    MOMENT,
    RATIO,
    SCHEME,
    VISIT,
    amount,
)
from gongji.national.heads import envelope
from gongji.national.quote_settle import (
    further_payers,
    setldetail,
    with_all_funds,
)
from gongji.national.tables import (
    CLEARING,
    NO_OTHER_FUND,
    NOT_PASSED,
    REGISTRY,
    bill_parts,
)
from gongji.v1 import settlement_pb2 as pb

QUERY_INPUT: Final[Table] = (
    carried("psn_no", "人员编号", "须是该笔结算的就诊人", ID, required=True),
    mapped("setl_id", "结算ID", "settlement_id", ID),
    carried("mdtrt_id", "就诊ID", "只回传", ANY_ID, required=True),
)
"""5203, node data."""

QUERY: Final = Shape(
    infno="5203",
    proto=pb.GetSettlementRequest,
    envelope=envelope(),
    fields=QUERY_INPUT,
)


def _carried(why: str, *fields: tuple[str, str]) -> Table:
    return tuple(carried(name, chinese, why, ANY_ID) for name, chinese in fields)


_PAY_LOC: Final = "即 pay_loc；统筹区以市为单位，市内不算异地，没有 6 市内异地"

QUERY_SETLINFO: Final[Table] = (
    mapped("setl_id", "结算ID", "settlement.settlement_id", ID),
    carried("mdtrt_id", "就诊ID", "取自请求", ANY_ID),
    mapped("psn_no", "人员编号", "settlement.bill.patient.person_no", ID),
    *_carried(
        NOT_PASSED,
        ("psn_name", "人员姓名"),
        ("psn_cert_type", "人员证件类型"),
        ("certno", "证件号码"),
        ("gend", "性别"),
        ("naty", "民族"),
        ("brdy", "出生日期"),
    ),
    carried("age", "年龄", NOT_PASSED, fresh="0"),
    mapped("insutype", "险种类型", "settlement.scheme", SCHEME),
    *_carried(
        REGISTRY,
        ("psn_type", "人员类别"),
        ("cvlserv_flag", "公务员标志"),
        ("flxempe_flag", "灵活就业标志"),
        ("nwb_flag", "新生儿标志"),
        ("emp_name", "单位名称"),
    ),
    carried("insu_optins", "参保机构医保区划", "即 insured_place"),
    carried("pay_loc", "支付地点类别", _PAY_LOC),
    mapped(
        "fixmedins_code", "定点医药机构编号", "settlement.bill.institution_code", ID
    ),
    *_carried(
        REGISTRY,
        ("fixmedins_name", "定点医药机构名称"),
        ("hosp_lv", "医院等级"),
        ("fixmedins_poolarea", "定点归属机构"),
        ("lmtpric_hosp_lv", "限价医院等级"),
        ("dedc_hosp_lv", "起付线医院等级"),
        ("begndate", "开始日期"),
        ("enddate", "结束日期"),
    ),
    carried("setl_time", "结算时间", "即 settled_at", ANY_ID),
    carried("mdtrt_cert_type", "就诊凭证类型", "身份由渠道核验", ANY_ID),
    mapped("med_type", "医疗类别", "settlement.bill.visit_kind", VISIT),
    *_carried(
        CLEARING,
        ("clr_type", "清算类别"),
        ("clr_way", "清算方式"),
        ("clr_optins", "清算经办机构"),
    ),
    mapped("medfee_sumamt", "医疗费总额", "settlement.bill.total_fen", AMOUNT),
    *bill_parts("settlement.bill"),
    mapped("act_pay_dedc", "实际支付起付线", "settlement.deductible_fen", AMOUNT),
    carried("hifp_pay", "基本医疗保险统筹基金支出", "即 fund_fen", AMOUNT),
    mapped("pool_prop_selfpay", "统筹基金支付比例", "settlement.ratio_bp", RATIO),
    *NO_OTHER_FUND,
    mapped("fund_pay_sumamt", "基金支付总额", "settlement.fund_fen", AMOUNT),
    mapped("psn_pay", "个人支付金额", "settlement.patient_part_fen", AMOUNT),
    mapped("acct_pay", "个人账户支出", "settlement.account_fen", AMOUNT),
    mapped("cash_payamt", "现金支付金额", "settlement.cash_fen", AMOUNT),
    carried("balc", "余额", "不再是那时的余额，写 0", AMOUNT, fresh="0"),
    mapped("acct_mulaid_pay", "个人账户共济支付金额", "settlement.aid_fen", AMOUNT),
    mapped(
        "medins_setl_id",
        "医药机构结算ID",
        "settlement.bill.msgid",
        ID,
        required=False,
    ),
    mapped("invono", "发票号", "settlement.bill.invoice_no", ID, required=False),
    carried("refd_setl_flag", "退费结算标志", "1 即已撤销", ANY_ID),
    carried("year", "年度", "结算之年", ANY_ID),
    *_carried(
        "本服务没有",
        ("dise_codg", "病种编码"),
        ("dise_name", "病种名称"),
        ("opter_id", "经办人ID"),
        ("opter_name", "经办人姓名"),
        ("opt_time", "经办时间"),
    ),
    carried("pref_fund_pay", "优抚对象基金支出", "本服务不支付此项", fresh="0"),
)
"""Reply of 5203, node setlinfo."""

_LEVELS: Final = {1: "1", 2: "2", 3: "3"}
"""dedc_hosp_lv by level; a pharmacy has none."""


def query_output(
    answered: pb.GetSettlementResponse, request: Node, dialect: MessageDialect
) -> dict[str, Any]:
    """Return the output of 5203. NationalFault if the amounts break an identity."""
    settlement = answered.settlement
    settled_at = MOMENT.write(settlement.settled_at)
    known = {
        "mdtrt_id": request["input"]["data"]["mdtrt_id"],
        "fixmedins_name": request["fixmedins_name"],
        "dedc_hosp_lv": _LEVELS.get(settlement.level, ""),
        "insu_optins": settlement.insured_place,
        "pay_loc": str(int(settlement.pay_loc)),
        "begndate": settlement.bill.service_day,
        "enddate": settlement.bill.service_day,
        "setl_time": settled_at,
        "hifp_pay": amount(settlement.fund_fen),
        **further_payers(settlement),
        "refd_setl_flag": "1" if settlement.HasField("reversed_at") else "0",
        "year": settled_at[:4],
    }
    info = write(with_all_funds(answered), QUERY_SETLINFO, fresh(QUERY_SETLINFO, known))
    dialect.check(info, "output.setlinfo")
    return {"setlinfo": info, "setldetail": [setldetail(settlement)]}
