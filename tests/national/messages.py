"""National messages for tests: invented people of the sample population, and the
amounts of one recorded real reply."""

from __future__ import annotations

from typing import Any

HOSPITAL, PATIENT = "H34110000001", "CZ001"
MSGID = f"{HOSPITAL}202509301000000001"

SETTLE: dict[str, Any] = {
    "psn_no": PATIENT,
    "mdtrt_cert_type": "01",
    "mdtrt_cert_no": "token",
    "med_type": "11",
    "medfee_sumamt": "1000.00",
    "psn_setlway": "01",
    "mdtrt_id": "V1",
    "chrg_bchno": "B1",
    "insutype": "310",
    "acct_used_flag": "2",
    "fulamt_ownpay_amt": "0",
    "overlmt_selfpay": "0",
    "preselfpay_amt": "0",
    "inscp_scp_amt": "1000.00",
}
"""Data of 2206 and 2207."""

REVERSE = {"setl_id": "S1", "mdtrt_id": "V1", "psn_no": PATIENT}
CORRECTION = {"psn_no": PATIENT, "omsgid": MSGID, "oinfno": "2207"}
TOTALS: dict[str, Any] = {
    "insutype": "310",
    "clr_type": "11",
    "setl_optins": "341199",
    "stmt_begndate": "2025-09-30",
    "stmt_enddate": "2025-09-30",
    "medfee_sumamt": "1000.00",
    "fund_pay_sumamt": "100.00",
    "acct_pay": "900.00",
    "fixmedins_setl_cnt": "1",
    "refd_setl_flag": "0",
    "fixmedins_refd_setl_flag": "0",
}
DETAILS: dict[str, Any] = {
    "stmt_begndate": "2025-09-30",
    "stmt_enddate": "2025-09-30",
    "clr_type": "11",
}
DATA = {
    "2206": SETTLE,
    "2207": SETTLE,
    "2208": REVERSE,
    "2601": CORRECTION,
    "3201": TOTALS,
    "3202": DETAILS,
}
"""Data of every request, by infno."""

RECORDED: dict[str, Any] = {
    "medfee_sumamt": "5792.53",
    "fulamt_ownpay_amt": "296.20",
    "overlmt_selfpay": "0",
    "preselfpay_amt": "522.61",
    "inscp_scp_amt": "4973.72",
    "hifp_pay": "3106.54",
    "fund_pay_sumamt": "3106.54",
    "psn_part_amt": "2685.99",
    "acct_pay": "0",
    "acct_mulaid_pay": "0",
    "psn_cash_pay": "2685.99",
}
"""A recorded real reply; the fund's part follows from I1."""


def request(
    infno: str, data: dict[str, Any] | None = None, **envelope: Any
) -> dict[str, Any]:
    """A request with that data, and an envelope changed in these fields."""
    return {
        "infno": infno,
        "msgid": MSGID,
        "mdtrtarea_admvs": "341100",
        "insuplc_admdvs": "341102",
        "recer_sys_code": "GONGJI",
        "dev_no": "",
        "dev_safe_info": "",
        "cainfo": "",
        "signtype": "",
        "infver": "1.0.0",
        "opter_type": "1",
        "opter": "001",
        "opter_name": "甲",
        "inf_time": "2025-09-30 10:00:00",
        "fixmedins_code": HOSPITAL,
        "fixmedins_name": "滁州示例三级医院",
        "sign_no": "",
        "input": {"data": dict(DATA[infno] if data is None else data)},
        **envelope,
    }


def settlement_reply(**changes: Any) -> dict[str, Any]:
    """A reply of 2207 with the recorded amounts, changed in these fields of setlinfo;
    None takes a field out."""
    info: dict[str, Any] = {
        "mdtrt_id": "V1",
        "setl_id": "S1",
        "psn_no": PATIENT,
        "insutype": "310",
        "setl_time": "2025-09-30 10:00:01",
        "med_type": "11",
        **RECORDED,
        "pool_prop_selfpay": "0.6500",
        "medins_setl_id": MSGID,
        **changes,
    }
    setlinfo = {name: value for name, value in info.items() if value is not None}
    return {
        "infcode": 0,
        "inf_refmsgid": "1",
        "err_msg": "",
        "output": {"setlinfo": setlinfo, "setldetail": []},
    }


def reversal_reply(**changes: Any) -> dict[str, Any]:
    """A reply of 2208: as of 2207, with the cash spelt pdn_cash_pay."""
    cash = changes.pop("pdn_cash_pay", RECORDED["psn_cash_pay"])
    return settlement_reply(psn_cash_pay=None, pdn_cash_pay=cash, **changes)
