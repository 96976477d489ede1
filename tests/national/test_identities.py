"""I1-I5: checked on every message that carries them, both ways, refused by name with
fields and amounts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from gongji.national import (
    HN,
    MessageDialect,
    NationalFault,
    from_national,
    to_national,
)
from gongji.national.dialect import Sum
from gongji.v1 import settlement_pb2 as pb

from tests.national.messages import (
    RECORDED,
    SETTLE,
    request,
    reversal_reply,
    settlement_reply,
)

ALL = ("I1", "I2", "I3", "I4", "I5")


def test_a_recorded_reply_holds() -> None:
    """The recorded real reply, 296.20 + 0 + 522.61 + 4973.72 = 5792.53, holds and is
    read to the fen."""
    proto, _ = from_national(settlement_reply())
    assert isinstance(proto, pb.SettleResponse)
    settled = proto.settlement

    assert ALL == HN.carried(settlement_reply()["output"]["setlinfo"])
    assert (579253, 29620, 0, 52261, 497372) == (
        settled.bill.total_fen,
        settled.bill.out_of_catalogue_fen,
        settled.bill.above_limit_fen,
        settled.bill.first_selfpay_fen,
        settled.bill.in_scope_fen,
    )
    assert (310654, 268599, 0, 268599) == (
        settled.fund_fen,
        settled.patient_part_fen,
        settled.account_fen,
        settled.cash_fen,
    )


BROKEN = [
    (
        "I1: total",
        {"psn_part_amt": "2685.98", "psn_cash_pay": "2685.98"},
        "I1：medfee_sumamt 5792.53 ≠ fund_pay_sumamt",
    ),
    (
        "I1: the hospital's share counts",
        {"hosp_part_amt": "0.01"},
        "+ hosp_part_amt 0.01 = 5792.54",
    ),
    (
        "I2: funds",
        {"hifp_pay": "3106.53"},
        "I2：fund_pay_sumamt 3106.54 ≠ hifp_pay 3106.53 = 3106.53",
    ),
    (
        "I2: another fund counts",
        {"maf_pay": 1},
        "I2：fund_pay_sumamt 3106.54 ≠ hifp_pay 3106.54 + maf_pay 1.00",
    ),
    (
        "I3: parts",
        {"inscp_scp_amt": "4973.71"},
        "I3：medfee_sumamt 5792.53 ≠ fulamt_ownpay_amt 296.20",
    ),
    (
        "I4: the patient's part",
        {"acct_pay": "0.01"},
        "I4：psn_part_amt 2685.99 ≠ acct_pay 0.01 + psn_cash_pay 2685.99",
    ),
    (
        "I5: more aid than account",
        {"acct_mulaid_pay": "0.01"},
        "I5：acct_mulaid_pay 0.01 不在 0 与 acct_pay 0.00 之间",
    ),
    ("I5: aid below 0", {"acct_mulaid_pay": "-0.01"}, "I5：acct_mulaid_pay -0.01"),
]


@pytest.mark.parametrize(
    ("changes", "problem"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN]
)
def test_broken_in_a_reply(changes: dict[str, Any], problem: str) -> None:
    """A reply in which one fen is wrong is refused by the identity's name, with node
    and dialect."""
    with pytest.raises(NationalFault) as refused:
        from_national(settlement_reply(**changes))

    assert problem in str(refused.value)
    assert str(refused.value).startswith("output.setlinfo 的金额不合恒等式：I")
    assert str(refused.value).endswith("（HN）")


def test_all_that_are_broken_are_told() -> None:
    """Every identity that does not hold is named at once."""
    with pytest.raises(NationalFault, match=r"I1：.*；I2：.*；I3："):
        from_national(settlement_reply(medfee_sumamt="1", hifp_pay="1"))


@pytest.mark.parametrize("infno", ["2206", "2207"])
def test_broken_in_a_request(infno: str) -> None:
    """A bill whose parts do not sum is refused before it reaches the service."""
    with pytest.raises(
        NationalFault,
        match=r"input\.data 的金额不合恒等式：I3：medfee_sumamt 1000.00 ≠ .* = 999.99",
    ):
        from_national(request(infno, {**SETTLE, "inscp_scp_amt": "999.99"}))


def test_broken_in_a_reversal() -> None:
    """The reply of 2208 spells the cash pdn_cash_pay; I4 holds it to the same account."""
    from_national(reversal_reply())

    with pytest.raises(
        NationalFault,
        match=r"I4：psn_part_amt 2685.99 ≠ acct_pay 0.00 \+ pdn_cash_pay 2685.98",
    ):
        from_national(reversal_reply(pdn_cash_pay="2685.98"))


OURS = [
    ("I1", "fund_fen", 310653),
    ("I3", "bill.in_scope_fen", 497371),
    ("I4", "cash_fen", 0),
    ("I5", "aid_fen", 1),
]


@pytest.mark.parametrize(("name", "path", "fen"), OURS, ids=[o[0] for o in OURS])
def test_broken_in_ours(name: str, path: str, fen: int) -> None:
    """Ours with a wrong amount is not written."""
    proto, unmapped = from_national(settlement_reply())
    assert isinstance(proto, pb.SettleResponse)
    *parents, last = path.split(".")
    setattr(proto.settlement.bill if parents else proto.settlement, last, fen)

    with pytest.raises(NationalFault, match=f"{name}："):
        to_national(proto, unmapped)


def test_what_is_not_carried_is_not_checked() -> None:
    """An identity of which the message lacks a term is not carried by it."""
    carried = {
        name: HN.carried(node)
        for name, node in {"2207": SETTLE, "row": {"medfee_sumamt": "1"}}.items()
    }

    assert {"2207": ("I3",), "row": ()} == carried


def test_another_province_is_another_dialect() -> None:
    """Where fund_pay_sumamt contains the personal account, a reply is judged by that
    dialect's own identities."""
    payers = ("fund_pay_sumamt", "psn_cash_pay")
    first = Sum("I1", "medfee_sumamt", payers, ("hosp_part_amt",))
    unchanged = [i for i in HN.identities if i.name not in {"I1", "I2"}]
    identities = (first, *unchanged)
    dialect: MessageDialect = replace(HN, name="elsewhere", identities=identities)
    reply = settlement_reply(
        **{
            **RECORDED,
            "fund_pay_sumamt": "3107.54",
            "acct_pay": "1",
            "psn_cash_pay": "2684.99",
        }
    )

    from_national(reply, dialect)
    with pytest.raises(NationalFault, match="I1："):
        from_national(reply)
