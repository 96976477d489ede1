"""The comparison of channels: the documents' own cells, each with the clause it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import time

import pytest
from gongji import guide
from gongji.rules.channels import (
    AtOnce,
    CounterHours,
    ReviewLatency,
)
from gongji.rules.hookspecs import CityRules

from tests.guide.towns import (
    CITIES,
    DAY,
    compared,
    newly,
    part,
    with_answers,
)

WANSHITONG, MINI_PROGRAM, WINDOW = "皖事通APP", "安徽医保小程序", "线下窗口"
COMPARED = {
    # A28–A42: the cell of the source, and the clause it is
    ("办理时效", WANSHITONG): ("实时审核，即时生效", "A28"),
    ("办理时效", MINI_PROGRAM): ("1-3个工作日", "A29"),
    ("办理时效", WINDOW): ("即时办结", "A30"),
    ("操作便捷性", WANSHITONG): ("高（集成于常用政务平台）", "A31"),
    ("操作便捷性", MINI_PROGRAM): ("高（微信/支付宝入口便捷）", "A32"),
    ("操作便捷性", WINDOW): ("中（需现场排队）", "A33"),
    ("所需材料", WANSHITONG): ("仅需在线身份验证", "A34"),
    ("所需材料", MINI_PROGRAM): ("仅需在线身份验证", "A35"),
    ("所需材料", WINDOW): ("身份证、社保卡、关系证明原件", "A36"),
    ("适用人群", WANSHITONG): ("熟悉智能手机操作者", "A37"),
    ("适用人群", MINI_PROGRAM): ("各类用户", "A38"),
    ("适用人群", WINDOW): ("老年人、不熟悉线上操作者", "A39"),
    ("服务时间", WANSHITONG): ("24小时", "A40"),
    ("服务时间", MINI_PROGRAM): ("24小时", "A41"),
    ("服务时间", WINDOW): ("工作日9:00-17:00", "A42"),
}
MORE_THAN_THE_SOURCE = {
    "A28": "自动核验不能确认的转人工审核",
    "A34": "登记信息查不到",
    "A35": "登记信息查不到",
}
"""Cells that go on where X1 and X7 were settled between two clauses."""


@pytest.mark.parametrize(
    ("cell", "expected"),
    COMPARED.items(),
    ids=[number for _, number in COMPARED.values()],
)
def test_comparison_of_anqing(
    cell: tuple[str, str],
    expected: tuple[str, str],
) -> None:
    """Anqing's table is the source's, cell by cell, and each cell cites the clause it is."""
    text, number = expected
    shown = compared(CITIES["anqing"])[cell]
    own, _, more = shown.text.partition("；")
    cited = {clause.id for clause in shown.clauses}
    of_cells = {clause for _, clause in COMPARED.values()}

    assert text == own
    assert bool(more) == (number in MORE_THAN_THE_SOURCE)
    assert more.startswith(MORE_THAN_THE_SOURCE.get(number, ""))
    assert {number} == cited & of_cells


def test_rows_of_the_comparison() -> None:
    """The source's rows come first and in its order; what is checked and asked follows."""
    rows = list(dict.fromkeys(row for row, _ in compared(CITIES["anqing"])))

    assert rows == [
        "办理时效",
        "操作便捷性",
        "所需材料",
        "适用人群",
        "服务时间",
        "身份核验",
        "填报信息",
        "受理范围",
    ]


def test_silent_rows_are_left_out() -> None:
    """A city whose documents compare no ease of use has no such row, and every channel
    under its own name."""
    city = CITIES["chuzhou"]
    channels = city.rules(DAY).value(CityRules.channels).values()
    rows = {row for row, _ in compared(city)}
    columns = list(dict.fromkeys(column for _, column in compared(city)))

    assert {"办理时效", "所需材料", "服务时间", "身份核验", "填报信息"} == rows
    assert [channel.name for channel in channels] == columns


def test_changed_hours_and_review() -> None:
    """Other hours and another span of review show in the table, in the reasons and in
    the review section."""
    rules = CITIES["anqing"].rules(DAY)
    channels = rules.value(CityRules.channels)
    reviews = rules.value(CityRules.review_latency)
    hours = CounterHours(opens=time(8, 30), closes=time(16))
    window = replace(channels["window"], hours=hours)
    five_days = ReviewLatency(at_once=AtOnce.NEVER, working_days=5)
    changed = with_answers(
        "anqing",
        channels=newly({**channels, "window": window}),
        review_latency=newly({**reviews, "minip_wechat": five_days}),
    )
    cells = compared(changed)
    text = guide.markdown(changed, DAY)
    wechat = "安徽医保公共服务小程序（微信）：5个工作日"
    alipay = "安徽医保公共服务小程序（支付宝）：1-3个工作日"

    assert cells["服务时间", WINDOW].text == "工作日8:30-16:00"
    assert cells["办理时效", MINI_PROGRAM].text == f"{wechat}；{alipay}"
    assert "只在工作日8:30-16:00受理" in part(text, "绑定不成功的原因")
    assert wechat in part(text, "审核与生效")
