"""Sentences of the Civil Code (民法典) that the province's own answers rest on."""

from __future__ import annotations

from gongji.rules.clauses import Clause, Grade


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

L1041 = _civil_code(
    1041,
    "第一千零四十一条",
    "婚姻家庭受国家保护。实行婚姻自由、一夫一妻、男女平等的婚姻制度。"
    "保护妇女、未成年人、老年人、残疾人的合法权益。",
)

L1042 = _civil_code(
    1042,
    "第一千零四十二条",
    "禁止包办、买卖婚姻和其他干涉婚姻自由的行为。禁止借婚姻索取财物。"
    "禁止重婚。禁止有配偶者与他人同居。禁止家庭暴力。禁止家庭成员间的虐待和遗弃。",
)

L1047 = _civil_code(
    1047,
    "第一千零四十七条",
    "结婚年龄，男不得早于二十二周岁，女不得早于二十周岁。",
)
