"""What is said of a field that is written wrongly: the form, an example, what was sent,
and what was probably meant."""

from __future__ import annotations

import re
from typing import Final

import pytest
from gongji.model.refusals import Malformed
from gongji.rpc.constraints import enforce
from gongji.rpc.status import of_refusal
from gongji.rpc.trailers import MAX_MESSAGE
from gongji.v1 import account_pb2, sandbox_pb2, settlement_pb2, types_pb2
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from tests.rpc.test_constraints import (
    BROKEN,
    UUID,
    bill,
    certified,
    credit,
    enrolled,
    settle,
    submit,
)

DAY: Final = "日期须写作 YYYY-MM-DD，例如 2026-01-31；收到"
MONTH: Final = "月份须写作 YYYY-MM，例如 2026-01；收到"
CODE: Final = "须为 12 位编号：1 位大写字母、6 位数字、5 位数字或大写字母，例如 H34110000001；收到"
VISITS: Final = (
    "可用的有：11 普通门诊、12 门诊挂号、13 急诊、14 门诊慢特病、18 特药购药、"
    "41 定点药店购药、51 生育门诊、2101 住院、9901 门诊两病、9903 意外伤害门诊"
)


def wide(text: str) -> str:
    """Return ASCII in full width."""
    return "".join(chr(ord(char) + 0xFEE0) for char in text)


def day(text: str) -> Message:
    return settle(service_day=text)


def code(text: str) -> Message:
    return settle(institution_code=text)


def at(seconds: int) -> Message:
    return sandbox_pb2.SetClockRequest(request_id=UUID, now=Timestamp(seconds=seconds))


def born(text: str) -> types_pb2.Person:
    person = enrolled("2020-01-01")
    person.born_on = text
    return person


def requested(request_id: str) -> Message:
    return settlement_pb2.SettleRequest(request_id=request_id, bill=bill())


