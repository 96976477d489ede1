"""Another province's messages: its table is all that differs, and nothing is lost by it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from gongji.national.convert import REPLIES, from_national, reply_to
from gongji.national.edition import HUNAN, Edition, edition_in
from gongji.national.forms import NationalFault
from gongji.v1 import settlement_pb2 as pb

from tests.national.messages import DATA, SETTLE, TOTALS, request, settlement_reply

OTHER = edition_in(
    """
name = "X"
fund_includes_account = true
[messages]
"2207A" = "2207"
[fields."2207".request]
medfee_sumamt = "total"
[fields."2207".reply]
psn_cash_pay = "cash"
[fields."2208".reply]
pdn_cash_pay = "psn_cash_pay"
[clearing]
"99" = ["11"]
[cumulative]
deductible = "A1"
fund = "B{fund_pay_type}"
"""
)


@pytest.mark.parametrize("infno", DATA)
def test_hunan_is_the_table_that_says_nothing(infno: str) -> None:
    """In Hunan's edition a message and a reply stay as they are."""
    message, reply = request(infno), settlement_reply()
    assert message == HUNAN.inward(message)
    assert reply == HUNAN.outward(reply, infno)


def test_names_both_ways() -> None:
    """A message under another number, with other names of fields, is ours all the same; the
    answer has the other names."""
    data = {**SETTLE, "total": SETTLE["medfee_sumamt"]}
    del data["medfee_sumamt"]
    ours, _ = from_national(OTHER.inward(request("2207A", data)))
    assert from_national(request("2207"))[0] == ours
    reply = settlement_reply()
    told = OTHER.outward(reply, "2207")["output"]["setlinfo"]
    assert "2685.99" == told["cash"]
    assert "psn_cash_pay" not in told


def paid(**changes: Any) -> dict[str, Any]:
    """Return a reply in which the purse pays too, in the other edition."""
    reply = settlement_reply(acct_pay="685.99", psn_cash_pay="2000.00", **changes)
    reply["output"]["setldetail"] = [
        {"fund_pay_type": "310102", "fund_payamt": "3106.54"}
    ]
    return OTHER.outward(reply, "2206")


def test_a_fund_that_contains_the_account() -> None:
    """fund_pay_sumamt is the pooled fund and the account, and setldetail adds up to it."""
    output = paid()["output"]
    info, rows = output["setlinfo"], output["setldetail"]
    assert "3792.53" == info["fund_pay_sumamt"]
    assert ["310102", "310200"] == [row["fund_pay_type"] for row in rows]
    assert Decimal("3792.53") == sum(Decimal(row["fund_payamt"]) for row in rows)
    fee = Decimal(info["fund_pay_sumamt"]) + Decimal(info["psn_cash_pay"])
    assert Decimal(info["medfee_sumamt"]) == fee


def test_totals_of_a_fund_that_contains_the_account() -> None:
    """A 3201 that counts the account into the fund is compared without it."""
    data = {**TOTALS, "clr_type": "99", "fund_pay_sumamt": "1000.00"}
    message = OTHER.inward(request("3201", data))
    ours = pb.Total(scheme=310, visit_kind=11, count=1, total_fen=100_000)  # type: ignore[arg-type] # numbers of enums
    ours.fund_fen, ours.account_fen = 10_000, 90_000
    response = pb.ReconcileTotalsResponse(differences=[pb.TotalDifference(ours=ours)])
    reply = reply_to(response, message, OTHER.dialect)
    assert "0" == reply["output"]["stmtinfo"]["stmt_rslt"]
    assert "3201" in REPLIES


def test_rows_of_a_fund_that_contains_the_account() -> None:
    """Rows of 3202 are compared without the account, and told with it again."""
    theirs = ["S1", "V1", "CZ001", "1000.00", "1000.00", "900.00", "0"]
    ours = OTHER.row_inward(theirs, 1)
    assert ["100.00", "900.00"] == ours[4:6]
    with pytest.raises(NationalFault, match="第 7 行 fund_pay_sumamt"):
        OTHER.row_inward([*theirs[:4], "a", *theirs[5:]], 7)
    told = ["CZ001", "V1", "S1", "M1", "1", "0", "memo", "1000.00", "100.00", "900.00"]
    assert ["1000.00", "900.00"] == OTHER.row_outward(told)[-2:]


BROKEN = [
    "",
    "name = 1",
    'name = "X"\nfunds = true',
    'name = "X"\n[clearing]\n"11" = ["77"]',
    'name = "X"\n[clearing]\n"11" = ["a"]',
    'name = "X"\n[cumulative]\nfunds = "D"',
    'name = "X"\n[cumulative]\nfund = "D{other}"',
    'name = "X"\n[messages]\n"2207A" = "2299"',
    'name = "X"\n[fields."2299".reply]\na = "b"',
    'name = "X"\n[fields."2207".reply]\nno_such_field = "b"',
    'name = "X"\n[fields."2207".reply]\npsn_cash_pay = "acct_pay"',
    'name = "X"\n[fields."2207".request]\nno_such_field = "b"',
    "[",
]


@pytest.mark.parametrize("text", BROKEN)
def test_a_table_that_is_none(text: str) -> None:
    """A table that says what there is not, or too little, is refused in a sentence."""
    with pytest.raises(NationalFault, match="方言表"):
        edition_in(text)


@pytest.mark.parametrize(
    "message", [{}, {"infno": []}, {"input": 1}, {"input": {"data": 1}}]
)
def test_what_is_no_message_stays_so(message: dict[str, Any]) -> None:
    """What is no message is left to whoever reads it."""
    assert message.get("input") == OTHER.inward({**message, "infno": "3201"}).get(
        "input"
    )


def test_an_edition_is_whole() -> None:
    """What a table does not say is as in Hunan's."""
    plain = Edition(name="X").dialect
    assert HUNAN.dialect.clearing == plain.clearing
    assert ("A1", "B{fund_pay_type}") == (
        OTHER.dialect.cumulative.deductible,
        OTHER.dialect.cumulative.fund,
    )
