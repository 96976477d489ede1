"""The two modules of a new city: its clauses word for word, and its hooks, each under
the clauses it rests on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import gongji
from gongji.kit.newcity.code import (
    LINE,
    Group,
    Item,
    SourceWriter,
    Text,
    call,
    comment,
    layout,
    name_of,
    width,
)
from gongji.kit.newcity.policy import CHANNEL_FIGURES, Policy, Rule
from gongji.rules.clauses import Clause, Grade, clauses_in
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import topic

_WORD = re.compile(r"[A-Za-z_]\w*")

_RULE: Final = "# --- {} "

SECTIONS: Final[Mapping[Callable[[CityRules], object], str]] = {
    CityRules.relations: "绑定: 谁与谁",
    CityRules.scope: "绑定: 谁与谁",
    CityRules.family_limit: "绑定: 谁与谁",
    CityRules.channels: "绑定: 哪个渠道, 要什么",
    **dict.fromkeys(CHANNEL_FIGURES, "绑定: 哪个渠道, 要什么"),
    CityRules.reimbursement: "结算",
}
"""Under which heading each hook stands."""


def clauses_module(policy: Policy) -> str:
    """The source of clauses.py: the city's own clauses, then what it takes over from
    the province."""
    answers = policy.answers
    cited = {
        clause.id: clause
        for rule in policy.rules
        for clause in (*rule.own, *rule.clauses, *clauses_in(rule.value))
    }
    own = {clause.id for rule in policy.rules for clause in rule.own}
    sections = {
        "本市条款": sorted(
            (c for number, c in cited.items() if number in own), key=_by_number
        ),
        "沿用的省级条款与推定": [c for number, c in cited.items() if number not in own],
    }
    blocks = [
        f'"""{answers.name}规则所依据的条款: 一条事实一个 Clause, 原文照录, 写明出处."""'
    ]
    blocks.append("from __future__ import annotations")
    names = [
        "Clause",
        *(["Grade"] if any(c.grade in _GRADED for c in cited.values()) else []),
    ]
    blocks.append(f"from gongji import {', '.join(names)}")
    for heading, clauses in sections.items():
        if clauses:
            blocks.append(f"{_heading(heading)}\n\n" + "\n".join(map(_clause, clauses)))
    return "\n\n".join(blocks) + "\n"


def _by_number(clause: Clause) -> list[tuple[int, str]]:
    """The order of clauses: WH2 before WH10."""
    return [
        (int(part or 0), "") if part.isdecimal() else (-1, part)
        for part in re.split(r"(\d+)", clause.id)
    ]


_GRADED: Final = frozenset(Grade) - {Grade.DOCUMENT, Grade.ASSUMPTION}


def _clause(clause: Clause) -> str:
    name = name_of(clause)
    if clause == Clause.assumption(clause.id, clause.text):
        made = call("Clause.assumption", Text(clause.id), Text(clause.text))
    else:
        grade = (
            () if clause.grade is Grade.DOCUMENT else (f"Grade.{clause.grade.name}",)
        )
        checked = (
            (("verified_on", Text(clause.verified_on)),) if clause.verified_on else ()
        )
        made = call(
            "Clause",
            Text(clause.id),
            Text(clause.text),
            Text(clause.source),
            *grade,
            *checked,
        )
    return f"{name} = {layout(made, before=width(name) + 3)}"


def rules_module(policy: Policy) -> str:
    """The source of __init__.py: identity, then every hook the city answers, in the
    order the core asks."""
    answers = policy.answers
    since = f"_{answers.pinyin}"
    writer = SourceWriter(
        constant for rule in policy.rules for constant in rule.constants
    )
    body = [_identity(policy, writer)]
    heading = ""
    for rule in policy.rules:
        if (under := SECTIONS[getattr(CityRules, rule.hook)]) != heading:
            heading = under
            body.append(_heading(heading))
        body += [*_constants(rule, writer), _hook(rule, since, writer)]
    head = [
        (
            f'"""{answers.name}的规则: 每个取值上方写条款, 条款原文见 clauses.py; '
            '没有写的钩子从省级规则."""'
        )
    ]
    head.append("from __future__ import annotations")
    head += _imports(writer.names, any_rule=bool(policy.rules))
    if policy.rules:
        head.append(
            f'{since} = partial(ruled, since="{answers.since}")\n"""首个施行日; 此前从省级规则."""'
        )
    return "\n\n".join(head) + "\n\n\n" + "\n\n\n".join(body) + "\n"


