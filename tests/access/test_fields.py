"""The fields of a person by kind of caller."""

from __future__ import annotations

from typing import get_args

from gongji.access.callers import Caller, Kind
from gongji.access.document import FurtherField
from gongji.access.fields import SHOWN, PersonField, shown_to
from gongji.v1 import types_pb2

NOBODYS = {PersonField.CONTRIBUTION_BASE, PersonField.KIN, PersonField.PHONE}

INVENTED = {Kind.TESTER}
"""Whose people are invented: they see everything."""


def test_base_kin_and_phone_are_nobodys() -> None:
    """By its kind no caller sees contribution base, kin or phone."""
    for kind in set(Kind) - INVENTED:
        shown = shown_to(Caller(name="x", kind=kind))
        assert (kind, set()) == (kind, NOBODYS & shown)


def test_the_policy_gives_them_by_name() -> None:
    """The policy may give exactly those three, each for itself, to any caller."""
    assert {field.value for field in NOBODYS} == set(get_args(FurtherField))
    for field in NOBODYS:
        caller = Caller(name="x", kind=Kind.HOSPITAL, fields=frozenset({field.value}))
        assert SHOWN[Kind.HOSPITAL] | {field} == shown_to(caller)


def test_every_kind_is_listed() -> None:
    """Each kind of caller has a row; a front is none and sees nothing."""
    assert set(Kind) - {Kind.FRONT} == set(SHOWN)
    assert frozenset() == shown_to(Caller(name="x", kind=Kind.FRONT))


def test_every_field_is_listed() -> None:
    """Each field of a person belongs to one of those that are shown or withheld."""
    belongs = {
        "person_no": "",
        "born_on": "",  # never answered
        "insured_places": "insured_place",
        "contribution_base_fen": "contribution_base",
        "contribution_bases": "contribution_base",
    }
    names = [field.name for field in types_pb2.Person.DESCRIPTOR.fields]
    groups = {belongs.get(name, name) for name in names} - {""}
    assert {field.value for field in PersonField} == groups
