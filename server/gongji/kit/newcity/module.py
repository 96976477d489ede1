"""Write the two modules of a new city: its clauses word for word, and its hooks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import gongji
from gongji.kit.newcity.code import (
    SourceWriter,
    call,
    clause_list,
    clause_name,
    comment,
    docstring,
    heading,
    in_quotes,
    literal,
)
from gongji.kit.newcity.policy import CHANNEL_FIGURES, Constant, Policy, Rule
from gongji.rules.clauses import Clause, Grade, clauses_in
from gongji.rules.hookspecs import CityRules
from gongji.rules.phrases import topic

SECTIONS: Final[Mapping[Callable[[CityRules], object], str]] = {
    CityRules.relations: "绑定：谁与谁",
    CityRules.scope: "绑定：谁与谁",
    CityRules.marriage: "绑定：谁与谁",
    CityRules.family_limit: "绑定：谁与谁",
    CityRules.channels: "绑定：哪个渠道，要什么",
    **dict.fromkeys(CHANNEL_FIGURES, "绑定：哪个渠道，要什么"),
    CityRules.reimbursement: "结算",
}
"""Under which heading each hook stands."""

_WORD = re.compile(r"[A-Za-z_]\w*")

_GRADED: Final = frozenset(Grade) - {Grade.DOCUMENT, Grade.ASSUMPTION}
"""Grades that are written out: a document is the default, an assumption has a call."""

_EFFECTS_NOTE: Final = "次序与拆分对统筹支付的最大影响，由 gongji check 复算"


# --- clauses.py -----------------------------------------------------------------------


def clauses_module(policy: Policy) -> str:
    """Return the source of clauses.py: the city's clauses, then those of the province."""
    own = {clause.id for rule in policy.rules for clause in rule.own}
    cited = _cited(policy)
    sections = {
        "本市条款": sorted((c for c in cited if c.id in own), key=_by_number),
        "沿用的省级条款与推定": [c for c in cited if c.id not in own],
    }
    # Ruff refuses an import that is not used.
    graded = any(clause.grade in _GRADED for clause in cited)
    name = policy.answers.name
    blocks = [
        f'"""{in_quotes(name)}规则所依据的条款：一条事实一个 Clause，原文照录，写明出处。"""',
        "from __future__ import annotations",
        f"from gongji import Clause{', Grade' if graded else ''}",
    ]
    for title, clauses in sections.items():
        if clauses:
            blocks += [heading(title), "\n".join(map(_clause, clauses))]
    return "\n\n".join(blocks) + "\n"


def _cited(policy: Policy) -> tuple[Clause, ...]:
    """Return every clause the rules name, each once, in the order of the rules."""
    by_id = {
        clause.id: clause
        for rule in policy.rules
        for clause in (*rule.own, *rule.clauses, *clauses_in(rule.value))
    }
    return tuple(by_id.values())


def _by_number(clause: Clause) -> list[tuple[int, str]]:
    """Return the key that sorts WH2 before WH10."""
    return [
        (int(part or 0), "") if part.isdecimal() else (-1, part)
        for part in re.split(r"(\d+)", clause.id)
    ]


def _clause(clause: Clause) -> str:
    """Return the statement that defines a clause."""
    name = clause_name(clause)
    id_ = literal(clause.id)
    text = literal(clause.text)
    if clause == Clause.assumption(clause.id, clause.text):
        return f"{name} = {call('Clause.assumption', id_, text)}"
    arguments = [
        id_,
        text,
        literal(clause.source),
    ]
    if clause.grade is not Grade.DOCUMENT:
        arguments.append(f"Grade.{clause.grade.name}")
    if clause.verified_on:
        arguments.append(f"verified_on={literal(clause.verified_on)}")
    return f"{name} = {call('Clause', *arguments)}"


# --- __init__.py ----------------------------------------------------------------------