TOLD: dict[str, tuple[Message, str]] = {
    "a month for a day": (
        day("2026-01"),
        f"bill.service_day：{DAY}「2026-01」，这是月份，请写明是哪一日",
    ),
    "a month in other words": (
        day("2026年1月"),
        f"bill.service_day：{DAY}「2026年1月」，这是月份，请写明是哪一日",
    ),
    "a year for a day": (
        day("2026"),
        f"bill.service_day：{DAY}「2026」，这是年份，请写明月和日",
    ),
    "a day with a time": (
        day("2026-01-01T00:00:00"),
        (
            f"bill.service_day：{DAY}「2026-01-01T00:00:00」，"
            "只写日期，不写时刻，应写作 2026-01-01"
        ),
    ),
    "a day with a time in Shanghai": (
        day("2026-01-01 08:00:00+08:00"),
        (
            f"bill.service_day：{DAY}「2026-01-01 08:00:00+08:00」，"
            "只写日期，不写时刻，应写作 2026-01-01"
        ),
    ),
    "a day with a time elsewhere is perhaps another day": (
        day("2026-01-01T20:00:00Z"),
        (
            f"bill.service_day：{DAY}「2026-01-01T20:00:00Z」，"
            "只写日期，不写时刻；日期按北京时间"
        ),
    ),
    "a day of 24 hours in one number": (
        day("20260101083000"),
        (
            f"bill.service_day：{DAY}「20260101083000」，"
            "只写日期，不写时刻，应写作 2026-01-01"
        ),
    ),
    "a day without strokes": (
        day("20260101"),
        f"bill.service_day：{DAY}「20260101」，应写作 2026-01-01",
    ),
    "a day with slashes": (
        day("2026/1/5"),
        f"bill.service_day：{DAY}「2026/1/5」，应写作 2026-01-05",
    ),
    "a day in full width": (
        day(wide("2026") + "-01-01"),
        (
            f"bill.service_day：{DAY}「{wide('2026')}-01-01」，"
            "请把全角字符改为半角，应写作 2026-01-01"
        ),
    ),
    "a day with a blank": (
        day(" 2026-01-01"),
        (
            f"bill.service_day：{DAY}「 2026-01-01」，"
            "请去掉空白和看不见的字符，应写作 2026-01-01"
        ),
    ),
    "a day that does not exist": (
        day("2026-02-30"),
        f"bill.service_day：{DAY}「2026-02-30」，日历上没有这一天",
    ),
    "a day last": (
        day("01/02/2026"),
        f"bill.service_day：{DAY}「01/02/2026」，请按年、月、日的次序写",
    ),
    "seconds for a day": (
        day("1767225600"),
        f"bill.service_day：{DAY}「1767225600」，像是时间戳，请写日期",
    ),
    "a day with a sign of the text around it": (
        day("'2026-01-01"),
        f"bill.service_day：{DAY}「'2026-01-01」，应写作 2026-01-01",
    ),
    "a day in a text that turns the line": (
        day("\u202e2026-01-01"),
        (
            f"bill.service_day：{DAY}「\\u202e2026-01-01」，"
            "请去掉空白和看不见的字符，应写作 2026-01-01"
        ),
    ),
    "a word for a day": (day("今天"), f"bill.service_day：{DAY}「今天」"),
    "a day for a month": (
        credit(month="2026-01-05"),
        f"month：{MONTH}「2026-01-05」，只写到月，不写日，应写作 2026-01",
    ),
    "a month that does not exist": (
        credit(month="2026-13"),
        f"month：{MONTH}「2026-13」，日历上没有这个月",
    ),
    "a small letter": (
        code("h34110000001"),
        (
            f"bill.institution_code：{CODE}「h34110000001」，"
            "请把小写字母改为大写，应写作 H34110000001"
        ),
    ),
    "a small letter in full width": (
        code(wide("h34110") + "000001"),
        (
            f"bill.institution_code：{CODE}「{wide('h34110')}000001」，"
            "请把全角字符改为半角、把小写字母改为大写，应写作 H34110000001"
        ),
    ),
    "a code without its letter": (
        code("34110000001"),
        f"bill.institution_code：{CODE}「34110000001」",
    ),
    "somebody's number for a code": (
        code("110101 19900101 1237"),
        f"bill.institution_code：{CODE}「{'*' * 20}」，请去掉空白和看不见的字符",
    ),
    "a relation in words": (
        submit(relation="配偶"),
        "relation：须为 2 位半角数字（家庭关系代码，10 为配偶），例如 10；收到「配偶」",
    ),
    "a channel in capitals": (
        submit(channel="WINDOW"),
        (
            "channel：须为小写字母、数字或下划线，例如 window；收到「WINDOW」，"
            "请把大写字母改为小写，应写作 window"
        ),
    ),
    "a person's number in full width is masked": (
        settle(patient=types_pb2.PersonRef(person_no=wide("P") + "12345678")),
        (
            "bill.patient.person_no：须为半角的字母、数字、下划线或短横，例如 P000001；"
            f"收到「{wide('P')}*******8」，请把全角字符改为半角"
        ),
    ),
    "a certificate's number is masked": (
        settle(patient=certified("110101!19900101123")),
        (
            "bill.patient.certificate.number：须为字母、数字，可有括号、间隔号、短横与空格，"
            "例如 110101199001011237；收到「1****************3」"
        ),
    ),
    "a day of birth is masked": (
        born("1990/01/01"),
        f"born_on：{DAY}「1********1」",
    ),
    "a day of birth that does not exist is masked": (
        born("1990-02-30"),
        f"born_on：{DAY}「1********0」，日历上没有这一天",
    ),
    "a UUID without hyphens": (
        requested(UUID.replace("-", "")),
        (
            "request_id：须为 UUID（36 个字符）；"
            "收到「8c2f0b523a0e4a418c5b0a3c33b35a…」（共 32 个字符），"
            f"只写 36 个半角字符，分为五段，应写作 {UUID}"
        ),
    ),
    "a number for a UUID": (
        requested("20260101001"),
        (
            "request_id：须为 UUID（36 个字符），"
            "例如 8c2f0b52-3a0e-4a41-8c5b-0a3c33b35a11；"
            "收到「20260101001」，每笔新请求由调用方生成一个"
        ),
    ),
    "a text of a thousand characters": (
        code("9" * 1000),
        f"bill.institution_code：{CODE} 1000 个字符",
    ),
    "an enum number nobody declared": (
        settle(visit_kind=77),
        f"bill.visit_kind：没有编号为 77 的取值，{VISITS}",
    ),
    "an enum left out": (settle(visit_kind=0), f"bill.visit_kind：必填，{VISITS}"),
    "a list of enums left out": (
        submit(purposes=[]),
        "purposes：至少要有一项，可用的有：1 就医购药、2 居民医保个人缴费",
    ),
    "an unspecified enum in a list": (
        submit(purposes=[1, 0]),
        "purposes[1]：不能为空，可用的有：1 就医购药、2 居民医保个人缴费",
    ),
    "a day left out": (
        day(""),
        "bill.service_day：必填，日期须写作 YYYY-MM-DD，例如 2026-01-31",
    ),
    "an amount of nothing": (
        settle(total_fen=0, in_scope_fen=0),
        "bill.total_fen：金额以分为单位，不得小于 1 分（0.01 元），收到 0 分（0.00 元）",
    ),
    "an amount below nought": (
        settle(in_scope_fen=-500),
        (
            "bill.in_scope_fen：金额以分为单位，不得小于 0 分（0.00 元），"
            "收到 -500 分（-5.00 元）"
        ),
    ),
    "two equal elements": (
        settle(givers=["G1", "G2", "G1"]),
        "bill.givers：有重复的项：第 3 项与第 1 项相同",
    ),
    "milliseconds for seconds": (
        at(1_767_225_600_000),
        (
            "now：时刻须在 1900 年至 2199 年之间；seconds 是自 1970-01-01 起的秒数，"
            "收到 1767225600000，像是毫秒，应写作 1767225600"
        ),
    ),
    "a total in yuan": (
        settle(total_fen=100, in_scope_fen=10_000),
        (
            "bill.total_fen：总额 100 分（1.00 元）不等于各部分之和 10000 分（100.00 元），"
            "像是有的金额写成了元：一律以分为单位，100.00 元写作 10000；各部分："
            "out_of_catalogue_fen、above_limit_fen、first_selfpay_fen、in_scope_fen"
        ),
    ),
    "a part in yuan": (
        settle(total_fen=10_000, in_scope_fen=9_000, first_selfpay_fen=10),
        (
            "bill.total_fen：总额 10000 分（100.00 元）不等于各部分之和 9010 分（90.10 元），"
            "像是有的金额写成了元：一律以分为单位，100.00 元写作 10000；各部分："
            "out_of_catalogue_fen、above_limit_fen、first_selfpay_fen、in_scope_fen"
        ),
    ),
    "parts that only do not add up": (
        settle(total_fen=101),
        (
            "bill.total_fen：总额 101 分（1.01 元）不等于各部分之和 100 分（1.00 元）；"
            "各部分：out_of_catalogue_fen、above_limit_fen、first_selfpay_fen、in_scope_fen"
        ),
    ),
}


