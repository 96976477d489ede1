"""What is paid after the pooled fund, in the fields of the national interface."""

from __future__ import annotations

from gongji.national.convert import reply_to
from gongji.v1 import settlement_pb2 as pb

from tests.national.messages import request
from tests.national.test_convert import answer


def test_further_payers_have_their_fields() -> None:
    """fund_pay_sumamt is what all funds paid; each further payer stands in its own field."""
    paid = {
        pb.PAYER_FUND: 10_000,
        pb.PAYER_LARGE_AMOUNT: 4_000,
        pb.PAYER_CIVIL_SERVANT: 3_000,
        pb.PAYER_CRITICAL_ILLNESS: 2_000,
        pb.PAYER_MEDICAL_AID: 1_000,
    }
    lines = [pb.Line(payer=payer, fen=fen) for payer, fen in paid.items()]
    response = answer(further_fen=10_000, lines=lines)
    response.settlement.patient_part_fen = 80_000
    response.settlement.account_fen = 80_000
    info = reply_to(response, request("2207"))["output"]["setlinfo"]

    assert {
        "fund_pay_sumamt": "200.00",
        "hifp_pay": "100.00",
        "hifob_pay": "40.00",
        "cvlserv_pay": "30.00",
        "hifmi_pay": "20.00",
        "maf_pay": "10.00",
        "psn_part_amt": "800.00",
    }.items() <= info.items()
