"""Answers: read strictly, each fault under the question's name."""

from __future__ import annotations

from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from gongji.kit.newcity import answers
from gongji.kit.newcity.answers import AnswerFault
from gongji.kit.newcity.policy import policy
from gongji.rules.binding import NO_LIMIT, FamilyLimit
from gongji.rules.channels import AtOnce
from gongji.rules.clauses import Grade
from gongji.rules.codes import Standing

from tests.kit.towns import BARE, TOWNS, WUHU, answered

FAULTS: list[tuple[str, str, Any, str]] = [
    ("a city without a name", "city.name", None, "city.name（城市名称）：须回答"),
    (
        "pinyin with a capital",
        "city.pinyin",
        "Wuhu",
        "city.pinyin（名称的拼音）：须为2至24个小写字母",
    ),
    (
        "a county's code",
        "city.area_code",
        "340202",
        "city.area_code（医保区划）：须为安徽省的地市级六位数字",
    ),
    (
        "another province",
        "city.area_code",
        "320100",
        "city.area_code（医保区划）：须为安徽省的地市级六位数字",
    ),
    ("no day", "city.since", "去年", "city.since（首个施行日）：须写作 2025-01-01"),
    (
        "before the province",
        "city.since",
        "2022-06-30",
        "city.since（首个施行日）：须自省级规则的起始日 2022-07-01 起",
    ),
    (
        "the calendar's last day",
        "city.since",
        date(9999, 12, 31),
        "city.since（首个施行日）：须自省级规则的起始日 2022-07-01 起、不晚于 2199 年",
    ),
    (
        "two deductibles",
        "employee.deductible",
        {"is": [200, 400]},
        "employee.deductible（起付标准）：须写一个数",
    ),
    (
        "a deductible with commas",
        "employee.deductible",
        {"is": "1,200"},
        "employee.deductible（起付标准）：须写一个数",
    ),
    (
        "a deductible below nothing",
        "employee.deductible",
        {"is": -1},
        "employee.deductible（起付标准）：金额不得为负",
    ),
    (
        "tenths of a fen",
        "employee.deductible",
        {"is": 0.001},
        "employee.deductible（起付标准）：不是以元为单位",
    ),
    (
        "a ratio above all",
        "employee.ratio",
        {"is": 170},
        "employee.ratio（支付比例）：比例须为大于0、至多100",
    ),
    (
        "no ratio",
        "employee.ratio",
        {"is": 0},
        "employee.ratio（支付比例）：比例须为大于0、至多100",
    ),
    (
        "retired above all",
        "employee.retired",
        {"is": "+45"},
        "employee.retired（退休人员的支付比例）：一级合计为105%",
    ),
    (
        "a cap in words",
        "employee.cap",
        {"is": "很多"},
        "employee.cap（年度支付限额）：不是以元为单位",
    ),
    (
        "a pharmacy of level four",
        "employee.pharmacy",
        {"is": "四级"},
        "employee.pharmacy（定点药店）：可写 不支付",
    ),
    (
        "residents without a ratio",
        "resident.deductible",
        {"is": 0},
        "resident.ratio（支付比例）：须回答",
    ),
    (
        "relations unheard of",
        "binding.relations",
        {"is": "朋友"},
        "binding.relations（亲属范围）：可写 直系亲属、近亲属",
    ),
    (
        "a family of nobody",
        "binding.family_limit",
        {"is": "1人，含授权人"},
        "binding.family_limit（家庭账户人数上限）：须写作",
    ),
    (
        "a family uncounted",
        "binding.family_limit",
        {"is": "5人"},
        "binding.family_limit（家庭账户人数上限）：须写作",
    ),
    (
        "a bare figure",
        "employee.year_max",
        600,
        "employee.year_max（年度累计起付标准上限）：须写作 { is = …",
    ),
    (
        "a clause nobody wrote",
        "employee.year_max",
        {"is": 600, "clauses": ["X9"]},
        "没有条款 X9；已写：无",
    ),
    (
        "a channel half told",
        "channel.id",
        "kiosk",
        "channel.review（审核时限）：须回答",
    ),
    (
        "a name that is a figure",
        "channel.id",
        {"is": "kiosk"},
        "channel.id（渠道编号）：直接写答案",
    ),
    (
        "a channel kept that is none",
        "channel.keep",
        ["pigeon"],
        "channel.keep（保留的全省渠道）：可写 wanshitong",
    ),
    (
        "hours the wrong way",
        "channel.hours",
        {"is": "工作日 17:00-9:00"},
        "channel.hours（服务时间）：须写作",
    ),
    (
        "a material unheard of",
        "channel.materials",
        {"is": ["介绍信"]},
        "channel.materials（办理材料）：可写 授权人身份证",
    ),
    (
        "a review of no days",
        "channel.review",
        {"is": "0个工作日"},
        "channel.review（审核时限）：须写作",
    ),
    (
        "a question nobody asked",
        "employee.deductable",
        {"is": 1},
        "employee.deductable：没有这个问题；可写 deductible",
    ),
    ("a group nobody asked", "pension.base", 1, "pension：没有这一组问题；可写 city"),
]