def rules_module(policy: Policy) -> str:
    """Return the source of __init__.py: identity, then the city's hooks as asked."""
    answers = policy.answers
    constants = [constant for rule in policy.rules for constant in rule.constants]
    writer = SourceWriter(constants)
    since = f"_{answers.pinyin}"
    body = [_identity(policy, writer), *_sections(policy, since, writer)]
    head = [
        (
            f'"""{in_quotes(answers.name)}的规则：每个取值上方写条款，条款原文见 clauses.py；'
            '没有写的钩子从省级规则。"""'
        ),
        "from __future__ import annotations",
        # After the body, which collects the names it needs.
        *_imports(writer.names, any_rule=bool(policy.rules)),
    ]
    if policy.rules:
        head.append(
            f'{since} = partial(ruled, since="{answers.since}")\n'
            '"""首个施行日；此前从省级规则。"""'
        )
    return "\n\n".join(head) + "\n\n\n" + "\n\n\n".join(body) + "\n"


def _imports(names: set[str], *, any_rule: bool) -> Iterator[str]:
    """Yield the import blocks: the standard library, the vocabulary, the clauses."""
    library = {
        "from collections.abc import Mapping": "Mapping" in names,
        "from datetime import time": "time" in names,
        "from functools import partial": any_rule,
    }
    if any(library.values()):
        yield "\n".join(line for line, needed in library.items() if needed)
    always = {"Identity", "hookimpl"} | ({"ruled", "Timeline"} if any_rule else set())
    vocabulary = sorted((names | always) & set(gongji.__all__), key=_import_order)
    yield f"from gongji import {', '.join(vocabulary)}"
    if any_rule:
        yield "from . import clauses as c"


def _import_order(name: str) -> tuple[bool, bool, str]:
    """Return the key of isort's order: CONSTANTS, then Classes, then functions."""
    return not name.isupper(), name[0].islower(), name


def _identity(policy: Policy, writer: SourceWriter) -> str:
    answers = policy.answers
    identity = gongji.Identity(area_code=answers.area_code, name=answers.name)
    return "\n".join(
        [
            "@hookimpl",
            "def identity() -> Identity:",
            f'    """{in_quotes(answers.name)}，医保区划 {answers.area_code}."""',
            f"    return {writer.record(identity)}",
        ]
    )


def _sections(
    policy: Policy,
    since: str,
    writer: SourceWriter,
) -> Iterator[str]:
    """Yield the headings, tables and hooks of the city's rules."""
    title = ""
    for rule in policy.rules:
        section = SECTIONS[getattr(CityRules, rule.hook)]
        if section != title:
            title = section
            yield heading(title)
        for constant in rule.constants:
            yield _constant(constant, writer)
        yield _hook(rule, since, writer)


def _constant(constant: Constant, writer: SourceWriter) -> str:
    """Return the statement that defines a table, each figure under its clauses."""
    above = {
        field: [_worded(clause) for clause in clauses]
        for field, clauses in constant.above.items()
    }
    above["effects"] = [_EFFECTS_NOTE]
    return f"{constant.name} = {writer.record(constant.value, above)}"


def _hook(
    rule: Rule,
    since: str,
    writer: SourceWriter,
) -> str:
    """Return the function of a hook."""
    return_type = _return_type(rule.hook)
    writer.names.update(_WORD.findall(return_type))
    clauses = clause_list(rule.clauses)
    why = {"why": literal(rule.why)} if rule.why else {}
    value = call(
        since,
        writer.source(rule.value, rule.hook),
        clauses=clauses,
        **why,
    )
    own = ", ".join(clause.id for clause in rule.own)
    # The clauses of a table stand above its figures.
    cited = () if rule.constants else rule.own
    return "\n".join(
        [
            "@hookimpl",
            f"def {rule.hook}() -> {return_type}:",
            f"    {docstring(f'{topic(rule.hook)} ({own}).', indent=4)}",
            *_indented(line for c in cited for line in comment(_worded(c), indent=4)),
            f"    return {value}",
        ]
    )


def _return_type(hook: str) -> str:
    """Return what a hook answers with when it is not None: `Timeline[Scope]`."""
    annotation = getattr(CityRules, hook).__annotations__["return"]
    return str(annotation).removesuffix(" | None")


def _worded(clause: Clause) -> str:
    return f"{clause.id} {clause.text}"


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)
