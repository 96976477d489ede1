"""The interview: what is typed becomes what an answers file says; a wrong answer is asked again."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner
from gongji.cli import main
from gongji.kit.newcity import answers, interview
from gongji.kit.newcity.questions import GROUPS, QUESTIONS

CITY = {
    "城市名称": "芜湖市",
    "名称的拼音": "wuhu",
    "医保区划": "340200",
    "首个施行日": "2025-01-01",
    "条款的出处": "甲号文",
}


class Clerk:
    """Somebody at the desk who knows some answers; of a list he gives one after the other."""

    def __init__(
        self, script: dict[str, str | list[str]], groups: set[str] | None = None
    ) -> None:
        self._known = {
            key: [text] if isinstance(text, str) else list(text)
            for key, text in script.items()
        }
        self._groups = groups or set()
        self.heard: list[str] = []

    def say(self, text: str) -> None:
        """Hears a line."""
        self.heard.append(text)

    def ask(self, question: str) -> str:
        """Answers what he knows, once each."""
        self.heard.append(question)
        typed = self._known.get(question.strip().partition("（")[0], [])
        return typed.pop(0) if typed else ""

    def confirm(self, question: str) -> bool:
        """Says yes to the groups he knows of."""
        return any(GROUPS[group] in question for group in self._groups)


def test_nothing_but_the_city() -> None:
    """Whoever answers only who the city is gets a city that leaves all to the province."""
    collected = answers.read(interview.hold(Clerk({**CITY})))

    assert ("芜湖市", "wuhu", "340200", {}) == (
        collected.name,
        collected.pinyin,
        collected.area_code,
        dict(collected.by_key),
    )


def test_figures_with_their_clauses() -> None:
    """A clause is written down with its source and gets a number; a number typed again
    means the same clause."""
    clerk = Clerk(
        {
            **CITY,
            "起付标准": "200 400 800",
            "支付比例": "70",
            "年度支付限额": "不设限",
            "依据": ["起付标准200、400、800元。", "WUHU1", ""],
            "出处": "甲号文 第三条",
        },
        {"employee"},
    )
    collected = answers.read(interview.hold(clerk))
    (first,), (second,) = (
        collected.by_key[f"employee.{name}"].clauses for name in ("deductible", "ratio")
    )

    assert {1: 200_00, 2: 400_00, 3: 800_00} == collected.by_key[
        "employee.deductible"
    ].value
    assert ("WUHU1", "起付标准200、400、800元。", "甲号文 第三条") == (
        first.id,
        first.text,
        first.source,
    )
    assert first == second
    assert "没有文件依据" in collected.by_key["employee.cap"].clauses[0].text


def test_asked_again() -> None:
    """What cannot be read is said, and asked again until it can."""
    clerk = Clerk({**CITY, "医保区划": ["340202", "", "340200"]})
    collected = answers.read(interview.hold(clerk))

    assert "340200" == collected.area_code
    assert 2 == sum("须为安徽省的地市级六位数字" in line for line in clerk.heard)


def test_every_question_is_asked() -> None:
    """Whoever says yes to everything is asked every question, in Chinese, with how to answer."""
    channel = {
        "渠道编号": "kiosk",
        "渠道名称": "便民点",
        "渠道种类": "窗口",
        "审核时限": "即时",
    }
    tables: dict[str, str | list[str]] = {
        "起付标准": ["100", "0"],
        "支付比例": ["60", "50"],
        "年度支付限额": ["2000", "300"],
    }
    none = dict.fromkeys(("身份核验", "填报信息", "办理材料"), "无")
    clerk = Clerk({**CITY, **channel, **tables, **none}, set(GROUPS))
    interview.hold(clerk)

    assert [] == [
        question.key
        for question in QUESTIONS
        if f"{question.asks}（{question.how}）" not in clerk.heard
    ]


def test_at_a_terminal(tmp_path: Path) -> None:
    """`gongji new-city` without a file asks at the terminal and writes the project."""
    typed = [
        *CITY.values(),
        "",
        "n",
        "n",
        "y",
        "",
        "",
        "5人，不含授权人",
        "最多绑定5人。",
        "",
        "n",
    ]
    folder = tmp_path / "made"
    result = CliRunner().invoke(
        main, ["new-city", "--out", str(folder)], input="\n".join(typed) + "\n"
    )

    assert 0 == result.exit_code, result.output
    assert "FamilyLimit(people=5, counting_holder=False)" in (
        folder / "gongji_wuhu/__init__.py"
    ).read_text("utf-8")
    assert 'WUHU1 = Clause("WUHU1", "最多绑定5人。", "甲号文")' in (
        folder / "gongji_wuhu/clauses.py"
    ).read_text("utf-8")


def test_never_over_another(tmp_path: Path) -> None:
    """A folder that is there ends the command with one sentence."""
    text = (
        "[city]\nname = '芜湖市'\npinyin = 'wuhu'\narea_code = '340200'\n"
        "since = 2025-01-01\nsource = '甲号文'\n"
    )
    (tmp_path / "answers.toml").write_text(text, encoding="utf-8")
    result = CliRunner().invoke(
        main,
        [
            "new-city",
            "--answers",
            str(tmp_path / "answers.toml"),
            "--out",
            str(tmp_path),
        ],
    )

    assert 1 == result.exit_code
    assert "已经存在，没有写入任何文件" in result.output
