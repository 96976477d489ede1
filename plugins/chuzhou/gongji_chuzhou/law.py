"""滁州市规则所依据的《民法典》条文。"""

from __future__ import annotations

from gongji import Clause, Grade


def _civil_code(number: int, article: str, text: str) -> Clause:
    return Clause(
        f"L{number}",
        text,
        f"中华人民共和国民法典（2021年1月1日起施行）{article}",
        Grade.OFFICIAL,
        verified_on="2026-11-29",
    )


L17 = _civil_code(
    17,
    "第十七条",
    "十八周岁以上的自然人为成年人。不满十八周岁的自然人为未成年人。",
)
L23 = _civil_code(
    23,
    "第二十三条",
    "无民事行为能力人、限制民事行为能力人的监护人是其法定代理人。",
)
