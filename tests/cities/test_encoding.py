"""Rule values as canonical JSON: read back equal, written alike, unreadable by name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, time
from types import MappingProxyType
from typing import Any

import pytest
from gongji import NO_LIMIT, Clause, CounterHours, FamilyLimit, Scheme, Scope, ruled
from gongji.cities import anhui
from gongji.cities.encoding import (
    UnreadableRules,
    UnwritableRules,
    decoded,
    encoded,
    rule_types,
)
from gongji.rules.codes import EnrolmentStatus
from gongji.rules.hookspecs import DATED_HOOKS

C1 = Clause.assumption("C1", "一。")

VALUES = {
    "a number": 800_00,
    "a yes": True,
    "a text": '起付标准\u2028"\\',
    "a day": date(2025, 1, 1),
    "an hour": time(8, 30),
    "a member": NO_LIMIT,
    "a member that is a number": Scheme.EMPLOYEE,
    "a tuple": (1, "1", (Scope.PROVINCE, None)),
    "a set": frozenset({Scheme.EMPLOYEE, Scheme.RESIDENT}),
    "a mapping by members": {Scheme.RESIDENT: 1, Scheme.EMPLOYEE: {1: 2}},
    "a rule": FamilyLimit(people=7, counting_holder=False),
    "a timeline": ruled(Scope.PROVINCE, since="2025-01-01", clauses=[C1]),
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_what_is_written_is_read_back(value: object) -> None:
    """A value is read back equal and of the same type."""
    back = decoded(encoded(value))
    assert (value, type(value)) == (back, type(back))


@pytest.mark.parametrize("hook", DATED_HOOKS)
def test_the_provinces_answers_are_read_back(hook: str) -> None:
    """Every hook's answer is read back equal."""
    answer = getattr(anhui, hook)()
    assert answer == decoded(encoded(answer))


def test_equal_values_have_equal_bytes() -> None:
    """Neither the order of a mapping or set nor the kind of mapping shows."""
    texts = [f"T{n}" for n in range(40)]
    forward = {"of": dict.fromkeys(texts, frozenset(texts))}
    backward = {"of": dict.fromkeys(texts[::-1], frozenset(texts[::-1]))}
    assert encoded(forward) == encoded(backward) == encoded(MappingProxyType(forward))


def test_types_are_those_of_rules() -> None:
    """The types are what hooks answer with, and what those are made of."""
    types = rule_types()
    assert {"Ruled", "Candidate", "Clause", "Grade", "Table", "Step"} <= set(types)
    assert all(kind.__module__.startswith("gongji.rules.") for kind in types.values())


class OwnNumber(int):
    """A number that is one of a plugin's own."""


class OwnMapping(dict[int, int]):
    """A mapping that could answer what is not in it."""


class OwnLimit(FamilyLimit):
    """A rule that could answer otherwise than it is written."""


@dataclass(frozen=True)
class Clause2:
    """A type no hook answers with."""

    id: str


UNWRITABLE = {
    "a number of its own": OwnNumber(5),
    "a mapping of its own": OwnMapping(),
    "a rule of its own": OwnLimit(people=7, counting_holder=True),
    "a type of its own": Clause2("C1"),
    "a float": 0.5,
    "a list": [1],
    "a set that changes": {1},
    "half a character": "\ud800",
}


@pytest.mark.parametrize("value", UNWRITABLE.values(), ids=UNWRITABLE)
def test_no_other_type_is_written(value: object) -> None:
    """A value that could not be read back as it decides is refused, deep down too."""
    with pytest.raises(UnwritableRules):
        encoded({1: (value,)})


LIMIT = {"$type": "FamilyLimit", "people": 7, "counting_holder": True}

UNREADABLE: dict[str, tuple[Any, str]] = {
    "a type that is gone": (LIMIT | {"$type": "HouseholdLimit"}, "类型 HouseholdLimit"),
    "a field that is gone": (
        LIMIT | {"pets": 1},
        "FamilyLimit 含有本程序没有的字段 pets",
    ),
    "a field that is missing": (
        {"$type": "FamilyLimit", "people": 7},
        "FamilyLimit 缺少没有默认值的字段 counting_holder",
    ),
    "a member that is gone": ({"$enum": ["Scope", "NATION"]}, "取值 Scope.NATION"),
    "an object of no kind": ({"people": 7}, "不认识的值：people"),
    "a kind of object of later": ({"$list": []}, r"不认识的值：\$list"),
    "a day that is none": ({"$day": "2025-02-30"}, "不能读出"),
    "more beside a day": ({"$day": "2025-01-01", "at": 1}, "不能读出"),
    "a key that is none": ({"$map": [[{"$map": []}, 1]]}, "不能读出"),
}


@pytest.mark.parametrize(("written", "problem"), UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable_by_name(written: object, problem: str) -> None:
    """What this program does not know is an error that names it, never a guess."""
    with pytest.raises(UnreadableRules, match=problem):
        decoded(json.dumps([written]).encode())


@pytest.mark.parametrize("document", [b"", b"{", b"[" * 100_000, b"\xff"])
def test_no_document(document: bytes) -> None:
    """Bytes that are no JSON are an error, however deep or short they are."""
    with pytest.raises(UnreadableRules):
        decoded(document)


def test_a_field_of_later_takes_its_default() -> None:
    """A document of before a field was there is read with the field's default."""
    schemes = {"$set": [{"$enum": ["Scheme", "EMPLOYEE"]}]}
    terms = decoded(
        json.dumps({"$type": "EnrolmentTerms", "schemes": schemes}).encode()
    )
    assert (frozenset({Scheme.EMPLOYEE}), frozenset({EnrolmentStatus.NORMAL})) == (
        terms.schemes,
        terms.statuses,
    )


def test_every_field_is_written() -> None:
    """Defaults are written too: one that changes later changes nothing kept."""
    hours = CounterHours(opens=time(9), closes=time(17))
    written = json.loads(encoded((hours, C1)))
    assert {"$type", "opens", "closes"} == set(written[0])
    assert {"$type", "id", "text", "source", "grade", "verified_on"} == set(written[1])
