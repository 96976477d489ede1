"""Ties between people: the same from either end, ties by marriage apart."""

from __future__ import annotations

from datetime import date

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
DAY = date(2025, 9, 30)
IN_LAWS = {"28", "38", "53", "54", "55", "56", "72", "74", "76", "78"}
ALL_CODES = CLOSE.codes | IN_LAWS | {"97", "99"}


@pytest.mark.parametrize(("codes", "reversed_codes"), KINDS.values(), ids=KINDS)
def test_seen_from_either_side(codes: set[str], reversed_codes: set[str]) -> None:
    """Whichever record knows a tie, it is the same tie, and no other kind of it."""
    world = Applicants()
    for reverse in reversed_codes:
        kin = (Kin("H", reverse, "户籍"),)
        kinds = on_record(world.get("H"), replace(world.get("M"), kin=kin), DAY)
        fitting = {code for code in ALL_CODES if kind_of(code) in kinds}

        assert codes <= fitting
        assert "99" not in fitting


def test_in_laws_are_no_relatives_of_these_sets() -> None:
    """In-laws are neither direct nor close relatives, and a kind of their own."""
    kinds = {kind_of(code) for code in CLOSE.codes}

    assert set() == IN_LAWS & (DIRECT.codes | CLOSE.codes)
    assert set() == kinds & {kind_of(code) for code in IN_LAWS}
    assert DIRECT.codes < CLOSE.codes


def test_other_peoples_kin_prove_nothing() -> None:
    """A record about somebody else shows no relation between these two."""
    world = Applicants()
    kin = (Kin("X", "10", "户籍"),)
    holder = replace(world.get("H"), kin=kin)
    member = replace(world.get("M"), kin=kin)

    assert set() == on_record(holder, member, DAY)
