"""What stands beside a field for people: the form in words, an example, names of values."""

from __future__ import annotations

import re
from typing import Any

import pytest
from gongji.rpc.constraints import _value_check
from gongji.rpc.values import Violation
from gongji.rules.terms import TERMS
from gongji.v1 import constraints_pb2

from tests.rpc.requested import requested, texts


@pytest.mark.parametrize("field", texts(), ids=lambda f: f.full_name)
def test_a_pattern_is_said_in_words(field: Any) -> None:
    """Who breaks a pattern reads what it asks for, and never the expression: a person
    may have typed it."""
    rule = field.GetOptions().Extensions[constraints_pb2.rule]
    assert bool(rule.pattern) == bool(rule.pattern_meaning)
    assert not set(rule.pattern_meaning) & set("[]{}\\+*?^$|\u00a0")
    check = _value_check(field, rule)
    if rule.pattern and check is not None:
        wrong = "9" * max(rule.min_len, 4) + "!"
        with pytest.raises(Violation) as broken:
            check(wrong)
        asked, _, sent = broken.value.text.partition("；")
        assert asked.removeprefix("须为").strip() == (
            f"{rule.pattern_meaning}，例如 {rule.example}"
        )
        assert rule.personal != (wrong in sent)


@pytest.mark.parametrize("field", texts(), ids=lambda f: f.full_name)
def test_an_example_is_accepted(field: Any) -> None:
    """Every pattern has an example beside it, and the example is accepted."""
    rule = field.GetOptions().Extensions[constraints_pb2.rule]
    check = _value_check(field, rule)
    assert bool(rule.pattern) == bool(rule.example)
    if rule.example:
        assert check is not None
        check(rule.example)


PERSONAL = re.compile(
    r"gongji\.v1\.("
    r".*\.(person_no|certificate_number|phone|born_on|died_on|patient|givers)"
    r"|(Person|MemberDetails)\.name|Certificate\.number|Mark\.value"
    r"|Person\.contribution_base_fen|ContributionBaseSince\.fen"
    r"|VisitEvidence\.(number|card_sn)"
    r"|Subject\.evidence|Material\.reference|Kin\.source"
    r"|ReviewBindingRequest\.(reviewer|remark))"
)
"""Fields of requests whose values are somebody's data, by their full names."""


@pytest.mark.parametrize(
    "field",
    [f for message in requested() for f in message.fields if f.message_type is None],
    ids=lambda f: f.full_name,
)
def test_a_personal_field_says_so(field: Any) -> None:
    """What is somebody's number, name or day is marked personal, and nothing else is."""
    rule = field.GetOptions().Extensions[constraints_pb2.rule]
    assert rule.personal == (PERSONAL.fullmatch(field.full_name) is not None)


def enums() -> list[Any]:
    """Return every enum that a request holds."""
    kinds = {
        field.enum_type.full_name: field.enum_type
        for message in requested()
        for field in message.fields
        if field.enum_type
    }
    return list(kinds.values())


@pytest.mark.parametrize("kind", enums(), ids=lambda kind: kind.full_name)
def test_every_value_of_a_request_has_a_name_in_chinese(kind: Any) -> None:
    """People are told the values of an enum by Chinese names, each another one."""
    labels = [
        value.GetOptions().Extensions[constraints_pb2.label]
        for value in kind.values
        if value.number
    ]
    assert all(labels)
    assert len(labels) == len(set(labels))


@pytest.mark.parametrize("kind", enums(), ids=lambda kind: kind.full_name)
def test_an_enum_is_called_what_the_rules_call_it(kind: Any) -> None:
    """A value that the rules name too has one name in both."""
    named = {term.__name__: words for term, words in TERMS.items()}
    told = {member.value: word for member, word in named.get(kind.name, {}).items()}
    for value in kind.values:
        label = value.GetOptions().Extensions[constraints_pb2.label]
        assert label in ("", told.get(value.number, label))
