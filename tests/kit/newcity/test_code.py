"""Values as source: what is written says the value, and no line is too wide."""

from __future__ import annotations

import ast
from datetime import time
from enum import Enum
from typing import Any

import pytest
from gongji.kit.newcity.code import (
    WIDTH,
    SourceWriter,
    call,
    comment,
    docstring,
    heading,
    literal,
    width,
)
from gongji.kit.newcity.policy import Constant
from gongji.rules.binding import CLOSE, NO_LIMIT, FamilyLimit
from gongji.rules.channels import ALWAYS, Channel, ChannelKind, CounterHours
from gongji.rules.clauses import Clause
from hypothesis import given, settings
from hypothesis import strategies as st

WH1 = Clause("WH-1", "最多绑定5名家人。", "甲号文")
TEXTS = st.text(st.sampled_from('ab -_/"\\\n\t\u3000医保，。“”é'), max_size=400)
LONG = "https://example.invalid/" + "a" * 300

VALUES: list[tuple[object, str, str, set[str]]] = [
    (NO_LIMIT, "cap_fen", "NO_LIMIT", {"NO_LIMIT"}),
    (CLOSE, "", "CLOSE", {"CLOSE"}),
    (ALWAYS, "hours", "ALWAYS", {"ALWAYS"}),
    (ChannelKind.APP, "kind", "ChannelKind.APP", {"ChannelKind"}),
    (800_00, "deductible_fen", "800_00", set()),
    (62_50, "ratio_bp", "62_50", set()),
    (5, "visit_cap_fen", "5", set()),
    (12345, "people", "12345", set()),
    (True, "original", "True", set()),
    ({1: 90_00}, "retired", "{1: 90_00}", set()),
    (time(9), "opens", "time(9)", {"time"}),
    (time(17, 5), "closes", "time(17, 5)", {"time"}),
    ((), "", "()", set()),
    (("一",), "", '("一",)', set()),
    (frozenset(), "checks", "frozenset()", set()),
    (WH1, "", "c.WH_1", set()),
    (
        FamilyLimit(people=5, counting_holder=False),
        "",
        "FamilyLimit(people=5, counting_holder=False)",
        {"FamilyLimit"},
    ),
    (
        frozenset(reversed(ChannelKind)),
        "",
        f"frozenset({{{', '.join(f'ChannelKind.{kind.name}' for kind in ChannelKind)}}})",
        {"ChannelKind"},
    ),
]
"""A value, the field it stands in, its source, the names that source needs."""


@pytest.mark.parametrize(("value", "field", "source", "names"), VALUES)
def test_values(value: object, field: str, source: str, names: set[str]) -> None:
    """Each value has its source, money and ratios in the documents' figures."""
    writer = SourceWriter()

    assert source == writer.source(value, field)
    assert names == writer.names


def test_a_constant_goes_by_name() -> None:
    """A value that is a constant of the module is not written again."""
    table = {1: 800_00}
    writer = SourceWriter([Constant("EMPLOYEE", table, {})])

    assert "{2: EMPLOYEE}" == writer.source({2: table})


def test_defaults_are_left_out() -> None:
    """A field at its default is not written, unless a comment stands above it."""
    counter = Channel(name="窗口", kind=ChannelKind.COUNTER, clauses=(WH1,))
    writer = SourceWriter()

    assert 'Channel(name="窗口", kind=ChannelKind.COUNTER, clauses=(c.WH_1,))' == (
        writer.record(counter)
    )
    assert "\n# 全天。\nhours=ALWAYS" in writer.record(counter, {"hours": ["全天。"]})


def test_comments_do_not_swallow_arguments() -> None:
    """A record under comments evaluates to itself."""
    hours = CounterHours(opens=time(9), closes=time(17, 30))
    above = {"opens": ["甲\n乙"], "closes": ["丙" * 100]}
    source = SourceWriter().record(hours, above)

    names = {"CounterHours": CounterHours, "time": time}
    assert hours == eval(source, names)  # noqa: S307 - our own source


@settings(deadline=None)
@given(TEXTS)
def test_a_literal_is_its_text(text: str) -> None:
    """Whatever pieces a string is cut into, they are the string."""
    assert text == ast.literal_eval(literal(text))


@settings(deadline=None)
@given(TEXTS)
def test_a_comment_is_a_comment(text: str) -> None:
    """Every line of a comment is one, fits, and none of its words is lost."""
    lines = comment(text, indent=4)

    assert all(line.startswith("#") for line in lines)
    assert all(width(line) + 4 <= WIDTH for line in lines)
    assert "".join(text.split()) == "".join("".join(x[2:] for x in lines).split())


@settings(deadline=None)
@given(st.text(st.sampled_from("ab 医保，。"), min_size=1, max_size=300))
def test_a_docstring_fits(text: str) -> None:
    """Every line of a docstring fits, and none of its words is lost."""
    source = docstring(text, indent=4)

    assert all(width(line) <= WIDTH + 3 for line in source.splitlines())
    assert "".join(text.split()) == "".join(ast.literal_eval(source).split())


@pytest.mark.parametrize("cut", [literal, comment, lambda text: docstring(text, 4)])
def test_a_long_word_is_cut(cut: Any) -> None:
    """An address longer than a line is broken, for nothing else would fit."""
    cut_up = cut(LONG)
    lines = (
        cut_up if isinstance(cut_up, list) else cut_up.replace('" "', "\n").split("\n")
    )

    assert all(width(line) <= WIDTH + 3 for line in lines)


def test_a_heading_ends_at_the_edge() -> None:
    """A rule of dashes is as wide as a line of code, Chinese or not."""
    assert {WIDTH} == {width(heading(text)) for text in ("绑定：谁与谁", "a", "结算")}


def test_call() -> None:
    """Arguments stand before those with a name."""
    assert "f(1, b=2)" == call("f", "1", b="2")


def test_a_set_has_the_order_of_its_enum() -> None:
    """Members of a set are written as they are declared, whatever their values."""

    class Backwards(Enum):
        LAST = "a"
        FIRST = "b"

    assert "frozenset({Backwards.LAST, Backwards.FIRST})" == (
        SourceWriter().source(frozenset({Backwards.FIRST, Backwards.LAST}))
    )
