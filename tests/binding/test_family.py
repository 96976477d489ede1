"""What people are to each other must be possible: by birth dates, and with one spouse."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from gongji.binding.kinship import Birth, birth_of
from gongji.model.binding import Application
from gongji.model.conditions import Condition, ConditionCode
from gongji.model.people import Certificate, Kin
from gongji.model.refusals import NotEligible
from gongji.registry.rows import RELATIONS
from gongji.rules.binding import CLOSE
from gongji.rules.codes import OPEN_STATES, BindingState
from msgspec.structs import replace

from tests.binding.applying import TUESDAY, Applicants
from tests.scaffold.people import identity_number

TODAY = TUESDAY.date()


def born(day: str, serial: int = 1) -> dict[str, Any]:
    """Return what makes a person born that day, a man if the serial is odd."""
    return {"certificate": Certificate("01", identity_number(serial, born=day))}


def refusals(world: Applicants, application: Application) -> list[Condition]:
    """Return the conditions of the refusal, none if the application passes."""
    try:
        world.decide(world.submission(application))
    except NotEligible as refused:
        return list(refused.conditions)
    return []


def hooks(world: Applicants, **changes: Any) -> list[str]:
    """Return the hooks that refuse an application through Anqing's Wanshitong."""
    conditions = refusals(world, world.application("wanshitong", **changes))
    return [condition.hook for condition in conditions]


ORDERS = {
    "earlier": "19790101",
    "one day earlier": "19791231",
    "the same day": "19800101",
    "one day later": "19800102",
}
"""The member's birth; the holder was born on 1980-01-01."""

POSSIBLE = {
    Birth.LATER: {"one day later"},
    Birth.EARLIER: {"earlier", "one day earlier"},
    Birth.NOT_LATER: {"earlier", "one day earlier", "the same day"},
    Birth.NOT_EARLIER: {"the same day", "one day later"},
    None: set(ORDERS),
}


@pytest.mark.parametrize("relation", sorted(CLOSE.codes))
def test_births(relation: str) -> None:
    """A relation that the dates of birth make impossible is refused, and no other is."""
    for told, day in ORDERS.items():
        world = Applicants("anqing", member=born(day))
        possible = told in POSSIBLE[birth_of(relation)]
        expected = [] if possible else ["relations"]
        assert expected == hooks(world, relation=relation), told


def test_relations_of_any_age() -> None:
    """Of spouses, step and adopted relatives and those by marriage dates say nothing."""
    free = {code for code in RELATIONS if birth_of(code) is None}
    assert {"10", "11", "12", "27", "28", "37", "38", "57", "58"} <= free
    assert {"45", "46", "53", "54", "55", "56", "65", "68", "70", "79"} <= free


def test_an_unknown_birth_refuses_nobody() -> None:
    """Without the birth date of both nothing is impossible."""
    member = {"certificate": Certificate("08", "E12345678")}
    world = Applicants("anqing", member=member)
    assert [] == hooks(world, relation="20")


# --- one spouse -----------------------------------------------------------------------

OTHERS = {
    "the holder's member": ("H", "X"),
    "the holder's giver": ("X", "H"),
    "the member's giver": ("X", "M"),
    "the member's member": ("M", "X"),
}


