"""Ties between people: the same from either end, ties by marriage apart."""

from __future__ import annotations

import pytest
from gongji.binding.kinship import kind_of, on_record
from gongji.model.people import Kin
from gongji.rules.binding import CLOSE, DIRECT
from msgspec.structs import replace

from tests.binding.applying import Applicants

KINDS = {
    "a spouse of either sex": ({"10", "11", "12"}, {"10", "11", "12"}),
    "a child's parent": ({"20", "27", "30", "37"}, {"50", "51", "52", "57", "58"}),
    "a grandchild's grandparent": ({"40", "41", "44"}, {"60", "61", "64"}),
    "siblings": ({"70", "71", "73", "75", "77"}, {"70", "71", "73", "75", "77"}),
    "a child-in-law's parent-in-law": ({"28", "38"}, {"53", "54", "55", "56"}),
}
ALL_CODES = CLOSE.codes | {
    "28",
    "38",
    "53",
    "54",
    "55",
    "56",
    "72",
    "74",
    "76",
    "78",
    "97",
    "99",
}


@pytest.mark.parametrize(("ones", "others"), KINDS.values(), ids=KINDS)
def test_seen_from_either_side(ones: set[str], others: set[str]) -> None:
    """Whichever record knows a tie, it is the same tie, and no other kind of it."""
    world = Applicants()
    holder, member = world.get("H"), world.get("M")
    for code in ones:
        for other in others:
            shown = on_record(holder, replace(member, kin=(Kin("H", other, "户籍"),)))
            assert kind_of(code) in shown
    fitting = {c for c in ALL_CODES if kind_of(c) in shown}
    assert ones <= fitting
    assert {"99"}.isdisjoint(fitting)


def test_in_laws_are_no_relatives_of_these_sets() -> None:
    """In-laws are neither direct nor close relatives, and a kind of their own."""
    in_laws = {"28", "38", "53", "54", "55", "56", "72", "74", "76", "78"}

    assert set() == in_laws & (DIRECT.codes | CLOSE.codes)
    assert set() == {kind_of(c) for c in in_laws} & {kind_of(c) for c in CLOSE.codes}
    assert DIRECT.codes < CLOSE.codes


def test_other_peoples_kin_prove_nothing() -> None:
    """A record about somebody else shows no relation between these two."""
    world = Applicants()
    stranger = (Kin("X", "10", "户籍"),)

    assert set() == on_record(
        replace(world.get("H"), kin=stranger), replace(world.get("M"), kin=stranger)
    )