@pytest.mark.parametrize(
    ("key", "answer", "message"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS]
)
def test_fault_names_its_question(key: str, answer: Any, message: str) -> None:
    """A wrong answer is refused under the question's key and words, and says how it is written."""
    data = deepcopy(BARE)
    group, _, name = key.partition(".")
    data.setdefault(group, {})[name] = answer
    with pytest.raises(AnswerFault) as fault:
        policy(answers.read(data))

    assert message in str(fault.value)


CLAUSES: list[tuple[str, Any, str]] = [
    ("no text", [{"id": "WH1"}], "clauses 第 1 条：缺少 text"),
    (
        "a number of the province",
        [{"id": "C58", "text": "某条"}],
        "编号 C58 是省级条款的",
    ),
    (
        "one number twice",
        [{"id": "WH1", "text": "甲"}, {"id": "WH1", "text": "乙"}],
        "第 2 条：编号 WH1 用了两次",
    ),
    (
        "a day that is none",
        [{"id": "WH1", "text": "甲", "verified_on": "昨天"}],
        "第 1 条：须写作 2025-01-01",
    ),
    (
        "a grade unheard of",
        [{"id": "WH1", "text": "甲", "grade": "可靠"}],
        "grade 可写 一手材料",
    ),
    ("a misspelt key", [{"id": "WH1", "txt": "甲"}], "没有 txt 这一项"),
    (
        "a number in small letters",
        [{"id": "wh1", "text": "甲"}],
        "编号须以大写字母开头",
    ),
]


@pytest.mark.parametrize(
    ("rows", "message"), [c[1:] for c in CLAUSES], ids=[c[0] for c in CLAUSES]
)
def test_fault_of_a_clause(rows: Any, message: str) -> None:
    """A clause that is wrong is named by its place, with what is wrong."""
    with pytest.raises(AnswerFault, match=message):
        answers.read({**BARE, "clauses": rows})


def test_every_fault_at_once() -> None:
    """All faults are told together, one a line."""
    data = {
        "city": BARE["city"] | {"pinyin": "X", "area_code": "1"},
        "employee": {"ratio": {"is": 200}},
    }
    with pytest.raises(AnswerFault) as fault:
        answers.read(data)

    assert ["city.pinyin", "city.area_code", "employee.ratio"] == [
        line.partition("（")[0] for line in str(fault.value).splitlines()
    ]


def test_not_toml(tmp_path: Path) -> None:
    """A file that is no TOML is refused with the line."""
    path = tmp_path / "answers.toml"
    path.write_text("[city\n", encoding="utf-8")
    with pytest.raises(AnswerFault, match=r"answers\.toml：不是 TOML："):
        answers.read_file(path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16"])
def test_what_offices_write(tmp_path: Path, encoding: str) -> None:
    """Answers say the same in whatever encoding an office writes them."""
    path = tmp_path / "wuhu.toml"
    path.write_text(WUHU.read_text(encoding="utf-8"), encoding=encoding)
    assert answers.read_file(WUHU) == answers.read_file(path)


def test_values() -> None:
    """Yuan become fen, per cent basis points, words the values of the vocabulary."""
    by_key = answered("everything of its own").by_key

    assert {1: 200_00, 2: 400_00, 3: 800_00} == by_key["employee.deductible"].value
    assert {1: 70_00, 2: 62_50, 3: 55_00} == by_key["employee.ratio"].value
    assert {Standing.ACTIVE: 2500_00, Standing.RETIRED: 3200_00} == by_key[
        "employee.cap"
    ].value
    assert {1: 40_00, 2: 60_00, 3: 80_50} == by_key["resident.visit_cap"].value
    assert (
        FamilyLimit(people=5, counting_holder=False)
        == by_key["binding.family_limit"].value
    )
    assert (AtOnce.IF_CHECKS_PASS, 2) == (
        by_key["channel.review"].value.at_once,
        by_key["channel.review"].value.working_days,
    )
    assert (
        NO_LIMIT
        is answered("caps a visit, none a year")
        .by_key["employee.cap"]
        .value[Standing.ACTIVE]
    )


def test_clauses_stand_behind() -> None:
    """An answer keeps its clauses; their source is the city's unless they name another;
    without any it is assumed."""
    answered_all = answers.read_file(WUHU)
    (deductible,) = answered_all.by_key["employee.deductible"].clauses
    (year_max,) = answered_all.by_key["employee.year_max"].clauses
    (assumed,) = answered("residents and a counter").by_key["resident.ratio"].clauses

    assert (f"{answered_all.source} 第三条", answered_all.source) == (
        deductible.source,
        year_max.source,
    )
    assert Grade.ASSUMPTION is assumed.grade
    assert "支付比例取“50”，没有文件依据" in assumed.text
    assert date(2025, 1, 1) == answered_all.since


@pytest.mark.parametrize("town", TOWNS)
def test_assumptions_have_numbers_of_their_own(town: str) -> None:
    """No two sentences share a number."""
    cited = [
        clause for answer in answered(town).by_key.values() for clause in answer.clauses
    ]
    texts: dict[str, set[str]] = {}
    for clause in cited:
        texts.setdefault(clause.id, set()).add(clause.text)

    assert [] == [number for number, of_number in texts.items() if len(of_number) > 1]
