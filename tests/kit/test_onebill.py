"""One bill in words: what may be said, who pays, and the curve beside it."""

from __future__ import annotations

import json
from datetime import date

import pytest
from gongji.kit.onebill import read_words, try_bill
from gongji.rules.codes import EnrolmentStatus, Scheme, VisitKind
from gongji.settlement.split import Used

from tests.cli.command import gongji
from tests.scaffold.cities import shipped

DAY = date(2025, 7, 1)

# Chuzhou, C58 to C62: 800 yuan a year, then 50 % at level 3 and 55 % for the retired,
# 60 % at level 1, at most 2,000 yuan a year.
BILLS = {
    "the deductible is borne first": (
        ("在职", "三级", "1000"),
        (0, 0),
        (800_00, 100_00),
    ),
    "what was borne counts": (
        ("退休", "三级", "700"),
        (700_00, 200_00),
        (100_00, 330_00),
    ),
    "what was paid counts": (
        ("退休", "三级", "700元"),
        (800_00, 1990_00),
        (0, 10_00),
    ),
    "in any order": (("1,000.00", "三级", "在职"), (0, 0), (800_00, 100_00)),
    "residents have none": (("居民", "三级", "1000"), (0, 0), (0, 0)),
    "nor has a pause": (("在职", "三级", "1000", "暂停参保"), (0, 0), (0, 0)),
}


@pytest.mark.parametrize("name", BILLS)
def test_bill(name: str) -> None:
    """Deductible and fund's part are those of the city's clauses; cash is the rest."""
    words, before, expected = BILLS[name]
    bill = read_words(words)
    tried = try_bill(shipped().named("chuzhou"), bill, DAY, Used(*before))
    share = tried.outcome.paid.share

    assert expected == (share.deductible_fen, share.fund_fen)
    assert bill.in_scope_fen - expected[1] == tried.outcome.cash_fen
    assert (bill.in_scope_fen, expected[1]) in tried.points()


def test_curve_is_that_of_bills() -> None:
    """Each point of the curve is what a bill of that amount is paid."""
    city = shipped().named("anqing")
    used = Used(100_00, 50_00)
    tried = try_bill(city, read_words(["退休", "二级", "900"]), DAY, used)

    assert tried.points() == [
        (amount, tried_again.outcome.paid.share.fund_fen)
        for amount, _ in tried.points()
        for tried_again in [
            try_bill(
                city, read_words(["退休", "二级", f"{amount / 100:.2f}"]), DAY, used
            )
        ]
    ]


def test_words() -> None:
    """A word says its axis; a pharmacy is where one buys unless another kind is said."""
    said = read_words(["居民", "药店", "1"]).situation
    paused = read_words(["退休", "急诊", "三级", "暂停参保", "1"]).situation

    assert (Scheme.RESIDENT, VisitKind.PHARMACY) == (said.scheme, said.kind)
    assert (VisitKind.EMERGENCY, EnrolmentStatus.PAUSED) == (paused.kind, paused.status)


MISTAKES = {
    "two of an axis": (("在职", "退休", "三级", "700"), "“在职”与“退休”只能写一个"),
    "two amounts": (("在职", "三级", "700", "800"), "“700”与“800”只能写一个"),
    "no person": (("三级", "700"), "没有写人员类别：请写在职、退休、居民之一"),
    "no place": (("在职", "700"), "没有写机构：请写一级、二级、三级、未定级、药店之一"),
    "no amount": (("在职", "三级"), "没有写政策范围内的金额"),
    "no such word": (("在职", "三甲", "700"), "不认识“三甲”"),
    "half a fen": (("在职", "三级", "7.555"), "最多两位小数"),
    "a day before all rules": (
        ("在职", "三级", "7", "--day", "2001-01-01"),
        "尚无有效规则",
    ),
    "less than nothing": (
        ("在职", "三级", "7", "--paid", "-3"),
        "选项 --paid：金额须在",
    ),
    "first settled elsewhere": (
        ("在职", "三级", "7", "住院"),
        "住院的首次结算不在此办理",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name: str) -> None:
    """What is wrong is said in Chinese, and nothing else is printed."""
    words, why = MISTAKES[name]
    result = gongji("try", "chuzhou", *words)

    assert result.exit_code in {1, 2}
    assert why in result.stderr
    assert not result.stdout


def test_command() -> None:
    """The command tells the sentence, the curve and the clauses, or a document."""
    command = (
        "try",
        "滁州",
        "退休",
        "三级",
        "700",
        "--day",
        "2025-07-01",
        "--paid",
        "200",
    )
    text = gongji(*command).stdout
    document = json.loads(gongji("--json", *command, "--borne", "800").stdout)["tried"]

    assert "统筹基金支付 0.00 元，个人负担 700.00 元（其中起付标准 700.00 元）" in text
    assert "请以 --borne 写明" in text
    assert "按 55% 支付，政策范围内满 4,072.72 元时共支付 1,800.00 元" in text
    assert "C61b\t倾斜政策" in text
    assert 385_00 == document["fund_fen"]
