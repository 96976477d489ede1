"""Write the cases.toml of a new city from its answers; the core is asked nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Final

from gongji.cities.anhui.since import SINCE
from gongji.kit.newcity import bills, funds
from gongji.kit.newcity.applying import ordinary_monday
from gongji.kit.newcity.bindings import BindingCases
from gongji.kit.newcity.code import heading, in_one_line
from gongji.kit.newcity.first_day import first_day
from gongji.kit.newcity.policy import Policy
from gongji.kit.newcity.telling import Story

_HEAD: Final = """\
# {name}的案例：一例一句话，写明依据的条款、当时的时刻、有哪些人、先后做了什么、应当得到什么。
# 金额以元为单位；写法见 gongji-conformance 的说明。条款原文见 clauses.py。
# 由 gongji new-city 从问答算出；此后由本市维护，有了真实的算例就写在这里。
"""


def cases_file(policy: Policy) -> str:
    """Return the text of cases.toml."""
    parts = [_HEAD.format(name=in_one_line(policy.answers.name))]
    sections = {"绑定": BindingCases(policy).stories(), "结算": _bills(policy)}
    for title, stories in sections.items():
        parts.append(f"{heading(title)}\n")
        parts += [f"{story.toml()}\n" for story in stories]
    return "\n".join(parts)


def _bills(policy: Policy) -> Iterator[Story]:
    """Yield cases of the city's tables, and of the province's if it has none."""
    answers = policy.answers
    pinyin = answers.pinyin
    area_code = answers.area_code
    now = datetime.combine(ordinary_monday(answers.since), time(10))
    employees = funds.employee(answers)
    yield from bills.of_employees(
        pinyin,
        area_code,
        now,
        employees,
    ).stories()
    residents = funds.resident(answers)
    if residents:
        yield from bills.of_residents(
            pinyin,
            area_code,
            now,
            residents,
        ).stories()
    has_table = answers.any("employee") or residents is not None
    if has_table and answers.since > date.fromisoformat(SINCE):
        yield first_day(
            pinyin,
            area_code,
            datetime.combine(answers.since, time(0)),
            before=funds.employee(None),
            after=employees,
            residents=residents,
        )
