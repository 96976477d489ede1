"""The register of laws: ids for ever, one test each, and profiles that only grow."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest
from gongji_conformance.laws import matrix
from gongji_conformance.laws.capability import CAPABILITIES
from gongji_conformance.laws.law import (
    ID,
    REGISTER,
    UnknownProfile,
    chosen_profiles,
    law,
    law_of,
    profiles,
    register,
    within,
)

README = Path(__file__).parents[2] / "README.md"
NOT_LAWS = {"test_case"}
"""Tests that hold no law of all cities, but the cases of each."""


def test_ids_are_well_formed() -> None:
    """An id is its profile, its subject and three digits."""
    entries = register().values()
    prefixes = {entry.id: f"{entry.profile_name.upper()}-" for entry in entries}
    assert [] == [number for number in prefixes if not ID.fullmatch(number)]
    assert [] == [
        number for number, prefix in prefixes.items() if not number.startswith(prefix)
    ]


def test_each_law_has_its_test() -> None:
    """Each law that is not retired is held by one test, and each test holds one."""
    marked = [(law_of(test), test.__name__) for test in matrix.tests()]
    held = [entry.id for entry, _ in marked if entry is not None]
    lawless = {name for entry, name in marked if entry is None}
    valid = [entry.id for entry in register().values() if not entry.retired]
    assert sorted(valid) == sorted(held)
    assert NOT_LAWS == lawless


def test_the_register_only_grows() -> None:
    """What was committed once stays, in the profile it was in."""
    file = f"HEAD:./{REGISTER.name}"
    shown = subprocess.run(  # noqa: S603 - our own repository
        ["git", "show", file],  # noqa: S607 - wherever git is installed
        cwd=REGISTER.parent,
        capture_output=True,
        check=False,
    )
    before = tomllib.loads(shown.stdout.decode()) if shown.returncode == 0 else {}
    profiles_before = {number: entry["profile"] for number, entry in before.items()}
    profiles_now = {number: register()[number].profile for number in before}
    assert profiles_before == profiles_now


def test_capabilities_are_laws_needs() -> None:
    """Every capability is presupposed by some law, and no other by any."""
    needs = {entry.needs for entry in register().values()}
    assert set(CAPABILITIES) == needs - {""}


def test_strangers_are_refused() -> None:
    """A test cannot hold a law that is not registered."""
    with pytest.raises(ValueError, match="CORE-NOTHING-001"):
        law("CORE-NOTHING-001")


def test_matrix_is_current() -> None:
    """The README shows the laws and tests there are."""
    readme = README.read_text(encoding="utf-8")
    assert matrix.renewed(readme) == readme


@pytest.mark.parametrize(
    ("profile", "chosen", "expected"),
    [
        ("core@2025.1", ["core@2025.1"], True),
        ("core@2025.1", ["core@2026.2"], True),
        ("core@2025.10", ["core@2025.2"], False),
        ("wallet@2025.1", ["core@2025.1"], False),
        ("wallet@2025.1", ["core@2025.1", "wallet@2025.1"], True),
    ],
)
def test_profiles_grow(profile: str, chosen: list[str], *, expected: bool) -> None:
    """A version asks all that an earlier one of its profile asked, and no other."""
    assert expected == within(profile, chosen)


def test_profiles_chosen_profiles() -> None:
    """By default all are chosen; an unknown one is refused with the list of them."""
    assert profiles() == chosen_profiles("")
    assert ["core@2025.1"] == chosen_profiles(" core@2025.1,")
    with pytest.raises(UnknownProfile, match=r"core@2025\.1"):
        chosen_profiles("core@1999.1")