def refused(message: Message) -> Malformed:
    with pytest.raises(Malformed) as caught:
        enforce(message)
    return caught.value


@pytest.mark.parametrize(("message", "told"), TOLD.values(), ids=TOLD)
def test_people_are_told_what_is_asked_and_what_was_meant(
    message: Message, told: str
) -> None:
    """The sentence says the form with an example, what was sent, and the likely value."""
    assert told == refused(message).message


DATA: dict[str, tuple[Message, dict[str, str]]] = {
    "an enum": (
        settle(account_use=9),
        {
            "allowed": "ACCOUNT_USE_NONE,ACCOUNT_USE_OWN,ACCOUNT_USE_CITY_ORDER",
        },
    ),
    "a list": (
        submit(purposes=[]),
        {"allowed": "PURPOSE_VISIT,PURPOSE_RESIDENT_PREMIUM"},
    ),
    "a choice": (
        account_pb2.GetAccountRequest(person=types_pb2.PersonRef()),
        {"allowed": "person_no,certificate"},
    ),
    "a day": (day("2026-01"), {"example": "2026-01-31"}),
    "a pattern": (code("h"), {"example": "H34110000001"}),
}


@pytest.mark.parametrize(("message", "data"), DATA.values(), ids=DATA)
def test_programs_are_told_the_values_there_are(
    message: Message, data: dict[str, str]
) -> None:
    """The metadata lists the values of an enum by name, and shows an example of a form."""
    assert data == refused(message).metadata


EXPRESSION: Final = re.compile(r"\[[0-9A-Za-z]-|\\[dws]|\{\d|[*+]\)|\(\?")

EVERY: Final = {**TOLD, **BROKEN}


@pytest.mark.parametrize("message", [m for m, _ in EVERY.values()], ids=EVERY)
def test_a_sentence_is_whole(message: Message) -> None:
    """No sentence holds an expression; what is cut of one ends in a mark that says so,
    after something that helps."""
    refusal = refused(message)
    assert EXPRESSION.search(refusal.message) is None
    status = of_refusal(refusal)
    assert len(status.message) <= MAX_MESSAGE
    whole = status.message.removesuffix("（以下略）")
    assert refusal.message.startswith(whole)
    assert len(whole) > len(refusal.field) + 1
