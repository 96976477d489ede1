"""Who may act for whom: a table, decided over facts in memory."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import pytest
from gongji.binding.guardians import IsParty
from gongji.model.people import Certificate, Kin
from gongji.rules.codes import IDENTITY_CARD

from tests.scaffold.people import ANQING, identity_number
from tests.scaffold.world import NewWorld, World

GONE: Final = date(2025, 1, 1)

Told = Mapping[str, Mapping[str, Any]]
"""What differs of some people from one who is of age, lives and has no kin."""


def kin(number: str, relation: str, **dates: date) -> Kin:
    return Kin(number, relation, "t", **dates)


def born(day: str) -> Certificate:
    return Certificate(IDENTITY_CARD, identity_number(999, born=day))


CHILD: Final = {"certificate": born("20150601")}
OF_AGE_TOMORROW: Final = {"certificate": born("20071001")}
OF_AGE_TODAY: Final = {"certificate": born("20070930")}

CASES: Final[Mapping[str, tuple[Told, bool]]] = {
    "a father on the child's record": (
        {"C": {**CHILD, "kin": (kin("A", "51"),)}},
        True,
    ),
    "a mother on her own record": ({"C": CHILD, "A": {"kin": (kin("C", "30"),)}}, True),
    "a mother on the record of another city": (
        {"C": CHILD, "A": {"kin": (kin("C", "30"),), "place": ANQING}},
        False,
    ),
    "a mother of another city on the child's record": (
        {"C": {**CHILD, "kin": (kin("A", "52"),)}, "A": {"place": ANQING}},
        True,
    ),
    "an adoptive parent": ({"C": {**CHILD, "kin": (kin("A", "58"),)}}, True),
    "a parent-in-law": ({"C": {**CHILD, "kin": (kin("A", "53"),)}}, False),
    "an aunt": ({"C": {**CHILD, "kin": (kin("A", "85"),)}}, False),
    "nobody's relative": ({"C": CHILD}, False),
    "the last day of childhood": (
        {"C": {**OF_AGE_TOMORROW, "kin": (kin("A", "51"),)}},
        True,
    ),
    "the day of being of age": (
        {"C": {**OF_AGE_TODAY, "kin": (kin("A", "51"),)}},
        False,
    ),
    "a child of unknown age": (
        {
            "C": {
                "certificate": Certificate("08", "X00000001"),
                "kin": (kin("A", "51"),),
            }
        },
        False,
    ),
    "a tie that has ended": (
        {"C": {**CHILD, "kin": (kin("A", "51", until=GONE),)}},
        False,
    ),
    "a tie that begins tomorrow": (
        {"C": {**CHILD, "kin": (kin("A", "51", since=date(2025, 10, 1)),)}},
        False,
    ),
    "a father who has died": (
        {"C": {**CHILD, "kin": (kin("A", "51"),)}, "A": {"died_on": GONE}},
        False,
    ),
    "a father who is a child himself": (
        {"C": {**CHILD, "kin": (kin("A", "51"),)}, "A": OF_AGE_TOMORROW},
        False,
    ),
    "a grandmother beside a father": (
        {"C": {**CHILD, "kin": (kin("A", "62"), kin("F", "51"))}},
        False,
    ),
    "a grandmother, father dead": (
        {
            "C": {**CHILD, "kin": (kin("A", "62"), kin("F", "51"))},
            "F": {"died_on": GONE},
        },
        True,
    ),
    "a grandmother, one parent dead": (
        {
            "C": {**CHILD, "kin": (kin("A", "62"), kin("F", "51"), kin("M", "52"))},
            "F": {"died_on": GONE},
        },
        False,
    ),
    "a grandmother, father not registered": (
        {"C": {**CHILD, "kin": (kin("A", "62"), kin("X404", "51"))}},
        False,
    ),
    "a grandmother, nothing known of parents": (
        {"C": {**CHILD, "kin": (kin("A", "62"),)}},
        False,
    ),
    "a great-grandmother, parents dead": (
        {
            "C": {**CHILD, "kin": (kin("A", "67"), kin("F", "51"))},
            "F": {"died_on": GONE},
        },
        False,
    ),
    "a grandmother on her own record, father dead": (
        {
            "C": {**CHILD, "kin": (kin("F", "51"),)},
            "F": {"died_on": GONE},
            "A": {"kin": (kin("C", "42"),)},
        },
        True,
    ),
    "a brother of age on his own record, parents dead": (
        {
            "C": {**CHILD, "kin": (kin("F", "51"),)},
            "F": {"died_on": GONE},
            "A": {"kin": (kin("C", "77"),)},
        },
        True,
    ),
    "a brother of age, parents dead": (
        {
            "C": {**CHILD, "kin": (kin("A", "71"), kin("F", "51"))},
            "F": {"died_on": GONE},
        },
        True,
    ),
    "a brother beside a grandmother": (
        {
            "C": {**CHILD, "kin": (kin("A", "71"), kin("F", "51"), kin("M", "62"))},
            "F": {"died_on": GONE},
        },
        False,
    ),
    "a brother who is a child": (
        {
            "C": {**CHILD, "kin": (kin("A", "71"), kin("F", "51"))},
            "F": {"died_on": GONE},
            "A": OF_AGE_TOMORROW,
        },
        False,
    ),
}
"""Whether A may act for C, F and M being there too."""


def world_of(new_world: NewWorld, told: Told) -> World:
    world = new_world()
    for person_no in ("A", "C", "F", "M"):
        world.person(person_no, **told.get(person_no, {}))
    return world


@pytest.mark.parametrize(("told", "expected"), CASES.values(), ids=CASES)
def test_guardians(new_world: NewWorld, told: Told, expected: bool) -> None:  # noqa: FBT001
    """A child's parents act for it, then grandparents, then elder brothers and sisters."""
    assert expected is world_of(new_world, told).do(IsParty("A", ("C",)))


def test_oneself(new_world: NewWorld) -> None:
    """Everybody acts for himself, a child too; not who has died or is not registered."""
    world = world_of(new_world, {"C": CHILD, "F": {"died_on": GONE}})
    acting = {who: world.do(IsParty(who, (who,))) for who in ("A", "C", "F", "X404")}
    assert {"A": True, "C": True, "F": False, "X404": False} == acting


def test_one_of_several(new_world: NewWorld) -> None:
    """Of several people one is enough, and of none there is none."""
    world = world_of(new_world, {"C": {**CHILD, "kin": (kin("A", "51"),)}})
    asked = {who: world.do(IsParty("A", who)) for who in (("F", "C"), ("F", "M"), ())}
    assert {("F", "C"): True, ("F", "M"): False, (): False} == asked
