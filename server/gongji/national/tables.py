"""The fields of 2206, 2207, 2208, 2601, 3201 and 3202: which ours says, which are carried."""

from __future__ import annotations

from typing import Final

from gongji.national.fields import Table, carried, mapped
from gongji.national.forms import (
    AMOUNT,
    ANY_ID,
    BALANCED,
    COUNT,
    DAY,
    EVIDENCE,
    ID,
    MOMENT,
    RATIO,
    REFUND,
    SCHEME,
    STANDING,
    USE,
    VISIT,
)

TRANSPORT: Final = "传输层"
"""Why a field is not read: it is the transport's."""

REGISTRY: Final = "以登记库为准"
"""Why a field is not read: the registry knows better."""

NOT_PASSED: Final = "个人资料不回传"
"""Why a field is not answered: it is personal."""

_VISIT: Final = "就诊登记（2201/2203）的编号，只回传"

CLEARING: Final = "清算，省内代码"
"""Why a field is not read: it is of the province's clearing."""

ACCOUNT_FUND: Final = ("310200", "职工个人账户")
"""fund_pay_type of the personal account, and its name."""

_NOT_PAID: Final = "本服务不支付此项，恒为 0"


def bill_parts(bill: str) -> Table:
    """Return the four parts of a bill, which are at that path of ours."""
    return (
        mapped(
            "fulamt_ownpay_amt", "全自费金额", f"{bill}.out_of_catalogue_fen", AMOUNT
        ),
        mapped("overlmt_selfpay", "超限价自费费用", f"{bill}.above_limit_fen", AMOUNT),
        mapped("preselfpay_amt", "先行自付金额", f"{bill}.first_selfpay_fen", AMOUNT),
        mapped("inscp_scp_amt", "符合政策范围金额", f"{bill}.in_scope_fen", AMOUNT),
    )


SETTLE_INPUT: Final[Table] = (
    mapped("psn_no", "人员编号", "bill.patient.person_no", ID),
    mapped("mdtrt_cert_type", "就诊凭证类型", "bill.evidence.type", EVIDENCE),
    mapped("mdtrt_cert_no", "就诊凭证编号", "bill.evidence.number", ID),
    mapped("card_sn", "卡识别码", "bill.evidence.card_sn", ID, required=False),
    carried("psn_cert_type", "人员证件类型", REGISTRY, form=ANY_ID),
    carried("certno", "证件号码", f"{REGISTRY}；不传给服务", form=ANY_ID),
    mapped("med_type", "医疗类别", "bill.visit_kind", VISIT),
    mapped("medfee_sumamt", "医疗费总额", "bill.total_fen", AMOUNT),
    carried(
        "psn_setlway", "个人结算方式", "本服务只按项目结算", form=ANY_ID, required=True
    ),
    carried("mdtrt_id", "就诊ID", _VISIT, form=ANY_ID, required=True),
    carried(
        "chrg_bchno",
        "收费批次号",
        "费用明细（2204）的批次，只回传",
        form=ANY_ID,
        required=True,
    ),
    mapped("insutype", "险种类型", "bill.scheme", SCHEME),
    mapped("acct_used_flag", "个人账户使用标志", "bill.account_use", USE),
    mapped("invono", "发票号", "bill.invoice_no", ID, required=False),
    *bill_parts("bill"),
    carried("exp_content", "字段扩展", "其 gongji 一节说国家字段没有的话，其余只保留"),
    carried("pub_hosp_rfom_flag", "公立医院改革标志", "不参与决定", form=ANY_ID),
)
"""2206 and 2207, node data."""


def _person() -> Table:
    return (
        carried("psn_name", "人员姓名", NOT_PASSED),
        carried("psn_cert_type", "人员证件类型", "取自请求", form=ANY_ID),
        carried("certno", "证件号码", "取自请求", form=ANY_ID),
        carried("gend", "性别", NOT_PASSED, form=ANY_ID),
        carried("naty", "民族", NOT_PASSED, form=ANY_ID),
        carried("brdy", "出生日期", NOT_PASSED),
        carried("age", "年龄", NOT_PASSED, fresh="0"),
    )


def _nothing_paid(*fields: tuple[str, str]) -> Table:
    return tuple(
        carried(name, chinese, _NOT_PAID, AMOUNT, fresh="0") for name, chinese in fields
    )


_DEDUCTIBLE: Final = "settlement.deductible_fen"

_RATIO: Final = "settlement.ratio_bp"

