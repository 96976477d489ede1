"""Text of the answers stays text in every file of the project, whatever it holds."""

from __future__ import annotations

import ast
import tomllib
from functools import cache
from typing import Any

from gongji.kit.newcity import answers
from gongji.kit.newcity.policy import policy
from gongji.kit.newcity.project import contents
from gongji.rules.clauses import Clause
from hypothesis import example, given, settings
from hypothesis import strategies as st

CRAFTED = (
    "一\nraise SystemExit\n",
    '"""\nraise SystemExit\n"""',
    "\\",
    'a" + (1 / 0) + "',
    "一\r\x0c\x0b\x1c\x85\u2028\u2029x = 1 / 0",
    "一\x00\x7f\x1b[31m",
    "$name ${pinyin} {name} %s",
    "'''\\N{DIGIT ONE}\\u0041",
    "#" * 200 + "\\" * 40 + '"' * 41,
)

texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60).filter(
    str.strip
) | st.sampled_from(CRAFTED)


# A city's name holds no blank and ends in 市; otherwise it is any text.
names = st.text(
    st.characters(codec="utf-8", exclude_categories=("Z", "Cc")),
    min_size=2,
    max_size=20,
).map("{}市".format)


def document(name: str, text: str, source: str, channel: str) -> dict[str, Any]:
    """Answers with these texts, each figure under the one clause."""
    return {
        "city": {
            "name": name,
            "pinyin": "wuhu",
            "area_code": "340200",
            "since": "2025-01-01",
            "source": source,
        },
        "employee": {
            "deductible": {"is": 200, "clauses": ["WH1"]},
            "ratio": {"is": [70, 62.5, 55], "clauses": ["WH1"]},
            "retired": {"is": "+8", "clauses": ["WH1"]},
            "cap": {"is": [2500, 3200], "clauses": ["WH1"]},
            "pharmacy": {"is": "一级", "clauses": ["WH1"]},
        },
        "channel": {
            "id": "wuhu_minip",
            "name": {"is": channel, "clauses": ["WH1"]},
            "kind": "小程序",
            "checks": {"is": ["实名认证"], "clauses": ["WH1"]},
            "fields": {"is": ["姓名"], "clauses": ["WH1"]},
            "materials": {"is": [], "clauses": ["WH1"]},
            "review": {"is": "即时", "clauses": ["WH1"]},
            "keep": ["window"],
        },
        "clauses": [{"id": "WH1", "text": text, "source": source}],
    }


def project_of(data: dict[str, Any]) -> dict[str, str]:
    """Return the project's files. The answers must be readable."""
    return dict(contents(policy(answers.read(data))))


@cache
def plain() -> dict[str, str]:
    """Return the project of texts that nobody crafted."""
    return project_of(document("芜湖市", "一", "二", "三"))


def statements(source: str) -> list[str]:
    """Return the kinds of a module's statements, however its texts read."""
    nodes = ast.walk(ast.parse(source))
    return [type(node).__name__ for node in nodes if isinstance(node, ast.stmt)]


@settings(max_examples=40)
@given(name=names, text=texts, source=texts, channel=texts)
@example("芜湖市", CRAFTED[0], CRAFTED[1], CRAFTED[2])
@example('"""+1/0+"""市', CRAFTED[5], CRAFTED[6], CRAFTED[3])
@example("\\\\\x00\x1b\x7f市", CRAFTED[8], CRAFTED[8], CRAFTED[8])
def test_text_stays_text(name: str, text: str, source: str, channel: str) -> None:
    """The modules define what they always define, the clause reads as it was written,
    and every TOML file says the text."""
    files = project_of(document(name, text, source, channel))
    for file in ("gongji_wuhu/__init__.py", "gongji_wuhu/clauses.py"):
        assert statements(plain()[file]) == statements(files[file])
    defined: dict[str, Any] = {}
    exec(files["gongji_wuhu/clauses.py"], defined)  # noqa: S102 - what is tested
    assert Clause("WH1", text, source) == defined["WH1"]
    description = tomllib.loads(files["pyproject.toml"])["project"]["description"]
    assert f"{name}门诊共济与家庭共济的规则" == description
    assert tomllib.loads(files["gongji_wuhu/cases.toml"])["case"]