def _imports(names: set[str], *, any_rule: bool) -> Iterator[str]:
    """The import blocks: the standard library, the vocabulary, the clauses."""
    library = []
    if "Mapping" in names:
        library.append("from collections.abc import Mapping")
    if "time" in names:
        library.append("from datetime import time")
    if any_rule:
        library.append("from functools import partial")
    if library:
        yield "\n".join(library)
    wanted = {
        "Identity",
        "hookimpl",
        *(("ruled", "Timeline") if any_rule else ()),
    } | names
    vocabulary = sorted(
        wanted & set(gongji.__all__),
        key=lambda name: (not name.isupper(), name[0].islower(), name),
    )
    line = f"from gongji import {', '.join(vocabulary)}"
    exploded = layout(
        Group("from gongji import (", tuple(Item("", name) for name in vocabulary), ")")
    )
    yield line if width(line) <= LINE else exploded
    if any_rule:
        yield "from . import clauses as c"


def _identity(policy: Policy, writer: SourceWriter) -> str:
    answers = policy.answers
    made = writer.record(
        gongji.Identity(area_code=answers.area_code, name=answers.name)
    )
    told = f'    """{answers.name}, 医保区划 {answers.area_code}."""'
    return f"@hookimpl\ndef identity() -> Identity:\n{told}\n    return {layout(made, 4, 7)}"


def _constants(rule: Rule, writer: SourceWriter) -> Iterator[str]:
    """The tables of a rule, each figure under its clauses."""
    for constant in rule.constants:
        made = writer.record(constant.value, constant.above)
        last = made.items[-1]
        if last.before == "effects=":
            told = Item(
                last.before,
                last.node,
                ("次序与拆分对统筹支付的最大影响, 由 gongji check 复算",),
            )
            made = Group(made.opening, (*made.items[:-1], told), made.closing)
        yield f"{constant.name} = {layout(made, before=width(constant.name) + 3)}"


def _hook(rule: Rule, since: str, writer: SourceWriter) -> str:
    declared = _declared(rule.hook)
    writer.names.update(_WORD.findall(declared))
    why = (("why", Text(rule.why)),) if rule.why else ()
    value = call(
        since,
        writer.node(rule.value, rule.hook),
        ("clauses", writer.clauses(rule.clauses)),
        *why,
    )
    above = (
        [line for clause in rule.own for line in _above(clause)]
        if not rule.constants
        else []
    )
    return "\n".join(
        [
            "@hookimpl",
            f"def {rule.hook}() -> {declared}:",
            *_docstring(f"{topic(rule.hook)} ({', '.join(c.id for c in rule.own)})."),
            *above,
            f"    return {layout(value, 4, 7)}",
        ]
    )


def _declared(hook: str) -> str:
    """What a hook is declared to answer, None left out: `Timeline[Scope]`."""
    return str(getattr(CityRules, hook).__annotations__["return"]).removesuffix(
        " | None"
    )


def _docstring(text: str) -> list[str]:
    return (
        [f'    """{text}"""']
        if width(text) <= LINE - 10
        else [f'    """{text[:50]}…"""']
    )


def _above(clause: Clause) -> Iterable[str]:
    return (f"    {line}" for line in comment(f"{clause.id} {clause.text}", 4))


def _heading(text: str) -> str:
    """A rule of dashes with what follows."""
    opening = _RULE.format(text)
    return opening + "-" * (LINE - 2 - width(opening))
