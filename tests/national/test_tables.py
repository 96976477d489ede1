"""Every field the interface gives a message stands in its table: said by ours, or kept
for a reason."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from gongji.national.convert import REPLIES, REQUESTS
from gongji.national.envelope import Shape
from gongji.national.fields import Field
from gongji.national.forms import AMOUNT
from gongji.national.tables import DIFFERENCE_COLUMNS, ROW, SETLDETAIL

README = Path(__file__).parents[2] / "protos" / "README.md"

ENVELOPE = """
    infno msgid mdtrtarea_admvs insuplc_admdvs recer_sys_code dev_no dev_safe_info
    cainfo signtype infver opter_type opter opter_name inf_time fixmedins_code
    fixmedins_name sign_no
"""
REPLY = "infcode inf_refmsgid refmsg_time respond_time err_msg"
SETTLE = """
    psn_no mdtrt_cert_type mdtrt_cert_no card_sn psn_cert_type certno med_type
    medfee_sumamt psn_setlway mdtrt_id chrg_bchno insutype acct_used_flag invono
    fulamt_ownpay_amt overlmt_selfpay preselfpay_amt inscp_scp_amt exp_content
    pub_hosp_rfom_flag
"""
SETLINFO = """
    mdtrt_id setl_id psn_no psn_name psn_cert_type certno gend naty brdy age
    insutype psn_type cvlserv_flag setl_time mdtrt_cert_type med_type medfee_sumamt
    fulamt_ownpay_amt overlmt_selfpay preselfpay_amt inscp_scp_amt act_pay_dedc
    hifp_pay pool_prop_selfpay cvlserv_pay hifes_pay hifmi_pay hifob_pay maf_pay
    hifdm_pay oth_pay fund_pay_sumamt psn_part_amt acct_pay acct_mulaid_pay
    psn_cash_pay hosp_part_amt balc medins_setl_id clr_optins clr_way clr_type
"""
TOTALS = """
    insutype clr_type setl_optins stmt_begndate stmt_enddate medfee_sumamt
    fund_pay_sumamt acct_pay fixmedins_setl_cnt refd_setl_flag
    fixmedins_refd_setl_flag
"""

INPUTS = [
    ("2206", SETTLE),
    ("2207", SETTLE),
    ("2208", "setl_id mdtrt_id psn_no"),
    ("2601", "psn_no omsgid oinfno"),
    ("3201", TOTALS),
    ("3202", "stmt_begndate stmt_enddate cash_payamt clr_type"),
]
OUTPUTS = [
    ("2206", SETLINFO.replace("setl_id ", "", 1)),
    ("2207", SETLINFO),
    ("2208", SETLINFO.replace("psn_cash_pay", "pdn_cash_pay")),
    ("3201", "setl_optins stmt_rslt stmt_rslt_dscr"),
]


@pytest.mark.parametrize(("infno", "names"), INPUTS, ids=[i[0] for i in INPUTS])
def test_inputs_are_complete(infno: str, names: str) -> None:
    """Each field of the input, and of the envelope, is in the table."""
    assert set() == set(names.split()) - {f.name for f in REQUESTS[infno].fields}
    assert ENVELOPE.split() == [f.name for f in REQUESTS[infno].envelope]


@pytest.mark.parametrize(("infno", "names"), OUTPUTS, ids=[o[0] for o in OUTPUTS])
def test_outputs_are_complete(infno: str, names: str) -> None:
    """Each field of the output is in the table, in the interface's order."""
    assert names.split() == [f.name for f in REPLIES[infno].fields]
    assert REPLY.split() == [f.name for f in REPLIES[infno].envelope]


def test_rows_are_complete() -> None:
    """The rows of setldetail and of the files of 3202 have the interface's columns."""
    detail = (
        "fund_pay_type inscp_scp_amt crt_payb_lmt_amt fund_payamt fund_pay_type_name "
        "setl_proc_info"
    )
    row = (
        "setl_id mdtrt_id psn_no medfee_sumamt fund_pay_sumamt acct_pay refd_setl_flag"
    )
    answer = (
        "psn_no mdtrt_id setl_id msgid stmt_rslt refd_setl_flag memo medfee_sumamt "
        "fund_pay_sumamt acct_pay"
    )

    assert detail.split() == [f.name for f in SETLDETAIL]
    assert row.split() == [f.name for f in ROW]
    assert answer.split() == list(DIFFERENCE_COLUMNS)


SHAPES = [*REQUESTS.values(), *REPLIES.values()]


@pytest.mark.parametrize(
    "shape", SHAPES, ids=[f"{s.infno} {s.container}" for s in SHAPES]
)
def test_each_field_is_said_or_kept_for_a_reason(shape: Shape) -> None:
    """A field stands in ours at a path that exists, or says why it is only kept; none
    stands twice."""
    fields = shape.envelope + shape.fields

    assert [] == [f.name for f in fields if bool(f.proto) == bool(f.why)]
    assert len(shape.fields) == len({f.name for f in shape.fields})
    assert [] == [f.proto for f in fields if f.proto and not _exists(shape, f)]


def _exists(shape: Shape, field: Field) -> bool:
    described: Any = shape.proto.DESCRIPTOR
    *parents, last = field.proto.split(".")
    for parent in parents:
        described = described.fields_by_name[parent].message_type
    return last in described.fields_by_name


def test_the_readme_says_the_same() -> None:
    """The amounts of setlinfo in protos/README.md are those of the table, field for field."""
    text = README.read_text(encoding="utf-8")
    _, _, after = text.partition("## 国家接口对照")
    section, _, _ = after.partition("\n## ")
    row = r"^\| ([a-z_]+)[^|]*\| `([a-z_.]+)`"
    printed = dict(re.findall(row, section, re.MULTILINE))
    amounts = {
        field.name: field.proto.removeprefix("settlement.")
        for field in REPLIES["2207"].fields
        if field.form is AMOUNT and field.proto
    }

    assert amounts == {name: printed.get(name) for name in amounts}
