"""Answers of invented policies in all their shapes: what the generated projects are held to."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from gongji.kit.newcity import answers
from gongji.kit.newcity.answers import Answers

WUHU = Path(__file__).with_name("wuhu.toml")

BARE: dict[str, Any] = {
    "city": {
        "name": "池州市",
        "pinyin": "chizhou",
        "area_code": "341700",
        "since": "2022-07-01",
        "source": "虚构文件",
    }
}
"""A city that leaves everything to the province."""


def town(
    pinyin: str, name: str, area_code: str, since: str, **groups: dict[str, Any]
) -> dict[str, Any]:
    """Answers of a town; a figure without clauses is an assumption."""
    city = {
        "name": name,
        "pinyin": pinyin,
        "area_code": area_code,
        "since": since,
        "source": "虚构文件",
    }
    return {"city": city, **groups}


def said(**figures: Any) -> dict[str, Any]:
    """Figures nobody has a document for."""
    return {name: {"is": figure} for name, figure in figures.items()}


COUNTER = town(
    "xuancheng",
    "宣城市",
    "341800",
    "2025-09-26",
    resident=said(deductible=[0, 50, 100.50], ratio=50, cap="不设限", pharmacy="二级"),
    binding=said(relations="直系亲属", scope="全省", family_limit="3人，含授权人"),
    channel={
        "id": "community",
        "kind": "窗口",
        "keep": [],
        **said(
            name="社区便民窗口",
            hours="工作日 8:30-11:45",
            checks=[],
            fields=["姓名"],
            materials=["授权人身份证原件", "授权人社保卡", "户口簿或结婚证原件"],
            review="即时",
        ),
    },
)
"""A table of residents alone, and one counter instead of every channel of the province."""

CAPPED = town(
    "bengbu",
    "蚌埠市",
    "340300",
    "2026-03-01",
    employee=said(cap="不设限", retired=[90, 80.25, 75], visit_cap=[300, 300, 300]),
    binding=said(relations="直系亲属", scope="同一统筹区", family_limit="不设限"),
)
"""Ratios of retired people by level, a cap a visit and none a year, a first day still to come."""

TOWNS = {
    "everything of its own": tomllib.loads(WUHU.read_text(encoding="utf-8")),
    "nothing of its own": BARE,
    "residents and a counter": COUNTER,
    "caps a visit, none a year": CAPPED,
}


def answered(town: str) -> Answers:
    """The answers of a town, read."""
    return answers.read(TOWNS[town])
