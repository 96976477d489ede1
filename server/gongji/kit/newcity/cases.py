"""The cases.toml of a new city: what follows from its answers, each case a sentence,
none asked of the core."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Final

from gongji.cities.anhui import SINCE
from gongji.kit.newcity import bills, funds
from gongji.kit.newcity.applying import ordinary_monday
from gongji.kit.newcity.bindings import BindingAnswers
from gongji.kit.newcity.policy import Policy
from gongji.kit.newcity.telling import Story

_HEAD: Final = """\
# {name}的案例: 一例一句话, 写明依据的条款、当时的时刻、有哪些人、先后做了什么、应当得到什么。
# 金额以元为单位; 写法见 gongji-conformance 的说明。条款原文见 clauses.py。
# 由 gongji new-city 从问答算出; 此后由本市维护, 有了真实的算例就写在这里。
"""


def cases_file(policy: Policy) -> str:
    """The text of cases.toml."""
    parts = [_HEAD.format(name=policy.answers.name)]
    for heading, stories in (
        ("绑定", BindingAnswers(policy).stories()),
        ("结算", _bills(policy)),
    ):
        rule = f"# --- {heading} "
        parts.append(f"{rule}{'-' * (116 - len(rule))}\n")
        parts += [f"{story.toml()}\n" for story in stories]
    return "\n".join(parts)


def _bills(policy: Policy) -> Iterator[Story]:
    """Cases of the tables the city has, and of the province's where it has none."""
    answers = policy.answers
    pinyin, area_code = answers.pinyin, answers.area_code
    now = datetime.combine(ordinary_monday(answers.since), time(10))
    employees = funds.employee(answers)
    yield from bills.of_employees(pinyin, area_code, now, employees).stories()
    if residents := funds.resident(answers):
        yield from bills.of_residents(pinyin, area_code, now, residents).stories()
    if (answers.any("employee") or residents) and answers.since > date.fromisoformat(
        SINCE
    ):
        first = datetime.combine(answers.since, time(0))
        province = funds.employee(None)
        yield bills.first_day(
            pinyin,
            area_code,
            first,
            before=province,
            after=employees,
            residents=residents,
        )