_FUND_PART: Final[Table] = (
    mapped("act_pay_dedc", "实际支付起付线", _DEDUCTIBLE, AMOUNT, required=False),
    carried(
        "hifp_pay",
        "基本医疗保险统筹基金支出",
        "由 fund_pay_sumamt 推得（I2）；本服务答复时即 fund_fen",
        AMOUNT,
    ),
    mapped("pool_prop_selfpay", "统筹基金支付比例", _RATIO, RATIO, required=False),
)

NO_OTHER_FUND: Final = _nothing_paid(
    ("cvlserv_pay", "公务员医疗补助"),
    ("hifes_pay", "企业补充医疗保险"),
    ("hifmi_pay", "居民大病保险"),
    ("hifob_pay", "职工大额补助"),
    ("maf_pay", "医疗救助"),
    ("hifdm_pay", "伤残人员医疗保障基金"),
    ("oth_pay", "其他支出"),
)


def _payers(cash: str) -> Table:
    """Return who pays; the cash is spelt otherwise in the reply of 2208."""
    aid = "settlement.aid_fen"
    return (
        mapped("fund_pay_sumamt", "基金支付总额", "settlement.fund_fen", AMOUNT),
        mapped("psn_part_amt", "个人负担总金额", "settlement.patient_part_fen", AMOUNT),
        mapped("acct_pay", "个人账户支出", "settlement.account_fen", AMOUNT),
        mapped("acct_mulaid_pay", "个人账户共济支付金额", aid, AMOUNT, required=False),
        mapped(cash, "个人现金支出", "settlement.cash_fen", AMOUNT),
        *_nothing_paid(("hosp_part_amt", "医院负担金额")),
        carried(
            "balc",
            "余额",
            "本人账户变动后的余额（movements）；没有动用时不知，写 0",
            AMOUNT,
            fresh="0",
        ),
    )


def setlinfo(*, identified: Table, setl_time: str, cash: str, msgid: Table) -> Table:
    """Return node setlinfo of a reply; those of 2206, 2207 and 2208 differ little."""
    return (
        carried("mdtrt_id", "就诊ID", _VISIT, form=ANY_ID),
        *identified,
        mapped("psn_no", "人员编号", "settlement.bill.patient.person_no", ID),
        *_person(),
        mapped("insutype", "险种类型", "settlement.scheme", SCHEME),
        carried("psn_type", "人员类别", REGISTRY, form=ANY_ID),
        carried("cvlserv_flag", "公务员标志", "不参与决定", form=ANY_ID),
        mapped("setl_time", "结算时间", setl_time, MOMENT, required=False),
        carried("mdtrt_cert_type", "就诊凭证类型", "取自请求", form=ANY_ID),
        mapped("med_type", "医疗类别", "settlement.bill.visit_kind", VISIT),
        mapped("medfee_sumamt", "医疗费总额", "settlement.bill.total_fen", AMOUNT),
        *bill_parts("settlement.bill"),
        *_FUND_PART,
        *NO_OTHER_FUND,
        *_payers(cash),
        *msgid,
        carried("clr_optins", "清算经办机构", CLEARING, form=ANY_ID),
        carried("clr_way", "清算方式", CLEARING, form=ANY_ID),
        carried("clr_type", "清算类别", CLEARING, form=ANY_ID),
    )


SETL_ID: Final[Table] = (mapped("setl_id", "结算ID", "settlement.settlement_id", ID),)

MSGID_BACK: Final[Table] = (
    mapped(
        "medins_setl_id",
        "医药机构结算ID",
        "settlement.bill.msgid",
        ID,
        required=False,
    ),
)

SETLDETAIL: Final[Table] = (
    carried(
        "fund_pay_type",
        "基金支付类型",
        "310102 职工门诊统筹，390102 居民门诊统筹",
        form=ANY_ID,
    ),
    carried("inscp_scp_amt", "符合政策范围金额", "即 in_scope_fen", AMOUNT),
    carried(
        "crt_payb_lmt_amt",
        "本次可支付限额金额",
        "单次限额与年度余额之小者；没有限额时写 0",
        AMOUNT,
        fresh="0",
    ),
    carried("fund_payamt", "基金支付金额", "即 fund_fen", AMOUNT),
    carried("fund_pay_type_name", "基金支付类型名称", "即 fund_pay_type 的名称"),
    carried(
        "setl_proc_info", "结算过程信息", "统筹基金一行的中文说明（lines[].in_words）"
    ),
)
"""Rows of setldetail: written from the fund's line, never read back: the lines say more
than the row."""

