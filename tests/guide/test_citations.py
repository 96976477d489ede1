"""Every statement cites its clauses: those its value names, else the whole rule's."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import (
    fields,
    is_dataclass,
    replace,
)
from typing import Any

from gongji import guide
from gongji.cities.city import City
from gongji.guide.page import statements_in
from gongji.rules.benefits import (
    BillPart,
    Use,
    Uses,
    UsesClauses,
)
from gongji.rules.clauses import (
    Clause,
    Grade,
    clauses_in,
)
from gongji.rules.codes import Spending

from tests.guide.towns import (
    DAY,
    NEW,
    OTHER,
    every_city,
    newly,
    part,
    with_answers,
)


@every_city
def test_every_statement_is_cited(city: City) -> None:
    """Every line and paragraph above the sources ends with its clauses; what the
    province says is marked so."""
    text = (
        guide.markdown(city, DAY)
        .partition("\n## ")[2]
        .partition("\n## 尚未采用")[0]
        .partition("\n## 来源矛盾")[0]
    )
    lines = [
        line
        for line in text.splitlines()[1:]
        if line and not line.startswith(("#", "|"))
    ]
    uncited = [
        line
        for line in lines
        if not re.search(r"\[[^\]]*[A-Z][^\]]*\](〔省级〕)?$", line)
    ]

    assert uncited == []


@every_city
def test_provincial_answers_are_marked(city: City) -> None:
    """A statement is marked provincial if and only if the city did not answer."""
    text = guide.markdown(city, DAY)
    marked = (
        "- 扣款顺序：" in text
        and re.search(r"- 扣款顺序：[^\n]*〔省级〕\n", text) is not None
    )

    assert city.rules(DAY).provincial("purse_order") == marked
    assert city.rules(DAY).provincial("relations") == bool(
        re.search(r"- 亲属范围：[^\n]*〔省级〕\n", text)
    )


@every_city
def test_assumptions_are_marked(city: City) -> None:
    """Wherever an assumption is cited its mark stands right behind its number."""
    text = guide.markdown(city, DAY).partition("\n## 依据\n")[0]
    cited = [
        clause
        for section in guide.page(city, DAY).sections
        for statement in statements_in(section)
        for clause in statement.clauses
    ]
    assumed = {clause.id for clause in cited if clause.grade is Grade.ASSUMPTION}

    assert assumed
    for number in assumed:
        assert re.search(rf"[\[、]{re.escape(number)}〔推定〕", text)
        assert not re.search(rf"[\[、]{re.escape(number)}(?!〔推定〕)[、\]–]", text)


@every_city
def test_all_clauses_stand_at_the_end(city: City) -> None:
    """Every clause any value of the day rests on or was weighed against stands in full,
    with source and grade."""
    sources = part(guide.markdown(city, DAY), "依据")
    weighed = {c for _, answer in city.rules(DAY).all() for c in clauses_in(answer)}
    weighed |= {c for candidate in city.candidates for c in clauses_in(candidate)}

    assert weighed
    for clause in weighed:
        shown = clause.text.replace("|", " · ")
        assert re.search(
            rf"^\| {clause.id} \| {re.escape(shown)} \| .+ \| .+ \|$",
            sources,
            re.MULTILINE,
        )


def reworded(part: Any) -> Any:
    """Return a rule value whose clauses all say nothing but their number."""
    if isinstance(part, Clause):
        return replace(part, text=part.id)
    if isinstance(part, dict):
        return {key: reworded(value) for key, value in part.items()}
    if isinstance(part, tuple):
        return tuple(reworded(value) for value in part)
    if is_dataclass(part) and not isinstance(part, type):
        return replace(
            part,
            **{
                field.name: reworded(getattr(part, field.name))
                for field in fields(part)
            },
        )
    return part


@every_city
def test_clauses_are_cited_by_reference(city: City) -> None:
    """Which clauses a statement cites does not hang on what the clauses say."""
    timelines = city.timelines.items()
    answers = {hook: reworded(timeline) for hook, timeline in timelines}
    changed = with_answers(city.pinyin, **answers)

    assert citations_of(city) == citations_of(changed)


def citations_of(city: City) -> Counter[tuple[str, ...]]:
    """Return how often each set of clauses is cited; a note may stand elsewhere."""
    return Counter(
        tuple(clause.id for clause in statement.clauses)
        for section in guide.page(city, DAY).sections
        for statement in statements_in(section)
        if statement.clauses
    )


def test_a_part_without_clauses_rests_on_the_whole_rule() -> None:
    """A part cites the clauses named for it; all of the rule's if none are."""
    uses = Uses(
        aid_at=frozenset({Use.PHARMACY}),
        aid_pays=frozenset({BillPart.IN_SCOPE}),
        never=frozenset({Spending.FITNESS}),
        clauses=UsesClauses(never=(OTHER,)),
    )
    city = with_answers(
        "anqing",
        uses=newly(uses, NEW, OTHER),
    )
    lines = part(guide.markdown(city, DAY), "共济用途与使用范围")

    assert "- 共济账户可用于：定点零售药店购药。 [N1、N2]" in lines
    assert "- 任何个人账户都不得用于：体育健身。 [N2]" in lines
