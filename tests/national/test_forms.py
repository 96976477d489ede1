"""Values of the national interface, exactly: amounts, ratios, codes, days."""

from __future__ import annotations

from decimal import Decimal

import pytest
from gongji.national.forms import (
    AMOUNT,
    COUNT,
    DAY,
    MOMENT,
    RATIO,
    SCHEME,
    USE,
    VISIT,
    Form,
    NationalFault,
)
from gongji.national.text import dumps, loads
from hypothesis import given
from hypothesis import strategies as st

READ = [
    ("yuan and fen", AMOUNT, "5792.53", 579253),
    ("one decimal", AMOUNT, "0.5", 50),
    (
        "a JSON number keeps every digit",
        AMOUNT,
        Decimal("99999999999999.99"),
        9999999999999999,
    ),
    ("a JSON integer", AMOUNT, 12, 1200),
    ("a JSON number with an exponent", AMOUNT, Decimal("1E+2"), 10000),
    ("zeros after the fen", AMOUNT, "1.2300", 123),
    ("a reverse row", AMOUNT, "-0.01", -1),
    ("an empty number is 0", AMOUNT, "", 0),
    ("null is 0", AMOUNT, None, 0),
    ("a ratio", RATIO, "0.5500", 5500),
    ("the whole", RATIO, 1, 10000),
    ("a count", COUNT, "12", 12),
    ("an emergency rescue is an emergency", VISIT, "1301", 13),
    ("own purse only", USE, "1", 2),
]


@pytest.mark.parametrize(
    ("form", "value", "proto"), [r[1:] for r in READ], ids=[r[0] for r in READ]
)
def test_read(form: Form, value: object, proto: int) -> None:
    """A value is read digit for digit."""
    assert proto == form.read(value, "x")


REFUSED = [
    ("a third decimal", AMOUNT, "1.005", "N16,2"),
    ("thousands", AMOUNT, "1,000.00", "N16,2"),
    ("words", AMOUNT, "一元", "N16,2"),
    ("too long", AMOUNT, "100000000000000", "N16,2"),
    (
        "an exponent that would fill the memory",
        AMOUNT,
        Decimal("1E+999999"),
        "得到过大或过小的数",
    ),
    ("full-width digits", AMOUNT, "\uff11", "N16,2"),
    ("a truth value", AMOUNT, True, "得到真假值"),
    ("a list", AMOUNT, ["1"], "得到数组"),
    ("a negative ratio", RATIO, "-0.5", "N5,4"),
    ("a fifth decimal", RATIO, "0.50001", "N5,4"),
    ("half a settlement", COUNT, "1.5", "N10"),
    ("a day without zeros", DAY, "2025-9-1", "yyyy-MM-dd"),
    ("a day that is none", DAY, "2025-02-30", "yyyy-MM-dd"),
    ("an instant that is none", MOMENT, "2025-09-30 24:00:00", "yyyy-MM-dd HH:mm:ss"),
    ("an instant with T", MOMENT, "2025-09-30T10:00:00", "yyyy-MM-dd HH:mm:ss"),
    ("a scheme not settled here", SCHEME, "340", "没有代码「340」；可用 310、390"),
]


@pytest.mark.parametrize(
    ("form", "value", "problem"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_refused(form: Form, value: object, problem: str) -> None:
    """A value that is none is refused with its field and how it is written."""
    with pytest.raises(NationalFault) as refused:
        form.read(value, "input.data.x")

    assert str(refused.value).startswith("input.data.x ")
    assert problem in str(refused.value)


@given(st.integers(min_value=-(10**16) + 1, max_value=10**16 - 1))
def test_amounts_come_back(fen: int) -> None:
    """What is written as an amount is read as the same fen, as text and as a JSON number."""
    assert (
        fen
        == AMOUNT.read(AMOUNT.write(fen), "x")
        == AMOUNT.read(loads(AMOUNT.write(fen)), "x")
    )


@given(st.integers(min_value=0, max_value=10_000))
def test_ratios_come_back(ratio_bp: int) -> None:
    """What is written as a ratio is read as the same basis points."""
    assert ratio_bp == RATIO.read(RATIO.write(ratio_bp), "x")


BROKEN = [
    ("no JSON", "{", "第 1 行第 2 列"),
    ("a name twice", '{"a": {"b": 1, "b": 2}}', "字段重复：b"),
    ("not a number", '{"a": NaN}', "NaN"),
    ("too deep", "[" * 100_000, "层次过大"),
    ("too many digits", "1" * 5_000, "数字或层次过大"),
]


@pytest.mark.parametrize(
    ("text", "problem"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN]
)
def test_broken_json(text: str, problem: str) -> None:
    """What is no JSON, or not one meaning, is refused in a sentence."""
    with pytest.raises(NationalFault, match=problem):
        loads(text)


def test_numbers_are_written_as_they_came() -> None:
    """A JSON number keeps its digits on the way through."""
    text = '{"a":[5792.530,0.10,12345678901234567890.12,1E+400,null,true]}'

    assert text == dumps(loads(text))