@pytest.mark.parametrize("pair", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("state", BindingState)
def test_another_spouse_bound(pair: tuple[str, str], state: BindingState) -> None:
    """Whoever is bound, or applied for, as a spouse of either leaves no place for one."""
    world = Applicants("anqing")
    world.bind(*pair, TUESDAY, state=state, relation="11")
    expected = ["marriage"] if state in OPEN_STATES else []
    assert expected == hooks(world)
    assert [] == hooks(world, relation="79")


@pytest.mark.parametrize("pair", OTHERS.values(), ids=OTHERS)
def test_a_strangers_binding_is_not_named(pair: tuple[str, str]) -> None:
    """A binding between others than the applicant is told of, and not named."""
    world = Applicants("anqing")
    other = world.bind(*pair, TUESDAY, relation="11")
    (condition,) = refusals(world, world.application("wanshitong"))
    said = condition.message + condition.remedy
    assert ("H" in pair) is (other.binding_id in said)


def test_the_same_spouse_the_other_way() -> None:
    """Spouses bind each other: each is the other's only one."""
    world = Applicants("anqing")
    world.bind("M", "H", TUESDAY, relation="11")
    assert [] == hooks(world, relation="12")


def test_another_relative_bound() -> None:
    """Bindings of other relations are no marriages."""
    world = Applicants("anqing")
    world.bind("H", "X", TUESDAY, relation="20")
    world.bind("X", "M", TUESDAY, relation="30")
    assert [] == hooks(world)


@pytest.mark.parametrize("relation", ["10", "12", "20", "50"])
def test_nobody_is_his_own_relative(relation: str) -> None:
    """Of one person as both it is said that it is one, not what is wrong with a marriage,
    an age or a birth."""
    world = Applicants("anqing", holder=born("20101001"))
    world.person("X")
    world.add(replace(world.get("H"), kin=(Kin("X", "12", "民政"),)))
    world.bind("H", "Y", TUESDAY, relation="11")
    application = world.application("wanshitong", member="H", relation=relation)
    family = [c for c in refusals(world, application) if c.code in OF_FAMILY]
    assert [ConditionCode.SAME_PERSON] == [c.code for c in family]


OF_FAMILY = {
    ConditionCode.SAME_PERSON,
    ConditionCode.BIRTHS_CONTRADICT_RELATION,
    ConditionCode.HOLDER_HAS_SPOUSE,
    ConditionCode.MEMBER_HAS_SPOUSE,
    ConditionCode.HOLDER_BELOW_MARRIAGE_AGE,
    ConditionCode.MEMBER_BELOW_MARRIAGE_AGE,
}

KIN: dict[str, tuple[Kin, bool]] = {
    "married": (Kin("X", "12", "民政"), False),
    "married to somebody the registry does not have": (Kin("Y", "10", "民政"), False),
    "married since today": (Kin("X", "12", "民政", since=TODAY), False),
    "divorced yesterday": (
        Kin("X", "12", "民政", until=TODAY - timedelta(days=1)),
        True,
    ),
    "widowed": (Kin("W", "12", "民政"), True),
    "married to this one": (Kin("SELF", "10", "民政"), True),
    "a brother": (Kin("X", "71", "公安"), True),
}


@pytest.mark.parametrize("side", ["H", "M"])
@pytest.mark.parametrize(("kin", "fits"), KIN.values(), ids=KIN)
def test_another_spouse_on_record(kin: Kin, side: str, *, fits: bool) -> None:
    """Who is married in the registry that day to a living person has no other spouse."""
    world = Applicants("anqing")
    world.person("X")
    world.person("W", died_on=date(2025, 1, 1))
    if kin.person_no == "SELF":
        kin = replace(kin, person_no="M" if side == "H" else "H")
    world.add(replace(world.get(side), kin=(kin,)))
    conditions = refusals(world, world.application("wanshitong"))
    assert ([] if fits else ["marriage"]) == [c.hook for c in conditions]
    assert all({"L1041", "L1042"} == set(c.clauses) for c in conditions)


AGES: dict[str, tuple[dict[str, Any], dict[str, Any], str, bool]] = {
    "a husband of 22 today": ({}, born("20030930"), "10", True),
    "a husband of 22 tomorrow": ({}, born("20031001"), "10", False),
    "a wife of 20 today": ({}, born("20050930", 2), "10", True),
    "a wife of 20 tomorrow": ({}, born("20051001", 2), "10", False),
    "a holder too young": (born("20051001", 2), {}, "10", False),
    "a stated husband of 21": (
        {},
        {
            "certificate": Certificate("08", "E12345678"),
            "born_on": date(2004, 9, 30),
        },
        "11",
        False,
    ),
    "somebody of 21, sex unknown": (
        {},
        {
            "certificate": Certificate("08", "E12345678"),
            "born_on": date(2004, 9, 30),
        },
        "10",
        True,
    ),
    "a minor by category": (
        {},
        {"certificate": Certificate("08", "E12345678"), "psn_type": "14"},
        "10",
        False,
    ),
}


@pytest.mark.parametrize(
    ("holder", "member", "relation", "fits"), AGES.values(), ids=AGES
)
def test_marriage_age(
    holder: dict[str, Any], member: dict[str, Any], relation: str, *, fits: bool
) -> None:
    """Spouses are 22 and 20 on the day, unless the registry has their marriage (L1047)."""
    world = Applicants("anqing", holder=holder, member=member)
    application = world.application("wanshitong", relation=relation)
    of_age = replace(application, consent=None)
    conditions = refusals(world, of_age)
    assert ([] if fits else ["marriage"]) == [c.hook for c in conditions]
    assert all("L1047" in c.clauses for c in conditions)
    world.add(replace(world.get("H"), kin=(Kin("M", "10", "民政"),)))
    assert [] == refusals(world, of_age)