REVERSE_INPUT: Final[Table] = (
    mapped("setl_id", "结算ID", "settlement_id", ID),
    carried("mdtrt_id", "就诊ID", _VISIT, form=ANY_ID, required=True),
    mapped("psn_no", "人员编号", "patient.person_no", ID),
)
"""2208, node data."""

CORRECTION_INPUT: Final[Table] = (
    mapped("psn_no", "人员编号", "patient.person_no", ID),
    carried(
        "omsgid",
        "原发送方报文ID",
        "与 fixmedins_code 推出 settle_request_id",
        ID,
        required=True,
    ),
    carried("oinfno", "原交易编号", "只有 2207 可冲正", ID, required=True),
)
"""2601, node data."""

_COMPARED: Final = "答复时与我方合计相比（I9）"


def _amounts_of_3201() -> Table:
    return (
        carried("medfee_sumamt", "医疗费总额", _COMPARED, AMOUNT, required=True),
        carried("fund_pay_sumamt", "基金支付总额", _COMPARED, AMOUNT, required=True),
        carried("acct_pay", "个人账户支付金额", _COMPARED, AMOUNT, required=True),
        carried(
            "fixmedins_setl_cnt",
            "定点医药机构结算笔数",
            _COMPARED,
            COUNT,
            required=True,
        ),
    )


_PERIOD: Final = (
    ("stmt_begndate", "对账开始日期", "from_day"),
    ("stmt_enddate", "对账结束日期", "to_day"),
)

TOTALS_INPUT: Final[Table] = (
    carried("insutype", "险种", "答复时选取我方合计", SCHEME, required=True),
    carried(
        "clr_type",
        "清算类别",
        "答复时选取我方合计，对应的就诊类别见方言",
        ID,
        required=True,
    ),
    carried("setl_optins", "结算经办机构", CLEARING, form=ANY_ID, required=True),
    *(mapped(name, chinese, proto, DAY) for name, chinese, proto in _PERIOD),
    *_amounts_of_3201(),
    mapped("refd_setl_flag", "退费结算标志", "standing_only", STANDING, required=False),
    carried(
        "fixmedins_refd_setl_flag",
        "定点医药机构退费结算标志",
        "我方合计怎样计退费，由 refd_setl_flag 定",
        form=ANY_ID,
    ),
)
"""3201, node data."""

STMTINFO: Final[Table] = (
    carried("setl_optins", "结算经办机构", "取自请求", form=ANY_ID),
    mapped("stmt_rslt", "对账结果", "balanced", BALANCED),
    carried("stmt_rslt_dscr", "对账结果说明", "不平的各项，双方金额"),
)
"""Reply of 3201, node stmtinfo."""

DETAILS_INPUT: Final[Table] = (
    carried("setl_optins", "结算经办机构", CLEARING, form=ANY_ID),
    carried("file_qury_no", "文件查询号", TRANSPORT, form=ANY_ID),
    *(
        mapped(name, chinese, f"header.{proto}", DAY)
        for name, chinese, proto in _PERIOD
    ),
    carried("medfee_sumamt", "医疗费总额", "逐行相比，合计不用", AMOUNT),
    carried("fund_pay_sumamt", "基金支付总额", "逐行相比，合计不用", AMOUNT),
    carried("cash_payamt", "现金支付金额", "逐行相比，合计不用", AMOUNT),
    carried("fixmedins_setl_cnt", "定点医药机构结算笔数", "逐行相比，笔数不用", COUNT),
    carried("clr_type", "清算类别", CLEARING, form=ANY_ID),
)
"""3202, node data; the rows are a file."""

ROW: Final[Table] = (
    mapped("setl_id", "结算ID", "settlement_id", ID),
    carried("mdtrt_id", "就诊ID", _VISIT, ANY_ID, required=True),
    mapped("psn_no", "人员编号", "patient", ID),
    mapped("medfee_sumamt", "医疗费总额", "total_fen", AMOUNT),
    mapped("fund_pay_sumamt", "基金支付总额", "fund_fen", AMOUNT),
    mapped("acct_pay", "个人账户支付金额", "account_fen", AMOUNT),
    mapped("refd_setl_flag", "退费结算标志", "refund", REFUND),
)
"""A row of the file of 3202, its columns in order."""

DIFFERENCE_COLUMNS: Final = (
    "psn_no",
    "mdtrt_id",
    "setl_id",
    "msgid",
    "stmt_rslt",
    "refd_setl_flag",
    "memo",
    "medfee_sumamt",
    "fund_pay_sumamt",
    "acct_pay",
)
"""Columns of the file that answers 3202, in order."""
